"""BMP headers: Microsoft, versions 2 to 5."""

from darkroom.imaging.sniff.header import Header, numbers, unsupported


def read_bmp(content: bytes) -> Header:
    (header_bytes,) = numbers("<I", content, 14)
    if header_bytes == 12:
        width, height = numbers("<HH", content, 18)
    elif header_bytes in (40, 52, 56, 64, 108, 124):
        width, height = numbers("<ii", content, 18)
    else:
        raise unsupported("This version of BMP is not supported.")
    bits, compression = numbers("<HI", content, 28) if header_bytes >= _INFO_HEADER_BYTES else (0, 0)
    if compression in _WRAPPED:
        raise unsupported("The BMP holds a JPEG or PNG; upload that picture itself.")
    masks = numbers("<III", content, 54) if compression == _BITFIELDS else ()
    masked = bool(masks) and (bits, masks) not in _KNOWN_MASKS
    return Header(format="bmp", width=width, height=abs(height), stream=content, masked=masked)


_INFO_HEADER_BYTES = 40
_BITFIELDS, _WRAPPED = 3, (4, 5)
# Red, green and blue as Pillow knows them, for each number of bits.
_KNOWN_MASKS = (
    (16, (0xF800, 0x7E0, 0x1F)),
    (16, (0x7C00, 0x3E0, 0x1F)),
    (24, (0xFF0000, 0xFF00, 0xFF)),
    (32, (0xFF0000, 0xFF00, 0xFF)),
    (32, (0, 0, 0)),
)
