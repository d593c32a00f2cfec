"""The resources of template.yaml: event flow, live profile, WebSocket, wiring, permissions."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

import pytest

from darkroom import settings
from darkroom.domain.profile import built_in, parse_profile, profile_schema
from darkroom.services import projecting
from darkroom.web.routes import ROUTES
from darkroom_cli import render
from darkroom_cli.local import front_door
from tests.cloudformation import PROJECT, Node, load_template, of_type

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
GLOBALS: Node = TEMPLATE["Globals"]["Function"]
SETTINGS = {
    "RenderFunction": settings.RenderSettings,
    "ParkFunction": settings.ParkSettings,
    "SweepFunction": settings.SweepSettings,
    "ProjectFunction": settings.ProjectSettings,
    "LiveFunction": settings.LiveSettings,
    "WebFunction": settings.WebSettings,
}


FUNCTIONS = of_type(TEMPLATE, "AWS::Serverless::Function")


def statements(function: str) -> list[Node]:
    """The statements of a function's role."""
    role, attribute = FUNCTIONS[function]["Role"]["Fn::GetAtt"]
    assert attribute == "Arn"
    policies = RESOURCES[role]["Properties"]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def actions_on(function: str, resource: str) -> set[str]:
    """The actions allowed to a function on a resource."""
    return {
        action
        for statement in statements(function)
        for action in statement["Action"]
        if resource in re.findall(r"\w+", str(statement["Resource"]))
    }


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    else:
        yield str(node)


# Event flow


def test_the_uploads_bucket_tells_the_render_queue_and_nothing_else() -> None:
    notifications = RESOURCES["UploadsBucket"]["Properties"]["NotificationConfiguration"]
    queues = {
        configuration["Event"]: configuration["Queue"]
        for configuration in notifications["QueueConfigurations"]
    }

    assert notifications.keys() == {"QueueConfigurations"}
    assert queues.keys() == {"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"}
    assert all(queue == {"Fn::GetAtt": ["RenderQueue", "Arn"]} for queue in queues.values())


def test_no_rendition_can_become_an_upload() -> None:
    assert "NotificationConfiguration" not in RESOURCES["RenditionsBucket"]["Properties"]
    assert actions_on("RenderFunction", "UploadsBucket").isdisjoint({"s3:PutObject", "s3:DeleteObject"})


