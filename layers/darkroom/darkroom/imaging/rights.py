"""The rights in a picture: read from an original's metadata, and written as one small XMP packet."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from html import escape as escape_html

from darkroom.imaging.sniff.iim import COPYRIGHT, CREATOR, CREDIT, iim_texts
from darkroom.imaging.sniff.metadata import Metadata
from darkroom.imaging.sniff.xmp import NAMESPACES, properties

_escaped = partial(escape_html, quote=False)

# Bytes of one text in the packet. The longest possible packet has some 5,000.
_MAX_TEXT_BYTES, _MAX_CREATORS = 500, 5
_URL = re.compile(r"https?://[!-~]+")

_RIGHTS, _CREATORS, _CREDIT = "dc:rights", "dc:creator", "photoshop:Credit"
_TERMS, _STATEMENT = "xmpRights:UsageTerms", "xmpRights:WebStatement"
_LICENSOR = "plus:Licensor/plus:LicensorURL"


@dataclass(frozen=True, slots=True)
class Rights:
    """Statements about the rights in a picture, as harmless text; empty without a statement.

    `web_statement` is the URL of the licence, `licensor_url` that of a place to obtain one.
    """

    copyright: str = ""
    creators: tuple[str, ...] = ()
    credit: str = ""
    usage_terms: str = ""
    web_statement: str = ""
    licensor_url: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the statements present, in words."""
        return [_IN_WORDS[fact.name] for fact in fields(self) if getattr(self, fact.name)]


_IN_WORDS = {
    "copyright": "copyright",
    "creators": "creator",
    "credit": "credit line",
    "usage_terms": "usage terms",
    "web_statement": "licence URL",
    "licensor_url": "licensor's URL",
}


def rights_in(metadata: Metadata) -> Rights:
    """Reads the rights: from XMP, else IPTC, else EXIF, statement by statement.

    Source of the mapping: IPTC Photo Metadata Standard 2024.1.
    """
    xmp = properties(metadata.xmp, (_RIGHTS, _CREATORS, _CREDIT, _TERMS, _STATEMENT, _LICENSOR))
    iim = iim_texts(metadata.iim)

    def texts(name: str, dataset: int, in_exif: str = "") -> list[str]:
        sources = (xmp.get(name, []), iim.get(dataset, []), [in_exif])
        cleaned = ([text for text in map(harmless, source) if text] for source in sources)
        return next(filter(None, cleaned), [])

    return Rights(
        copyright=_first(texts(_RIGHTS, COPYRIGHT, metadata.copyright)),
        creators=tuple(texts(_CREATORS, CREATOR, metadata.artist)[:_MAX_CREATORS]),
        credit=_first(texts(_CREDIT, CREDIT)),
        usage_terms=_first(texts(_TERMS, -1)),
        web_statement=_first(_urls(xmp.get(_STATEMENT, []))),
        licensor_url=_first(_urls(xmp.get(_LICENSOR, []))),
    )


def _first(texts: list[str]) -> str:
    return texts[0] if texts else ""


def _urls(texts: list[str]) -> list[str]:
    stripped = (text.strip() for text in texts)
    return [url for url in stripped if _URL.fullmatch(url) and len(_escaped(url)) <= _MAX_TEXT_BYTES]


# Zero-width joiners, which some scripts need. Other characters of format can hide or reorder text.
_JOINERS = "\u200c\u200d"


def harmless(text: str) -> str:
    """Removes control, direction and unassigned characters, joins lines, and limits the length."""
    kept = (
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in text[:_MAX_TEXT_BYTES]
        if character in _JOINERS or unicodedata.category(character) not in ("Cf", "Cn", "Co", "Cs")
    )
    joined = " ".join("".join(kept).split())
    while len(_escaped(joined).encode()) > _MAX_TEXT_BYTES:
        joined = joined[:-1]
    return joined.strip()


def description(rights: Rights) -> str:
    """Returns the rights as an element of an XMP packet."""
    elements = [
        _list("dc:creator", "Seq", rights.creators),
        _default_text("dc:rights", rights.copyright),
        _simple("photoshop:Credit", rights.credit),
        _default_text("xmpRights:UsageTerms", rights.usage_terms),
        _simple("xmpRights:WebStatement", rights.web_statement),
    ]
    if rights.licensor_url:
        url = _simple("plus:LicensorURL", rights.licensor_url)
        item = f'<rdf:li rdf:parseType="Resource">{url}</rdf:li>'
        elements.append(f"<plus:Licensor><rdf:Seq>{item}</rdf:Seq></plus:Licensor>")
    body = "".join(elements)
    used = [prefix for prefix in NAMESPACES if prefix != "rdf" and f"<{prefix}:" in body]
    names = "".join(f' xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in used)
    return f'<rdf:Description rdf:about=""{names}>{body}</rdf:Description>'


def packet(descriptions: Sequence[str]) -> bytes:
    """Returns an XMP packet of descriptions. ISO 16684-1, 7.3."""
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{NAMESPACES["rdf"]}">'
        f"{''.join(descriptions)}</rdf:RDF></x:xmpmeta>"
    ).encode()


def _simple(name: str, text: str) -> str:
    return f"<{name}>{_escaped(text)}</{name}>" if text else ""


def _list(name: str, kind: str, texts: tuple[str, ...]) -> str:
    items = "".join(_simple("rdf:li", text) for text in texts)
    return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>" if texts else ""


def _default_text(name: str, text: str) -> str:
    item = f'<rdf:li xml:lang="x-default">{_escaped(text)}</rdf:li>'
    return f"<{name}><rdf:Alt>{item}</rdf:Alt></{name}>" if text else ""
