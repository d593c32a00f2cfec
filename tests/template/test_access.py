"""Who gets in, how often, and what each function may do, as template.yaml says."""

import json
import re
from itertools import product
from typing import Any

import pytest

from tests import roles
from tests.cloudformation import PROJECT, Node, load_template, of_type
from tests.roles import NAMELESS, Grant, grants, why

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
GRANTS = grants(TEMPLATE)
ROLES = roles.roles(TEMPLATE)


BUCKETS, QUEUES = of_type(TEMPLATE, "AWS::S3::Bucket"), of_type(TEMPLATE, "AWS::SQS::Queue")
ROUTES = of_type(TEMPLATE, "AWS::ApiGatewayV2::Route")


# By TLS alone


def policies_on(name: str) -> list[Node]:
    """The policy resources of a bucket or queue."""
    return [
        each
        for each in RESOURCES.values()
        if each["Type"] in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")
        and {"Ref": name} in (each["Properties"].get("Bucket"), *each["Properties"].get("Queues", []))
    ]


def statements_in_the_cloud(policy: Node) -> list[Node]:
    """What a policy says where there is TLS: everywhere but on the local stack."""
    assert policy.get("Condition", "HasTls") == "HasTls"
    found = []
    for each in policy["Properties"]["PolicyDocument"]["Statement"]:
        condition, there, _ = each.get("Fn::If", ("HasTls", each, None))
        found += [there] if condition == "HasTls" else []
    return found


@pytest.mark.parametrize("name", [*BUCKETS, *QUEUES])
def test_whoever_asks_without_tls_is_denied_everything(name: str) -> None:
    arn = {"Fn::GetAtt": [name, "Arn"]}
    whole = [arn, {"Fn::Sub": f"${{{name}.Arn}}/*"}] if name in BUCKETS else arn

    [policy] = policies_on(name)

    assert {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*" if name in BUCKETS else "sqs:*",
        "Resource": whole,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    } in statements_in_the_cloud(policy)


def test_no_policy_denies_anything_else_so_that_its_owner_is_never_locked_out() -> None:
    denied = [
        statement["Condition"]
        for name in (*BUCKETS, *QUEUES)
        for policy in policies_on(name)
        for statement in statements_in_the_cloud(policy)
        if statement["Effect"] == "Deny"
    ]

    assert denied == [{"Bool": {"aws:SecureTransport": "false"}}] * len(BUCKETS | QUEUES)


def test_only_the_local_stack_speaks_without_tls() -> None:
    """Nothing but `darkroom up` states an endpoint, and none is taken that is not on loopback."""
    assert TEMPLATE["Conditions"]["HasTls"] == {"Fn::Not": [{"Condition": "IsLocal"}]}
    assert TEMPLATE["Conditions"]["IsLocal"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "LocalEndpoint"}, ""]}]}
    assert TEMPLATE["Parameters"]["LocalEndpoint"]["Default"] == ""
    assert re.fullmatch(TEMPLATE["Parameters"]["LocalEndpoint"]["AllowedPattern"], "http://127.0.0.1:4566")
    assert not re.fullmatch(TEMPLATE["Parameters"]["LocalEndpoint"]["AllowedPattern"], "http://10.0.0.1:4566")


# From where


@pytest.mark.parametrize("name", of_type(TEMPLATE, "AWS::Lambda::Permission"))
def test_an_api_may_call_its_own_function_alone(name: str) -> None:
    """An API's ARN names the account, so no SourceAccount has to; a bucket's does not."""
    source = RESOURCES[name]["Properties"]["SourceArn"]["Fn::Sub"]

    assert re.fullmatch(
        r"arn:\$\{AWS::Partition\}:execute-api:\$\{AWS::Region\}:\$\{AWS::AccountId\}:\$\{(Live)?Api\}/\*",
        source,
    )


# How often


