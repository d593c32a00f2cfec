"""The resources of template.yaml: event flow, live profile, WebSocket, wiring, permissions."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from darkroom import settings
from darkroom.domain.profile import built_in, parse_profile, profile_schema
from darkroom.services import projecting
from darkroom.web.routes import ROUTES
from darkroom_cli.local import front_door
from darkroom_cli.render import limits
from tests.cloudformation import PROJECT, Node, load_template, of_type

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
GLOBALS: Node = TEMPLATE["Globals"]["Function"]
SETTINGS: dict[str, type[NamedTuple]] = {
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


def test_the_uploads_bucket_notifies_the_render_queue_only() -> None:
    notifications = RESOURCES["UploadsBucket"]["Properties"]["NotificationConfiguration"]
    queues = {
        configuration["Event"]: configuration["Queue"]
        for configuration in notifications["QueueConfigurations"]
    }

    assert notifications.keys() == {"QueueConfigurations"}
    assert queues.keys() == {"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"}
    assert all(queue == {"Fn::GetAtt": ["RenderQueue", "Arn"]} for queue in queues.values())


def test_renditions_cannot_become_uploads() -> None:
    assert "NotificationConfiguration" not in RESOURCES["RenditionsBucket"]["Properties"]
    assert actions_on("RenderFunction", "UploadsBucket").isdisjoint({"s3:PutObject", "s3:DeleteObject"})


def test_only_the_uploads_bucket_of_this_account_can_send_to_the_queue() -> None:
    statement = RESOURCES["RenderQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]

    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    bucket_name = RESOURCES["UploadsBucket"]["Properties"]["BucketName"]["Fn::Sub"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(":::" + bucket_name)


def test_failed_messages_go_to_the_dead_letter_queue() -> None:
    redrive = RESOURCES["RenderQueue"]["Properties"]["RedrivePolicy"]

    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert redrive["maxReceiveCount"] >= 5


def test_park_reads_the_dead_letter_queue_without_a_redrive_policy() -> None:
    source = FUNCTIONS["ParkFunction"]["Events"]["DeadLetterReceived"]["Properties"]

    assert source["Queue"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert "RedrivePolicy" not in RESOURCES["DeadLetters"]["Properties"]


def test_one_picture_per_invocation_and_concurrency_by_parameter() -> None:
    source = FUNCTIONS["RenderFunction"]["Events"]["OriginalArrived"]["Properties"]

    assert source["BatchSize"] == 1
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    pollers, bounded = source["ProvisionedPollerConfig"]["Fn::If"], source["ScalingConfig"]["Fn::If"]
    none = {"Ref": "AWS::NoValue"}
    # AWS accepts only one of the two.
    assert bounded == ["HasPollers", none, {"MaximumConcurrency": {"Ref": "MaximumConcurrency"}}]
    assert pollers == ["HasPollers", {"MinimumPollers": 2, "MaximumPollers": {"Ref": "RenderPollers"}}, none]
    assert TEMPLATE["Parameters"]["RenderPollers"]["Default"] == 0


def test_failed_stream_batches_are_bisected_retried_and_sent_to_a_queue() -> None:
    source = FUNCTIONS["ProjectFunction"]["Events"]["LedgerChanged"]["Properties"]

    assert source["BisectBatchOnFunctionError"] is True
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 0 < source["MaximumRetryAttempts"] < 10_000
    assert source["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["ProjectFailures", "Arn"]
    }
    assert "sqs:SendMessage" in actions_on("ProjectFunction", "ProjectFailures")


def test_the_views_have_the_keys_of_the_ledger() -> None:
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
def test_a_release_does_not_deploy_the_first_profile_again(name: str) -> None:
    """A change of these resources would deploy the first profile again. Only the validators may change."""
    properties = {**RESOURCES[name]["Properties"]}
    properties.pop("Validators", None)

    assert properties == _PROFILE_RESOURCES[name]


def test_the_first_profile_is_valid() -> None:
    assert parse_profile(RESOURCES["FirstProfile"]["Properties"]["Content"]) == built_in("default")


def test_appconfig_validates_profiles_with_the_schema() -> None:
    [validator] = RESOURCES["LiveProfile"]["Properties"]["Validators"]

    assert validator == {
        "Type": "JSON_SCHEMA",
        "Content": json.dumps(profile_schema(), separators=(",", ":")),
    }


def test_render_can_read_only_the_live_profile() -> None:
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


def test_the_websocket_api_has_connect_hello_and_disconnect_routes() -> None:
    routes = [
        route
        for route in of_type(TEMPLATE, "AWS::ApiGatewayV2::Route").values()
        if route["ApiId"] == {"Ref": "LiveApi"}
    ]

    assert RESOURCES["LiveApi"]["Properties"]["ProtocolType"] == "WEBSOCKET"
    assert {route["RouteKey"] for route in routes} == {"$connect", "$default", "$disconnect"}
    assert all(route["Target"] == {"Fn::Sub": "integrations/${LiveIntegration}"} for route in routes)


@pytest.mark.parametrize("function", ["LiveFunction", "ProjectFunction"])
def test_websocket_messages_use_the_deployed_stage(function: str) -> None:
    assert RESOURCES["LiveStage"]["Properties"]["StageName"] == "live"
    assert endpoint_of(function, "LIVE_ENDPOINT", local=True).endswith("/_aws/execute-api/${LiveApi}/live")
    assert endpoint_of(function, "LIVE_ENDPOINT", local=False) == (
        "https://${LiveApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"
    )


def test_the_websocket_url_is_the_front_door_locally_and_the_api_in_the_cloud() -> None:
    assert endpoint_of("WebFunction", "LIVE_URL", local=True) == front_door.LIVE_PATH
    assert endpoint_of("WebFunction", "LIVE_URL", local=False) == (
        "wss://${LiveApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"
    )
    assert TEMPLATE["Parameters"]["LocalEndpoint"]["Default"] == ""


def test_websocket_permissions_are_limited_to_the_live_api() -> None:
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


def test_web_writes_tickets_and_live_redeems_them() -> None:
    assert actions_on("WebFunction", "Channels") == {"dynamodb:PutItem"}
    assert actions_on("ProjectFunction", "Channels") == {"dynamodb:Query", "dynamodb:DeleteItem"}
    redeeming = {"dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem"}
    assert actions_on("LiveFunction", "Channels") == redeeming
    assert actions_on("LiveFunction", "Views") == {"dynamodb:Query"}


# Wiring


@pytest.mark.parametrize("function", FUNCTIONS)
def test_environment_variables_match_the_settings(function: str) -> None:
    own = FUNCTIONS[function]["Environment"]["Variables"]
    kind = SETTINGS[function]
    needed = {name.upper() for name in kind._fields if name not in kind._field_defaults}
    known = {name.upper() for name in kind._fields} | {"POWERTOOLS_SERVICE_NAME"}

    assert needed <= own.keys()
    assert own.keys() <= known


def test_every_settings_class_belongs_to_a_function() -> None:
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


def test_schedule_names_are_unique_per_stack() -> None:
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


def test_only_render_has_the_imaging_layer() -> None:
    with_imaging = [
        name for name, function in FUNCTIONS.items() if {"Ref": "ImagingLayer"} in function.get("Layers", [])
    ]

    assert with_imaging == ["RenderFunction"]
    assert GLOBALS["Layers"] == [{"Ref": "DarkroomLayer"}]


def test_functions_and_layers_have_one_architecture_and_python() -> None:
    assert GLOBALS["Runtime"] == "python3.13"
    assert GLOBALS["Architectures"] == [{"Ref": "Architecture"}]
    for name, layer in of_type(TEMPLATE, "AWS::Serverless::LayerVersion").items():
        assert layer["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
        assert RESOURCES[name]["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}


def strings_and_numbers(node: Any) -> Iterator[Any]:
    """Every value in a node of the template, without names of functions and their references."""
    match node:
        case {"Fn::If": [_, *values]} | [*values]:
            for value in values:
                yield from strings_and_numbers(value)
        case str() | int() | float():
            yield node


def test_every_environment_variable_is_a_string() -> None:
    """Lambda's API takes no numbers, and neither does the local stack."""
    kinds = {
        type(value)
        for function in FUNCTIONS.values()
        for node in function.get("Environment", {}).get("Variables", {}).values()
        for value in strings_and_numbers(node)
    }

    assert kinds == {str}


