"""The logs of all functions, for any event and any fault: JSON without secrets.

Every secret in these tests contains PLANTED.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from types_boto3_s3 import S3Client

from darkroom.adapters.live import DynamoChannels
from darkroom.adapters.logs import InvocationFailed
from darkroom.domain.tokens import TokenSet, new_secret, serialize_tokens
from darkroom.ports import Ticket
from tests.aws import LiveProfile
from tests.builders import a_message, a_notification, a_request, an_event
from tests.integration.conftest import UPLOADS, Invoke, break_aws
from tests.pictures import a_photograph, encoded

PLANTED = "planted"
SIGNED = f"https://b.test/a.png?versionId=1&X-Amz-Signature={PLANTED}&x=\u00fc&X-Amz-Security-Token={PLANTED}"
FAULT_MESSAGES = {"invocation failed", "message failed", "record not projected", "request failed"}
FORGED = '\n{"level": "CRITICAL", "message": "all is well"}\r\x1b[2J\x9b2J\u202e\u2028\u0000'
HARMFUL = (
    f'Could not connect to "{SIGNED}" for url: /a?token={PLANTED}{FORGED}'
    f"Authorization: Bearer {PLANTED}.{PLANTED}\nCookie: __Host-darkroom={PLANTED}; b=1\n"
    f"{{'X-Amz-Security-Token': '{PLANTED}', \"X-Amz-Signature\": \"{PLANTED}\"}}"
)
KEY = f"a{FORGED}<b>&?X-Amz-Signature={PLANTED}.jpg"[:200].replace("\u0000", "")


class Printing(logging.Handler):
    """Prints to the current standard output, also if a test has replaced it."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(self.format(record) + "\n")