def test_only_the_uploads_bucket_of_this_account_may_send_to_the_queue() -> None:
    statement = RESOURCES["RenderQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]

    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    bucket_name = RESOURCES["UploadsBucket"]["Properties"]["BucketName"]["Fn::Sub"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(":::" + bucket_name)


def test_what_is_given_up_goes_to_the_dead_letters() -> None:
    redrive = RESOURCES["RenderQueue"]["Properties"]["RedrivePolicy"]

    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert redrive["maxReceiveCount"] >= 5


def test_park_reads_the_dead_letters_which_die_no_second_time() -> None:
    source = FUNCTIONS["ParkFunction"]["Events"]["DeadLetterReceived"]["Properties"]

    assert source["Queue"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert "RedrivePolicy" not in RESOURCES["DeadLetters"]["Properties"]


def test_one_picture_is_rendered_per_invocation_and_a_parameter_bounds_how_many_at_once() -> None:
    source = FUNCTIONS["RenderFunction"]["Events"]["OriginalArrived"]["Properties"]

    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    pollers, bounded = source["ProvisionedPollerConfig"]["Fn::If"], source["ScalingConfig"]["Fn::If"]
    none = {"Ref": "AWS::NoValue"}
    # AWS accepts only one of the two.
    assert bounded == ["HasPollers", none, {"MaximumConcurrency": {"Ref": "MaximumConcurrency"}}]
    assert pollers == ["HasPollers", {"MinimumPollers": 2, "MaximumPollers": {"Ref": "RenderPollers"}}, none]
    assert TEMPLATE["Parameters"]["RenderPollers"]["Default"] == 0


def test_the_stream_is_bisected_retried_within_bounds_and_ends_in_a_queue() -> None:
    source = FUNCTIONS["ProjectFunction"]["Events"]["LedgerChanged"]["Properties"]

    assert source["BisectBatchOnFunctionError"] is True
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 0 < source["MaximumRetryAttempts"] < 10_000
    assert source["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["ProjectFailures", "Arn"]
    }
    assert "sqs:SendMessage" in actions_on("ProjectFunction", "ProjectFailures")


def test_the_views_are_keyed_like_the_ledger() -> None:
    assert RESOURCES["Views"]["Properties"]["KeySchema"] == RESOURCES["Ledger"]["Properties"]["KeySchema"]


# The live profile

_PROFILE_RESOURCES = {
    "ProfileApplication": {"Name": {"Ref": "AWS::StackName"}},
    "ProfileEnvironment": {"ApplicationId": {"Ref": "ProfileApplication"}, "Name": "live"},
    "LiveProfile": {
        "ApplicationId": {"Ref": "ProfileApplication"},
        "Name": "profile",
        "LocationUri": "hosted",
    },
    "ProfileStrategy": {
        "Name": {"Fn::Sub": "${AWS::StackName}-at-once"},
        "DeploymentDurationInMinutes": 0,
        "GrowthFactor": 100,
        "FinalBakeTimeInMinutes": 0,
        "ReplicateTo": "NONE",
    },
    "FirstProfile": {
        "ApplicationId": {"Ref": "ProfileApplication"},
        "ConfigurationProfileId": {"Ref": "LiveProfile"},
        "ContentType": "application/json",
        "Content": '{"built_in": "default"}',
    },
    "FirstProfileDeployment": {
        "ApplicationId": {"Ref": "ProfileApplication"},
        "EnvironmentId": {"Ref": "ProfileEnvironment"},
        "ConfigurationProfileId": {"Ref": "LiveProfile"},
        "ConfigurationVersion": {"Ref": "FirstProfile"},
        "DeploymentStrategyId": {"Ref": "ProfileStrategy"},
    },
}


@pytest.mark.parametrize("name", _PROFILE_RESOURCES)
def test_a_release_never_deploys_the_first_profile_again_over_one_that_was_pushed(name: str) -> None:
    """A change of these resources would deploy the first profile again. Only the validators may change."""
    properties = {**RESOURCES[name]["Properties"]}
    properties.pop("Validators", None)

    assert properties == _PROFILE_RESOURCES[name]


def test_the_first_profile_is_a_good_one() -> None:
    assert parse_profile(RESOURCES["FirstProfile"]["Properties"]["Content"]) == built_in("default")


def test_appconfig_holds_a_profile_to_the_rules_that_the_functions_hold_it_to() -> None:
    [validator] = RESOURCES["LiveProfile"]["Properties"]["Validators"]

    assert validator == {
        "Type": "JSON_SCHEMA",
        "Content": json.dumps(profile_schema(), separators=(",", ":")),
    }


def test_render_reads_the_live_profile_and_nothing_else_in_appconfig() -> None:
    [statement] = [statement for statement in statements("RenderFunction") if "appconfig" in str(statement)]

    assert statement["Action"] == ["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"]
    assert statement["Resource"]["Fn::Sub"].endswith(
        ":application/${ProfileApplication}/environment/${ProfileEnvironment}/configuration/${LiveProfile}"
    )


# WebSocket


def endpoint_of(function: str, setting: str, *, local: bool) -> str:
    condition, on_local_stack, in_cloud = FUNCTIONS[function]["Environment"]["Variables"][setting]["Fn::If"]
    assert condition == "IsLocal"
    chosen = on_local_stack if local else in_cloud
    return str(chosen["Fn::Sub"] if isinstance(chosen, dict) else chosen)


def test_a_socket_api_hears_hello_and_both_ends_of_a_connection() -> None:
    routes = [
        route
        for route in of_type(TEMPLATE, "AWS::ApiGatewayV2::Route").values()
        if route["ApiId"] == {"Ref": "LiveApi"}
    ]

    assert RESOURCES["LiveApi"]["Properties"]["ProtocolType"] == "WEBSOCKET"
    assert {route["RouteKey"] for route in routes} == {"$connect", "$default", "$disconnect"}
    assert all(route["Target"] == {"Fn::Sub": "integrations/${LiveIntegration}"} for route in routes)


@pytest.mark.parametrize("function", ["LiveFunction", "ProjectFunction"])
def test_messages_go_to_the_stage_that_is_deployed(function: str) -> None:
    assert RESOURCES["LiveStage"]["Properties"]["StageName"] == "live"
    assert endpoint_of(function, "LIVE_ENDPOINT", local=True).endswith("/_aws/execute-api/${LiveApi}/live")
    assert endpoint_of(function, "LIVE_ENDPOINT", local=False) == (
        "https://${LiveApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"
    )


def test_the_local_socket_is_at_the_front_door_and_any_other_at_the_api() -> None:
    assert endpoint_of("WebFunction", "LIVE_URL", local=True) == front_door.LIVE_PATH
    assert endpoint_of("WebFunction", "LIVE_URL", local=False) == (
        "wss://${LiveApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"
    )
    assert TEMPLATE["Parameters"]["LocalEndpoint"]["Default"] == ""


def test_only_those_who_tell_may_and_only_on_the_live_api() -> None:
    allowed = {
        (function, re.sub(r".*\$\{LiveApi\}", "", text))
        for function in FUNCTIONS
        for statement in statements(function)
        if any(action.startswith("execute-api:") for action in statement["Action"])
        for text in texts(statement["Resource"])
    }

    assert allowed == {
        ("ProjectFunction", "/live/POST/@connections/*"),
        ("LiveFunction", "/live/POST/@connections/*"),
        ("LiveFunction", "/live/DELETE/@connections/*"),
        ("WebFunction", "/live/$connect"),
    }


def test_tickets_are_given_by_web_and_taken_by_live_alone() -> None:
    assert actions_on("WebFunction", "Channels") == {"dynamodb:PutItem"}
    assert actions_on("ProjectFunction", "Channels") == {"dynamodb:Query", "dynamodb:DeleteItem"}
    redeeming = {"dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem"}
    assert actions_on("LiveFunction", "Channels") == redeeming
    assert actions_on("LiveFunction", "Views") == {"dynamodb:Query"}


# Wiring


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_setting_is_wired_and_nothing_else_is(function: str) -> None:
    own = FUNCTIONS[function]["Environment"]["Variables"]
    kind = SETTINGS[function]
    needed = {field.name.upper() for field in fields(kind) if field.default is MISSING}
    known = {field.name.upper() for field in fields(kind)} | {"POWERTOOLS_SERVICE_NAME"}

    assert needed <= own.keys()
    assert own.keys() <= known


def test_every_kind_of_settings_belongs_to_a_function() -> None:
    kinds = {
        kind
        for _, kind in inspect.getmembers(settings, inspect.isclass)
        if kind.__module__ == settings.__name__
    }

    assert kinds == set(SETTINGS.values())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_is_an_entry_point_with_a_handler(function: str) -> None:
    source = PROJECT / FUNCTIONS[function]["CodeUri"] / "app.py"
    defined = {node.name for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef)}

    assert GLOBALS["Handler"] == "app.handler"
    assert "handler" in defined


def test_a_schedule_has_no_name_that_another_stack_has_too() -> None:
    scheduled = [
        event["Properties"]
        for function in FUNCTIONS.values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "ScheduleV2"
    ]

    assert [schedule["OmitName"] for schedule in scheduled] == [True]


def test_every_entry_point_is_deployed() -> None:
    deployed = {(PROJECT / function["CodeUri"]).name for function in FUNCTIONS.values()}

    assert deployed == {path.parent.name for path in (PROJECT / "functions").glob("*/app.py")}


def test_native_wheels_are_attached_to_render_alone() -> None:
    with_imaging = [
        name for name, function in FUNCTIONS.items() if {"Ref": "ImagingLayer"} in function.get("Layers", [])
    ]

    assert with_imaging == ["RenderFunction"]
    assert GLOBALS["Layers"] == [{"Ref": "DarkroomLayer"}]


def test_functions_and_layers_are_of_one_architecture_and_python() -> None:
    assert GLOBALS["Runtime"] == "python3.13"
    assert GLOBALS["Architectures"] == [{"Ref": "Architecture"}]
    for name, layer in of_type(TEMPLATE, "AWS::Serverless::LayerVersion").items():
        assert layer["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
        assert RESOURCES[name]["Metadata"] == {
            "BuildMethod": "python3.13",
            "BuildArchitecture": {"Ref": "Architecture"},
        }


def test_the_cloud_is_arm64_unless_told_otherwise() -> None:
    assert TEMPLATE["Parameters"]["Architecture"]["Default"] == "arm64"


def test_the_command_line_renders_within_the_functions_own_limits() -> None:
    assert FUNCTIONS["RenderFunction"]["MemorySize"] == {"Ref": "RenderMemoryMB"}
    assert TEMPLATE["Parameters"]["RenderMemoryMB"]["Default"] == render.MEMORY_MB
    assert TEMPLATE["Parameters"]["RenderTimeoutSeconds"]["Default"] == str(render.TIMEOUT_SECONDS)


# Permissions and public access


def test_the_api_lets_in_what_the_table_of_routes_has_and_nothing_else() -> None:
    routes = of_type(TEMPLATE, "AWS::ApiGatewayV2::Route").values()
    route_keys = [route["RouteKey"] for route in routes if route["ApiId"] == {"Ref": "Api"}]

    assert sorted(route_keys) == sorted(route.key for route in ROUTES)


def test_web_can_not_read_originals_and_render_can_not_write_them() -> None:
    assert actions_on("WebFunction", "UploadsBucket") == {"s3:PutObject"}
    assert actions_on("WebFunction", "RenditionsBucket") == {"s3:GetObject"}
    assert actions_on("RenderFunction", "RenditionsBucket") == {"s3:PutObject", "s3:DeleteObject"}
    assert actions_on("RenderFunction", "UploadsBucket") == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_statement_allows_what_it_names(function: str) -> None:
    for statement in statements(function):
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"


def test_uploads_and_jobs_are_announced_on_a_bus_of_the_stacks_own() -> None:
    [name] = of_type(TEMPLATE, "AWS::Events::EventBus")

    assert FUNCTIONS["ProjectFunction"]["Environment"]["Variables"]["EVENT_BUS"] == {"Ref": name}
    assert actions_on("ProjectFunction", name) == {"events:PutEvents"}


def test_what_a_batch_tells_of_one_job_is_one_transaction() -> None:
    source = FUNCTIONS["ProjectFunction"]["Events"]["LedgerChanged"]["Properties"]

    assert source["BatchSize"] == projecting.BATCH


def test_web_reads_views_and_writes_no_view() -> None:
    read = {"dynamodb:BatchGetItem", "dynamodb:Query"}
    assert actions_on("WebFunction", "Views") == read


ORIGINS = {
    "Fn::Split": [
        ",",
        {
            "Fn::If": [
                "HasOrigins",
                {
                    "Fn::Join": [
                        ",",
                        [
                            {"Fn::GetAtt": ["Api", "ApiEndpoint"]},
                            {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]},
                        ],
                    ]
                },
                {"Fn::GetAtt": ["Api", "ApiEndpoint"]},
            ]
        },
    ]
}


def test_the_buckets_answer_pages_of_this_site_and_of_the_allowed_origins_alone() -> None:
    rules = {
        name: bucket["CorsConfiguration"]["CorsRules"]
        for name, bucket in of_type(TEMPLATE, "AWS::S3::Bucket").items()
    }

    assert {name: [rule["AllowedMethods"] for rule in own] for name, own in rules.items()} == {
        "UploadsBucket": [["POST"]],
        "RenditionsBucket": [["GET", "HEAD"]],
        "ReportsBucket": [["GET", "HEAD"]],
    }
    assert all(rule["AllowedOrigins"] == ORIGINS for own in rules.values() for rule in own)


def test_the_api_answers_pages_of_other_origins_only_where_some_are_allowed() -> None:
    condition, cors, otherwise = RESOURCES["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]

    assert (condition, otherwise) == ("HasOrigins", {"Ref": "AWS::NoValue"})
    assert cors["AllowOrigins"] == {"Ref": "AllowedOrigins"}
    assert {"idempotency-key", "if-none-match", "content-type"} <= set(cors["AllowHeaders"])
    assert "etag" in cors["ExposeHeaders"]
    assert TEMPLATE["Parameters"]["AllowedOrigins"]["Default"] == ""


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://www.example.com", True),
        ("http://localhost:8000", True),
        ("*", False),
        ("https://*.example.com", False),
        ("https://www.example.com/", False),
        ("www.example.com", False),
    ],
)
def test_an_allowed_origin_is_a_whole_one(origin: str, allowed: bool) -> None:
    pattern = TEMPLATE["Parameters"]["AllowedOrigins"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, origin)) is allowed


