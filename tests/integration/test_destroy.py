"""`darkroom destroy` on the local AWS, of a small stack with one of each kind that a Darkroom has."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from darkroom_cli.destroy import KEPT, Account, Contents, contents, destroy, empty
from darkroom_cli.stack import Fault
from darkroom_cli.tokens import tokens_parameter
from tests.aws import make_bucket
from tests.cloudformation import load_template

REGION = "us-east-1"


def _like_ours(kept: str, made_new: str) -> str:
    """Two buckets, a ledger and a profile, retained as template.yaml retains its own."""
    ours = load_template()["Resources"]
    policy = {name: {"DeletionPolicy": ours[name]["DeletionPolicy"]} for name in ours if _stays(ours[name])}
    ledger = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "picture", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "picture", "KeyType": "HASH"}],
    }
    profile = {"ApplicationId": {"Ref": "ProfileApplication"}, "Name": "profile", "LocationUri": "hosted"}
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "UploadsBucket": ("AWS::S3::Bucket", {"BucketName": kept, **versioned}),
        "RenditionsBucket": ("AWS::S3::Bucket", {"BucketName": made_new, **versioned}),
        "Ledger": ("AWS::DynamoDB::Table", ledger),
        "ProfileApplication": ("AWS::AppConfig::Application", {"Name": kept}),
        "LiveProfile": ("AWS::AppConfig::ConfigurationProfile", profile),
        "Queue": ("AWS::SQS::Queue", {}),
    }
    return json.dumps(
        {
            "Resources": {
                name: {"Type": kind, "Properties": properties, **policy.get(name, {})}
                for name, (kind, properties) in kinds.items()
            }
        }
    )


def _stays(resource: dict[str, Any]) -> bool:
    return str(resource.get("DeletionPolicy", "Delete")) != "Delete"


class Doomed:
    """A stack that stands."""

    def __init__(self) -> None:
        self.name = f"doomed-{uuid.uuid4().hex[:8]}"
        self.uploads, self.renditions = f"{self.name}-uploads", f"{self.name}-renditions"
        self.account = Account.of(REGION)
        self.said = io.StringIO()

    def create(self) -> None:
        body = _like_ours(self.uploads, self.renditions)
        self.account.cloudformation.create_stack(StackName=self.name, TemplateBody=body)
        self.account.cloudformation.get_waiter("stack_create_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 1}
        )

    def destroy(self, *answers: str, everything: bool = False, yes: bool = False) -> str:
        """Deletes it, with these answers to what is asked; what was said, questions and all."""
        left = list(answers)

        def ask(question: str) -> str:
            self.said.write(question + "\n")
            return left.pop(0)

        console = Console(file=self.said, width=200)
        destroy(self.account, self.name, everything, None if yes else ask, console)
        assert not left
        return self.said.getvalue()

    def put(self, bucket: str, *keys: str) -> None:
        put = lambda key: self.account.s3.put_object(Bucket=bucket, Key=key, Body=b"12345")  # noqa: E731
        with ThreadPoolExecutor(8) as some:
            list(some.map(put, keys))

    def stands(self) -> bool:
        return is_there(lambda: self.account.cloudformation.describe_stacks(StackName=self.name))


def is_there(look: Callable[[], Any]) -> bool:
    try:
        look()
    except ClientError:
        return False
    return True


@pytest.fixture
def asks_local_aws(local_aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks AWS in this process asks the emulator."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def doomed(asks_local_aws: None) -> Iterator[Doomed]:
    stack = Doomed()
    stack.create()
    yield stack
    if stack.stands() or is_there(lambda: stack.account.s3.head_bucket(Bucket=stack.uploads)):
        stack.destroy(yes=True, everything=True)


def test_what_can_be_made_again_goes_and_what_can_not_is_kept(doomed: Doomed) -> None:
    doomed.put(doomed.uploads, "original.png")
    doomed.put(doomed.renditions, "rendition.webp", "rendition.avif")
    doomed.put(doomed.renditions, "rendition.webp")
    doomed.account.s3.delete_object(Bucket=doomed.renditions, Key="rendition.avif")

    said = doomed.destroy(doomed.name)

    assert not doomed.stands()
    assert not is_there(lambda: doomed.account.s3.head_bucket(Bucket=doomed.renditions))
    assert contents(doomed.account, doomed.uploads).objects == 1
    assert f"the bucket {doomed.uploads}: 1 objects, 5 bytes" in said
    assert f"darkroom destroy --stack {doomed.name} --region {REGION} --everything" in said


@pytest.mark.full
@pytest.mark.usefixtures("aws")
def test_thousands_of_versions_and_delete_markers_go_page_by_page() -> None:
    account = Account.of("eu-central-1")
    make_bucket(account.s3, "UploadsBucket", "full")
    keys = [{"Key": f"{number:04}"} for number in range(1100)]
    for key in keys:
        account.s3.put_object(Bucket="full", Body=b"12345", **key)
    account.s3.delete_objects(Bucket="full", Delete={"Objects": keys[:1000]})  # each gets a marker
    assert contents(account, "full") == Contents(2100, 1100 * 5)

    assert empty(account, "full", Console(file=io.StringIO())) == 2100

    assert contents(account, "full") == Contents(0, 0)
    account.s3.delete_bucket(Bucket="full")


def test_everything_is_asked_for_twice_and_names_what_is_lost(doomed: Doomed) -> None:
    doomed.put(doomed.uploads, "one.png", "two.png")
    doomed.account.s3.delete_object(Bucket=doomed.uploads, Key="one.png")
    application = _application(doomed)
    _push_profiles(doomed, application, 3)

    said = doomed.destroy(doomed.name, "delete everything", everything=True)

    assert f"the bucket {doomed.uploads}: 3 objects, 10 bytes - for good" in said
    assert not is_there(lambda: doomed.account.s3.head_bucket(Bucket=doomed.uploads))
    assert not is_there(lambda: doomed.account.appconfig.get_application(ApplicationId=application))
    tables = doomed.account.dynamodb.list_tables()["TableNames"]
    assert not [name for name in tables if name.startswith(doomed.name)]


def test_what_was_kept_goes_later_by_the_command_that_was_named(doomed: Doomed) -> None:
    doomed.put(doomed.uploads, "original.png")
    doomed.destroy(doomed.name)

    with pytest.raises(Fault, match=f"no stack {doomed.name}.*--everything"):
        doomed.destroy()
    doomed.destroy("delete everything", everything=True)

    assert not is_there(lambda: doomed.account.s3.head_bucket(Bucket=doomed.uploads))
    with pytest.raises(Fault, match=r"There is no stack [\w-]+ in us-east-1\.$"):
        doomed.destroy(everything=True)


def test_another_answer_deletes_nothing(doomed: Doomed) -> None:
    doomed.put(doomed.renditions, "rendition.webp")

    for answer in ("something else", ""):
        with pytest.raises(Fault, match="Nothing was deleted"):
            doomed.destroy(answer)
    with pytest.raises(Fault, match="Nothing was deleted"):
        doomed.destroy(doomed.name, "yes", everything=True)

    assert doomed.stands()
    assert contents(doomed.account, doomed.renditions).objects == 1


def test_the_tokens_of_a_stack_that_is_gone_go_with_it(doomed: Doomed) -> None:
    name = tokens_parameter(doomed.name)
    doomed.account.ssm.put_parameter(Name=name, Value="{}", Type="SecureString")

    doomed.destroy(yes=True)

    assert not is_there(lambda: doomed.account.ssm.get_parameter(Name=name))


@pytest.mark.usefixtures("asks_local_aws")
def test_a_stack_that_never_was_is_one_sentence() -> None:
    with pytest.raises(Fault, match="There is no stack nobodys in us-east-1"):
        destroy(Account.of(REGION), "nobodys", False, None, Console(file=io.StringIO()))


def test_whatever_the_template_keeps_destroy_knows_how_to_delete() -> None:
    kept = {each["Type"] for each in load_template()["Resources"].values() if _stays(each)}

    # A profile goes with its application, a policy with its bucket.
    assert kept - {"AWS::AppConfig::ConfigurationProfile", "AWS::S3::BucketPolicy"} == KEPT


def _application(doomed: Doomed) -> str:
    resources = boto3.client("cloudformation", region_name=REGION).describe_stack_resources(
        StackName=doomed.name
    )["StackResources"]
    [found] = [
        each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "ProfileApplication"
    ]
    return str(found)


def _push_profiles(doomed: Doomed, application: str, count: int) -> None:
    appconfig = doomed.account.appconfig
    [profile] = appconfig.list_configuration_profiles(ApplicationId=application)["Items"]
    for _ in range(count):
        appconfig.create_hosted_configuration_version(
            ApplicationId=application,
            ConfigurationProfileId=profile["Id"],
            Content=b"{}",
            ContentType="application/json",
        )


class _Busy:
    """CloudFormation beside a pipeline that still works: one more rendition comes, and its bucket can't go.

    As AWS has it; the local one deletes full buckets too.
    """

    def __init__(self, doomed: Doomed) -> None:
        self._doomed, self._itself, self.deletions = doomed, doomed.account.cloudformation, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._itself, name)

    def delete_stack(self, **named: str) -> None:
        self.deletions += 1
        if self.deletions == 1:
            self._doomed.put(self._doomed.renditions, "late.webp")
        else:
            self._itself.delete_stack(**named)

    def describe_stacks(self, **named: str) -> Any:
        answer = self._itself.describe_stacks(**named)
        if self.deletions == 1:
            answer["Stacks"][0]["StackStatus"] = "DELETE_FAILED"
        return answer


def test_a_bucket_that_filled_again_meanwhile_is_emptied_again(doomed: Doomed) -> None:
    busy = _Busy(doomed)
    doomed.account = replace(doomed.account, cloudformation=busy)

    doomed.destroy(doomed.name)

    assert busy.deletions == 2
    assert not doomed.stands()
    assert "is deleted" in doomed.said.getvalue()
    assert not is_there(lambda: doomed.account.s3.head_bucket(Bucket=doomed.renditions))
