import pytest

from darkroom.domain.renditions import Format
from darkroom.web.negotiation import Wanted, accepted_formats, wanted

CHROMIUM_IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
CHROMIUM_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", Wanted.PAGE),  # curl
        ("", Wanted.PAGE),
        (CHROMIUM_PAGE, Wanted.PAGE),
        ("application/json", Wanted.RECEIPT),
        ("Application/JSON, */*", Wanted.RECEIPT),
        ("text/html;q=0.5, application/json", Wanted.PAGE),
        ("text/html;q=0, application/json", Wanted.RECEIPT),
        (CHROMIUM_IMG, Wanted.IMAGE),
        ("image/*", Wanted.IMAGE),
        ("image/jpeg", Wanted.IMAGE),
        ("text/plain", Wanted.PAGE),
    ],
)
def test_who_asks_for_what_gets_it(accept: str, expected: Wanted) -> None:
    assert wanted(accept) is expected


@pytest.mark.parametrize(
    ("accept", "formats"),
    [
        ("*/*", {Format.JPEG}),
        ("image/*", {Format.JPEG}),
        ("image/webp,image/*", {Format.JPEG, Format.WEBP}),
        (CHROMIUM_IMG, set(Format)),
        ("image/avif;q=0,image/webp", {Format.JPEG, Format.WEBP}),
    ],
)
def test_jpeg_serves_every_client_and_other_formats_those_that_list_them(
    accept: str, formats: set[Format]
) -> None:
    assert accepted_formats(accept) == formats
