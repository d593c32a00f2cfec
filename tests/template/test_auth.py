"""Authentication of the routes of a deployed stack."""

import tomllib
from typing import Any

import pytest

from darkroom.domain.auth import AuthMode
from darkroom.web.auth import PublicAccess
from darkroom.web.routes import ROUTES
from darkroom_cli.tokens import tokens_parameter
from tests.cloudformation import PROJECT, Node, load_template, of_type

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
WEB: Node = RESOURCES["WebFunction"]["Properties"]
READING = {key for route in ROUTES if route.public is PublicAccess.IF_PAGES_ARE_PUBLIC for key in route.keys}


def value(node: Any, parameters: dict[str, str]) -> Any:
    """The value of a node for these parameters; all others have their defaults."""
    match node:
        case {"Fn::If": [condition, then, otherwise]}:
            return value(then if value({"Condition": condition}, parameters) else otherwise, parameters)
        case {"Condition": str(name)}:
            return value(TEMPLATE["Conditions"][name], parameters)
        case {"Fn::Equals": [left, right]}:
            return value(left, parameters) == value(right, parameters)
        case {"Fn::Not": [condition]}:
            return not value(condition, parameters)
        case {"Fn::And": list(conditions)}:
            return all(value(condition, parameters) for condition in conditions)
        case {"Ref": str(name)}:
            return parameters.get(name, TEMPLATE["Parameters"].get(name, {}).get("Default"))
        case str():
            return node
    raise AssertionError(f"{node} is not known here")


def authorization(api: str, **parameters: str) -> dict[str, str]:
    """The authorization type of each route of an API; NONE is the default."""
    return {
        route["RouteKey"]: value(route.get("AuthorizationType", "NONE"), parameters)
        for route in of_type(TEMPLATE, "AWS::ApiGatewayV2::Route").values()
        if route["ApiId"] == {"Ref": api}
    }


def auth_mode(**parameters: str) -> str:
    """The setting AUTH of the web function."""
    return str(value(WEB["Environment"]["Variables"]["AUTH"], parameters))


def test_by_default_the_function_requires_tokens() -> None:
    assert set(authorization("Api").values()) == {"NONE"}
    assert auth_mode() == AuthMode.TOKEN


def test_with_iam_api_gateway_requires_a_signature_on_every_route() -> None:
    assert set(authorization("Api", Auth="iam").values()) == {"AWS_IAM"}
    assert auth_mode(Auth="iam") == AuthMode.IAM


def test_public_pages_opens_two_read_routes_only() -> None:
    with_iam = authorization("Api", Auth="iam", PublicPages="true")

    assert {key for key, kind in with_iam.items() if kind == "NONE"} == READING
    assert TEMPLATE["Parameters"]["PublicPages"]["Default"] == "false"
    assert WEB["Environment"]["Variables"]["PUBLIC_PAGES"] == {"Ref": "PublicPages"}


def test_an_open_stack_requires_no_authentication() -> None:
    for auth in ("token", "iam"):
        assert set(authorization("Api", Open="true", Auth=auth).values()) == {"NONE"}
        assert auth_mode(Open="true", Auth=auth) == AuthMode.OPEN


@pytest.mark.parametrize("auth", ["token", "iam"])
def test_the_websocket_requires_a_signature_in_the_cloud(auth: str) -> None:
    # A WebSocket API supports authorization on $connect only.
    assert authorization("LiveApi", Auth=auth, PublicPages="true")["$connect"] == "AWS_IAM"


def test_the_auth_output_matches_the_parameters() -> None:
    output = TEMPLATE["Outputs"]["Auth"]["Value"]

    assert [value(output, chosen) for chosen in ({}, {"Auth": "iam"}, {"Open": "true"})] == list(AuthMode)


def test_every_auth_mode_is_supported_by_the_function() -> None:
    assert {*TEMPLATE["Parameters"]["Auth"]["AllowedValues"], "open"} == set(AuthMode)


def test_only_the_local_configuration_is_open() -> None:
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())

    assert [name for name, section in config.items() if "Open=true" in str(section)] == ["local"]
    assert TEMPLATE["Parameters"]["Open"]["Default"] == "false"


def test_web_can_read_only_the_tokens_parameter() -> None:
    [policy] = RESOURCES["WebRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    [statement] = [
        statement
        for statement in statements
        if any(action.startswith("ssm:") for action in statement["Action"])
    ]
    name = tokens_parameter("${AWS::StackName}")

    assert statement["Action"] == ["ssm:GetParameter"]
    assert statement["Resource"]["Fn::Sub"].endswith(f":parameter{name}")
    assert WEB["Environment"]["Variables"]["TOKENS_PARAMETER"] == {"Fn::Sub": name}


def test_the_function_receives_the_allowed_origins() -> None:
    origins = WEB["Environment"]["Variables"]["ALLOWED_ORIGINS"]

    assert origins == {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]}
