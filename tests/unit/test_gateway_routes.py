"""Rules of API Gateway for the routes of an HTTP API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html and
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import pytest

from tests.cloudformation import load_template, of_type

METHODS = {"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
RESERVED = {"ping", "sping"}  # API Gateway's own health checks


def routes_of_http_api() -> list[str]:
    routes = of_type(load_template(), "AWS::ApiGatewayV2::Route").values()
    return [route["RouteKey"] for route in routes if not route["RouteKey"].startswith("$")]


def broken_rules(route_keys: Iterable[str]) -> Iterator[str]:
    """Every rule that API Gateway would refuse these routes for, as a sentence."""
    keys = list(route_keys)
    yield from (f"{key}: twice" for key, count in Counter(keys).items() if count > 1)
    variables: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for key in keys:
        method, _, path = key.partition(" ")
        parts = path.removeprefix("/").split("/") if path != "/" else []
        if method not in METHODS or not path.startswith("/"):
            yield f"{key}: not a method and a path"
        if parts and parts[0] in RESERVED:
            yield f"{key}: a reserved path"
        for place, part in enumerate(parts):
            variable = re.fullmatch(r"\{(\w+)(\+?)\}", part)
            if not variable and re.search(r"[{}]", part):
                yield f"{key}: a variable is a whole part of the path"
            if variable and variable[2] and place < len(parts) - 1:
                yield f"{key}: a greedy variable comes last"
            if variable and not variable[2]:
                above = (method, *(re.sub(r"\{.*", "{}", name) for name in parts[:place]))
                variables[above].add(variable[1])
    for above, names in variables.items():
        if len(names) > 1:
            yield f"{' '.join(above)}: conflicting variables {', '.join(sorted(names))}"


def test_api_gateway_accepts_the_routes() -> None:
    keys = routes_of_http_api()

    assert len(keys) > 15
    assert len(keys) <= 300
    assert list(broken_rules(keys)) == []


@pytest.mark.parametrize(
    "added",
    [
        "POST /failures/{action}",  # beside POST /failures/{id}/retry
        "GET /jobs/{job}/uploads",
        "GET /{name}.jpg",
        "GET /{proxy+}/more",
        "GET /ping",
        "GET /",
        "FETCH /",
    ],
)
def test_a_route_that_api_gateway_refuses_is_noticed(added: str) -> None:
    assert len(list(broken_rules([*routes_of_http_api(), added]))) == 1