@pytest.fixture(autouse=True)
def verbose(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment with the most verbose logs, and a root logger that prints them, as in Lambda."""
    for name, value in {
        "POWERTOOLS_LOGGER_LOG_EVENT": "true",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
    }.items():
        monkeypatch.setenv(name, value)
    root, level, printing = logging.getLogger(), logging.getLogger().level, Printing()
    root.addHandler(printing)
    root.setLevel(logging.DEBUG)
    yield
    root.removeHandler(printing)
    root.setLevel(level)


def a_photograph_with_secrets() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = f"{PLANTED} in the description"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 29: PLANTED})
    return a_photograph(320, 200, "JPEG", exif=exif.tobytes(), comment=PLANTED.encode())


def a_png_with_secrets() -> bytes:
    text = PngInfo()
    text.add_itxt("Comment", PLANTED)
    text.add_text("XML:com.adobe.xmp", f"<x>{PLANTED}</x>")
    return encoded(Image.new("RGB", (64, 48)), "PNG", pnginfo=text)


def a_planted_request(path: str = "/", method: str = "GET", body: str = "") -> dict[str, Any]:
    """A request with a secret in every possible place."""
    request = a_request(
        path,
        method,
        body,
        accept="*/*",
        authorization=f"Bearer {PLANTED}",
        cookie=f"__Host-darkroom={PLANTED}",
        idempotency_key=PLANTED,
        referer=SIGNED,
        content_type="multipart/form-data; boundary=X",
    )
    return request | {
        "rawQueryString": f"cursor={PLANTED}",
        "queryStringParameters": {"cursor": PLANTED, "w": PLANTED, "code": PLANTED},
        "cookies": [f"__Host-darkroom={PLANTED}"],
    }


FORM = (
    '--X\r\nContent-Disposition: form-data; name="a"; '
    f'filename="a\u202e?X-Amz-Signature={PLANTED}.png"\r\n\r\n{PLANTED}\r\n--X--\r\n'
)
AN_INCOMPLETE_ITEM = {"picture": {"S": SIGNED}, "version": {"S": "v1"}, "state": {"S": "rendered"}}
EVENTS = {
    "render": [
        a_message(f"no JSON {PLANTED}{FORGED}"),
        a_message(json.dumps({"Records": [{"eventName": f"{FORGED}{PLANTED}"}], "token": PLANTED})),
        a_message(a_notification(KEY, bucket=UPLOADS, version="null")),
        a_message(a_notification(KEY, bucket=UPLOADS, version="v1")),
        a_message(a_notification(KEY, event="ObjectRemoved:Delete", bucket=UPLOADS)),
    ],
    "park": [
        a_message(f"no JSON {PLANTED}{FORGED}", "park-dead-letter"),
        a_message(a_notification(KEY, bucket=UPLOADS), "park-dead-letter"),
    ],
    "project": [
        an_event("project-stream-record"),
        {"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": AN_INCOMPLETE_ITEM}}]},
    ],
    "sweep": [{"detail": SIGNED}],
    "live": [
        an_event("live-connect") | {"queryStringParameters": {"X-Amz-Signature": PLANTED}},
        an_event("live-hello"),
        an_event("live-hello") | {"body": json.dumps({"action": "hello", "ticket": PLANTED, "job": FORGED})},
        an_event("live-disconnect"),
    ],
    "web": [
        a_planted_request("/"),
        a_planted_request(f"/{PLANTED}{FORGED}.jpg"),
        a_planted_request(
            "/jobs", "POST", json.dumps({"uploads": [{"name": KEY, "size": 1}], "token": PLANTED})
        ),
        a_planted_request("/jobs", "POST", PLANTED),
        a_planted_request("/", "POST", FORM),
        a_planted_request("/", "POST", PLANTED),
        a_planted_request("/failures/retry", "POST", PLANTED),
        a_planted_request("/nonesuch", "DELETE", PLANTED),
    ],
}


def assert_redacted(printed: str) -> list[dict[str, Any]]:
    """Checks that every line is a JSON object in ASCII, not forged and without secrets."""
    lines = [json.loads(line) for line in printed.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    assert printed.replace("\n", "").isascii()
    assert printed.replace("\n", "").isprintable()
    assert "CRITICAL" not in [line.get("level") for line in lines]
    assert PLANTED not in printed
    return lines


def printed_by(invoke: Invoke, capfd: pytest.CaptureFixture[str], function: str) -> str:
    """The output of a function for its events, and of the runtime for its exceptions."""
    capfd.readouterr()
    for event in EVENTS[function]:
        try:
            invoke(function, event)
        except InvocationFailed as fault:
            exception = "".join(traceback.format_exception(fault))
            sys.stdout.write(json.dumps({"runtime": exception}) + "\n")
    return "".join(capfd.readouterr())


@pytest.mark.parametrize("function", EVENTS)
def test_no_function_logs_its_event(
    invoke: Invoke, s3: S3Client, capfd: pytest.CaptureFixture[str], function: str
) -> None:
    s3.put_object(Bucket=UPLOADS, Key=KEY, Body=b"no picture")

    printed = printed_by(invoke, capfd, function)

    assert assert_redacted(printed)


@pytest.mark.parametrize("function", EVENTS)
def test_no_function_logs_credentials_of_an_exception(
    invoke: Invoke, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    break_aws(monkeypatch, HARMFUL)

    printed = printed_by(invoke, capfd, function)

    lines = assert_redacted(printed)

    faults = [line for line in lines if line.get("message") in FAULT_MESSAGES]
    assert any("Could not connect to" in line["exception"] for line in faults)  # the harmless part is logged


@pytest.mark.parametrize("picture", [a_photograph_with_secrets(), a_png_with_secrets()], ids=["exif", "png"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "torn"])
def test_no_metadata_of_a_picture_is_logged(
    invoke: Invoke, s3: S3Client, capfd: pytest.CaptureFixture[str], picture: bytes, whole: bool
) -> None:
    assert PLANTED.encode() in picture
    s3.put_object(Bucket=UPLOADS, Key=KEY, Body=picture if whole else picture[: len(picture) * 2 // 3])
    capfd.readouterr()

    invoke("render", a_message(a_notification(KEY, bucket=UPLOADS, version="null")))

    lines = assert_redacted("".join(capfd.readouterr()))
    assert [line["message"] for line in lines if "key" in line] == ["rendered" if whole else "rejected"]


def test_a_profile_fault_is_logged_without_its_token(
    invoke: Invoke,
    s3: S3Client,
    live_profile: LiveProfile,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3.put_object(Bucket=UPLOADS, Key=KEY, Body=a_png_with_secrets())
    live_profile.deploy(json.dumps({"name": PLANTED, "ladders": SIGNED}).encode())
    capfd.readouterr()

    invoke("render", a_message(a_notification(KEY, bucket=UPLOADS, version="null")))
    monkeypatch.setenv("AWS_ENDPOINT_URL_APPCONFIGDATA", f"http://127.0.0.1:9/?token={PLANTED}")
    invoke("render", a_message(a_notification(KEY, bucket=UPLOADS, version="null")))

    lines = assert_redacted("".join(capfd.readouterr()))
    assert len([line for line in lines if line.get("message") == "profile_fault"]) == 2


def test_no_ticket_is_logged(invoke: Invoke, capfd: pytest.CaptureFixture[str], dynamodb: Any) -> None:
    hello = an_event("live-hello")
    body = json.loads(hello["body"])
    DynamoChannels("channels", dynamodb).issue(body["ticket"], Ticket(body["job"], 1 << 40))
    capfd.readouterr()

    with pytest.raises(InvocationFailed):  # there is no gateway to send the response to
        invoke("live", hello)

    printed = "".join(capfd.readouterr())
    assert body["ticket"] not in printed
    assert_redacted(printed)


@pytest.mark.parametrize("working", [True, False], ids=["working", "broken"])
def test_no_token_or_cookie_is_logged_at_sign_in(
    invoke: Invoke, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, working: bool
) -> None:
    token, name = new_secret(), "/darkroom/test/tokens"
    tokens = TokenSet.empty().with_token(token, "2026-01-02T03:04:05.678Z")
    boto3.client("ssm").put_parameter(Name=name, Value=serialize_tokens(tokens), Type="SecureString")
    monkeypatch.setenv("AUTH", "token")
    monkeypatch.setenv("TOKENS_PARAMETER", name)
    cookie = tokens.cookie(tokens.tokens[0], time.time())
    sign_in = a_planted_request("/sign-in", "POST", f"token={token}&to=%2F%3Fa%3D{PLANTED}")
    sign_in["headers"] |= {
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
    }
    with_cookie, with_token = a_planted_request(), a_planted_request()
    with_cookie["headers"] |= {"cookie": f"__Host-darkroom={cookie}"}
    with_cookie["cookies"] = [f"__Host-darkroom={cookie}"]
    del with_cookie["headers"]["authorization"]
    with_token["headers"]["authorization"] = f"Bearer {token}"
    if not working:
        break_aws(monkeypatch, HARMFUL)
    capfd.readouterr()

    responses = [invoke("web", event) for event in (sign_in, with_cookie, with_token, a_planted_request())]

    printed = "".join(capfd.readouterr())
    assert_redacted(printed)
    assert token not in printed
    assert cookie not in printed
    if working:  # authorized, and then refused for an invalid cursor
        assert [response["statusCode"] for response in responses] == [303, 400, 400, 401]
    else:
        assert all(response["statusCode"] >= 401 for response in responses)
        assert "Could not connect to" in printed
