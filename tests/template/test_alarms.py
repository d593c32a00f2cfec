"""Alarms and the dashboard in template.yaml, and their description in docs/operations.md."""

import json
import re
from typing import Any

import pytest

from tests.cloudformation import PROJECT, Node, load_template, of_type
from tests.measured import documented

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
OPERATIONS = (PROJECT / "docs" / "operations.md").read_text()
NAMESPACE = {"Fn::Sub": "Darkroom/${AWS::StackName}"}


FUNCTIONS = of_type(TEMPLATE, "AWS::Serverless::Function")
QUEUES = of_type(TEMPLATE, "AWS::SQS::Queue")
# Release alarms are left out: they roll back a release and send no notification.
ALARMS = {
    name: alarm
    for name, alarm in of_type(TEMPLATE, "AWS::CloudWatch::Alarm").items()
    if "ReleaseAlarm" not in name
}


def alarms_on(namespace: Any, metric: str, dimension: str, value: Any) -> dict[str, Node]:
    wanted = [{"Name": dimension, "Value": value}]
    return {
        name: alarm
        for name, alarm in ALARMS.items()
        if (alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"]) == (namespace, metric, wanted)
    }


def the_alarm(namespace: Any, metric: str, dimension: str, value: Any) -> Node:
    [found] = alarms_on(namespace, metric, dimension, value).values()
    assert isinstance(found, dict)
    return found


def goes_off_at_once(alarm: Node) -> bool:
    """True if a single count within one period raises the alarm."""
    counted = (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"])
    return counted == ("Sum", 0, 1) and alarm["ComparisonOperator"] == "GreaterThanThreshold"


# Notifications


@pytest.mark.parametrize("name", ALARMS)
def test_each_alarm_tells_the_topic_and_takes_silence_for_good(name: str) -> None:
    assert ALARMS[name]["AlarmActions"] == [{"Ref": "Alarms"}]
    assert ALARMS[name]["TreatMissingData"] == "notBreaching"
    assert RESOURCES["Alarms"]["Type"] == "AWS::SNS::Topic"


def test_an_address_is_told_where_one_is_given() -> None:
    subscription = RESOURCES["AlarmsByEmail"]

    assert subscription["Condition"] == "HasAlarmEmail"
    assert TEMPLATE["Conditions"]["HasAlarmEmail"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]
    }
    assert subscription["Properties"] == {
        "TopicArn": {"Ref": "Alarms"},
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }


@pytest.mark.parametrize(
    ("address", "taken"), [("", True), ("ops@example.com", True), ("ops", False), ("a b@example.com", False)]
)
def test_an_address_is_one_or_nothing(address: str, taken: bool) -> None:
    assert bool(re.fullmatch(TEMPLATE["Parameters"]["AlarmEmail"]["AllowedPattern"], address)) is taken


@pytest.mark.parametrize("name", ALARMS)
def test_the_docs_say_of_each_alarm_what_to_do(name: str) -> None:
    headings = re.findall(r"^### (.*)$", OPERATIONS, re.MULTILINE)

    assert [heading for heading in headings if f"`{name}`" in heading], name


def test_the_docs_say_it_of_no_other() -> None:
    headings = re.findall(r"^### (.*)$", OPERATIONS, re.MULTILINE)
    documented_alarms = {name for heading in headings for name in re.findall(r"`(\w+Alarm)`", heading)}

    assert documented_alarms == set(ALARMS)


# Alarms of each function


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_functions_errors_and_throttles_raise_an_alarm(function: str, metric: str) -> None:
    assert goes_off_at_once(the_alarm("AWS/Lambda", metric, "FunctionName", {"Ref": function}))


def test_what_is_slow_is_noticed_though_it_runs_once_in_a_quarter_of_an_hour() -> None:
    alarm = the_alarm("AWS/Lambda", "Duration", "FunctionName", {"Ref": "SweepFunction"})
    schedule = FUNCTIONS["SweepFunction"]["Events"]["Schedule"]["Properties"]

    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    assert alarm["EvaluationPeriods"] == 1  # with several periods, only one of them would contain a run


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_whose_slowest_take_80_percent_of_its_timeout_raises_an_alarm(function: str) -> None:
    alarm = the_alarm("AWS/Lambda", "Duration", "FunctionName", {"Ref": function})
    timeout = FUNCTIONS[function].get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])

    assert alarm["ExtendedStatistic"] == "p99"
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    if timeout == {"Ref": "RenderTimeoutSeconds"}:
        assert alarm["Threshold"] == {
            "Fn::FindInMap": ["SlowMilliseconds", "RenderTimeout", {"Ref": "RenderTimeoutSeconds"}]
        }
    else:
        assert alarm["Threshold"] == 0.8 * timeout * 1000


