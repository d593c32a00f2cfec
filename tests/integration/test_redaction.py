"""What the functions write, whatever they are asked and however they fail: JSON, and no word of a secret.

Everything that must not stand in a log has PLANTED in it.
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
from darkroom.adapters.logs import Failed
from darkroom.domain.tokens import TokenSet, new_token, serialize_tokens
from darkroom.ports import Ticket
from tests.aws import LiveProfile
from tests.builders import a_message, a_notification, a_request, an_event
from tests.integration.conftest import UPLOADS, Invoke, break_aws
from tests.pictures import a_photograph, encoded

PLANTED = "planted"
SIGNED = f"https://b.test/a.png?versionId=1&X-Amz-Signature={PLANTED}&x=\u00fc&X-Amz-Security-Token={PLANTED}"
FORGED = '\n{"level": "CRITICAL", "message": "all is well"}\r\x1b[2J\x9b2J\u202e\u2028\u0000'
HARMFUL = (
    f'Could not connect to "{SIGNED}" for url: /a?token={PLANTED}{FORGED}'
    f"Authorization: Bearer {PLANTED}.{PLANTED}\nCookie: __Host-darkroom={PLANTED}; b=1\n"
    f"{{'X-Amz-Security-Token': '{PLANTED}', \"X-Amz-Signature\": \"{PLANTED}\"}}"
)
KEY = f"a{FORGED}<b>&?X-Amz-Signature={PLANTED}.jpg"[:200].replace("\u0000", "")


class Printing(logging.Handler):
    """Prints to wherever standard output goes now."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(self.format(record) + "\n")


