"""Records the AWS calls of the functions, as the IAM actions that each call needs.

The mapping follows the Service Authorization Reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
Encryption at rest needs no permission: no resource of the template has a KMS key of its own.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from itertools import takewhile
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import botocore.signers
import pytest
from botocore import xform_name
from botocore.auth import SigV4QueryAuth
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.cloudformation import PROJECT
from tests.resolving import arn_of

PACKAGE = PROJECT / "layers" / "darkroom" / "darkroom"
_PREFIX = f"{PACKAGE}/"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call: the operation in lower case, its parameters, and the error code, if any."""

    service: str
    operation: str
    params: Mapping[str, Any]
    endpoint: str = ""
    error: str = ""


type Need = tuple[str, str]  # an IAM action, and the ARN of its resource
type Needs = Callable[[ApiCall], Iterator[Need]]


# S3: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html

# Errors that reveal that an object is missing. Without permission to list, S3 returns 403 instead.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_MISSING = {"404", "NoSuchKey", "NoSuchVersion"}


def _bucket(call: ApiCall) -> str:
    return f"arn:aws:s3:::{call.params['Bucket']}"


def _read_object(call: ApiCall) -> Iterator[Need]:
    versioned = "VersionId" in call.params
    yield "s3:GetObjectVersion" if versioned else "s3:GetObject", f"{_bucket(call)}/{call.params['Key']}"
    if call.error in _MISSING:
        yield "s3:ListBucketVersions" if versioned else "s3:ListBucket", _bucket(call)


def _put_object(call: ApiCall) -> Iterator[Need]:
    yield "s3:PutObject", f"{_bucket(call)}/{call.params['Key']}"


def _delete_object(call: ApiCall) -> Iterator[Need]:
    action = "s3:DeleteObjectVersion" if "VersionId" in call.params else "s3:DeleteObject"
    yield action, f"{_bucket(call)}/{call.params['Key']}"


def _delete_objects(call: ApiCall) -> Iterator[Need]:
    for item in call.params["Delete"]["Objects"]:
        action = "s3:DeleteObjectVersion" if "VersionId" in item else "s3:DeleteObject"
        yield action, f"{_bucket(call)}/{item['Key']}"


def _on_bucket(action: str) -> Needs:
    return lambda call: iter([(action, _bucket(call))])


# DynamoDB: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html


def _table(name: str) -> str:
    return arn_of("dynamodb", f"table/{name}")


def _on_table(action: str) -> Needs:
    return lambda call: iter([(f"dynamodb:{action}", _table(call.params["TableName"]))])


def _query(call: ApiCall) -> Iterator[Need]:
    index = call.params.get("IndexName")
    yield "dynamodb:Query", _table(call.params["TableName"]) + (f"/index/{index}" if index else "")


def _on_each_table(action: str) -> Needs:
    return lambda call: ((f"dynamodb:{action}", _table(name)) for name in call.params["RequestItems"])


# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def _transaction(call: ApiCall) -> Iterator[Need]:
    for item in call.params["TransactItems"]:
        [(kind, write)] = item.items()
        yield f"dynamodb:{_IN_TRANSACTIONS[kind]}", _table(write["TableName"])


# SQS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html


def _on_queue(action: str) -> Needs:
    def needs(call: ApiCall) -> Iterator[Need]:
        yield f"sqs:{action}", arn_of("sqs", urlsplit(call.params["QueueUrl"]).path.rpartition("/")[2])

    return needs


# EventBridge: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html


def _put_events(call: ApiCall) -> Iterator[Need]:
    for entry in call.params["Entries"]:
        yield "events:PutEvents", arn_of("events", f"event-bus/{entry['EventBusName']}")


# AppConfig: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsappconfig.html


def configuration_arn(params: Mapping[str, str]) -> str:
    return arn_of(
        "appconfig",
        f"application/{params['ApplicationIdentifier']}/environment/{params['EnvironmentIdentifier']}"
        f"/configuration/{params['ConfigurationProfileIdentifier']}",
    )


def _start_session(call: ApiCall) -> Iterator[Need]:
    yield "appconfig:StartConfigurationSession", configuration_arn(call.params)


def _latest_configuration(call: ApiCall) -> Iterator[Need]:
    # tests/driving.py makes the token the ARN of its configuration.
    yield "appconfig:GetLatestConfiguration", call.params["ConfigurationToken"]


# Systems Manager: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html


def _parameter(call: ApiCall) -> Iterator[Need]:
    yield "ssm:GetParameter", arn_of("ssm", f"parameter{call.params['Name']}")
    if call.params.get("WithDecryption"):
        # https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
        yield "kms:Decrypt", arn_of("kms", "alias/aws/ssm")


# API Gateway: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html


def _on_connection(method: str) -> Needs:
    def needs(call: ApiCall) -> Iterator[Need]:
        *_, api, stage = urlsplit(call.endpoint).path.split("/")
        connection = call.params["ConnectionId"]
        yield (
            "execute-api:ManageConnections",
            arn_of("execute-api", f"{api}/{stage}/{method}/@connections/{connection}"),
        )

    return needs


def _connect(call: ApiCall) -> Iterator[Need]:
    url = urlsplit(call.endpoint)
    yield (
        "execute-api:Invoke",
        arn_of("execute-api", f"{url.netloc.partition('.')[0]}{url.path}/$connect"),
    )


