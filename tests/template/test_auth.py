"""Authentication of the routes of a deployed stack."""

import tomllib
from typing import Any

import pytest

from darkroom.web.auth import AuthMode, Public
from darkroom.web.routes import ROUTES
from darkroom_cli.tokens import tokens_parameter
from tests.cloudformation import PROJECT, Node, load_template, of_type

TEMPLATE = load_template()
RESOURCES: Node = TEMPLATE["Resources"]
WEB: Node = RESOURCES["WebFunction"]["Properties"]
READING = {route.key for route in ROUTES if route.public is Public.AS_A_PAGE}


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


def test_tokens_are_asked_for_by_default_and_by_the_function() -> None:
    assert set(authorization("Api").values()) == {"NONE"}
    assert auth_mode() == AuthMode.TOKEN


def test_with_iam_the_gateway_asks_for_a_signature_on_every_route() -> None:
    assert set(authorization("Api", Auth="iam").values()) == {"AWS_IAM"}
    assert auth_mode(Auth="iam") == AuthMode.IAM


def test_public_pages_opens_the_two_routes_that_read_and_no_other() -> None:
    with_iam = authorization("Api", Auth="iam", PublicPages="true")

    assert {key for key, kind in with_iam.items() if kind == "NONE"} == READING
    assert TEMPLATE["Parameters"]["PublicPages"]["Default"] == "false"
    assert WEB["Environment"]["Variables"]["PUBLIC_PAGES"] == {"Ref": "PublicPages"}


def test_an_open_stack_asks_nobody_whatever_else_is_set() -> None:
    for auth in ("token", "iam"):
        assert set(authorization("Api", Open="true", Auth=auth).values()) == {"NONE"}
        assert auth_mode(Open="true", Auth=auth) == AuthMode.OPEN


@pytest.mark.parametrize("auth", ["token", "iam"])
def test_the_socket_asks_for_the_signature_that_a_job_brings_in_every_cloud(auth: str) -> None:
    # A WebSocket API supports authorization on $connect only.
    assert authorization("LiveApi", Auth=auth, PublicPages="true")["$connect"] == "AWS_IAM"


def test_the_stack_says_what_it_asks_for() -> None:
    output = TEMPLATE["Outputs"]["Auth"]["Value"]

    assert [value(output, chosen) for chosen in ({}, {"Auth": "iam"}, {"Open": "true"})] == list(AuthMode)


def test_every_kind_that_may_be_asked_for_is_one_that_the_function_knows() -> None:
    assert {*TEMPLATE["Parameters"]["Auth"]["AllowedValues"], "open"} == set(AuthMode)


def test_only_the_local_configuration_is_open() -> None:
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())

    assert [name for name, section in config.items() if "Open=true" in str(section)] == ["local"]
    assert TEMPLATE["Parameters"]["Open"]["Default"] == "false"


def test_web_reads_who_may_come_in_and_nothing_else_in_parameter_store() -> None:
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


def test_the_function_knows_whose_pages_may_write() -> None:
    origins = WEB["Environment"]["Variables"]["ALLOWED_ORIGINS"]

    assert origins == {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]}