def test_the_default_architecture_is_arm64() -> None:
    assert TEMPLATE["Parameters"]["Architecture"]["Default"] == "arm64"


def test_darkroom_render_has_the_limits_of_the_render_function() -> None:
    assert FUNCTIONS["RenderFunction"]["MemorySize"] == {"Ref": "RenderMemoryMB"}
    assert TEMPLATE["Parameters"]["RenderMemoryMB"]["Default"] == limits.MEMORY_MB
    assert TEMPLATE["Parameters"]["RenderTimeoutSeconds"]["Default"] == str(limits.TIMEOUT_SECONDS)


# Permissions and public access


def test_the_api_has_exactly_the_routes_of_the_table() -> None:
    routes = of_type(TEMPLATE, "AWS::ApiGatewayV2::Route").values()
    route_keys = [route["RouteKey"] for route in routes if route["ApiId"] == {"Ref": "Api"}]

    assert sorted(route_keys) == sorted(key for route in ROUTES for key in route.keys)


def test_web_cannot_read_originals_and_render_cannot_write_them() -> None:
    assert actions_on("WebFunction", "UploadsBucket") == {"s3:PutObject", "s3:DeleteObject"}
    assert actions_on("WebFunction", "RenditionsBucket") == {"s3:GetObject"}
    assert actions_on("RenderFunction", "RenditionsBucket") == {"s3:PutObject", "s3:DeleteObject"}
    assert actions_on("RenderFunction", "UploadsBucket") == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_statements_are_plain_allow_statements(function: str) -> None:
    for statement in statements(function):
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"


