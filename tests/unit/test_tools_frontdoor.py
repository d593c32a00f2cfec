import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tools.frontdoor import (
    ENVELOPE_BYTES,
    PAYLOAD_LIMIT_BYTES,
    is_loopback,
    is_of_this_machine,
    payload_bytes,
)

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


@pytest.mark.parametrize("origin", [None, "http://localhost:8000", "http://127.0.0.1:1", "https://[::1]"])
def test_a_socket_of_a_page_of_this_machine_or_of_no_page_is_taken(origin: str | None) -> None:
    assert is_of_this_machine(origin)


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://localhost.evil.example", "file://", "http://a:b:c"]
)
def test_a_socket_of_another_page_is_not(origin: str) -> None:
    assert not is_of_this_machine(origin)


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
