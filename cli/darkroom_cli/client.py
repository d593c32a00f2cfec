"""A stack's HTTP API as the command line asks it: with a token or signed, as its routes ask for."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession
from yarl import URL

from darkroom_cli.stack import Fault, Status

type JsonObject = dict[str, Any]
# Asks the site for the JSON under a path like "jobs/ID". Raises NoAnswer when it may be asked again.
type Ask = Callable[[str], Awaitable[JsonObject]]
# The headers to send in place of these: of a method, an address and a body.
type Sign = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]


_ADVICE = "Set DARKROOM_TOKEN to a valid one: `darkroom token new --stack NAME` makes it."


class NoAnswer(Exception):
    """The site could not be asked, this time."""


class NotThere(Fault):
    """There is nothing under that path."""


def unsigned(_method: str, _url: str, headers: Mapping[str, str], _body: bytes) -> Mapping[str, str]:
    return headers


def authority(status: Status, environment: Mapping[str, str]) -> Sign:
    """What a stack asks for: a signature, or the token in DARKROOM_TOKEN. Raises Fault if that is missing."""
    if status.auth == "iam":
        return signer(status.region)
    token = environment.get("DARKROOM_TOKEN", "").strip()
    if not token and status.auth == "token":
        raise Fault(f"{status.web} asks for a token. {_ADVICE}")
    return bearer(token) if token else unsigned


def bearer(token: str) -> Sign:
    def show(_method: str, _url: str, headers: Mapping[str, str], _body: bytes) -> Mapping[str, str]:
        return {**headers, "Authorization": f"Bearer {token}"}

    return show


def signer(region: str) -> Sign:
    """Signs by the credentials that are set up here. Raises Fault if there are none."""
    import boto3  # half a second that who follows a local stack does without
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise Fault("No AWS credentials are set up here.")

    def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        request = AWSRequest(method, url, data=body, headers=dict(headers))
        # Frozen anew each time: those of a role are replaced while a long drop runs.
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
        return dict(request.headers.items())

    return sign


@dataclass(frozen=True, slots=True)
class Web:
    """One site. Both methods raise NoAnswer, and Fault for what asking again does not help."""

    client: ClientSession
    root: str
    sign: Sign = unsigned

    async def ask(self, path: str) -> JsonObject:
        """The JSON under a path. Raises NotThere if there is none."""
        return await self._call("GET", path, {}, b"")

    async def announce(self, uploads: list[JsonObject], key: str) -> JsonObject:
        """Makes a job of these uploads, or finds the one that was made with that Idempotency-Key."""
        body = json.dumps({"uploads": uploads}, ensure_ascii=False).encode()
        return await self._call(
            "POST", "jobs", {"Content-Type": "application/json", "Idempotency-Key": key}, body
        )

    async def _call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> JsonObject:
        url = f"{self.root}/{path}"
        signed = self.sign(method, url, {"Accept": "application/json", **headers}, body)
        try:
            async with self.client.request(
                method, URL(url, encoded=True), headers=signed, data=body or None
            ) as answer:
                if answer.status == 429 or answer.status >= 500:
                    raise NoAnswer
                if answer.status == 401:
                    raise Fault(f"{self.root} does not let you in (401). {_ADVICE}")
                if answer.status == 404:
                    raise NotThere(f"There is nothing under {url} (404).")
                if answer.status not in (200, 201):
                    said = await answer.text()
                    raise Fault(
                        f"{url} can't be asked: the answer was {answer.status}. {_detail(said)}".strip()
                    )
                return dict(await answer.json())
        except (ClientError, TimeoutError, ValueError) as fault:
            raise NoAnswer from fault


def _detail(said: str) -> str:
    """What a problem's document says to a person; API Gateway's own refusals call it message."""
    try:
        problem = json.loads(said)
        return str(problem.get("detail") or problem.get("message") or "")
    except (ValueError, AttributeError):
        return ""
