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
        ("application/json", Wanted.JSON),
        ("Application/JSON, */*", Wanted.JSON),
        ("text/html;q=0.5, application/json", Wanted.PAGE),
        ("text/html;q=0, application/json", Wanted.JSON),
        (CHROMIUM_IMG, Wanted.IMAGE),
        ("image/*", Wanted.IMAGE),
        ("image/jpeg", Wanted.IMAGE),
        ("text/plain", Wanted.PAGE),
    ],
)
def test_the_accept_header_selects_page_receipt_or_image(accept: str, expected: Wanted) -> None:
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
def test_webp_and_avif_are_accepted_only_if_listed(accept: str, formats: set[Format]) -> None:
    assert accepted_formats(accept) == formats