def test_events_go_to_the_event_bus_of_the_stack() -> None:
    [name] = of_type(TEMPLATE, "AWS::Events::EventBus")

    assert FUNCTIONS["ProjectFunction"]["Environment"]["Variables"]["EVENT_BUS"] == {"Ref": name}
    assert actions_on("ProjectFunction", name) == {"events:PutEvents"}


def test_a_stream_batch_fits_one_transaction() -> None:
    source = FUNCTIONS["ProjectFunction"]["Events"]["LedgerChanged"]["Properties"]

    assert source["BatchSize"] == projecting.BATCH


def test_an_own_kms_key_encrypts_originals_and_only_render_may_decrypt_them() -> None:
    key = {"Ref": "UploadsKmsKeyArn"}
    [encryption] = RESOURCES["UploadsBucket"]["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    condition, own_key, without = encryption["Fn::If"]
    policies = {
        policy["RoleName"]["Ref"]: policy["PolicyDocument"]["Statement"]
        for policy in of_type(TEMPLATE, "AWS::IAM::RolePolicy").values()
    }

    assert own_key["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert without["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert {
        role: [(action, statement["Resource"]) for statement in statements for action in statement["Action"]]
        for role, statements in policies.items()
    } == {"RenderRole": [("kms:Decrypt", key)], "WebRole": [("kms:GenerateDataKey", key)]}
    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::IAM::RolePolicy":
            assert resource["Condition"] == condition == "HasUploadsKey"


def test_web_can_only_read_views() -> None:
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


def test_bucket_cors_allows_the_api_and_the_allowed_origins_only() -> None:
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


def test_api_cors_is_off_without_allowed_origins() -> None:
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
def test_allowed_origins_are_complete(origin: str, allowed: bool) -> None:
    pattern = TEMPLATE["Parameters"]["AllowedOrigins"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, origin)) is allowed


def test_the_distribution_is_off_by_default() -> None:
    by_cloudfront = [name for name, resource in RESOURCES.items() if "CloudFront" in resource["Type"]]

    assert len(by_cloudfront) == 3
    assert all(RESOURCES[name]["Condition"] == "HasCloudFront" for name in by_cloudfront)
    assert TEMPLATE["Parameters"]["CloudFront"]["Default"] == "false"
    assert TEMPLATE["Conditions"]["HasCloudFront"] == {"Fn::Equals": [{"Ref": "CloudFront"}, "true"]}


def test_the_renditions_bucket_allows_its_distribution_only() -> None:
    policy = RESOURCES["RenditionsBucketPolicy"]["Properties"]
    [condition, statement, otherwise] = policy["PolicyDocument"]["Statement"][1]["Fn::If"]

    assert policy["Bucket"] == {"Ref": "RenditionsBucket"}
    assert (condition, otherwise) == ("HasCloudFront", {"Ref": "AWS::NoValue"})
    assert (statement["Effect"], statement["Action"]) == ("Allow", "s3:GetObject")
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    source = statement["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Sub"]
    assert source.endswith(":distribution/${RenditionsDistribution}")


def test_the_distribution_signs_its_requests_and_allows_reads_only() -> None:
    config = RESOURCES["RenditionsDistribution"]["Properties"]["DistributionConfig"]
    access = RESOURCES["RenditionsAccess"]["Properties"]["OriginAccessControlConfig"]
    [origin] = config["Origins"]
    behaviour = config["DefaultCacheBehavior"]

    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["RenditionsAccess", "Id"]}
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    assert behaviour["AllowedMethods"] == ["GET", "HEAD"]
    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"


