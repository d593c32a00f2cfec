import pytest

from darkroom_cli.local.loopback import is_allowed, is_local_origin, is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "api.localhost"]
)
def test_this_machine_is_answered(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "a:b:c", "::1"],
)
def test_a_strangers_name_for_this_machine_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("origin", [None, "http://localhost:8000", "http://127.0.0.1:1", "https://[::1]"])
def test_a_page_of_this_machine_or_no_page_is_from_here(origin: str | None) -> None:
    assert is_local_origin(origin)


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://localhost.evil.example", "file://", "http://a:b:c"]
)
def test_another_page_is_not(origin: str) -> None:
    assert not is_local_origin(origin)


def scope(
    method: str = "GET", path: str = "/uploads/a.png?x=1", kind: str = "http", **headers: str
) -> dict[str, object]:
    path, _, query = path.partition("?")
    all_headers = {"host": "127.0.0.1:4566"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in all_headers.items()],
    }


@pytest.mark.parametrize(
    "request_scope",
    [
        scope(),
        scope("POST", "/?Action=ListUsers"),
        scope("POST", "/uploads", origin="http://localhost:8000"),
        scope("OPTIONS", "/uploads", origin="http://localhost:8000", sec_fetch_site="cross-site"),
        scope(sec_fetch_site="cross-site"),
        scope(sec_fetch_site="none"),
        scope("POST", "/_aws/execute-api/api/$default/jobs", origin="https://www.example.com"),
        scope(path="/_aws/execute-api/api/live", kind="websocket"),
    ],
)
def test_what_is_from_here_is_admitted(request_scope: dict[str, object]) -> None:
    assert is_allowed(request_scope)


@pytest.mark.parametrize(
    "request_scope",
    [
        scope(host="evil.test:4566"),
        scope("POST", "/_aws/execute-api/api/$default/jobs", host="evil.test"),
        scope("POST", "/2015-03-31/functions", origin="https://evil.test"),
        scope("POST", "/2015-03-31/functions", origin="null"),
        scope("POST", "/2015-03-31/functions", sec_fetch_site="cross-site"),
        scope("GET", "/", origin="https://evil.test"),
        scope("GET", "/?Action=CreateUser&UserName=x", sec_fetch_site="cross-site"),
        scope("GET", "/_ministack/reset", sec_fetch_site="cross-site"),
        scope(path="/_aws/execute-api/api/live", kind="websocket", origin="https://evil.test"),
    ],
)
def test_what_a_page_of_another_site_asks_is_not(request_scope: dict[str, object]) -> None:
    assert not is_allowed(request_scope)