def throttle(route: Node) -> Node:
    """The limits of a route: its own, or its stage's."""
    [stage] = [
        each
        for each in of_type(TEMPLATE, "AWS::ApiGatewayV2::Stage").values()
        if each["ApiId"] == route["ApiId"]
    ]
    found = stage.get("RouteSettings", {}).get(route["RouteKey"], stage["DefaultRouteSettings"])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ROUTES)
def test_each_route_is_throttled(name: str) -> None:
    limits = throttle(ROUTES[name])

    assert 1 <= limits["ThrottlingRateLimit"] <= 200
    assert limits["ThrottlingRateLimit"] <= limits["ThrottlingBurstLimit"] <= 400


@pytest.mark.parametrize(
    "name", [name for name, each in ROUTES.items() if each["RouteKey"].startswith("POST")]
)
def test_what_writes_or_signs_in_is_throttled_by_itself_and_tighter(name: str) -> None:
    stage = RESOURCES["ApiStage"]["Properties"]

    assert ROUTES[name]["RouteKey"] in stage["RouteSettings"]
    assert (
        throttle(ROUTES[name])["ThrottlingRateLimit"]
        <= stage["DefaultRouteSettings"]["ThrottlingRateLimit"] / 10
    )


def test_the_limits_of_each_route_are_told() -> None:
    told = re.findall(r"^\| (.+) \| (\d+) \| (\d+) \|$", (PROJECT / "docs/api.md").read_text(), re.MULTILINE)
    api, live = (RESOURCES[name]["Properties"] for name in ("ApiStage", "LiveStage"))
    limits = {f"`{key}`": each for key, each in api["RouteSettings"].items()}
    limits |= {"any other": api["DefaultRouteSettings"]}
    limits |= {"the WebSocket: connecting, and each message": live["DefaultRouteSettings"]}

    assert {what: (int(rate), int(burst)) for what, rate, burst in told} == {
        what: (each["ThrottlingRateLimit"], each["ThrottlingBurstLimit"]) for what, each in limits.items()
    }


def test_a_stage_waits_for_the_routes_that_it_throttles() -> None:
    """API Gateway refuses a setting of a route that is not there."""
    stage = RESOURCES["ApiStage"]
    named = {
        name for name, each in ROUTES.items() if each["RouteKey"] in stage["Properties"]["RouteSettings"]
    }

    assert {ROUTES[name]["RouteKey"] for name in named} == stage["Properties"]["RouteSettings"].keys()
    assert set(stage["DependsOn"]) == named


def test_the_apis_log_says_who_was_let_in_and_nothing_that_was_asked() -> None:
    log = RESOURCES["ApiStage"]["Properties"]["AccessLogSettings"]

    assert log["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert set(json.loads(log["Format"]).values()) == {
        "$context.requestId",
        "$context.requestTime",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.identity.sourceIp",
        "$context.error.message",
    }


@pytest.mark.parametrize("name", of_type(TEMPLATE, "AWS::Logs::LogGroup"))
def test_no_log_is_kept_for_ever(name: str) -> None:
    assert RESOURCES[name]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


# May do


def test_the_page_of_roles_is_what_the_template_says() -> None:
    print(roles.table(TEMPLATE))  # noqa: T201 - `pytest -s` shows it

    assert roles.PAGE.read_text() == roles.page(TEMPLATE), "run: python -m tests.roles"


@pytest.mark.parametrize("function", ROLES)
def test_each_function_has_a_role_of_its_own_that_lambda_alone_takes_on(function: str) -> None:
    role = RESOURCES[ROLES[function]]["Properties"]

    assert list(ROLES.values()).count(ROLES[function]) == 1
    assert role.keys() == {
        "AssumeRolePolicyDocument",
        "Policies",
    }  # none of AWS's, which allow on any resource
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]


@pytest.mark.parametrize("grant", GRANTS, ids=lambda each: f"{each.role}-{each.action}-{each.resource}")
def test_each_action_is_whole_and_so_is_its_resource_but_for_known_reasons(grant: Grant) -> None:
    assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", grant.action)
    assert "*" not in grant.resource or why(grant.resource) or grant.action in NAMELESS


