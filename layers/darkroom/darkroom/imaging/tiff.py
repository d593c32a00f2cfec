"""Decodes uncompressed TIFFs that Pillow can't: odd depths, 16-bit grey with alpha, big-endian BigTIFF."""

from math import gcd

from PIL import Image, ImageChops

from darkroom.imaging.sniff import corrupt
from darkroom.imaging.sniff.header import Damaged
from darkroom.imaging.sniff.tiff import Values, read_values

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_BYTES, _PLANAR, _EXTRA, _FORMAT = 273, 274, 277, 279, 284, 338, 339
_TAGS = (
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER),
    *(_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_BYTES, _PLANAR, _EXTRA, _FORMAT),
)
_SEPARATE = 2
# Photometric interpretation, samples and kind of the extra one -> mode. TIFF 6.0, sections 4 and 18.
_WHITE_IS_ZERO = 0
_MODES = {
    (0, 1, ()): "L",
    (1, 1, ()): "L",
    (1, 2, (2,)): "LA",
    (2, 3, ()): "RGB",
    (2, 4, (2,)): "RGBA",
}


def decoded(stream: bytes) -> Image.Image | None:
    """Decodes to L, LA, RGB or RGBA; None for other kinds. Raises RejectedPicture if pixels are missing."""
    try:
        tags = read_values(stream, _TAGS)
    except Damaged:
        return None  # Pillow ignores wrong counts of entries
    mode = _mode(stream, tags)
    if mode is None:
        return None
    bits, samples = tags[_BITS][0], len(tags[_BITS])
    size = tags[_WIDTH][0], tags[_HEIGHT][0]
    planes = samples if tags.get(_PLANAR) == (_SEPARATE,) else 1
    row_samples = size[0] * samples // planes
    row_bytes = -(-row_samples * bits // 8)
    needed_bytes = row_bytes * size[1] * planes
    stored = bytearray()
    for start, length in zip(tags[_STRIPS], tags[_STRIP_BYTES], strict=False):
        # No more than needed: strips can overlap, so that their sum is far larger than the file.
        stored += stream[start : start + min(length, needed_bytes - len(stored))]
    if len(stored) < needed_bytes:
        raise corrupt()
    rows = (bytes(stored[at : at + row_bytes]) for at in range(0, needed_bytes, row_bytes))
    is_little = stream.startswith(b"II")
    levels = b"".join(_eight_bits(row, bits, row_samples, is_little=is_little) for row in rows)
    if planes > 1:
        length = size[0] * size[1]
        bands = [levels[at : at + length] for at in range(0, length * planes, length)]
    else:
        bands = [levels[number::samples] for number in range(samples)]
    image = Image.merge(mode, [Image.frombytes("L", size, band) for band in bands])
    return ImageChops.invert(image) if tags[_PHOTOMETRIC] == (_WHITE_IS_ZERO,) else image


def _mode(stream: bytes, tags: Values) -> str | None:
    """Returns the picture's mode; None if Pillow can decode it, or nothing here can."""
    needed = (_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _STRIPS, _STRIP_BYTES)
    if not all(tags.get(tag) for tag in needed) or len(set(tags[_BITS])) != 1:
        return None
    bits, samples = tags[_BITS][0], len(tags[_BITS])
    usual = {_COMPRESSION: (1,), _FILL_ORDER: (1,), _ORIENTATION: (1,), _SAMPLES: (samples,)}
    is_usual = all(tags.get(tag, value) == value for tag, value in usual.items())
    is_integer = set(tags.get(_FORMAT, (1,))) == {1}
    by_pillow = (bits in (8, 16) and samples != 2) or (bits in (1, 2, 4) and samples == 1)
    if by_pillow and not stream.startswith(b"MM\0+"):
        return None
    if not is_usual or not is_integer or not 1 <= bits <= 16:
        return None
    return _MODES.get((tags[_PHOTOMETRIC][0], samples, tags.get(_EXTRA, ())))


def _eight_bits(row: bytes, bits: int, samples: int, *, is_little: bool) -> bytes:
    """Converts a row of packed samples, the first one in the highest bits, to bytes."""
    if bits == 8:
        return row[:samples]
    if bits == 16:
        return row[is_little : 2 * samples : 2]  # the high bytes
    phases = 8 // gcd(bits, 8)
    groups, group_bytes = -(-samples // phases), bits * phases // 8
    padded = row.ljust(groups * group_bytes + 1, b"\0")
    whole, levels = int.from_bytes(padded), bytearray(groups * phases)
    for phase in range(phases):
        # Shifted so that samples of this phase begin with a byte.
        begin, shift = divmod(phase * bits, 8)
        shifted = (whole << shift).to_bytes(len(padded) + 1)[1:]
        levels[phase::phases] = shifted[begin : groups * group_bytes : group_bytes]
    return bytes(levels[:samples]) if bits > 8 else bytes(levels[:samples]).translate(_table(bits))


def _table(bits: int) -> bytes:
    most = (1 << bits) - 1
    return bytes((byte >> 8 - bits) * 255 // most for byte in range(256))
