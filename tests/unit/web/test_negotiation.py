import pytest

from darkroom.domain.renditions import Format
from darkroom.web.negotiation import Wanted, accepted_formats, wanted

CHROMIUM_IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
CHROMIUM_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
AXIOS = "application/json, text/plain, */*"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", Wanted.PAGE),  # curl
        ("", Wanted.PAGE),
        (CHROMIUM_PAGE, Wanted.PAGE),
        ("application/json", Wanted.JSON),
        ("Application/JSON, */*", Wanted.JSON),
        (AXIOS, Wanted.JSON),
        ("application/*", Wanted.JSON),
        ("text/html;q=0.5, application/json", Wanted.JSON),
        ("text/html; Q=0.5 , application/json ; q=0.25", Wanted.PAGE),
        ("text/html, application/json, image/avif", Wanted.PAGE),
        ("text/html;q=0, application/json;q=0.001", Wanted.JSON),
        ("text/html;q=0, */*", Wanted.JSON),
        ("text/*;q=0.3, */*;q=0.2, image/png;q=0.1", Wanted.PAGE),
        ("*/*;q=0.5, image/*;q=0", Wanted.PAGE),
        ("image/webp;q=0.2, application/json;q=0.1", Wanted.IMAGE),
        (CHROMIUM_IMG, Wanted.IMAGE),
        ("image/*", Wanted.IMAGE),
        ("image/jpeg", Wanted.IMAGE),
        ("text/plain", Wanted.PAGE),
        ("*/*;q=0", Wanted.PAGE),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Wanted.PAGE),
        ("application/json;q=high, text/html;q=0.9", Wanted.JSON),
        ("application/json;q=0", Wanted.PAGE),  # refuses JSON, and names nothing else
        ("image/png;q=0", Wanted.PAGE),
        ("text/html;q=0, application/json;q=0, image/avif;q=0, */*", Wanted.IMAGE),
        ("image/avif;q=0, image/*", Wanted.IMAGE),
    ],
)
def test_the_accept_header_selects_page_receipt_or_image(accept: str, expected: Wanted) -> None:
    assert wanted(accept) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", Wanted.TEXT),
        ("", Wanted.TEXT),
        ("text/plain", Wanted.TEXT),
        ("image/*", Wanted.TEXT),
        (CHROMIUM_PAGE, Wanted.PAGE),
        ("application/json", Wanted.JSON),
        (AXIOS, Wanted.JSON),
        ("text/html;q=0", Wanted.TEXT),
        ("application/json;q=0", Wanted.TEXT),
    ],
)
def test_a_client_that_accepts_anything_gets_text_where_it_is_the_default(
    accept: str, expected: Wanted
) -> None:
    assert wanted(accept, Wanted.TEXT) is expected


JPEG, PNG, WEBP, AVIF = Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF


@pytest.mark.parametrize(
    ("accept", "formats"),
    [
        ("*/*", [{JPEG, PNG}]),
        ("", [{JPEG, PNG}]),
        ("image/*", [{JPEG, PNG}]),
        ("text/html", [{JPEG, PNG}]),
        ("image/webp,image/*", [{JPEG, PNG, WEBP}]),
        (CHROMIUM_IMG, [{JPEG, PNG, WEBP, AVIF}]),
        ("image/avif", [{AVIF}, {JPEG, PNG}]),
        ("image/avif;q=0,image/webp", [{WEBP}, {JPEG, PNG}]),
        ("image/avif;q=0.5,image/webp;q=0.9,image/*;q=0.1", [{WEBP}, {AVIF}, {JPEG, PNG}]),
        ("image/jpeg,image/webp;q=0.5,image/avif;q=0.5", [{JPEG}, {WEBP, AVIF}, {PNG}]),
        ("image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", [{PNG}, {JPEG}]),
        ("image/jpeg;q=0,image/webp", [{WEBP}, {JPEG, PNG}]),
    ],
)
def test_formats_are_accepted_by_name_and_sorted_by_quality(accept: str, formats: list[set[Format]]) -> None:
    assert list(accepted_formats(accept)) == formats
