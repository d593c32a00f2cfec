"""Runs every function on moto through each of its paths, and records its AWS calls.

Each function is loaded as in Lambda, with the environment that template.yaml sets. If code is added that this
run does not reach, tests/integration/test_permissions.py fails and names it.
"""

import json
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient
from types_boto3_s3 import S3Client

from darkroom.adapters import clients
from darkroom.adapters.clients import dynamodb_client, s3_client, sqs_client, ssm_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.jobs import DynamoJobs
from darkroom.adapters.live import DynamoChannels
from darkroom.adapters.s3 import S3Originals, S3Reports
from darkroom.adapters.ssm import SsmTokenDocument
from darkroom.domain.entries import Entry, Latest, State, SupersededRenditions
from darkroom.domain.receipts import Decision
from darkroom.domain.tokens import TokenSet, new_secret, serialize_tokens
from darkroom.domain.uploads import NO_VERSION, Upload
from darkroom.ports import Ticket
from darkroom.services.members import member_entries
from darkroom.services.notifications import trial_message
from darkroom.services.projecting import Projection
from darkroom.services.trials import Cost, Trial, TrialResult, Trials
from tests.aws import ACCOUNT, forget_environment, make_bucket, make_table
from tests.builders import (
    a_batch,
    a_job,
    a_member,
    a_message,
    a_notification,
    a_receipt,
    a_rendition,
    a_request,
    an_announcement,
    an_entry,
    an_event,
)
from tests.calls import RecordedCall, Use, configuration_arn, recording
from tests.cloudformation import load_template, of_type
from tests.gateway import Gateway, a_gateway
from tests.integration.conftest import CONNECTION, started
from tests.pictures import a_small_png
from tests.resolving import Resolver

JOB, CODE = "1c9a7a3e0d5b4f6a8e2d1c9b7a5f3e1d", "5f0c2b1a9d8e7f6c5b4a39281706f5e4"  # as in events/
ASSIGNED = f"{'a' * 32}/image.png"  # a key that Darkroom assigns
REMOVED, MARKED = "ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"
JSON = "application/json"
_FAST = '{"built_in": "fast"}'
MEMBERS = 11  # of a job: enough for a report of 4 MB


@dataclass
class Stack:
    """Everything in the template that the functions call, empty at first."""

    resolver: Resolver
    gateway: Gateway
    patch: pytest.MonkeyPatch
    calls: list[RecordedCall] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.s3: S3Client = s3_client()
        self.dynamodb: DynamoDBClient = dynamodb_client()
        for name in of_type(self.resolver.template, "AWS::S3::Bucket"):
            make_bucket(self.s3, name, self.name_of(name))
        for name in of_type(self.resolver.template, "AWS::DynamoDB::Table"):
            make_table(self.dynamodb, name, name)
        for name in of_type(self.resolver.template, "AWS::SQS::Queue"):
            sqs_client().create_queue(QueueName=name)
        for name in of_type(self.resolver.template, "AWS::Events::EventBus"):
            boto3.client("events").create_event_bus(Name=name)
        self.uploads = self.name_of("UploadsBucket")
        self.ledger = DynamoLedger("Ledger", self.dynamodb)
        self.jobs = DynamoJobs("Ledger", self.dynamodb)
        self.views = DynamoViews("Views", self.dynamodb)
        self.channels = DynamoChannels("Channels", self.dynamodb)

    def name_of(self, logical_id: str) -> str:
        return self.resolver.value({"Ref": logical_id})

    def start(self, function: str, **settings: str) -> Callable[[dict[str, Any]], Any]:
        """Starts a function in its environment; returns its handler. Both are recorded."""
        properties = self.resolver.template["Resources"][f"{function.title()}Function"]["Properties"]
        shared = self.resolver.template["Globals"]["Function"]
        variables = {
            name: self.resolver.value(value)
            for part in (shared, properties)
            for name, value in part["Environment"]["Variables"].items()
        }
        # A logger of the same name would write to the captured output of another test.
        for name, value in (variables | {"POWERTOOLS_SERVICE_NAME": f"driven-{function}"} | settings).items():
            self.patch.setenv(name, value)
        # A busy machine must not lose a call: its path would count as not reached.
        patient = clients._QUICK_CALLS.merge(Config(connect_timeout=300, read_timeout=300))
        self.patch.setattr(clients, "_QUICK_CALLS", patient)
        with recording(function, self.calls):
            handler = started(function, milliseconds=850_000)  # enough for every task of the sweep

        def recorded(event: dict[str, Any]) -> Any:
            with recording(function, self.calls):
                return handler(event)

        return recorded

    def put(self, key: str, content: bytes) -> str:
        return self.s3.put_object(Bucket=self.uploads, Key=key, Body=content)["VersionId"]

    def message(self, key: str, version: str, **changes: Any) -> dict[str, Any]:
        return a_message(a_notification(key, bucket=self.uploads, version=version, **changes))

    def entry(self, key: str, state: State = State.RENDERED, **changes: Any) -> Entry:
        """Writes an entry into the ledger and the views."""
        entry = replace(an_entry(key, state, bucket=self.uploads, **changes), revision=1)
        self.ledger.advance(entry)
        Projection(self.views).apply([entry])
        return entry

    def held_message(self) -> dict[str, Any]:
        """Returns a message that must be retried, because another worker holds the lease."""
        version = self.put("held.png", a_small_png())
        expected = an_entry("held.png", State.EXPECTED, bucket=self.uploads, version=version)
        self.ledger.advance(replace(expected.begun("9999-01-01T00:00:00.000Z", 1), revision=1))
        return self.message("held.png", version)