_NEEDS: dict[tuple[str, str], Needs] = {
    ("s3", "get_object"): _read_object,
    ("s3", "head_object"): _read_object,
    ("s3", "put_object"): _put_object,
    ("s3", "delete_object"): _delete_object,
    ("s3", "delete_objects"): _delete_objects,
    ("s3", "list_objects_v2"): _on_bucket("s3:ListBucket"),
    ("s3", "list_object_versions"): _on_bucket("s3:ListBucketVersions"),
    ("dynamodb", "get_item"): _on_table("GetItem"),
    ("dynamodb", "put_item"): _on_table("PutItem"),
    ("dynamodb", "delete_item"): _on_table("DeleteItem"),
    ("dynamodb", "scan"): _on_table("Scan"),
    ("dynamodb", "query"): _query,
    ("dynamodb", "batch_get_item"): _on_each_table("BatchGetItem"),
    ("dynamodb", "batch_write_item"): _on_each_table("BatchWriteItem"),
    ("dynamodb", "transact_write_items"): _transaction,
    ("sqs", "send_message"): _on_queue("SendMessage"),
    ("sqs", "change_message_visibility"): _on_queue("ChangeMessageVisibility"),
    ("events", "put_events"): _put_events,
    ("appconfigdata", "start_configuration_session"): _start_session,
    ("appconfigdata", "get_latest_configuration"): _latest_configuration,
    ("ssm", "get_parameter"): _parameter,
    ("apigatewaymanagementapi", "post_to_connection"): _on_connection("POST"),
    ("apigatewaymanagementapi", "delete_connection"): _on_connection("DELETE"),
    ("execute-api", "connect"): _connect,
}


# Recording


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a permission: by a function, through a piece of code like `DynamoLedger.find`."""

    function: str
    action: str
    resource: str  # an ARN
    by: str


type Code = tuple[str, str]  # a folder of the package, and the qualified name of a function


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call of a function, and the code that made it, the innermost first."""

    function: str
    call: ApiCall
    code: tuple[Code, ...]

    @property
    def operation(self) -> tuple[str, str]:
        """The operation and the code that called it, like ("DynamoTable._get", "get_item")."""
        return self.code[0][1], self.call.operation

    @property
    def by(self) -> str:
        """The public method of an adapter that made the call, like `DynamoLedger.find`."""
        return next(name for folder, name in self.code if folder == "adapters" and "._" not in f".{name}")

    @property
    def port_method(self) -> tuple[str, str]:
        """The class that called the adapter, and the method it called, like ("Reconciler", "find")."""
        outside = self.code[self.code.index(("adapters", self.by)) :]
        adapters = list(takewhile(lambda code: code[0] == "adapters", outside))
        callers = [name for folder, name in outside if folder in ("services", "web")]
        return "".join(callers[:1]).partition(".")[0], adapters[-1][1].rpartition(".")[2]

    @property
    def uses(self) -> Iterator[Use]:
        """The permissions it needs. Raises KeyError for an operation that is not mapped above."""
        for action, resource in _NEEDS[self.call.service, self.call.operation](self.call):
            yield Use(self.function, action, resource, self.by)


# The code that submitted the current task of a thread pool.
_SUBMITTED: ContextVar[tuple[Code, ...]] = ContextVar("submitted", default=())


def _running_code() -> Iterator[Code]:
    """Returns the functions of the package that are running, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame:
        if frame.f_code.co_filename.startswith(_PREFIX):
            folder, *_ = frame.f_code.co_filename.removeprefix(_PREFIX).split("/")
            yield folder, frame.f_code.co_qualname.partition(".<locals>")[0]
        frame = frame.f_back
    yield from _SUBMITTED.get()


@contextmanager
def recording(function: str, calls: list[RecordedCall]) -> Iterator[None]:
    """Records every call that boto3 makes or signs, as one of `function`."""
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # not in the types
    presign_url = botocore.signers.generate_presigned_url
    presign_post = botocore.signers.generate_presigned_post
    submit, add_auth = ThreadPoolExecutor.submit, SigV4QueryAuth.add_auth

    def record(call: ApiCall) -> None:
        calls.append(RecordedCall(function, call, tuple(_running_code())))

    def recorded_call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        service, error = client.meta.service_model.service_name, ""
        try:
            return make_call(client, operation, params)
        except ClientError as fault:
            error = fault.response["Error"]["Code"]
            raise
        finally:
            record(ApiCall(service, xform_name(operation), params, client.meta.endpoint_url, error))

    # A presigned request needs the permissions of its signer, whoever sends it.
    def recorded_url(client: Any, operation: str, **options: Any) -> Any:
        record(ApiCall(client.meta.service_model.service_name, operation, options["Params"]))
        return presign_url(client, operation, **options)

    def recorded_post(client: Any, **options: Any) -> Any:
        record(ApiCall("s3", "put_object", options))
        return presign_post(client, **options)

    def recorded_signature(signer: Any, request: Any) -> None:
        if signer._service_name == "execute-api":
            record(ApiCall("execute-api", "connect", {}, request.url))
        add_auth(signer, request)

    def submitted(pool: ThreadPoolExecutor, task: Any, *arguments: Any) -> Future[Any]:
        context = copy_context()
        context.run(_SUBMITTED.set, tuple(_running_code()))
        return submit(pool, context.run, task, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", recorded_call)
        patch.setattr(botocore.signers, "generate_presigned_url", recorded_url)
        patch.setattr(botocore.signers, "generate_presigned_post", recorded_post)
        patch.setattr(SigV4QueryAuth, "add_auth", recorded_signature)
        patch.setattr(ThreadPoolExecutor, "submit", submitted)
        yield
