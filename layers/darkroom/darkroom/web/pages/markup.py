"""The <picture> element to copy into other pages, and the choice of formats for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import UNIVERSAL, Format, Rendition, smallest
from darkroom.web.pages.templating import render_template

# Browsers take the first format they support, so the smallest comes first. The formats that every browser
# shows are one source, the last.
_PREFERENCE = ({Format.AVIF}, {Format.WEBP}, UNIVERSAL)


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
    """One format of a <picture> element; JPEG and PNG share one."""

    media_type: str
    srcset: str
    widest: Link


def picture_markup(name: str, receipt: Receipt, url: Callable[[Rendition], str]) -> str:
    """Returns a <picture> element with the formats and widths to show, each at its own `url`."""
    links = tuple(Link(url(rendition), rendition) for rendition in receipt.shown)
    *sources, fallback = sources_of(links)
    return _markup(name, receipt, sources, fallback)


def redirect_markup(name: str, receipt: Receipt, url: Callable[[int], str]) -> str:
    """Returns a <picture> element with one URL for each width in pixels; the server chooses the format."""
    widths = {rendition.width: rendition for rendition in receipt.shown}
    links = [Link(url(width), widths[width]) for width in sorted(widths)]
    return _markup(name, receipt, [], Source("", _srcset(links), links[-1]))


def _markup(name: str, receipt: Receipt, sources: Sequence[Source], fallback: Source) -> str:
    width = fallback.widest.rendition.width
    placeholder = f" url({receipt.placeholder}) 50% / cover no-repeat" if receipt.placeholder else ""
    text = render_template(
        "markup.html",
        name=name,
        sources=sources,
        fallback=fallback,
        sizes=f"(min-width: {width}px) {width}px, 100vw",
        background=f"{receipt.colour or 'none'}{placeholder}",
    )
    return text.strip()


def sources_of(links: tuple[Link, ...]) -> tuple[Source, ...]:
    """Returns one source per format, smallest format first, with its widths as `srcset`.

    Leaves out a format without the full width (AVIF over its time budget): browsers choose the format
    before the width, and would enlarge a small AVIF.
    """
    full_width = max((link.rendition.width for link in links), default=0)
    sources = []
    for formats in _PREFERENCE:
        chosen = _one_per_width([link for link in links if link.rendition.format in formats])
        if chosen and chosen[-1].rendition.width == full_width:
            sources.append(Source(chosen[-1].rendition.format.media_type, _srcset(chosen), chosen[-1]))
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
    return ",\n               ".join(f"{link.url} {link.rendition.width}w" for link in links)
