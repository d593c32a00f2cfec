import pytest

from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import Format, best_rendition
from tests.builders import a_receipt, a_rendition


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
    ("formats", "width", "format_and_width"),
    [
        ({Format.JPEG}, None, (Format.JPEG, 1280)),
        ({Format.JPEG, Format.WEBP}, None, (Format.WEBP, 1280)),
        (set(Format), None, (Format.AVIF, 1280)),
        (set(Format), 640, (Format.AVIF, 640)),
        (set(Format), 101, (Format.AVIF, 640)),
        (set(Format), 9000, (Format.AVIF, 1280)),
        ({Format.JPEG}, 1, (Format.JPEG, 100)),
    ],
)
def test_a_client_gets_the_smallest_file_that_it_can_show_and_that_is_wide_enough(
    receipt: Receipt, formats: set[Format], width: int | None, format_and_width: tuple[Format, int]
) -> None:
    best = best_rendition(receipt.shown, formats, width)

    assert best
    assert (best.format, best.width) == format_and_width


def test_a_width_that_avif_lacks_comes_as_another_format() -> None:
    receipt = a_receipt(
        a_rendition(Format.AVIF, 640), a_rendition(Format.JPEG, 640), a_rendition(Format.JPEG, 1280)
    )

    best = best_rendition(receipt.shown, Format, 1000)

    assert best
    assert best.format is Format.JPEG


def test_a_client_that_can_show_the_animation_gets_it_though_a_still_is_smaller() -> None:
    moving = a_rendition(Format.WEBP, 640, size_bytes=500, frames=10)
    still = a_rendition(Format.JPEG, 640, size_bytes=50)
    receipt = a_receipt(still, moving, a_rendition(Format.AVIF, 640, size_bytes=20))

    assert best_rendition(receipt.shown, Format) == moving
    assert best_rendition(receipt.shown, Format, 100) == moving
    assert best_rendition(receipt.shown, {Format.JPEG}) == still


def test_neither_the_reference_nor_another_ladder_is_ever_picked() -> None:
    main = a_rendition(width=640)
    others = a_rendition(width=1280, ladder="reference"), a_rendition(width=200, ladder="square")

    receipt = a_receipt(*others, main)
    assert [best_rendition(receipt.shown, {Format.JPEG}, width) for width in (None, 100, 1000)] == [main] * 3
