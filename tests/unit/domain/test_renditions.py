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
def test_the_best_rendition_is_the_smallest_supported_file_wide_enough(
    receipt: Receipt, formats: set[Format], width: int | None, format_and_width: tuple[Format, int]
) -> None:
    best = best_rendition(receipt.shown, formats, width)

    assert best
    assert (best.format, best.width) == format_and_width


def test_a_width_missing_in_avif_is_served_in_another_format() -> None:
    receipt = a_receipt(
        a_rendition(Format.AVIF, 640), a_rendition(Format.JPEG, 640), a_rendition(Format.JPEG, 1280)
    )

    best = best_rendition(receipt.shown, Format, 1000)

    assert best
    assert best.format is Format.JPEG


def test_an_animation_is_preferred_to_a_smaller_still() -> None:
    moving = a_rendition(Format.WEBP, 640, size_bytes=500, frames=10)
    still = a_rendition(Format.JPEG, 640, size_bytes=50)
    receipt = a_receipt(still, moving, a_rendition(Format.AVIF, 640, size_bytes=20))

    assert best_rendition(receipt.shown, Format) == moving
    assert best_rendition(receipt.shown, Format, 100) == moving
    assert best_rendition(receipt.shown, {Format.JPEG}) == still


def test_a_file_that_keeps_the_transparency_is_preferred_to_a_smaller_one() -> None:
    flat = a_rendition(Format.JPEG, size_bytes=50)
    whole = a_rendition(Format.PNG, size_bytes=500, alpha=True)
    smaller = a_rendition(Format.WEBP, size_bytes=300, alpha=True)
    renditions = (flat, whole, smaller)

    assert best_rendition(renditions, {Format.JPEG}) == flat
    assert best_rendition(renditions, {Format.JPEG, Format.PNG}) == whole
    assert best_rendition(renditions, Format) == smaller


def test_reference_and_extra_ladders_are_never_chosen() -> None:
    main = a_rendition(width=640)
    others = a_rendition(width=1280, ladder="reference"), a_rendition(width=200, ladder="square")

    receipt = a_receipt(*others, main)
    assert [best_rendition(receipt.shown, {Format.JPEG}, width) for width in (None, 100, 1000)] == [main] * 3
