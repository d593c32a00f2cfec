import json

from darkroom.web.http import Request, Responder, Response, responder_for
from darkroom.web.problems import TOO_LARGE
from tests.fakes import FakeOriginals, FakeRenditions


def policy(responder: Responder) -> str:
    return responder.page(200, "").headers["Content-Security-Policy"]


def test_a_page_may_use_the_origins_of_the_buckets_and_of_the_socket_and_no_others() -> None:
    responder = responder_for(FakeOriginals(), FakeRenditions(), "wss://live.test/live")

    assert "; img-src data: https://renditions.test;" in policy(responder)
    assert "; connect-src 'self' https://uploads.test wss://live.test;" in policy(responder)


def test_a_page_without_a_socket_of_its_own_asks_its_own_origin_and_the_uploads_bucket() -> None:
    responder = responder_for(FakeOriginals(), FakeRenditions())

    assert "; connect-src 'self' https://uploads.test;" in policy(responder)


def test_a_problem_is_a_page_or_a_document() -> None:
    def problem(accept: str) -> Response:
        request = Request("/", accept=accept)
        return Responder().problem(request, TOO_LARGE, "It is 9 MB.", {"id": 1}, advice="Go elsewhere.")

    page, document = problem("text/html"), problem("application/json")

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