def test_renditions_are_public_only_by_a_distribution_that_is_off_by_default() -> None:
    by_cloudfront = [name for name, resource in RESOURCES.items() if "CloudFront" in resource["Type"]]

    assert len(by_cloudfront) == 3
    assert all(RESOURCES[name]["Condition"] == "HasCloudFront" for name in by_cloudfront)
    assert TEMPLATE["Parameters"]["CloudFront"]["Default"] == "false"
    assert TEMPLATE["Conditions"]["HasCloudFront"] == {"Fn::Equals": [{"Ref": "CloudFront"}, "true"]}


def test_the_renditions_bucket_lets_in_this_one_distribution() -> None:
    policy = RESOURCES["RenditionsBucketPolicy"]["Properties"]
    [condition, statement, otherwise] = policy["PolicyDocument"]["Statement"][1]["Fn::If"]

    assert policy["Bucket"] == {"Ref": "RenditionsBucket"}
    assert (condition, otherwise) == ("HasCloudFront", {"Ref": "AWS::NoValue"})
    assert (statement["Effect"], statement["Action"]) == ("Allow", "s3:GetObject")
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    source = statement["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Sub"]
    assert source.endswith(":distribution/${RenditionsDistribution}")


def test_the_distribution_signs_what_it_asks_and_takes_no_writes() -> None:
    config = RESOURCES["RenditionsDistribution"]["Properties"]["DistributionConfig"]
    access = RESOURCES["RenditionsAccess"]["Properties"]["OriginAccessControlConfig"]
    [origin] = config["Origins"]
    behaviour = config["DefaultCacheBehavior"]

    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["RenditionsAccess", "Id"]}
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    assert behaviour["AllowedMethods"] == ["GET", "HEAD"]
    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"


