"""Rejects damaged JPEGs: libjpeg fills missing data, and Pillow hides its warnings.

Huffman coding is checked by our own decoder, which is stricter; arithmetic coding, which is rare, by
libjpeg's warnings.
"""

import ctypes
import os
from collections.abc import Iterator
from functools import partial
from typing import NoReturn

from PIL import Image, _imaging

from darkroom.imaging.child import Child, ChildDied
from darkroom.imaging.pixels import is_in_one_piece
from darkroom.imaging.sniff import corrupt

# libjpeg's ABI as Pillow builds it, and the size of jpeg_decompress_struct: libjpeg checks both.
_ABI_VERSION, _STRUCT_BYTES = 62, 632
_OUT_OF_MEMORY = 54  # jerror.h: JERR_OUT_OF_MEMORY

# Exit codes of the child process.
_DAMAGED, _NO_MEMORY = 1, 2

# The deadline of the whole rendering ends the check too.
_SECONDS = 900.0


def check(stream: bytes, *, arithmetic: bool) -> None:
    """Decodes all coefficients. Raises RejectedPicture if any are missing, or data is left over."""
    if not arithmetic:
        from darkroom_native import jpeg_fault  # imported only when needed, as other native code

        if jpeg_fault(stream):
            raise corrupt()
        return
    child = Child(partial(warnings, stream), seconds=_SECONDS)
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


class _ErrorManager(ctypes.Structure):
    """The beginning of jpeg_error_mgr, jpeglib.h; the tables of messages follow."""

    _fields_ = (
        ("error_exit", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
        ("other_methods", ctypes.c_void_p * 4),
        ("message", ctypes.c_int),
        ("parameters", ctypes.c_char * 80),
        ("trace_level", ctypes.c_int),
        ("warnings", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


def warnings(stream: bytes) -> Iterator[int]:
    """Decodes all coefficients and yields the number of warnings: 0 if no byte is missing or left over.

    Runs in a child process, since a fatal error ends it: with _NO_MEMORY, or else with another exit code.
    """
    # Loaded through Pillow's module, to get the libjpeg that Pillow bundles.
    library = ctypes.CDLL(_imaging.__file__)
    errors, picture = _ErrorManager(), (ctypes.c_void_p * (_STRUCT_BYTES // 8))()
    library.jpeg_std_error(ctypes.byref(errors))

    def leave(_picture: int) -> NoReturn:
        # An error handler must not return to libjpeg.
        os._exit(_NO_MEMORY if errors.message == _OUT_OF_MEMORY else _DAMAGED)

    errors.error_exit = type(errors.error_exit)(leave)
    picture[0] = ctypes.addressof(errors)
    library.jpeg_CreateDecompress(picture, _ABI_VERSION, ctypes.c_size_t(_STRUCT_BYTES))
    library.jpeg_mem_src(picture, stream, ctypes.c_ulong(len(stream)))
    library.jpeg_read_header(picture, 1)
    library.jpeg_read_coefficients(picture)
    library.jpeg_finish_decompress(picture)
    yield errors.warnings
    library.jpeg_destroy_decompress(picture)
