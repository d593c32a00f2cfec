import json

from darkroom.web.http import Request, Responder, Response, responder_for
from darkroom.web.problems import TOO_LARGE
from tests.fakes import FakeOriginals, FakeRenditions, FakeReports


def policy(responder: Responder) -> str:
    return responder.page(200, "").headers["Content-Security-Policy"]


def test_the_page_policy_allows_only_the_buckets_and_the_websocket() -> None:
    responder = responder_for(FakeOriginals(), FakeRenditions(), FakeReports(), "wss://live.test/live")

    assert "; img-src data: blob: https://renditions.test;" in policy(responder)
    assert (
        "; connect-src 'self' https://uploads.test https://renditions.test https://reports.test wss://live.test;"
        in policy(responder)
    )


def test_the_page_policy_without_a_live_url_allows_only_the_uploads_bucket() -> None:
    responder = responder_for(FakeOriginals(), FakeRenditions(), FakeReports())

    assert (
        "; connect-src 'self' https://uploads.test https://renditions.test https://reports.test;"
        in policy(responder)
    )


def test_a_problem_is_a_page_or_json() -> None:
    def problem(accept: str) -> Response:
        request = Request("/", accept=accept)
        return Responder().problem(request, TOO_LARGE, "It is 9 MB.", {"id": 1}, advice="Go elsewhere.")

    page, document = problem("text/html"), problem("application/json")
    assert problem("application/problem+json") == problem("image/*, Application/Problem+JSON") == document
    assert problem("text/html, application/problem+json;q=0.9") == page

    assert (page.status, document.status) == (413, 413)
    assert "Go elsewhere." in page.text
    assert document.media_type == "application/problem+json"
    assert json.loads(document.text) == {
        "type": "/docs/problems#too-large",
        "title": "Too large for this form",
        "status": 413,
        "detail": "It is 9 MB.",
        "id": 1,
    }
