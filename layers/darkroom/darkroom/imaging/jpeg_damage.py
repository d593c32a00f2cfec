"""Rejects damaged JPEGs: libjpeg fills missing data, and Pillow hides its warnings.

Huffman coding is checked by our own decoder, which is stricter; arithmetic coding, which is rare, by
libjpeg's warnings. Its arithmetic decoder takes zeros for missing bytes without a warning. So zeros are put
behind each interval: libjpeg warns of those that it did not read, and their number shows what is missing.
"""

import os
import re
from collections.abc import Iterator
from functools import partial
from typing import NoReturn

from PIL import Image, _imaging

from darkroom.imaging.child import Child, ChildDied
from darkroom.imaging.pixels import is_in_one_piece
from darkroom.imaging.sniff import corrupt
from darkroom.imaging.sniff.jpeg import END, SCAN

# libjpeg's ABI as Pillow builds it, and the size of jpeg_decompress_struct: libjpeg checks both.
_ABI_VERSION, _STRUCT_BYTES = 62, 632
# jerror.h: JERR_OUT_OF_MEMORY, JWRN_EXTRANEOUS_DATA
_OUT_OF_MEMORY, _SURPLUS = 54, 116

# Exit codes of the child process.
_DAMAGED, _NO_MEMORY = 1, 2

# The deadline of the whole rendering ends the check too.
_SECONDS = 900.0


# Bytes put behind each interval. A decoder of a whole one reads some: encoders leave out zeros at its end, at
# most 21 of them in drawn pictures of up to 24 megapixels with one colour in most of them.
_SPARE, _MOST_READ = 48, 40
# Later intervals of a file are checked by warnings alone.
_MOST_INTERVALS = 100_000
_RESTARTS = range(0xD0, 0xD8)
_MARKER = re.compile(rb"\xff+[^\0\xff]")


def check(stream: bytes, *, arithmetic: bool) -> None:
    """Decodes all coefficients. Raises RejectedPicture if any are missing, or data is left over."""
    if not arithmetic:
        from darkroom_native import jpeg_fault  # imported only when needed, as other native code

        if jpeg_fault(stream):
            raise corrupt()
        return
    child = Child(partial(warnings, *with_spare_bytes(stream)), seconds=_SECONDS)
    try:
        if next(child.results()):
            raise corrupt()
    except ChildDied as fault:
        if fault.status == _NO_MEMORY:
            raise MemoryError from fault
        raise corrupt() from fault
    finally:
        child.end()


_ONLY_BY_LIBJPEG = "only libjpeg can draw it"


def drawn(stream: bytes, mode: str, size: tuple[int, int], *, halved: bool) -> Image.Image | None:
    """Checks a JPEG, and draws it in the same pass with the pixels that Pillow's libjpeg-turbo draws.

    `size` is that of the result: half of the picture's, rounded up, if `halved`. Returns None for kinds that
    only libjpeg can draw, such as progressive ones. Raises RejectedPicture as `check` does.
    """
    from darkroom_native import draw_jpeg  # imported only when needed, as other native code

    picture = Image.new(mode, size, None)  # without a colour: all pixels are drawn
    if not is_in_one_piece(picture):
        return None
    fault = draw_jpeg(stream, 4 if halved else 8, picture)
    if fault == _ONLY_BY_LIBJPEG:
        return None
    if fault:
        raise corrupt()
    return picture


def with_spare_bytes(stream: bytes) -> tuple[bytes, int]:
    """Puts zeros behind each interval of a JPEG; returns it, and the number of the intervals.

    Except for the later bits of DC coefficients: their code may end with any number of zeros, left out.
    """
    parts, intervals, at, spare = [stream[:2]], 0, 2, b""
    while intervals < _MOST_INTERVALS and (found := _MARKER.match(stream, at)):
        kind, end = found[0][-1], found.end()
        if kind == END:
            break
        if kind not in _RESTARTS:
            size = int.from_bytes(stream[end : end + 2])
            body = stream[end + 2 : end + size]
            end += size
        if kind == SCAN:
            is_dc_refined = len(body) > 2 and body[-3] == 0 and body[-1] >> 4
            spare = b"" if is_dc_refined else bytes(_SPARE)
        if kind == SCAN or kind in _RESTARTS:
            following = _MARKER.search(stream, end)
            if not following:
                break
            end = following.start()
            parts += stream[at:end], spare
            intervals += bool(spare)
        else:
            parts.append(stream[at:end])
        at = end
    return b"".join((*parts, stream[at:])), intervals


def warnings(stream: bytes, intervals: int = 0) -> Iterator[int]:
    """Decodes all coefficients and yields the number of warnings: 0 if no byte is missing or left over.

    With `intervals`, as by with_spare_bytes, counts those from which data is missing, instead of the warnings
    about the zeros that were not read.

    Runs in a child process, since a fatal error ends it: with _NO_MEMORY, or else with another exit code.
    """
    import ctypes  # imported only when needed: few JPEGs have arithmetic coding

    class ErrorManager(ctypes.Structure):
        """The beginning of jpeg_error_mgr, jpeglib.h; the tables of messages follow."""

        _fields_ = (
            ("error_exit", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
            ("emit_message", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)),
            ("other_methods", ctypes.c_void_p * 3),
            ("message", ctypes.c_int),
            ("parameters", ctypes.c_int * 20),
            ("rest", ctypes.c_char * 272),
        )

    # Loaded through Pillow's module, to get the libjpeg that Pillow bundles.
    library = ctypes.CDLL(_imaging.__file__)
    errors, picture = ErrorManager(), (ctypes.c_void_p * (_STRUCT_BYTES // 8))()
    library.jpeg_std_error(ctypes.byref(errors))
    found = intervals

    def count(_picture: int, level: int) -> None:
        nonlocal found
        if level >= 0:  # no warning
            return
        is_whole = errors.message == _SURPLUS and _SPARE - _MOST_READ <= errors.parameters[0] <= _SPARE
        found += -1 if intervals and is_whole else 1

    def leave(_picture: int) -> NoReturn:
        # An error handler must not return to libjpeg.
        os._exit(_NO_MEMORY if errors.message == _OUT_OF_MEMORY else _DAMAGED)

    errors.error_exit = type(errors.error_exit)(leave)
    errors.emit_message = type(errors.emit_message)(count)
    picture[0] = ctypes.addressof(errors)
    library.jpeg_CreateDecompress(picture, _ABI_VERSION, ctypes.c_size_t(_STRUCT_BYTES))
    library.jpeg_mem_src(picture, stream, ctypes.c_ulong(len(stream)))
    library.jpeg_read_header(picture, 1)
    library.jpeg_read_coefficients(picture)
    library.jpeg_finish_decompress(picture)
    yield found
    library.jpeg_destroy_decompress(picture)