def recorded_calls() -> list[RecordedCall]:
    """Runs all functions and returns their calls."""
    calls: list[RecordedCall] = []
    for run in (_render, _park, _project, _live, _sweep, _web):
        with pytest.MonkeyPatch.context() as patch, mock_aws(), a_gateway() as gateway:
            forget_environment(patch)
            for name, value in ACCOUNT.items():
                patch.setenv(name, value)
            parameters = {"SweepAfterMinutes": "0", "KeepSupersededHours": "0", "JobTimeoutMinutes": "0"}
            if run is not _web:  # web signs the URL of a WebSocket API in the cloud only
                parameters["LocalEndpoint"] = gateway.address.removesuffix("/live")
            stack = Stack(Resolver(load_template(), parameters), gateway, patch)
            run(stack)
            calls += stack.calls
    return calls


def recorded_uses() -> set[Use]:
    """Runs all functions and returns the permissions that they use."""
    return {use for call in recorded_calls() for use in call.uses}


def _render(stack: Stack) -> None:
    _serve_profile(stack.patch)
    render = stack.start("render")
    # A new upload by an event without a version, a newer version, and its deletion.
    first = stack.put(ASSIGNED, a_small_png(1))
    render(stack.message(ASSIGNED, ""))
    second = stack.put(ASSIGNED, a_small_png(2))
    render(stack.message(ASSIGNED, second))
    marker = stack.s3.delete_object(Bucket=stack.uploads, Key=ASSIGNED)["VersionId"]
    render(stack.message(ASSIGNED, marker, event=MARKED))
    render(stack.message(ASSIGNED, first, event=REMOVED))
    # Trials: of a sent picture, of one of the stack, and of one that has ended.
    trials = Trials(S3Reports(stack.name_of("ReportsBucket"), stack.s3))
    sent, picture = Upload("", "sent.png", NO_VERSION, size_bytes=1), stack.put("image.png", a_small_png())
    stored = Upload(stack.uploads, "image.png", picture, size_bytes=1)
    for trial in (trials.create(sent, _FAST, a_small_png()), trials.create(stored, _FAST)):
        render(a_message(trial_message(trial.id)))
    with pytest.MonkeyPatch.context() as patch:
        conclude = Trials.conclude

        def end_first(trials: Trials, trial: Trial, result: TrialResult) -> None:
            trials.end(trial.id)
            conclude(trials, trial, result)

        patch.setattr(Trials, "conclude", end_first)
        render(a_message(trial_message(trials.create(stored, _FAST).id)))
    # A version that is gone before it is read.
    gone, version = stack.put("gone.png", b""), stack.put("gone.png", a_small_png(3))
    stack.s3.delete_object(Bucket=stack.uploads, Key="gone.png", VersionId=gone)
    with pytest.MonkeyPatch.context() as patch:
        read = S3Originals.read
        patch.setattr(
            S3Originals, "read", lambda originals, upload: read(originals, replace(upload, version=gone))
        )
        assert render(stack.message("gone.png", version))["batchItemFailures"]
    assert render(stack.held_message())["batchItemFailures"]


