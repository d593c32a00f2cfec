import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tools.frontdoor import ENVELOPE_BYTES, PAYLOAD_LIMIT_BYTES, is_loopback, payload_bytes

NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "api.localhost"]
)
def test_this_machine_is_answered(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "a:b:c", "::1"],
)
def test_a_strangers_name_for_this_machine_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_a_binary_body_counts_as_base64() -> None:
    assert payload_bytes(b"\xff" * 3000, "image/png", NO_HEADERS) == 4000 + ENVELOPE_BYTES
    assert (
        payload_bytes(b"\xff" * 3001, "multipart/form-data; boundary=x", NO_HEADERS) == 4004 + ENVELOPE_BYTES
    )


def test_a_text_counts_as_json_writes_it() -> None:
    assert payload_bytes(b'{"a": 1}', "application/json", NO_HEADERS) == len(r'"{\"a\": 1}"') + ENVELOPE_BYTES
    assert payload_bytes("é".encode(), "Text/HTML; charset=utf-8", NO_HEADERS) == 4 + ENVELOPE_BYTES


def test_headers_count_too() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Cookie": "x" * 100}))

    assert payload_bytes(b"", "text/plain", headers) > payload_bytes(b"", "text/plain", NO_HEADERS) + 100


def test_a_picture_reaches_a_function_up_to_about_four_and_a_half_megabytes() -> None:
    assert payload_bytes(bytes(4_500_000), "image/jpeg", NO_HEADERS) <= PAYLOAD_LIMIT_BYTES
    assert payload_bytes(bytes(4_800_000), "image/jpeg", NO_HEADERS) > PAYLOAD_LIMIT_BYTES