@pytest.fixture(autouse=True)
def talkative(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment that asks for every detail, and a root logger that prints it, as in Lambda."""
    for name, value in {
        "POWERTOOLS_LOGGER_LOG_EVENT": "true",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
    }.items():
        monkeypatch.setenv(name, value)
    root, before, printing = logging.getLogger(), logging.getLogger().level, Printing()
    root.addHandler(printing)
    root.setLevel(logging.DEBUG)
    yield
    root.removeHandler(printing)
    root.setLevel(before)


def a_photograph_with_words() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = f"{PLANTED} in the description"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 29: PLANTED})
    return a_photograph(320, 200, "JPEG", exif=exif.tobytes(), comment=PLANTED.encode())


def a_png_with_words() -> bytes:
    words = PngInfo()
    words.add_itxt("Comment", PLANTED)
    words.add_text("XML:com.adobe.xmp", f"<x>{PLANTED}</x>")
    return encoded(Image.new("RGB", (64, 48)), "PNG", pnginfo=words)


def asked(path: str = "/", method: str = "GET", body: str = "") -> dict[str, Any]:
    """A request with a secret in each place that may hold one."""
    told = a_request(
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
    return told | {
        "rawQueryString": f"cursor={PLANTED}",
        "queryStringParameters": {"cursor": PLANTED, "w": PLANTED, "code": PLANTED},
        "cookies": [f"__Host-darkroom={PLANTED}"],
    }


FORM = (
    '--X\r\nContent-Disposition: form-data; name="a"; '
    f'filename="a\u202e?X-Amz-Signature={PLANTED}.png"\r\n\r\n{PLANTED}\r\n--X--\r\n'
)
A_TORN_ITEM = {"picture": {"S": SIGNED}, "version": {"S": "v1"}, "state": {"S": "rendered"}}
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
        {"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": A_TORN_ITEM}}]},
    ],
    "sweep": [{"detail": SIGNED}],
    "live": [
        an_event("live-connect") | {"queryStringParameters": {"X-Amz-Signature": PLANTED}},
        an_event("live-hello"),
        an_event("live-hello") | {"body": json.dumps({"action": "hello", "ticket": PLANTED, "job": FORGED})},
        an_event("live-disconnect"),
    ],
    "web": [
        asked("/"),
        asked(f"/{PLANTED}{FORGED}.jpg"),
        asked("/jobs", "POST", json.dumps({"uploads": [{"name": KEY, "size": 1}], "token": PLANTED})),
        asked("/jobs", "POST", PLANTED),
        asked("/", "POST", FORM),
        asked("/", "POST", PLANTED),
        asked("/failures/retry", "POST", PLANTED),
        asked("/nonesuch", "DELETE", PLANTED),
    ],
}


def assert_redacted(printed: str) -> list[dict[str, Any]]:
    """Every line is an object of JSON that nobody forged, in ASCII, and tells no secret."""
    lines = [json.loads(line) for line in printed.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    assert printed.replace("\n", "").isascii()
    assert printed.replace("\n", "").isprintable()
    assert "CRITICAL" not in [line.get("level") for line in lines]
    assert PLANTED not in printed
    return lines


def printed_by(invoke: Invoke, capfd: pytest.CaptureFixture[str], function: str) -> str:
    """All that a function writes about its events, and all that the runtime writes of its faults."""
    capfd.readouterr()
    for event in EVENTS[function]:
        try:
            invoke(function, event)
        except Failed as fault:
            said = "".join(traceback.format_exception(fault))
            sys.stdout.write(json.dumps({"runtime": said}) + "\n")
    return "".join(capfd.readouterr())


@pytest.mark.parametrize("function", EVENTS)
def test_no_function_writes_what_it_was_asked(
    invoke: Invoke, s3: S3Client, capfd: pytest.CaptureFixture[str], function: str
) -> None:
    s3.put_object(Bucket=UPLOADS, Key=KEY, Body=b"no picture")

    printed = printed_by(invoke, capfd, function)

    assert assert_redacted(printed)


@pytest.mark.parametrize("function", EVENTS)
def test_no_function_writes_the_words_of_a_fault_that_let_anybody_in(
    invoke: Invoke, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    break_aws(monkeypatch, HARMFUL)

    printed = printed_by(invoke, capfd, function)

    told = assert_redacted(printed)

    faults = [line for line in told if line.get("message") == "failed"]
    assert any("Could not connect to" in line["exception"] for line in faults)  # what can be told, is


@pytest.mark.parametrize("picture", [a_photograph_with_words(), a_png_with_words()], ids=["exif", "png"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "torn"])
def test_nothing_of_what_a_picture_says_of_its_owner_is_written(
    invoke: Invoke, s3: S3Client, capfd: pytest.CaptureFixture[str], picture: bytes, whole: bool
) -> None:
    assert PLANTED.encode() in picture
    s3.put_object(Bucket=UPLOADS, Key=KEY, Body=picture if whole else picture[: len(picture) * 2 // 3])
    capfd.readouterr()

    invoke("render", a_message(a_notification(KEY, bucket=UPLOADS, version="null")))

    said = assert_redacted("".join(capfd.readouterr()))
    assert [line["message"] for line in said if "key" in line] == ["rendered" if whole else "rejected"]


def test_a_profile_that_can_not_be_asked_for_is_told_without_its_token(
    invoke: Invoke,
    s3: S3Client,
    live_profile: LiveProfile,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3.put_object(Bucket=UPLOADS, Key=KEY, Body=a_png_with_words())
    live_profile.deploy(json.dumps({"name": PLANTED, "ladders": SIGNED}).encode())
    capfd.readouterr()

    invoke("render", a_message(a_notification(KEY, bucket=UPLOADS, version="null")))
    monkeypatch.setenv("AWS_ENDPOINT_URL_APPCONFIGDATA", f"http://127.0.0.1:9/?token={PLANTED}")
    invoke("render", a_message(a_notification(KEY, bucket=UPLOADS, version="null")))

    said = assert_redacted("".join(capfd.readouterr()))
    assert len([line for line in said if line.get("message") == "profile_fault"]) == 2


def test_a_client_that_is_let_in_leaves_no_ticket_behind(
    invoke: Invoke, capfd: pytest.CaptureFixture[str], dynamodb: Any
) -> None:
    hello = an_event("live-hello")
    said = json.loads(hello["body"])
    DynamoChannels("channels", dynamodb).issue(said["ticket"], Ticket(said["job"], 1 << 40))
    capfd.readouterr()

    with pytest.raises(Failed):  # there is no gateway to answer by
        invoke("live", hello)

    printed = "".join(capfd.readouterr())
    assert said["ticket"] not in printed
    assert_redacted(printed)


@pytest.mark.parametrize("working", [True, False], ids=["working", "broken"])
def test_who_signs_in_leaves_neither_token_nor_cookie_behind(
    invoke: Invoke, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, working: bool
) -> None:
    token, name = new_token(), "/darkroom/test/tokens"
    access = TokenSet.nobody().with_token(token, "2026-01-02T03:04:05.678Z")
    boto3.client("ssm").put_parameter(Name=name, Value=serialize_tokens(access), Type="SecureString")
    monkeypatch.setenv("AUTH", "token")
    monkeypatch.setenv("TOKENS_PARAMETER", name)
    cookie = access.cookie(access.tokens[0], time.time())
    signing_in = asked("/sign-in", "POST", f"token={token}&to=%2F%3Fa%3D{PLANTED}")
    signing_in["headers"] |= {
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
    }
    returning, sending = asked(), asked()
    returning["headers"] |= {"cookie": f"__Host-darkroom={cookie}"}
    returning["cookies"] = [f"__Host-darkroom={cookie}"]
    del returning["headers"]["authorization"]
    sending["headers"]["authorization"] = f"Bearer {token}"
    if not working:
        break_aws(monkeypatch, HARMFUL)
    capfd.readouterr()

    responder = [invoke("web", event) for event in (signing_in, returning, sending, asked())]

    printed = "".join(capfd.readouterr())
    assert_redacted(printed)
    assert token not in printed
    assert cookie not in printed
    if working:  # let in by each of them, to a list that has no such cursor
        assert [each["statusCode"] for each in responder] == [303, 400, 400, 401]
    else:
        assert all(each["statusCode"] >= 401 for each in responder)
        assert "Could not connect to" in printed