def _serve_profile(patch: pytest.MonkeyPatch) -> None:
    """Responds to the calls that moto lacks. The token of a session is the ARN of its configuration."""
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # not in the types

    def call(client: BaseClient, operation: str, params: dict[str, Any]) -> Any:
        if operation == "StartConfigurationSession":
            return {"InitialConfigurationToken": configuration_arn(params)}
        if operation == "GetLatestConfiguration":
            profile = BytesIO(_FAST.encode())
            return {"Configuration": profile, "NextPollConfigurationToken": params["ConfigurationToken"]}
        return make_call(client, operation, params)

    patch.setattr(BaseClient, "_make_api_call", call)


def _park(stack: Stack) -> None:
    park = stack.start("park")
    for change in (
        stack.message(ASSIGNED, stack.put(ASSIGNED, a_small_png())),
        stack.message("gone.png", "v1"),
        stack.message(ASSIGNED, "v2", event=REMOVED),
        stack.message("gone.png", "v3", event=MARKED),
    ):
        assert park(change) == {"batchItemFailures": []}
    assert park(stack.held_message())["batchItemFailures"]


def _project(stack: Stack) -> None:
    project = stack.start("project")
    # Without a time limit: a slow machine must not lose a connection.
    stack.patch.setattr("darkroom.adapters.live.wait", lambda pending, _seconds: wait(pending))
    stack.gateway.sent[CONNECTION] = []
    for connection in (CONNECTION, "gone"):
        stack.channels.join(a_job().id, connection, 1 << 40)
    member, newer = a_member(0, State.RENDERED), a_member(0, State.RENDERED, version="v2")
    for batch in (a_batch(an_entry()), a_batch(a_job(size=1, revision=2), member), a_batch(newer)):
        assert project(batch) == {"batchItemFailures": []}


def _live(stack: Stack) -> None:
    live = stack.start("live")
    live(an_event("live-connect"))
    for has_ticket, is_open in ((True, True), (True, False), (False, True)):
        stack.gateway.sent = {CONNECTION: []} if is_open else {}
        if has_ticket:
            stack.channels.issue(CODE, Ticket(JOB, 1 << 40))
        live(an_event("live-hello"))
    stack.channels.join(JOB, CONNECTION, 1 << 40)
    live(an_event("live-disconnect"))


def _sweep(stack: Stack) -> None:
    sweep = stack.start("sweep")
    stack.put(ASSIGNED, a_small_png())
    # A file of no upload, and superseded ones of a live upload.
    live = stack.entry("image.png")
    stack.ledger.advance(
        Latest(live.picture_id, "v1", 1, ("v1",)),
        SupersededRenditions(live.picture_id, "v1", live.since, ("superseded.jpg",)),
    )
    stack.s3.put_object(
        Bucket=stack.name_of("RenditionsBucket"), Key=f"{live.picture_id}/unused.jpg", Body=b""
    )
    # An announced upload that never arrived.
    job = a_job(size=1)
    stack.jobs.open(job, [an_announcement()])
    stack.jobs.expect(list(member_entries(stack.uploads, job, 0, [an_announcement()])))
    sweep({})


