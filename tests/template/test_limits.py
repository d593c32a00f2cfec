"""Timeouts, retries, concurrency and retention in template.yaml."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloudformation import Node, load_template, of_type

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
PARAMETERS: Node = TEMPLATE["Parameters"]
GLOBALS: Node = TEMPLATE["Globals"]["Function"]
FUNCTIONS = of_type(TEMPLATE, "AWS::Serverless::Function")
QUEUES = of_type(TEMPLATE, "AWS::SQS::Queue")
TABLES = of_type(TEMPLATE, "AWS::DynamoDB::Table")
RETENTION_SECONDS = 14 * 24 * 3600  # the maximum of SQS
# Data that can't be recreated: pictures, their ledger and the profiles.
KEPT = ["UploadsBucket", "UploadsBucketPolicy", "Ledger", "ProfileApplication", "LiveProfile"]


def sources(function: str, kind: str) -> list[Node]:
    """A function's event sources of one kind."""
    events = FUNCTIONS[function].get("Events", {}).values()
    return [event["Properties"] for event in events if event["Type"] == kind]


FED = [(name, source["Queue"]["Fn::GetAtt"][0]) for name in FUNCTIONS for source in sources(name, "SQS")]


def seconds(value: Any) -> Iterator[int]:
    """A number of the template, for each allowed value of its parameter."""
    if isinstance(value, int):
        yield value
    elif "Ref" in value:
        yield from map(int, PARAMETERS[value["Ref"]]["AllowedValues"])
    else:
        mapping, first, parameter = value["Fn::FindInMap"]
        for chosen in PARAMETERS[parameter["Ref"]]["AllowedValues"]:
            yield TEMPLATE["Mappings"][mapping][first][chosen]


@pytest.mark.parametrize(("function", "queue"), FED)
def test_visibility_timeouts_are_six_times_the_function_timeout(function: str, queue: str) -> None:
    timeouts = seconds(FUNCTIONS[function].get("Timeout", GLOBALS["Timeout"]))
    hidden = seconds(QUEUES[queue]["VisibilityTimeout"])

    assert all(visibility >= 6 * timeout for timeout, visibility in zip(timeouts, hidden, strict=True))


@pytest.mark.parametrize(("function", "queue"), FED)
def test_each_queue_has_one_consumer_with_partial_batch_responses(function: str, queue: str) -> None:
    [source] = sources(function, "SQS")

    assert [reader for reader, source_queue in FED if source_queue == queue] == [function]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def dead_letters() -> set[str]:
    """The queues for messages and batches after their last attempt."""
    found = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in QUEUES.values()
        if "RedrivePolicy" in queue
    }
    ends = [
        source["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        for name in FUNCTIONS
        for source in sources(name, "DynamoDB")
    ]
    return found.union(ends)


def test_every_source_has_a_dead_letter_queue() -> None:
    """Every queue is the render queue or a dead-letter queue."""
    assert set(QUEUES) == {"RenderQueue", *dead_letters()}


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_have_the_maximum_retention_period(queue: str) -> None:
    assert QUEUES[queue]["MessageRetentionPeriod"] == RETENTION_SECONDS


def test_concurrency_is_limited_at_the_event_source() -> None:
    """With reserved concurrency, throttled messages would lose attempts."""
    assert PARAMETERS["MaximumConcurrency"]["MinValue"] == 2
    assert PARAMETERS["MaximumConcurrency"]["Default"] < 10  # concurrent executions of a new account
    assert not [name for name, function in FUNCTIONS.items() if "ReservedConcurrentExecutions" in function]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_timeouts_fit_their_callers(function: str) -> None:
    """Sweep: its interval. Render: the longest RenderTimeoutSeconds. Others: the 30 s of API Gateway."""
    longest = {"SweepFunction": 900, "RenderFunction": 120}.get(function, 30)

    assert max(seconds(FUNCTIONS[function].get("Timeout", GLOBALS["Timeout"]))) <= longest


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_time_to_live(table: str) -> None:
    assert TABLES[table]["TimeToLiveSpecification"] == {
        "AttributeName": "expires",
        "Enabled": True,
    }


def test_the_ledger_has_point_in_time_recovery() -> None:
    backups = RESOURCES["Ledger"]["Properties"]["PointInTimeRecoverySpecification"]

    assert backups == {"PointInTimeRecoveryEnabled": True}


def test_reports_and_trials_expire_after_a_day_and_uploads_never() -> None:
    [report] = RESOURCES["ReportsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    uploads = RESOURCES["UploadsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    assert (report["Status"], report["ExpirationInDays"], report.keys() & {"Prefix", "TagFilters"}) == (
        "Enabled",
        1,
        set(),
    )
    assert [rule.keys() for rule in uploads] == [{"Id", "Status", "AbortIncompleteMultipartUpload"}]


def stateful() -> list[str]:
    """Buckets, tables and log groups."""
    kinds = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup")
    return [name for name, resource in RESOURCES.items() if resource["Type"] in kinds]


@pytest.mark.parametrize("name", KEPT)
def test_irreplaceable_resources_are_retained(name: str) -> None:
    """RetainExceptOnCreate: a failed first deployment leaves no resource behind."""
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", sorted(set(stateful()) - set(KEPT)))
def test_replaceable_resources_are_deleted_with_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "Delete"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Delete"
