"""How a release comes to answer: as a version, to a tenth of the requests first, taken back when it fails."""

import re
import shlex
import tomllib
from typing import Any

import pytest

from tests.cloudformation import PROJECT, Node, load_template

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
ANSWERING = {"WebFunction": "WebAlias", "LiveFunction": "LiveAlias"}
RELEASES = {"WebAlias": "WebReleases", "LiveAlias": "LiveReleases"}
ALARMS = {"WebFunction": "WebReleaseAlarm", "LiveFunction": "LiveReleaseAlarm"}
FAULTS = "WebFaultsReleaseAlarm"


def properties(name: str) -> Node:
    found = RESOURCES[name]["Properties"]
    assert isinstance(found, dict)
    return found


def parameters_in(node: Any) -> set[str]:
    """The parameters that decide a value: named in it, or in a condition that it asks."""
    if isinstance(node, list):
        return {name for each in node for name in parameters_in(each)}
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for function, value in node.items():
        if function in ("Ref", "Condition"):
            found |= {value} & TEMPLATE["Parameters"].keys()
            found |= parameters_in(TEMPLATE["Conditions"].get(value))
        elif function == "Fn::If":
            found |= parameters_in(TEMPLATE["Conditions"][value[0]]) | parameters_in(value[1:])
        elif function == "Fn::Sub":
            text, named = (value, {}) if isinstance(value, str) else value
            found |= set(re.findall(r"\$\{(\w+)\}", text)) & TEMPLATE["Parameters"].keys()
            found |= parameters_in(named)
        else:
            found |= parameters_in(value)
    return found


def callers(function: str) -> list[str]:
    """The resources by which an API reaches a function: what names it beside its own alias and alarms."""
    alias = ANSWERING[function]
    kinds = ("AWS::ApiGatewayV2::Integration", "AWS::Lambda::Permission")
    return [
        name
        for name, each in RESOURCES.items()
        if each["Type"] in kinds and re.search(rf"\b({function}|{alias})\b", str(each["Properties"]))
    ]


@pytest.mark.parametrize("function", ANSWERING)
def test_each_release_of_an_http_function_is_a_version(function: str) -> None:
    own, alias = properties(function), properties(ANSWERING[function])

    assert own["AutoPublishAlias"] != alias["Name"]
    assert alias["FunctionName"] == {"Ref": function}
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [function, "Version.Version"]}


@pytest.mark.parametrize("function", ANSWERING)
def test_whatever_changes_makes_a_new_version(function: str) -> None:
    """Else the alias would go on answering by what was deployed before.

    SAM sees a change of the function and, where it is told to, of its layers. It does not see that a
    parameter has another value: those are in the description, which CloudFormation compares.
    """
    own, shared = properties(function), TEMPLATE["Globals"]["Function"]
    deciding = parameters_in([own["Environment"], {k: v for k, v in shared.items() if k != "Layers"}])

    assert own["AutoPublishAliasAllProperties"] is True
    assert "Layers" not in own
    assert [properties(layer["Ref"])["PublishLambdaVersion"] for layer in shared["Layers"]] == [True]
    assert deciding == parameters_in(own["VersionDescription"])
    # Lambda publishes no version of a function that is the same: its own description changes along.
    assert own["Description"] == own["VersionDescription"]


@pytest.mark.parametrize("function", ANSWERING)
def test_an_api_calls_the_version_that_answers_and_may_call_no_other(function: str) -> None:
    reached = callers(function)

    assert sorted(RESOURCES[name]["Type"] for name in reached) == [
        "AWS::ApiGatewayV2::Integration",
        "AWS::Lambda::Permission",
    ]
    for name in reached:
        text = str(properties(name))
        assert ANSWERING[function] in text
        assert function not in text


@pytest.mark.parametrize("function", ANSWERING)
def test_a_release_answers_a_tenth_first_and_is_taken_back_when_it_fails(function: str) -> None:
    alias, alarm = ANSWERING[function], ALARMS[function]
    releases = properties(RELEASES[alias])

    assert RESOURCES[alias]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["Fn::If"] == [
        "HasCanary",
        {"ApplicationName": {"Ref": "Releases"}, "DeploymentGroupName": {"Ref": RELEASES[alias]}},
        {"Ref": "AWS::NoValue"},
    ]
    assert releases["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    faults = [{"Name": {"Ref": FAULTS}}] if function == "WebFunction" else []
    assert releases["AlarmConfiguration"] == {
        "Enabled": True,
        "Alarms": [{"Name": {"Ref": alarm}}, *faults],
    }
    assert releases["AutoRollbackConfiguration"]["Enabled"] is True
    assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"} <= set(
        releases["AutoRollbackConfiguration"]["Events"]
    )


@pytest.mark.parametrize("function", ANSWERING)
def test_a_release_is_judged_by_its_own_errors(function: str) -> None:
    """An alarm over all versions would stand while the old one fails, and keep its mending out."""
    alarm, alias = properties(ALARMS[function]), properties(ANSWERING[function])
    told = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert told == {
        "FunctionName": {"Ref": function},
        "Resource": {"Fn::Sub": f"${{{function}}}:{alias['Name']}"},
        "ExecutedVersion": alias["FunctionVersion"],
    }
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["Period"] * alarm["EvaluationPeriods"] < 5 * 60  # within the canary
    assert alarm["TreatMissingData"] == "notBreaching"


def test_a_release_of_web_is_judged_also_by_what_it_answers_with_500() -> None:
    """Such an answer is no error of the function's; as above, of the new version alone."""
    alarm, errors = properties(FAULTS), properties(ALARMS["WebFunction"])
    service = properties("WebFunction")["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    namespace = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]

    assert (alarm["Namespace"], alarm["MetricName"]) == (namespace, "Faults")
    assert alarm["Dimensions"] == [
        {"Name": "service", "Value": service},
        {"Name": "version", "Value": properties("WebAlias")["FunctionVersion"]},
    ]
    same = ("Statistic", "Period", "EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData")
    assert {name: alarm[name] for name in same} == {name: errors[name] for name in same}


def test_what_takes_releases_back_may_move_these_aliases_and_nothing_else() -> None:
    role = properties("ReleasesRole")
    [policy] = role["Policies"]
    move, see = policy["PolicyDocument"]["Statement"]

    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    assert set(move["Action"]) == {
        "lambda:GetAlias",
        "lambda:UpdateAlias",
        "lambda:GetProvisionedConcurrencyConfig",
    }
    assert {name for name in RESOURCES if name in re.findall(r"\w+", str(move["Resource"]))} == set(ANSWERING)
    assert see["Action"] == ["cloudwatch:DescribeAlarms"]


def test_the_local_stack_alone_goes_without_a_canary() -> None:
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    without = [
        name for name, each in config.items() if name != "version" and "Canary=false" in overrides(each)
    ]
    conditional = {name for name, each in RESOURCES.items() if each.get("Condition") == "HasCanary"}

    assert without == ["local"]
    assert TEMPLATE["Parameters"]["Canary"]["Default"] == "true"
    assert TEMPLATE["Conditions"]["HasCanary"] == {"Fn::Equals": [{"Ref": "Canary"}, "true"]}
    assert conditional == {"Releases", "ReleasesRole", *RELEASES.values(), *ALARMS.values(), FAULTS}
    assert {name for name, each in RESOURCES.items() if "CodeDeploy" in each["Type"]} <= conditional


def overrides(configuration: Node) -> list[str]:
    stated = configuration.get("deploy", {}).get("parameters", {}).get("parameter_overrides", "")
    return shlex.split(stated) if isinstance(stated, str) else list(stated)