@pytest.mark.parametrize("function", ROLES)
def test_a_function_writes_its_own_log_and_is_traced_only_where_tracing_is_on(function: str) -> None:
    may = {(each.action, each.resource) for each in GRANTS if each.role == ROLES[function]}
    group = RESOURCES[function]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    traced = TEMPLATE["Globals"]["Function"].get("Tracing") == "Active"

    assert {each for each in may if each[0].startswith("logs:")} == {
        ("logs:CreateLogStream", group),
        ("logs:PutLogEvents", group),
    }
    assert {action for action, _ in may if action.startswith("xray:")} == (NAMELESS if traced else set())


def writers(bucket: str) -> set[str]:
    written = {"s3:PutObject", "s3:DeleteObject"}
    return {each.role for each in GRANTS if each.action in written and each.resource == f"{bucket}/*"}


def test_nothing_can_write_both_to_uploads_and_to_renditions() -> None:
    assert writers("UploadsBucket") == {"WebRole"}
    assert writers("RenditionsBucket") == {"RenderRole", "SweepRole"}
    assert writers("ReportsBucket") == {"WebRole"}


def test_nothing_deletes_an_original() -> None:
    destroyed = {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration"}

    assert not [each for each in GRANTS if each.action in destroyed and "UploadsBucket" in each.resource]


def test_originals_are_read_by_render_alone() -> None:
    read = {"s3:GetObject", "s3:GetObjectVersion"}

    assert {each.role for each in GRANTS if each.action in read and "UploadsBucket" in each.resource} == {
        "RenderRole"
    }


# Loops

_WRITES = {
    "s3": {"s3:PutObject", "s3:DeleteObject"},
    "sqs": {"sqs:SendMessage"},
    "dynamodb": {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"},
    "events": {"events:PutEvents"},
    "lambda": {"lambda:InvokeFunction"},
    "execute-api": {"execute-api:Invoke"},
}
_WRITING = set.union(*_WRITES.values())


def names(node: Any) -> set[str]:
    """The resources that a part of the template refers to."""
    return set(re.findall(r"\w+", json.dumps(node))) & RESOURCES.keys()


def leads_to() -> dict[str, set[str]]:
    """What brings about what: a role what it writes to, a bucket and a queue what they tell.

    Left out is that `live` hears of each connection that it closes: once, for the connection is gone then.
    """
    edges: dict[str, set[str]] = {name: set() for name in RESOURCES}
    for grant in GRANTS:
        if grant.action in _WRITING:
            edges[grant.role] |= names(grant.resource)
    for name, each in RESOURCES.items():
        properties = each.get("Properties", {})
        edges[name] |= names(properties.get("NotificationConfiguration", {}))
        edges[name] |= names(properties.get("RedrivePolicy", {}))
        for event in properties.get("Events", {}).values() if "CodeUri" in properties else ():
            for source in names([event["Properties"].get(kind) for kind in ("Queue", "Stream")]):
                edges[source].add(ROLES[name])
        if each["Type"] == "AWS::Events::Rule":
            for source, target in product(
                names(properties.get("EventBusName", {})), names(properties["Targets"])
            ):
                edges[source].add(ROLES.get(target, target))
    return edges


def reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    fresh = set(edges[start])
    while fresh:
        found |= fresh
        fresh = set.union(*(edges[name] for name in fresh)) - found
    return found


@pytest.mark.parametrize("role", ROLES.values())
def test_no_function_can_bring_about_an_event_of_its_own(role: str) -> None:
    assert role not in reached(role, leads_to())


def test_what_is_uploaded_leads_to_render_and_project_so_that_loops_would_be_seen() -> None:
    assert {"RenderRole", "ParkRole", "ProjectRole"} <= reached("UploadsBucket", leads_to())
    assert {"RenderRole", "ProjectRole"} <= reached("WebRole", leads_to())
    assert not reached("RenditionsBucket", leads_to())
