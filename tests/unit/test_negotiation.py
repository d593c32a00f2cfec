import pytest

from darkroom.model import Format, Receipt
from darkroom.negotiation import Wanted, best_rendition, wanted
from tests.builders import a_receipt, a_rendition

CHROMIUM_IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
CHROMIUM_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "answer"),
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
def test_who_asks_for_what_gets_it(accept: str, answer: Wanted) -> None:
    assert wanted(accept) is answer


@pytest.fixture
def receipt() -> Receipt:
    return a_receipt(
        *(
            a_rendition(kind, width, size_bytes=width * weight)
            for kind, weight in ((Format.JPEG, 3), (Format.WEBP, 2), (Format.AVIF, 1))
            for width in (100, 640, 1280)
        )
    )


@pytest.mark.parametrize(
    ("accept", "width", "format_and_width"),
    [
        ("image/*", None, (Format.JPEG, 1280)),
        ("image/webp,image/*", None, (Format.WEBP, 1280)),
        (CHROMIUM_IMG, None, (Format.AVIF, 1280)),
        (CHROMIUM_IMG, 640, (Format.AVIF, 640)),
        (CHROMIUM_IMG, 101, (Format.AVIF, 640)),
        (CHROMIUM_IMG, 9000, (Format.AVIF, 1280)),
        ("image/jpeg", 1, (Format.JPEG, 100)),
    ],
)
def test_a_client_gets_the_smallest_file_that_it_can_show_and_that_is_wide_enough(
    receipt: Receipt, accept: str, width: int | None, format_and_width: tuple[Format, int]
) -> None:
    best = best_rendition(receipt, accept, width)

    assert best
    assert (best.format, best.width) == format_and_width


def test_a_width_that_avif_lacks_comes_as_another_format() -> None:
    receipt = a_receipt(
        a_rendition(Format.AVIF, 640), a_rendition(Format.JPEG, 640), a_rendition(Format.JPEG, 1280)
    )

    best = best_rendition(receipt, CHROMIUM_IMG, 1000)

    assert best
    assert best.format is Format.JPEG


def test_a_client_that_can_show_the_animation_gets_it_though_a_still_is_smaller() -> None:
    moving = a_rendition(Format.WEBP, 640, size_bytes=500, frames=10)
    still = a_rendition(Format.JPEG, 640, size_bytes=50)
    receipt = a_receipt(still, moving, a_rendition(Format.AVIF, 640, size_bytes=20))

    assert best_rendition(receipt, CHROMIUM_IMG) == moving
    assert best_rendition(receipt, CHROMIUM_IMG, 100) == moving
    assert best_rendition(receipt, "image/jpeg") == still


def test_neither_the_reference_nor_another_ladder_is_ever_picked() -> None:
    main = a_rendition(width=640)
    others = a_rendition(width=1280, ladder="reference"), a_rendition(width=200, ladder="square")

    receipt = a_receipt(*others, main)
    assert [best_rendition(receipt, "image/*", width) for width in (None, 100, 1000)] == [main] * 3
