"""Pixels for the native module, without a copy."""

from PIL import Image

# Pillow lays out a picture of up to this many bytes in one piece, which the native module reads in place.
# With Pillow's default of 16 MB these would be pictures of up to 4 megapixels.
_ONE_PIECE_BYTES = 1 << 30

Image.core.set_block_size(_ONE_PIECE_BYTES)  # type: ignore[attr-defined]


# What a decoder shows: a picture, or RGB pixels of four bytes.
type Shown = Image.Image | bytes


def pixels_of(image: Image.Image) -> tuple[Image.Image | bytes, int]:
    """Returns the pixels of a picture of 8 bits, and the bytes of each: 1, or 4 of which some may be unused.

    The native functions accept the picture itself. It is copied only if Pillow laid it out in several pieces.
    """
    bytes_each = 1 if image.mode == "L" else 4
    if not is_in_one_piece(image):
        return image.tobytes("raw", "RGBX" if image.mode == "RGB" else image.mode), bytes_each
    return image, bytes_each


def is_in_one_piece(image: Image.Image) -> bool:
    """True if the native module can read the picture in place, and write into it."""
    try:
        image.__arrow_c_array__()
    except ValueError:
        return False
    return True
