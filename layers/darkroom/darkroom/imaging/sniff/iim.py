"""Reads IPTC's metadata: the Information Interchange Model, 4.2, in a block of Photoshop's."""

from darkroom.imaging.sniff.header import MAX_PARTS, numbers

# Datasets of record 2: by-line, credit, copyright notice.
CREATOR, CREDIT, COPYRIGHT = 80, 110, 116
PHOTOSHOP_NAME = b"Photoshop 3.0\0"
_RESOURCE, _IIM_RESOURCE = b"8BIM", 0x0404
_TAG, _ENVELOPE, _APPLICATION = 0x1C, 1, 2
_CODED_CHARACTER_SET, _UTF_8 = 90, b"\x1b%G"
# A larger length says how many bytes hold the length; no text is that long.
_LONGEST = 0x7FFF


def iim_of_photoshop(resources: bytes) -> bytes:
    """Returns IPTC's block among Photoshop's resources; empty if there is none. Raises Damaged."""
    position = 0
    for _ in range(MAX_PARTS):
        if resources[position : position + 4] != _RESOURCE:
            return b""
        (number,) = numbers(">H", resources, position + 4)
        (name_bytes,) = numbers(">B", resources, position + 6)
        position += 6 + (1 + name_bytes + 1) // 2 * 2
        (size,) = numbers(">I", resources, position)
        position += 4
        if number == _IIM_RESOURCE:
            return resources[position : position + size]
        position += (size + 1) // 2 * 2
    return b""


def iim_texts(block: bytes) -> dict[int, list[str]]:
    """Maps the datasets of record 2 to their texts, up to the first damage."""
    found: dict[int, list[bytes]] = {}
    encoding = "latin-1"
    position = 0
    while position + 5 <= len(block) and block[position] == _TAG:
        record, dataset = block[position + 1], block[position + 2]
        length = int.from_bytes(block[position + 3 : position + 5])
        position += 5 + length
        if length > _LONGEST or position > len(block):
            break
        value = block[position - length : position]
        if record == _ENVELOPE and dataset == _CODED_CHARACTER_SET and value == _UTF_8:
            encoding = "utf-8"
        elif record == _APPLICATION:
            found.setdefault(dataset, []).append(value)
    return {dataset: [as_text(value, encoding) for value in values] for dataset, values in found.items()}


def as_text(value: bytes, encoding: str = "latin-1") -> str:
    """Decodes UTF-8, which many writers use without saying so, or else the stated encoding."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode(encoding, errors="replace")
