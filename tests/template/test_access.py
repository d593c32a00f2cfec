"""TLS, throttling and permissions in template.yaml."""

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


# TLS


def policies_on(name: str) -> list[Node]:
    """The policy resources of a bucket or queue."""
    return [
        resource
        for resource in RESOURCES.values()
        if resource["Type"] in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")
        and {"Ref": name} in (resource["Properties"].get("Bucket"), *resource["Properties"].get("Queues", []))
    ]


def statements_in_the_cloud(policy: Node) -> list[Node]:
    """The statements of a policy in the cloud; the local stack has no TLS."""
    assert policy.get("Condition", "HasTls") == "HasTls"
    found = []
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        condition, with_tls, _ = statement.get("Fn::If", ("HasTls", statement, None))
        found += [with_tls] if condition == "HasTls" else []
    return found


@pytest.mark.parametrize("name", [*BUCKETS, *QUEUES])
def test_whoever_asks_without_tls_is_denied_everything(name: str) -> None:
    arn = {"Fn::GetAtt": [name, "Arn"]}
    resource = [arn, {"Fn::Sub": f"${{{name}.Arn}}/*"}] if name in BUCKETS else arn

    [policy] = policies_on(name)

    assert {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*" if name in BUCKETS else "sqs:*",
        "Resource": resource,
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
    """Only `darkroom up` sets an endpoint, and it must be on loopback."""
    assert TEMPLATE["Conditions"]["HasTls"] == {"Fn::Not": [{"Condition": "IsLocal"}]}
    assert TEMPLATE["Conditions"]["IsLocal"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "LocalEndpoint"}, ""]}]}
    assert TEMPLATE["Parameters"]["LocalEndpoint"]["Default"] == ""
    assert re.fullmatch(TEMPLATE["Parameters"]["LocalEndpoint"]["AllowedPattern"], "http://127.0.0.1:4566")
    assert not re.fullmatch(TEMPLATE["Parameters"]["LocalEndpoint"]["AllowedPattern"], "http://10.0.0.1:4566")


# Invocation permissions


@pytest.mark.parametrize("name", of_type(TEMPLATE, "AWS::Lambda::Permission"))
def test_an_api_may_call_its_own_function_alone(name: str) -> None:
    """The ARN of an API contains the account, so SourceAccount is not needed."""
    source = RESOURCES[name]["Properties"]["SourceArn"]["Fn::Sub"]

    assert re.fullmatch(
        r"arn:\$\{AWS::Partition\}:execute-api:\$\{AWS::Region\}:\$\{AWS::AccountId\}:\$\{(Live)?Api\}/\*",
        source,
    )


# Throttling


def throttle(route: Node) -> Node:
    """The limits of a route: its own, or the default of its stage."""
    [stage] = [
        stage
        for stage in of_type(TEMPLATE, "AWS::ApiGatewayV2::Stage").values()
        if stage["ApiId"] == route["ApiId"]
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
    "name", [name for name, route in ROUTES.items() if route["RouteKey"].startswith("POST")]
)
def test_what_writes_or_signs_in_is_throttled_by_itself_and_tighter(name: str) -> None:
    stage = RESOURCES["ApiStage"]["Properties"]

    assert ROUTES[name]["RouteKey"] in stage["RouteSettings"]
    assert (
        throttle(ROUTES[name])["ThrottlingRateLimit"]
        <= stage["DefaultRouteSettings"]["ThrottlingRateLimit"] / 10
    )


def test_the_limits_of_each_route_are_told() -> None:
    rows = re.findall(r"^\| (.+) \| (\d+) \| (\d+) \|$", (PROJECT / "docs/api.md").read_text(), re.MULTILINE)
    api, live = (RESOURCES[name]["Properties"] for name in ("ApiStage", "LiveStage"))
    limits = {f"`{key}`": setting for key, setting in api["RouteSettings"].items()}
    limits |= {"any other": api["DefaultRouteSettings"]}
    limits |= {"the WebSocket: connecting, and each message": live["DefaultRouteSettings"]}

    assert {route: (int(rate), int(burst)) for route, rate, burst in rows} == {
        route: (limit["ThrottlingRateLimit"], limit["ThrottlingBurstLimit"])
        for route, limit in limits.items()
    }