def test_web_receives_the_public_base_url_of_renditions() -> None:
    distribution = {"Fn::Sub": "https://${RenditionsDistribution.DomainName}"}
    base_url = FUNCTIONS["WebFunction"]["Environment"]["Variables"]["RENDITIONS_BASE_URL"]

    assert base_url["Fn::If"] == [
        "HasBaseUrl",
        {"Ref": "RenditionsBaseUrl"},
        {"Fn::If": ["HasCloudFront", distribution, ""]},
    ]
    assert TEMPLATE["Outputs"]["RenditionsBaseUrl"] == {
        "Condition": "ServesRenditions",
        "Description": "Public base URL of the renditions: append a slash and a key of the bucket",
        "Value": {"Fn::If": ["HasBaseUrl", {"Ref": "RenditionsBaseUrl"}, distribution]},
    }


@pytest.mark.parametrize("bucket", of_type(TEMPLATE, "AWS::S3::Bucket"))
def test_buckets_are_private_and_encrypted(bucket: str) -> None:
    properties = RESOURCES[bucket]["Properties"]

    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["BucketEncryption"]
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_originals_are_versioned() -> None:
    assert RESOURCES["UploadsBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize("queue", of_type(TEMPLATE, "AWS::SQS::Queue"))
def test_queues_are_encrypted(queue: str) -> None:
    assert RESOURCES[queue]["Properties"]["SqsManagedSseEnabled"] is True


def test_view_indexes_contain_no_receipts() -> None:
    # An index with receipts would cost one write unit per KB, on the few partitions of recent uploads.
    indexes = RESOURCES["Views"]["Properties"]["GlobalSecondaryIndexes"]

    assert {index["Projection"]["ProjectionType"] for index in indexes} <= {"KEYS_ONLY", "INCLUDE"}
    assert [index["Projection"].get("NonKeyAttributes", []) for index in indexes] == [["key"], [], []]
