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
    return Header(format="bmp", width=width, height=abs(height), stream=content)