def test_a_stage_waits_for_the_routes_that_it_throttles() -> None:
    """API Gateway refuses settings of a missing route."""
    stage = RESOURCES["ApiStage"]
    throttled = {
        name for name, route in ROUTES.items() if route["RouteKey"] in stage["Properties"]["RouteSettings"]
    }

    assert {ROUTES[name]["RouteKey"] for name in throttled} == stage["Properties"]["RouteSettings"].keys()
    assert set(stage["DependsOn"]) == throttled


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


# Permissions of the functions


def test_the_page_of_roles_is_what_the_template_says() -> None:
    print(roles.table(TEMPLATE))  # noqa: T201 - visible with `pytest -s`

    assert roles.PAGE.read_text() == roles.page(TEMPLATE), "run: python -m tests.roles"


@pytest.mark.parametrize("function", ROLES)
def test_each_function_has_a_role_of_its_own_that_lambda_alone_takes_on(function: str) -> None:
    role = RESOURCES[ROLES[function]]["Properties"]

    assert list(ROLES.values()).count(ROLES[function]) == 1
    assert role.keys() == {
        "AssumeRolePolicyDocument",
        "Policies",
    }  # no managed policies: they allow any resource
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: f"{grant.role}-{grant.action}-{grant.resource}")
def test_each_action_is_whole_and_so_is_its_resource_but_for_known_reasons(grant: Grant) -> None:
    assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", grant.action)
    assert "*" not in grant.resource or why(grant.resource) or grant.action in NAMELESS


@pytest.mark.parametrize("function", ROLES)
def test_a_function_writes_its_own_log_and_is_traced_only_where_tracing_is_on(function: str) -> None:
    allowed = {(grant.action, grant.resource) for grant in GRANTS if grant.role == ROLES[function]}
    group = RESOURCES[function]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    traced = TEMPLATE["Globals"]["Function"].get("Tracing") == "Active"

    assert {pair for pair in allowed if pair[0].startswith("logs:")} == {
        ("logs:CreateLogStream", group),
        ("logs:PutLogEvents", group),
    }
    assert {action for action, _ in allowed if action.startswith("xray:")} == (NAMELESS if traced else set())


def writers(bucket: str) -> set[str]:
    written = {"s3:PutObject", "s3:DeleteObject"}
    return {grant.role for grant in GRANTS if grant.action in written and grant.resource == f"{bucket}/*"}


def test_nothing_can_write_both_to_uploads_and_to_renditions() -> None:
    assert writers("UploadsBucket") == {"WebRole"}
    assert writers("RenditionsBucket") == {"RenderRole", "SweepRole"}
    assert writers("ReportsBucket") == {"WebRole"}


def test_nothing_deletes_an_original() -> None:
    destroyed = {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration"}

    assert not [grant for grant in GRANTS if grant.action in destroyed and "UploadsBucket" in grant.resource]


def test_originals_are_read_by_render_alone() -> None:
    read = {"s3:GetObject", "s3:GetObjectVersion"}

    assert {grant.role for grant in GRANTS if grant.action in read and "UploadsBucket" in grant.resource} == {
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
    """The resources referenced in a part of the template."""
    return set(re.findall(r"\w+", json.dumps(node))) & RESOURCES.keys()


def leads_to() -> dict[str, set[str]]:
    """Edges of the event flow: from a role to its writes, and from an event source to its targets.

    The event for a connection closed by `live` is left out: it is the last one of that connection.
    """
    edges: dict[str, set[str]] = {name: set() for name in RESOURCES}
    for grant in GRANTS:
        if grant.action in _WRITING:
            edges[grant.role] |= names(grant.resource)
    for name, resource in RESOURCES.items():
        properties = resource.get("Properties", {})
        edges[name] |= names(properties.get("NotificationConfiguration", {}))
        edges[name] |= names(properties.get("RedrivePolicy", {}))
        for event in properties.get("Events", {}).values() if "CodeUri" in properties else ():
            for source in names([event["Properties"].get(kind) for kind in ("Queue", "Stream")]):
                edges[source].add(ROLES[name])
        if resource["Type"] == "AWS::Events::Rule":
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
