"""Releases of web and live: versions, canary deployments and rollbacks."""

import re
import shlex
import tomllib
from typing import Any

import pytest

from tests.cloudformation import PROJECT, Node, load_template

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
ALIASES = {"WebFunction": "WebAlias", "LiveFunction": "LiveAlias"}
RELEASES = {"WebAlias": "WebReleases", "LiveAlias": "LiveReleases"}
ALARMS = {"WebFunction": "WebReleaseAlarm", "LiveFunction": "LiveReleaseAlarm"}
FAULTS = "WebFaultsReleaseAlarm"


def properties(name: str) -> Node:
    found = RESOURCES[name]["Properties"]
    assert isinstance(found, dict)
    return found


def parameters_in(node: Any) -> set[str]:
    """The parameters referenced in a value, directly or through a condition."""
    if isinstance(node, list):
        return {name for item in node for name in parameters_in(item)}
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
            text, variables = (value, {}) if isinstance(value, str) else value
            found |= set(re.findall(r"\$\{(\w+)\}", text)) & TEMPLATE["Parameters"].keys()
            found |= parameters_in(variables)
        else:
            found |= parameters_in(value)
    return found


def callers(function: str) -> list[str]:
    """The integration and permission of an API for a function."""
    alias = ALIASES[function]
    kinds = ("AWS::ApiGatewayV2::Integration", "AWS::Lambda::Permission")
    return [
        name
        for name, resource in RESOURCES.items()
        if resource["Type"] in kinds and re.search(rf"\b({function}|{alias})\b", str(resource["Properties"]))
    ]


@pytest.mark.parametrize("function", ALIASES)
def test_each_release_of_an_http_function_is_a_version(function: str) -> None:
    own, alias = properties(function), properties(ALIASES[function])

    assert own["AutoPublishAlias"] != alias["Name"]
    assert alias["FunctionName"] == {"Ref": function}
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [function, "Version.Version"]}


@pytest.mark.parametrize("function", ALIASES)
def test_whatever_changes_makes_a_new_version(function: str) -> None:
    """Every change publishes a version; otherwise the alias would keep the old one.

    SAM detects changes of the function and, with PublishLambdaVersion, of its layers. It does not detect a
    changed parameter value, so the description contains the values.
    """
    own, shared = properties(function), TEMPLATE["Globals"]["Function"]
    deciding = parameters_in([own["Environment"], {k: v for k, v in shared.items() if k != "Layers"}])

    assert own["AutoPublishAliasAllProperties"] is True
    assert "Layers" not in own
    assert [properties(layer["Ref"])["PublishLambdaVersion"] for layer in shared["Layers"]] == [True]
    assert deciding == parameters_in(own["VersionDescription"])
    # Lambda publishes no version of an unchanged function, so the function's own description must change too.
    assert own["Description"] == own["VersionDescription"]


@pytest.mark.parametrize("function", ALIASES)
def test_an_api_calls_the_version_that_answers_and_may_call_no_other(function: str) -> None:
    reached = callers(function)

    assert sorted(RESOURCES[name]["Type"] for name in reached) == [
        "AWS::ApiGatewayV2::Integration",
        "AWS::Lambda::Permission",
    ]
    for name in reached:
        text = str(properties(name))
        assert ALIASES[function] in text
        assert function not in text


@pytest.mark.parametrize("function", ALIASES)
def test_a_release_answers_a_tenth_first_and_is_taken_back_when_it_fails(function: str) -> None:
    alias, alarm = ALIASES[function], ALARMS[function]
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


@pytest.mark.parametrize("function", ALIASES)
def test_a_release_is_judged_by_its_own_errors(function: str) -> None:
    """An alarm on all versions would stay on while the old version fails, and block its fix."""
    alarm, alias = properties(ALARMS[function]), properties(ALIASES[function])
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert dimensions == {
        "FunctionName": {"Ref": function},
        "Resource": {"Fn::Sub": f"${{{function}}}:{alias['Name']}"},
        "ExecutedVersion": alias["FunctionVersion"],
    }
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarm["Period"] * alarm["EvaluationPeriods"] < 5 * 60  # shorter than the canary period
    assert alarm["TreatMissingData"] == "notBreaching"


def test_a_release_of_web_is_judged_also_by_what_it_answers_with_500() -> None:
    """Lambda does not count a 500 response as an error. The alarm is for the new version only."""
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
    update, read = policy["PolicyDocument"]["Statement"]

    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    assert set(update["Action"]) == {
        "lambda:GetAlias",
        "lambda:UpdateAlias",
        "lambda:GetProvisionedConcurrencyConfig",
    }
    assert {name for name in RESOURCES if name in re.findall(r"\w+", str(update["Resource"]))} == set(ALIASES)
    assert read["Action"] == ["cloudwatch:DescribeAlarms"]


def test_the_local_stack_alone_goes_without_a_canary() -> None:
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    without = [
        name for name, section in config.items() if name != "version" and "Canary=false" in overrides(section)
    ]
    conditional = {name for name, resource in RESOURCES.items() if resource.get("Condition") == "HasCanary"}

    assert without == ["local"]
    assert TEMPLATE["Parameters"]["Canary"]["Default"] == "true"
    assert TEMPLATE["Conditions"]["HasCanary"] == {"Fn::Equals": [{"Ref": "Canary"}, "true"]}
    assert conditional == {"Releases", "ReleasesRole", *RELEASES.values(), *ALARMS.values(), FAULTS}
    assert {name for name, resource in RESOURCES.items() if "CodeDeploy" in resource["Type"]} <= conditional


def overrides(configuration: Node) -> list[str]:
    overridden = configuration.get("deploy", {}).get("parameters", {}).get("parameter_overrides", "")
    return shlex.split(overridden) if isinstance(overridden, str) else list(overridden)
