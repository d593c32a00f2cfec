"""Client of a stack's HTTP API, authenticated by a token or a signature."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession
from yarl import URL

from darkroom_cli.faults import NO_CREDENTIALS, Fault
from darkroom_cli.stack import Status

type JsonObject = dict[str, Any]
# Returns the JSON object at a path like "jobs/ID". Raises ServiceUnavailable for an error worth a retry.
type Get = Callable[[str], Awaitable[JsonObject]]
# Returns a request's headers with authentication added, from its method, URL, headers and body.
type Authenticate = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]


_TOKEN_ADVICE = "Set DARKROOM_TOKEN to a valid token; create one with `darkroom token new --stack NAME`."  # noqa: S105


class ServiceUnavailable(Exception):
    """The request failed for now: no connection, throttled, or a server error."""


class NotFound(Fault):
    """The server answered 404."""


class Gone(Fault):
    """The server answered 410: the picture was deleted."""


def authentication(status: Status, environment: Mapping[str, str]) -> Authenticate:
    """Returns the stack's kind of authentication. Raises Fault if DARKROOM_TOKEN is required and not set."""
    if status.auth == "iam":
        return signer(status.region)
    token = environment.get("DARKROOM_TOKEN", "").strip()
    if not token and status.auth == "token":
        raise Fault(f"{status.web} requires a token. {_TOKEN_ADVICE}")
    return bearer(token)


def bearer(token: str = "") -> Authenticate:
    """Adds the token, if it is not empty."""
    added = {"Authorization": f"Bearer {token}"} if token else {}
    return lambda _method, _url, headers, _body: {**headers, **added}


def signer(region: str) -> Authenticate:
    """Signs requests with the configured AWS credentials. Raises Fault if there are none."""
    import boto3  # takes half a second, and only Auth=iam needs it
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise Fault(NO_CREDENTIALS)

    def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        request = AWSRequest(method, url, data=body, headers=dict(headers))
        # Frozen for each request: a role's credentials are renewed during a long drop.
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
        return dict(request.headers.items())

    return sign


@dataclass(frozen=True, slots=True)
class ApiClient:
    """The API at `root`. Methods raise ServiceUnavailable, and Fault for an error that a retry cannot fix."""

    session: ClientSession
    root: str
    authenticate: Authenticate = field(default_factory=bearer)

    async def get(self, path: str) -> JsonObject:
        """Returns the JSON object at a path. Raises NotFound and Gone."""
        return await self._request("GET", path, {}, b"")

    async def create_job(self, uploads: list[JsonObject], idempotency_key: str) -> JsonObject:
        """Creates a job, or returns the one already created with this Idempotency-Key."""
        body = json.dumps({"uploads": uploads}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return await self._request("POST", "jobs", headers, body)

    async def delete(self, path: str) -> JsonObject:
        """Deletes what is at a path. Raises NotFound."""
        return await self._request("DELETE", path, {}, b"")

    async def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> JsonObject:
        url = f"{self.root}/{path}"
        headers = self.authenticate(method, url, {"Accept": "application/json", **headers}, body)
        try:
            async with self.session.request(
                method, URL(url, encoded=True), headers=headers, data=body or None
            ) as response:
                if response.status == 429 or response.status >= 500:
                    raise ServiceUnavailable
                if response.status == 401:
                    raise Fault(f"{self.root} refused the request (401). {_TOKEN_ADVICE}")
                if response.status == 404:
                    raise NotFound(f"{url} does not exist (404).")
                if response.status == 410:
                    raise Gone(f"{url} was deleted (410).")
                if response.status not in (200, 201, 202):
                    detail = _detail(await response.text())
                    raise Fault(f"{method} {url} failed with status {response.status}. {detail}".strip())
                return dict(await response.json())
        except (ClientError, TimeoutError, ValueError) as fault:
            raise ServiceUnavailable from fault


def _detail(body: str) -> str:
    """Returns the sentence of a problem document, or of an error from API Gateway itself."""
    try:
        problem = json.loads(body)
        return str(problem.get("detail") or problem.get("message") or "")
    except (ValueError, AttributeError):
        return ""
