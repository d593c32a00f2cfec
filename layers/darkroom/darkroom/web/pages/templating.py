"""Jinja templates with the site's one stylesheet and one script inlined, and the policy for both."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from darkroom.domain.entries import State
from darkroom.web.pages import formatting, wording

_FOLDER = Path(__file__).parent

# One script for all pages. The order matters: later files use the functions of earlier ones.
_SCRIPTS = (
    *("follow-job.js", "page.js", "wording.js", "job-list.js", "upload.js"),
    *("drop.js", "job.js", "compare.js", "crop.js", "thumbnails.js", "copy.js", "polling.js"),
    *("times.js", "delete.js", "zip.js", "playground.js"),
)

STYLE = (_FOLDER / "style.css").read_text(encoding="utf-8")
DOCS_STYLE = (_FOLDER / "docs.css").read_text(encoding="utf-8")
SCRIPT = "".join((_FOLDER / "scripts" / name).read_text(encoding="utf-8") for name in _SCRIPTS)

# Values of a picture's progress bar; 1 in any terminal state. The progress of rendering is not known.
PROGRESS = {State.EXPECTED: 0.0, State.RENDERING: None}


def render_template(template: str, **values: Any) -> str:
    """Renders one template. All values are escaped."""
    return TEMPLATES.get_template(template).render(**values)


def content_security_policy(
    image_origins: list[str], connect_origins: list[str], form_origin: str = ""
) -> str:
    """Returns the Content-Security-Policy of the pages. It allows the inlined style and script by hash.

    Pages may load images from `image_origins`, connect to `connect_origins`, like `https://host:port`, and
    send forms to `form_origin` and this site. `blob:` is for previews of files that are being uploaded.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(STYLE)}'",
            f"script-src '{_hash(SCRIPT)}'",
            " ".join(("img-src data: blob:", *image_origins)),
            " ".join(("connect-src 'self'", *connect_origins)),
            f"form-action 'self' {form_origin}".strip(),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(inlined: str) -> str:
    return f"sha256-{b64encode(sha256(inlined.encode()).digest()).decode()}"


def _code(text: str) -> Markup:
    """Marks the parts between backticks as code, and escapes everything."""
    parts = [
        Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def _form_value(text: str) -> Markup:
    """Escapes text so that a browser sends it unchanged: the characters of `visible` by their numbers."""
    return Markup("").join(
        character if formatting.visible(character) == character else Markup("&#{};").format(ord(character))
        for character in text
    )


TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=lambda value: formatting.visible(value) if isinstance(value, str) else value,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "segment": formatting.path_segment,
    "form_value": _form_value,
    "filesize": formatting.filesize,
    "savings": formatting.savings,
    "share": formatting.share,
    "label": formatting.label,
    "tied": formatting.tied,
    "sides": formatting.sides,
    "saved_percent": formatting.saved_percent,
    "duration": formatting.duration,
    "row_name": wording.row_name,
    "row_text": wording.row_text,
    "code": _code,
    "progress": lambda state: PROGRESS.get(state, 1.0),
}
# Our own files, not escaped: they must match the hashes in the policy.
TEMPLATES.globals |= {"style": Markup(STYLE), "script": Markup(SCRIPT)}  # noqa: S704