def test_web_is_told_where_renditions_are_public() -> None:
    distribution = {"Fn::Sub": "https://${RenditionsDistribution.DomainName}"}
    base_url = FUNCTIONS["WebFunction"]["Environment"]["Variables"]["RENDITIONS_BASE_URL"]

    assert base_url["Fn::If"] == [
        "HasBaseUrl",
        {"Ref": "RenditionsBaseUrl"},
        {"Fn::If": ["HasCloudFront", distribution, ""]},
    ]
    assert TEMPLATE["Outputs"]["RenditionsBaseUrl"] == {
        "Condition": "ServesRenditions",
        "Description": "Public base URL of the renditions, under the keys of the bucket",
        "Value": {"Fn::If": ["HasBaseUrl", {"Ref": "RenditionsBaseUrl"}, distribution]},
    }


@pytest.mark.parametrize("bucket", of_type(TEMPLATE, "AWS::S3::Bucket"))
def test_no_bucket_is_public_and_each_is_encrypted(bucket: str) -> None:
    properties = RESOURCES[bucket]["Properties"]

    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["BucketEncryption"]
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_originals_are_versioned() -> None:
    assert RESOURCES["UploadsBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("queue", of_type(TEMPLATE, "AWS::SQS::Queue"))
def test_each_queue_is_encrypted(queue: str) -> None:
    assert RESOURCES[queue]["Properties"]["SqsManagedSseEnabled"] is True


def test_no_index_of_the_views_holds_receipts() -> None:
    # An index with receipts would cost one write unit per KB, on the few partitions of recent uploads.
    indexes = RESOURCES["Views"]["Properties"]["GlobalSecondaryIndexes"]

    assert {index["Projection"]["ProjectionType"] for index in indexes} <= {"KEYS_ONLY", "INCLUDE"}
    assert [index["Projection"].get("NonKeyAttributes", []) for index in indexes] == [["key"], [], []]
