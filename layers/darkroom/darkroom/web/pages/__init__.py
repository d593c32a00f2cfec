"""The HTML pages: values in, one complete HTML document out."""

from darkroom.web.pages.formatting import filesize, path_segment
from darkroom.web.pages.markup import Link, picture_markup, redirect_markup
from darkroom.web.pages.templating import content_security_policy
from darkroom.web.pages.views import (
    Tile,
    docs,
    failures,
    home,
    job,
    picture,
    problem,
    problems,
    sign_in,
    stored,
    waiting,
)

__all__ = [
    "Link",
    "Tile",
    "content_security_policy",
    "docs",
    "failures",
    "filesize",
    "home",
    "job",
    "path_segment",
    "picture",
    "picture_markup",
    "problem",
    "problems",
    "redirect_markup",
    "sign_in",
    "stored",
    "waiting",
]
