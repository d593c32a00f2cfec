"""The pages of `darkroom render --html`: one per picture, and one that leads to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom.domain.receipts import Receipt
from darkroom.domain.renditions import Rendition
from darkroom.domain.serialization import parse_receipt
from darkroom.web.pages.formatting import counted, filesize, savings
from darkroom.web.pages.markup import Link, fallback_link, markup_of, picture_embed
from darkroom_cli.pages import SHOWN_BY_BROWSERS, page, relative_url
from darkroom_cli.render.folder import STANDARD_INPUT, OutputFolder
from darkroom_cli.render.outcome import Outcome

_INDEX, _INDEX_ENDING, _PAGE_ENDING = "index", ".html", "-page.html"


@dataclass(frozen=True, slots=True)
class _Tile:
    """One picture on the index."""

    folder: str
    name: str
    url: str
    thumbnail: str
    placeholder: str
    saving: str


def write_pages(output: OutputFolder, outcomes: Sequence[Outcome]) -> Path | None:
    """Writes a page for each picture, and the index; returns the index, or None without pictures.

    Raises Fault.
    """
    shown = sorted((outcome for outcome in outcomes if not outcome.problem), key=lambda outcome: outcome.name)
    if not shown:
        return None
    stem = output.free_stem(_INDEX, _INDEX, [_INDEX_ENDING])
    index = output.path / f"{stem}{_INDEX_ENDING}"
    tiles = [_write_page(output, outcome, index) for outcome in shown]
    rows = [outcome.result for outcome in shown]
    before, after = sum(row.before for row in rows), sum(row.after for row in rows)
    content = page(
        "local-index.html",
        root=index.name,
        command="render --html",
        headline=f"{counted(len(rows), 'picture')}: {filesize(before)} became {filesize(after)}",
        tiles=tiles,
        before=before,
        after=after,
    )
    output.write_more(stem, _INDEX, {_INDEX_ENDING: content})
    return index


def _write_page(output: OutputFolder, outcome: Outcome, index: Path) -> _Tile:
    receipt = receipt_of(outcome)
    folder = (output.path / outcome.stem).parent

    def url(rendition: Rendition) -> str:
        return relative_url(output.path / rendition.key, folder)

    content = _picture_page(outcome, receipt, url, folder, index)
    name = output.write_more(outcome.stem, outcome.name, {_PAGE_ENDING: content})[_PAGE_ENDING]
    thumbnail = receipt.thumbnail or receipt.shown[0]
    folder_name, _, file_name = outcome.name.rpartition("/")
    return _Tile(
        folder_name,
        file_name,
        relative_url(output.path / name, output.path),
        relative_url(output.path / thumbnail.key, output.path),
        receipt.placeholder,
        savings(receipt.saved_percent),
    )


def receipt_of(outcome: Outcome) -> Receipt:
    """Returns the receipt of a rendered picture; the keys of its renditions are file names."""
    document = dict(outcome.receipt or {})
    renditions = [{"key" if name == "file" else name: value for name, value in file.items()}
                  for file in document["renditions"]]  # fmt: skip
    return parse_receipt(document | {"renditions": renditions, "rejection": None})


def _picture_page(
    outcome: Outcome, receipt: Receipt, url: Callable[[Rendition], str], folder: Path, index: Path
) -> bytes:
    links = tuple(Link(url(rendition), rendition) for rendition in receipt.shown)
    first = fallback_link(links) or links[0]
    best = receipt.smallest_at_full_width or first.rendition
    before = receipt.reference
    reference = Link(url(before), before) if before else _link_to_original(outcome, receipt, best, folder)
    row = outcome.result
    return page(
        "local-picture.html",
        root=relative_url(index, folder),
        command="render --html",
        name=outcome.name,
        headline=(
            f"{filesize(row.before)} became {filesize(row.after)} at {best.width} px:"
            f" {savings(receipt.saved_percent)}"
        ),
        receipt=receipt,
        links=links,
        first=first,
        best=best,
        reference=reference,
        shows_original=True,  # nothing is served here
        note=f"“Before” is a rendition of quality {before.quality} at full width." if before else None,
        markup=markup_of(picture_embed(receipt, url), Path(outcome.name).stem),
    )


def _link_to_original(outcome: Outcome, receipt: Receipt, shown_as: Rendition, folder: Path) -> Link | None:
    """Returns a link to the original file, shown in the size of a rendition, if browsers can show it."""
    shown = receipt.original is not None and receipt.original.format in SHOWN_BY_BROWSERS
    if not shown or outcome.origin == STANDARD_INPUT:
        return None
    return Link(relative_url(Path(outcome.origin), folder), shown_as)
