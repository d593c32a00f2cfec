"""The <picture> element for other pages, and the choice of formats for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import UNIVERSAL, Format, Rendition, smallest
from darkroom.web.pages.templating import render_template

# Browsers take the first format they support, so the smallest comes first. A browser that shows JPEG XL shows
# every format: it gets the smallest file of each width. The formats that every browser shows are one source,
# the last.
_PREFERENCE = (frozenset(Format), {Format.AVIF}, {Format.WEBP}, UNIVERSAL)


@dataclass(frozen=True, slots=True)
class Link:
    """A rendition and a URL of it, which may be a `data:` URL. `download_url` saves it under a name."""

    url: str
    rendition: Rendition
    download_url: str = ""

    @property
    def embedded(self) -> bool:
        """True for a `data:` URL."""
        return self.url.startswith("data:")


@dataclass(frozen=True, slots=True)
class Source:
    """One format of a <picture> element; JPEG and PNG share one, and JPEG XL may contain all others."""

    media_type: str
    srcset: str
    widest: Link


@dataclass(frozen=True, slots=True)
class EmbeddedSource:
    """The attributes of a <source> element."""

    type: str
    srcset: str


@dataclass(frozen=True, slots=True)
class Embed:
    """What another page needs to show a picture: the attributes of a <picture> element, except its `alt`.

    `background` is a CSS value for the time until the image is loaded: colour and placeholder.
    """

    sources: tuple[EmbeddedSource, ...]
    src: str
    srcset: str
    sizes: str
    width: int
    height: int
    background: str


def picture_embed(receipt: Receipt, url: Callable[[Rendition], str]) -> Embed:
    """Returns the formats and widths to show, each at its own `url`."""
    links = tuple(Link(url(rendition), rendition) for rendition in receipt.shown)
    *sources, fallback = sources_of(links)
    return _embed(receipt, sources, fallback)


def redirect_embed(receipt: Receipt, url: Callable[[int], str]) -> Embed:
    """Returns one URL for each width in pixels; the server chooses the format."""
    widths = {rendition.width: rendition for rendition in receipt.shown}
    links = [Link(url(width), widths[width]) for width in sorted(widths)]
    return _embed(receipt, [], Source("", _srcset(links), links[-1]))


def _embed(receipt: Receipt, sources: Sequence[Source], fallback: Source) -> Embed:
    rendition = fallback.widest.rendition
    placeholder = f" url({receipt.placeholder}) 50% / cover no-repeat" if receipt.placeholder else ""
    return Embed(
        tuple(EmbeddedSource(source.media_type, source.srcset) for source in sources),
        fallback.widest.url,
        fallback.srcset,
        f"(min-width: {rendition.width}px) {rendition.width}px, 100vw",
        rendition.width,
        rendition.height,
        f"{receipt.colour or 'none'}{placeholder}",
    )


def markup_of(embed: Embed, alt: str) -> str:
    """Returns the <picture> element."""
    return render_template("markup.html", embed=embed, alt=alt).strip()


def sources_of(links: tuple[Link, ...]) -> tuple[Source, ...]:
    """Returns one source per format, smallest format first, with its widths as `srcset`.

    Leaves out a format without the full width (AVIF over its time budget): browsers choose the format
    before the width, and would enlarge a small AVIF.
    """
    full_width = max((link.rendition.width for link in links), default=0)
    sources = []
    for formats in _PREFERENCE:
        chosen = _one_per_width([link for link in links if link.rendition.format in formats])
        kinds = [link.rendition.format for link in chosen]
        needs_jxl = Format.JXL in kinds
        if chosen and chosen[-1].rendition.width == full_width and needs_jxl == (Format.JXL in formats):
            kind = Format.JXL if needs_jxl else kinds[-1]
            sources.append(Source(kind.media_type, _srcset(chosen), chosen[-1]))
    return tuple(sources)


def _one_per_width(links: Sequence[Link]) -> list[Link]:
    """Returns the smallest file of each width, narrowest first, with transparency if there is one."""
    by_width: dict[int, list[Rendition]] = {}
    for link in links:
        by_width.setdefault(link.rendition.width, []).append(link.rendition)
    chosen = {smallest(renditions) for renditions in by_width.values()}
    return sorted((link for link in links if link.rendition in chosen), key=lambda link: link.rendition.width)


def fallback_link(links: tuple[Link, ...]) -> Link | None:
    """Returns the widest rendition of the most widely supported format, or None without renditions."""
    sources = sources_of(links)
    return sources[-1].widest if sources else None


def _srcset(links: Sequence[Link]) -> str:
    return ", ".join(f"{link.url} {link.rendition.width}w" for link in links)
