from typing import Any

import pytest

from darkroom_cli.local.emulator import session_token
from darkroom_cli.local.loopback import is_allowed, is_local_origin, is_loopback, with_session_token


def test_functions_get_a_session_token_as_long_as_lambdas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", session_token())
    sessions: dict[str, dict[str, Any]] = {"ASIA": {"SessionToken": "short"}}
    given = {"AWS_ACCESS_KEY_ID": "ASIA", "AWS_SESSION_TOKEN": "short"}

    credentials = with_session_token(lambda _config: dict(given), sessions)({})

    assert credentials["AWS_SESSION_TOKEN"] == sessions["ASIA"]["SessionToken"] == session_token()
    assert len(session_token()) == 1300
    assert {"+", "/"} <= set(session_token())


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "api.localhost"]
)
def test_hosts_of_this_machine_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "a:b:c", "::1"],
)
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("origin", [None, "http://localhost:8000", "http://127.0.0.1:1", "https://[::1]"])
def test_local_and_missing_origins_are_local(origin: str | None) -> None:
    assert is_local_origin(origin)


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://localhost.evil.example", "file://", "http://a:b:c"]
)
def test_other_origins_are_not_local(origin: str) -> None:
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
def test_local_requests_are_allowed(request_scope: dict[str, object]) -> None:
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
def test_requests_from_other_sites_are_not_allowed(request_scope: dict[str, object]) -> None:
    assert not is_allowed(request_scope)
