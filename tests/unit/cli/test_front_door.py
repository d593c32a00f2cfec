from multidict import CIMultiDict, CIMultiDictProxy

from darkroom_cli.local.front_door import ENVELOPE_BYTES, PAYLOAD_LIMIT_BYTES, payload_bytes

NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())


def test_binary_bodies_are_counted_as_base64() -> None:
    assert payload_bytes(b"\xff" * 3000, "image/png", NO_HEADERS) == 4000 + ENVELOPE_BYTES
    assert (
        payload_bytes(b"\xff" * 3001, "multipart/form-data; boundary=x", NO_HEADERS) == 4004 + ENVELOPE_BYTES
    )


def test_text_bodies_are_counted_as_json_strings() -> None:
    assert payload_bytes(b'{"a": 1}', "application/json", NO_HEADERS) == len(r'"{\"a\": 1}"') + ENVELOPE_BYTES
    assert payload_bytes("é".encode(), "Text/HTML; charset=utf-8", NO_HEADERS) == 4 + ENVELOPE_BYTES


def test_headers_are_counted() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Cookie": "x" * 100}))

    assert payload_bytes(b"", "text/plain", headers) > payload_bytes(b"", "text/plain", NO_HEADERS) + 100


def test_pictures_up_to_four_and_a_half_megabytes_fit_the_payload() -> None:
    assert payload_bytes(bytes(4_500_000), "image/jpeg", NO_HEADERS) <= PAYLOAD_LIMIT_BYTES
    assert payload_bytes(bytes(4_800_000), "image/jpeg", NO_HEADERS) > PAYLOAD_LIMIT_BYTES