def _web(stack: Stack) -> None:
    token = new_secret()
    SsmTokenDocument("/darkroom/darkroom/tokens", ssm_client()).write(
        serialize_tokens(TokenSet.empty().with_token(token, "then")), expected_version=0
    )
    web = stack.start("web", POST_WAIT_SECONDS="0", ALIAS_WAIT_SECONDS="0")

    def call(
        path: str, method: str = "GET", body: str = "", accept: str = "text/html", **headers: str
    ) -> Any:
        return send(a_request(path, method, body, accept=accept, **headers))

    def send(event: dict[str, Any], refused: int = 0) -> Any:
        event["headers"]["authorization"] = f"Bearer {token}"
        response = web(event)
        assert response["statusCode"] == refused or response["statusCode"] < 400, response
        return response

    rendered = stack.entry("image.png")
    for rendition in rendered.rendition_keys[:1]:
        stack.s3.put_object(Bucket=stack.name_of("RenditionsBucket"), Key=rendition, Body=b"jpeg")
    for accept in ("text/html", JSON, "image/*"):
        for path in ("/", f"/pictures/{rendered.picture_id}", "/image.jpg"):
            call(path, accept=accept)
    send(an_event("web-post-multipart"))
    call(
        f"/pictures/{rendered.picture_id}/focus",
        "POST",
        "focus=auto",
        content_type="application/x-www-form-urlencoded",
    )
    call(f"/pictures/{rendered.picture_id}", "DELETE")
    _start_trials(stack, call)
    # Too large for a form: a presigned one is returned.
    form = {"content_type": "multipart/form-data; boundary=X"}
    large = 'X\r\nContent-Disposition: form-data; name="upload"; filename="a.png"\r\n\r\n' + "x" * 4_000_001
    send(a_request("/", "POST", f"--{large}\r\n--X--", **form), refused=413)
    # Failed uploads.
    for action in ("retry", "skip"):
        failure = stack.entry(f"{action}.png", State.FAILED, message="{}")
        call("/failures")
        call(f"/failures/{failure.id}/{action}", "POST")
        call(f"/failures/{action}", "POST")
    # A job, created twice with one key, and its reports.
    body = json.dumps({"uploads": [{"name": f"{number}.png", "size": 1} for number in range(MEMBERS)]})
    for _ in range(2):
        location = call("/jobs", "POST", body, idempotency_key="once")["headers"]["Location"]
    job_id = location.rpartition("/")[2]
    for number in range(MEMBERS):
        long = a_receipt(decisions=(Decision("long", "x" * 390_000),))
        Projection(stack.views).apply(
            [a_member(number, State.RENDERED, job_id, bucket=stack.uploads, receipt=long)]
        )
    call(f"/jobs/{job_id}", accept=JSON)
    for path in ("", "/uploads", "/receipts.csv", "/receipts.json", "/fetch.sh", "/files"):
        call(f"/jobs/{job_id}{path}")


def _start_trials(stack: Stack, call: Callable[..., Any]) -> None:
    """Starts a trial of a sent picture, one of the same picture, and one of the stack."""
    part = 'X\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n--'
    form = {"content_type": "multipart/form-data; boundary=X"}

    def start(*parts: tuple[str, str, str]) -> str:
        body = "--" + "".join(part.format(*fields) for fields in (("profile", "", _FAST), *parts)) + "X--"
        location = call("/playground", "POST", body, **form)["headers"]["Location"]
        return str(location.rpartition("/")[2])

    call("/playground")
    first = start(("upload", '; filename="a.png"', "pixels"))
    trial = start(("trial", "", first))
    call(f"/playground/{trial}")
    Trials(S3Reports(stack.name_of("ReportsBucket"), stack.s3)).conclude(
        Trial(trial, Upload("", "a.png", NO_VERSION), _FAST),
        TrialResult(
            a_receipt(a_rendition(key=f"trials/{trial}/renditions/640.jpg")),
            Cost(1.0, 1024, "arm64", 1.0, 1.0, 1.0),
        ),
    )
    call(f"/playground/{trial}")
    start(("picture", "", stack.entry("tried.png").picture_id))
    call(f"/playground/{trial}/end", "POST")
