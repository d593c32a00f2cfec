"""API Gateway's real event shapes, replayed against `web` and `live`.

Shapes after the HTTP API's payload format 2.0 and the WebSocket API's events, with what differs from the
local stack: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from darkroom.domain.keys import picture_id_of
from tests.builders import an_entry
from tests.integration.conftest import CONNECTION, UPLOADS, Invoke, a_web_handler

SOCKET = "wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live"
JSON = {"accept": "application/json"}
NAMED = "100% grün+blau.png"

type Ask = Callable[..., dict[str, Any]]


def request(
    path: str, headers: dict[str, str] | None = None, method: str = "GET", **members: Any
) -> dict[str, Any]:
    """A request as the HTTP API passes it on; members without a value are absent, as they are there."""
    http = {
        "method": method,
        "path": path,
        "protocol": "HTTP/1.1",
        "sourceIp": "2001:db8:85a3::8a2e:370:7334",
        "userAgent": "curl/8.14.1",
    }
    stage = members.pop("stage", "$default")
    return {
        "version": "2.0",
        "routeKey": f"{method} /{{proxy+}}",
        "rawPath": path,
        "rawQueryString": members.pop("rawQueryString", ""),
        "headers": {
            "content-length": "0",
            "host": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-for": "2001:db8:85a3::8a2e:370:7334",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **(headers or {}),
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": http,
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": f"{method} /{{proxy+}}",
            "stage": stage,
            "time": "10/Mar/2026:05:16:23 +0000",
            "timeEpoch": 1773119783547,
        },
        "isBase64Encoded": False,
        **members,
    }


@pytest.fixture
def ask() -> Iterator[Ask]:
    with a_web_handler("gateway", an_entry(NAMED, bucket=UPLOADS), LIVE_URL=SOCKET) as handler:
        yield lambda *arguments, **members: handler(request(*arguments, **members))


def a_png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


def test_a_request_without_query_cookies_and_body_is_answered(ask: Ask) -> None:
    response = ask("/")

    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"].startswith("text/html")


def test_pages_may_connect_to_the_socket_of_another_origin(ask: Ask) -> None:
    policy = ask("/")["headers"]["Content-Security-Policy"]

    connect = next(rule for rule in policy.split("; ") if rule.startswith("connect-src"))
    assert "wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com" in connect.split()


def test_values_of_one_query_parameter_arrive_joined_and_are_refused(ask: Ask) -> None:
    path = f"/pictures/{picture_id_of(UPLOADS, 'image.png')}"
    joined = {"rawQueryString": "w=640&w=320", "queryStringParameters": {"w": "640,320"}}

    response = ask(path, {"accept": "image/*"}, **joined)

    assert response["statusCode"] == 400
    assert json.loads(response["body"])["type"] == "/docs/problems#bad-width"


@pytest.mark.parametrize(
    "path",
    [
        "/100%25 grün+blau.jpg",  # API Gateway decodes every escape but that of the percent sign
        "/100_ grün+blau.jpg",
    ],
)
def test_a_path_arrives_decoded(ask: Ask, path: str) -> None:
    response = ask(path, JSON)

    assert response["statusCode"] == 200
    assert json.loads(response["body"])["key"] == NAMED


def test_a_stage_before_the_path_is_not_part_of_it(ask: Ask) -> None:
    response = ask("/prod/image.jpg", JSON, stage="prod")

    assert response["statusCode"] == 200
    assert json.loads(response["body"])["key"] == "image.png"


def test_a_binary_body_arrives_as_base64(ask: Ask) -> None:
    form = b'--X\r\nContent-Disposition: form-data; name="upload"; filename="a.png"\r\n'
    form += b"Content-Type: image/png\r\n\r\n" + a_png() + b"\r\n--X--\r\n"
    headers = JSON | {"content-type": "multipart/form-data; boundary=X"}

    response = ask("/", headers, "POST", body=b64encode(form).decode(), isBase64Encoded=True)

    assert response["statusCode"] == 202
    assert json.loads(response["body"])["name"] == "a.png"


def test_a_text_body_arrives_as_it_is(ask: Ask) -> None:
    body = json.dumps({"uploads": [{"name": "ü.png", "size": 1, "type": "image/png"}]}, ensure_ascii=False)

    response = ask("/jobs", JSON | {"content-type": "application/json"}, "POST", body=body)

    assert response["statusCode"] == 201
    assert json.loads(response["body"])["live"]["url"].startswith(SOCKET)


def test_a_response_that_is_a_page_or_json_is_not_base64(ask: Ask) -> None:
    for headers in ({}, JSON):
        assert not ask("/", headers)["isBase64Encoded"]


def socket_event(route: str, **members: Any) -> dict[str, Any]:
    """An event of the WebSocket API."""
    kinds = {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}
    return {
        "requestContext": {
            "apiId": "a1b2c3d4e5",
            "connectedAt": 1773119783000,
            "connectionId": CONNECTION,
            "domainName": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "eventType": kinds.get(route, "MESSAGE"),
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "identity": {"sourceIp": "2001:db8:85a3::8a2e:370:7334"},
            "messageDirection": "IN",
            "messageId": None,
            "requestId": "JKJaXmPLvHcESHA=",
            "requestTime": "10/Mar/2026:05:16:23 +0000",
            "requestTimeEpoch": 1773119783547,
            "routeKey": route,
            "stage": "live",
        },
        "isBase64Encoded": False,
        **members,
    }


@pytest.mark.parametrize(
    "event",
    [
        socket_event("$connect", headers={"Host": "h"}, multiValueHeaders={"Host": ["h"]}),
        socket_event("$connect", queryStringParameters={"X-Amz-Signature": "0"}),
        socket_event("$disconnect", disconnectStatusCode=1006, disconnectReason=""),
    ],
)
def test_live_accepts_both_ends_of_a_connection(invoke: Invoke, event: dict[str, Any]) -> None:
    assert invoke("live", event) == {"statusCode": 200}