def test_slow_is_80_percent_of_each_timeout_that_can_be_chosen() -> None:
    slow = TEMPLATE["Mappings"]["SlowMilliseconds"]["RenderTimeout"]

    assert slow == {
        seconds: 0.8 * int(seconds) * 1000
        for seconds in TEMPLATE["Parameters"]["RenderTimeoutSeconds"]["AllowedValues"]
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_is_traced(function: str) -> None:
    assert FUNCTIONS[function].get("Tracing", TEMPLATE["Globals"]["Function"].get("Tracing")) == "Active"


# Problems without an error


@pytest.mark.parametrize("queue", ["DeadLetters", "ProjectFailures"])
def test_what_lies_where_nothing_should_lie_raises_an_alarm(queue: str) -> None:
    alarm = the_alarm(
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "QueueName",
        {"Fn::GetAtt": [queue, "QueueName"]},
    )

    assert (alarm["Statistic"], alarm["Threshold"]) == ("Maximum", 0)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"


def test_each_queue_is_watched() -> None:
    watched_queues = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in ALARMS.values()
        if alarm["Namespace"] == "AWS/SQS"
    }

    assert watched_queues == set(QUEUES)


def test_a_picture_that_waits_long_raises_an_alarm_before_it_is_given_up() -> None:
    alarm = the_alarm(
        "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", {"Fn::GetAtt": ["RenderQueue", "QueueName"]}
    )

    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Maximum", "GreaterThanThreshold")
    assert 60 <= alarm["Threshold"] <= 3600 < QUEUES["RenderQueue"]["MessageRetentionPeriod"]


def test_views_that_fall_behind_raise_an_alarm() -> None:
    alarm = the_alarm("AWS/Lambda", "IteratorAge", "FunctionName", {"Ref": "ProjectFunction"})

    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Maximum", "GreaterThanThreshold")
    assert alarm["Threshold"] == 60_000


@pytest.mark.parametrize(
    ("metric", "service"),
    [
        ("Failed", "park"),
        ("Faults", "park"),
        ("Faults", "web"),
        ("ProfileFault", "render"),
        ("TokenFault", "web"),
    ],
)
def test_one_of_what_should_never_happen_raises_an_alarm(metric: str, service: str) -> None:
    variables = FUNCTIONS[f"{service.capitalize()}Function"]["Environment"]["Variables"]

    assert goes_off_at_once(the_alarm(NAMESPACE, metric, "service", service))
    assert variables["POWERTOOLS_SERVICE_NAME"] == service


def test_pictures_that_come_out_no_smaller_raise_an_alarm() -> None:
    alarm = the_alarm(NAMESPACE, "BytesSaved", "service", "render")

    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Sum", "LessThanOrEqualToThreshold")
    assert (alarm["Threshold"], alarm["Period"]) == (0, 3600)


# The dashboard


def dashboard_metrics() -> list[list[Any]]:
    """The metrics of all widgets, as in the dashboard body; expressions unchanged."""
    text = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(text)["widgets"]
    return [metric for widget in widgets for metric in widget["properties"]["metrics"]]


def own_metrics() -> set[tuple[str, str, str]]:
    """Darkroom metrics on the dashboard and in alarms: name, function, second dimension."""
    found = {
        (metric, service, "")
        for namespace, metric, *rest in (row for row in dashboard_metrics() if len(row) > 1)
        if namespace == NAMESPACE["Fn::Sub"]
        for service in [rest[1]]
    }
    for expression in (row[0]["expression"] for row in dashboard_metrics() if len(row) == 1):
        [dimensions] = re.findall(r'\{"Darkroom/\$\{AWS::StackName\}",([a-z,]+)\}', expression)
        [metric] = re.findall(r'MetricName="(\w+)"', expression)
        [second] = set(dimensions.split(",")) - {"service"}
        found.add((metric, "render", second))
    return found | {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"], "")
        for alarm in ALARMS.values()
        if alarm["Namespace"] == NAMESPACE
    }


def test_every_metric_that_is_shown_or_watched_is_one_that_is_measured_so() -> None:
    measured = {(name, function, by) for name, _, function, by in documented()}

    assert own_metrics() - measured == set()


def test_metrics_of_other_services_name_what_the_stack_has() -> None:
    parts = {value for _, _, _, value, *_ in (row for row in dashboard_metrics() if len(row) > 3)}
    named = {re.sub(r"\$\{(\w+)(\.\w+)?\}", r"\1", value) for value in parts if "$" in value}

    assert named <= set(RESOURCES)
    assert named >= set(FUNCTIONS) | set(QUEUES)


def test_no_two_widgets_lie_over_each_other() -> None:
    text = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    places = [(w["x"], w["y"]) for w in json.loads(text)["widgets"]]

    assert len(set(places)) == len(places)
    assert all(w["width"] == 8 and w["height"] == 6 for w in json.loads(text)["widgets"])
    assert all(x % 8 == 0 and x < 24 and y % 6 == 0 for x, y in places)


def test_two_stacks_measure_apart() -> None:
    assert (
        TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
        == NAMESPACE
    )
