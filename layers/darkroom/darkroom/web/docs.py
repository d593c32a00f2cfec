"""The routes of the API documentation."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from darkroom.web.http import Request, Responder, Response
from darkroom.web.openapi import openapi
from darkroom.web.pages import views as pages
from darkroom.web.pages.templating import DOCS_STYLE

# Swagger UI from the Powertools package, and the script to start it.
_FILES = {
    "swagger-ui.css": ("swagger-ui.min.css", "text/css; charset=utf-8"),
    "swagger-ui.js": ("swagger-ui-bundle.min.js", "text/javascript; charset=utf-8"),
}
_START = """const dark = matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark-mode", dark);
// Swagger UI gives its fields no names, and its examples can't be scrolled by keyboard.
new MutationObserver(() => {
  for (const field of document.querySelectorAll("#docs select:not([aria-label])")) field.ariaLabel = "Value";
  for (const example of document.querySelectorAll("#docs pre:not([tabindex])")) example.tabIndex = 0;
}).observe(document.getElementById("docs"), { childList: true, subtree: true });
SwaggerUIBundle({url: document.body.dataset.url, dom_id: "#docs", validatorUrl: null});
"""
# Allows the files of this site. The styles that Swagger UI's script sets need no 'unsafe-inline'.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_CACHE_HEADERS = {"Vary": "Origin", "Cache-Control": "private, max-age=3600"}


@dataclass(frozen=True, slots=True)
class DocsRoutes:
    """The routes of `/openapi.json` and under `/docs`."""

    responder: Responder

    def openapi(self, _request: Request) -> Response:
        """`GET /openapi.json`: returns the OpenAPI description."""
        return self.responder.json(200, openapi(), {"Vary": "Origin"})

    def docs(self, request: Request) -> Response:
        """`GET /docs`: returns Swagger UI."""
        return self.responder.page(200, pages.docs(request), {"Content-Security-Policy": _POLICY})

    def problems(self, request: Request) -> Response:
        """`GET /docs/problems`: describes the problem types."""
        return self.responder.page(200, pages.problems(request))

    def file(self, request: Request, name: str) -> Response:
        """`GET /docs/{file}`: returns a file of Swagger UI."""
        if name == "start.js":
            return self.responder.text(200, _START, "text/javascript; charset=utf-8", _CACHE_HEADERS)
        if name == "docs.css":
            return self.responder.text(200, DOCS_STYLE, "text/css; charset=utf-8", _CACHE_HEADERS)
        if name not in _FILES:
            return self.responder.not_found(request)
        packaged_name, media_type = _FILES[name]
        return self.responder.text(200, _swagger_file(packaged_name), media_type, _CACHE_HEADERS)


@cache
def _swagger_file(name: str) -> str:
    """Reads a file of Powertools' Swagger UI. Importing its package would need pydantic."""
    spec = find_spec("aws_lambda_powertools")
    assert spec and spec.origin  # noqa: S101, PT018 - every function needs Powertools
    return (Path(spec.origin).parent / "event_handler/openapi/swagger_ui" / name).read_text(encoding="utf-8")
