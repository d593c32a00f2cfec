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
def test_policies_deny_requests_without_tls(name: str) -> None:
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


def test_policies_deny_nothing_but_missing_tls() -> None:
    denied = [
        statement["Condition"]
        for name in (*BUCKETS, *QUEUES)
        for policy in policies_on(name)
        for statement in statements_in_the_cloud(policy)
        if statement["Effect"] == "Deny"
    ]

    assert denied == [{"Bool": {"aws:SecureTransport": "false"}}] * len(BUCKETS | QUEUES)


def test_only_the_local_stack_uses_plain_http() -> None:
    """Only `darkroom up` sets an endpoint, and it must be on loopback."""
    assert TEMPLATE["Conditions"]["HasTls"] == {"Fn::Not": [{"Condition": "IsLocal"}]}
    assert TEMPLATE["Conditions"]["IsLocal"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "LocalEndpoint"}, ""]}]}
    assert TEMPLATE["Parameters"]["LocalEndpoint"]["Default"] == ""
    assert re.fullmatch(TEMPLATE["Parameters"]["LocalEndpoint"]["AllowedPattern"], "http://127.0.0.1:4566")
    assert not re.fullmatch(TEMPLATE["Parameters"]["LocalEndpoint"]["AllowedPattern"], "http://10.0.0.1:4566")


# Invocation permissions


@pytest.mark.parametrize("name", of_type(TEMPLATE, "AWS::Lambda::Permission"))
def test_only_the_apis_of_the_stack_may_invoke_functions(name: str) -> None:
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
    return {name: default(value) for name, value in found.items()}


def default(value: Any) -> Any:
    """A value of the template, where a parameter stands for its default."""
    return TEMPLATE["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value


@pytest.mark.parametrize("name", ROUTES)
def test_each_route_is_throttled(name: str) -> None:
    limits = throttle(ROUTES[name])

    assert 0 < limits["ThrottlingRateLimit"] <= 200
    assert limits["ThrottlingRateLimit"] <= limits["ThrottlingBurstLimit"] <= 400


@pytest.mark.parametrize(
    "name", [name for name, route in ROUTES.items() if route["RouteKey"].startswith(("POST", "DELETE"))]
)
def test_writing_routes_have_their_own_lower_limits(name: str) -> None:
    stage = RESOURCES["ApiStage"]["Properties"]

    assert ROUTES[name]["RouteKey"] in stage["RouteSettings"]
    assert (
        throttle(ROUTES[name])["ThrottlingRateLimit"]
        <= stage["DefaultRouteSettings"]["ThrottlingRateLimit"] / 10
    )


def test_waiting_posts_leave_rendering_its_share_of_a_new_accounts_executions() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: new accounts have fewer."""
    limits = throttle(ROUTES["PostRoute"])
    _, _, wait_seconds = RESOURCES["WebFunction"]["Properties"]["Environment"]["Variables"][
        "POST_WAIT_SECONDS"
    ]["Fn::If"]
    waiting = limits["ThrottlingBurstLimit"] + limits["ThrottlingRateLimit"] * float(wait_seconds)
    rendering = TEMPLATE["Parameters"]["MaximumConcurrency"]["Default"]
    projecting = TEMPLATE["Parameters"]["ProjectParallelism"]["Default"]

    assert waiting + rendering + projecting <= 10


def test_the_docs_list_the_limits_of_each_route() -> None:
    rows = re.findall(
        r"^\| (.+) \| ([\d.]+)(?: \(`\w+`\))? \| (\d+) \|$",
        (PROJECT / "docs/api.md").read_text(),
        re.MULTILINE,
    )
    api, live = (RESOURCES[name]["Properties"] for name in ("ApiStage", "LiveStage"))
    limits = {f"`{key}`": setting for key, setting in api["RouteSettings"].items()}
    limits |= {"any other": api["DefaultRouteSettings"]}
    limits |= {"the WebSocket: connecting, and each message": live["DefaultRouteSettings"]}

    assert {route: (float(rate), int(burst)) for route, rate, burst in rows} == {
        route: (default(limit["ThrottlingRateLimit"]), limit["ThrottlingBurstLimit"])
        for route, limit in limits.items()
    }


def test_the_stage_depends_on_its_throttled_routes() -> None:
    """API Gateway refuses settings of a missing route."""
    stage = RESOURCES["ApiStage"]
    throttled = {
        name for name, route in ROUTES.items() if route["RouteKey"] in stage["Properties"]["RouteSettings"]
    }

    assert {ROUTES[name]["RouteKey"] for name in throttled} == stage["Properties"]["RouteSettings"].keys()
    assert set(stage["DependsOn"]) == throttled


def test_the_access_log_has_the_route_but_no_path_or_query() -> None:
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
def test_every_log_group_has_a_retention_period(name: str) -> None:
    assert RESOURCES[name]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


# Permissions of the functions


@pytest.mark.parametrize("function", ROLES)
def test_each_function_has_its_own_role_for_lambda_only(function: str) -> None:
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
def test_permissions_have_no_wildcards_without_a_reason(grant: Grant) -> None:
    assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", grant.action)
    assert "*" not in grant.resource or why(grant.resource) or grant.action in NAMELESS


@pytest.mark.parametrize("function", ROLES)
def test_a_function_writes_its_own_logs_and_traces_only(function: str) -> None:
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
    return {grant.role for grant in GRANTS if grant.action in written and grant.resource.startswith(bucket)}


def test_no_role_can_write_to_both_uploads_and_renditions() -> None:
    assert writers("UploadsBucket") == {"WebRole"}
    assert writers("RenditionsBucket") == {"RenderRole", "SweepRole"}
    assert writers("ReportsBucket") == {"RenderRole", "WebRole"}


def test_render_reaches_only_the_trials_in_the_reports_bucket() -> None:
    reached = {
        grant.resource
        for grant in GRANTS
        if grant.role == "RenderRole" and grant.resource.startswith("ReportsBucket")
    }

    assert reached == {"ReportsBucket/trials/*"}


def test_no_role_can_destroy_originals() -> None:
    """`web` may add delete markers: the bucket is versioned."""
    destroyed = {"s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration", "s3:PutBucketVersioning"}

    assert not [grant for grant in GRANTS if grant.action in destroyed and "UploadsBucket" in grant.resource]


def test_only_render_can_read_originals() -> None:
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
def test_no_function_can_trigger_itself(role: str) -> None:
    assert role not in reached(role, leads_to())


def test_the_event_graph_reaches_render_and_project() -> None:
    assert {"RenderRole", "ParkRole", "ProjectRole"} <= reached("UploadsBucket", leads_to())
    assert {"RenderRole", "ProjectRole"} <= reached("WebRole", leads_to())
    assert not reached("RenditionsBucket", leads_to())
