"""Reads XMP packets: ISO 16684-1, a part of RDF in XML.

Nothing is expanded or loaded: a document type, with which entities begin, ends the reading.
"""

from collections.abc import Iterable
from xml.parsers import expat

from darkroom.imaging.sniff.header import MAX_METADATA_BYTES

# Real packets nest 12 deep; the longest editing histories have some 20,000 elements.
_MAX_DEPTH, _MAX_ELEMENTS = 64, 50_000
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"

NAMESPACES = {
    "HDRGainMap": "http://ns.apple.com/HDRGainMap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "rdf": _RDF,
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}
_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
_UNKNOWN = "?"


def properties(packet: bytes, wanted: Iterable[str]) -> dict[str, list[str]]:
    """Returns the values of the picture's own properties, named like `dc:rights`.

    A field of a structure is named by its path, like `plus:Licensor/plus:LicensorURL`. Of languages, the
    default comes first. Empty if the packet is damaged or too large. Properties of embedded pictures do
    not count.
    """
    if len(packet) > MAX_METADATA_BYTES:
        return {}
    reader = _Reader(frozenset(wanted))
    # The encoding is that of XMP in files: a packet's own would let it select any of Python's.
    parser = expat.ParserCreate("UTF-8", " ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(packet.strip(b"\0"), True)
    except (expat.ExpatError, ValueError):
        return {}
    return reader.found


class _Reader:
    """Collects the wanted properties from the parser's calls."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.found: dict[str, list[str]] = {}
        self._wanted = wanted
        self._names: list[str] = []
        self._language = ""
        self._text: list[str] = []
        self._elements = 0

    def refuse(self, *_: object) -> None:
        """Ends the reading."""
        raise ValueError("a document type, or too many elements")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Notes the attributes of an element; an attribute is a short form of a property."""
        self._elements += 1
        self._names.append(_short(name))
        if len(self._names) > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            self.refuse()
        self._language, self._text = attributes.get(_LANGUAGE, ""), []
        for attribute, value in attributes.items():
            short = _short(attribute)
            self._note([] if short == "rdf:resource" else [short], value)

    def text(self, text: str) -> None:
        """Adds to the current element's text."""
        self._text.append(text)

    def end(self, _: str) -> None:
        """Notes the text of an element."""
        self._note([], "".join(self._text))
        self._names.pop()
        self._text, self._language = [], ""

    def _note(self, last: list[str], value: str) -> None:
        if "rdf:RDF" not in self._names or not value.strip():
            return
        inside = self._names[self._names.index("rdf:RDF") + 1 :] + last
        path = "/".join(name for name in inside if not name.startswith("rdf:"))
        if path in self._wanted:
            values = self.found.setdefault(path, [])
            values.insert(0 if self._language == "x-default" else len(values), value)


def _short(name: str) -> str:
    """Shortens `URI name` to `prefix:name`."""
    uri, _, local = name.rpartition(" ")
    prefix = _PREFIXES.get(uri)
    return f"{prefix}:{local}" if prefix else _UNKNOWN
