"""Pages that open from disk, with the stack's style, script and slider."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, FileSystemLoader

from darkroom.web.pages.templating import TEMPLATES

_LOADERS = ChoiceLoader([FileSystemLoader(Path(__file__).parent), *filter(None, [TEMPLATES.loader])])
_LOCAL = TEMPLATES.overlay(loader=_LOADERS)
# Formats that every current browser shows.
SHOWN_BY_BROWSERS = {"jpeg", "png", "webp", "gif", "avif", "bmp"}


def page(template: str, **values: Any) -> bytes:
    """Renders one of the templates in this folder. All values are escaped."""
    return _LOCAL.get_template(template).render(**values).encode()


def relative_url(path: Path, folder: Path) -> str:
    """Returns the URL of a file, relative to a page in a folder."""
    relative = path.absolute().relative_to(folder.absolute(), walk_up=True)
    return quote(str(relative).encode(errors="surrogateescape"))
