"""Tokens, their stored form, and the cookies of signed-in browsers.

A token has 256 random bits and cannot be guessed, so it is enough to store its plain SHA-256. Secrets are
compared in constant time.
"""

import hmac
import json
import re
import secrets
from dataclasses import dataclass, replace
from hashlib import sha256

from darkroom.domain.errors import InvalidTokens

# A new token leaves the previous one valid, so that clients can be changed one after another.
VALID_AT_ONCE = 2
SIGNED_IN_SECONDS = 7 * 24 * 3600

_SECRET_BYTES = 32
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COOKIE = re.compile(r"([0-9a-f]{8})\.([0-9]{1,12})\.([0-9a-f]{64})")


def new_secret() -> str:
    """Returns a new secret, valid once it is added by `TokenSet.with_token`."""
    return secrets.token_urlsafe(_SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class Token:
    """The stored form of a token: its SHA-256 in hex, and the time of its creation in ISO 8601."""

    digest: str
    created: str

    @property
    def id(self) -> str:
        """The public id of the token, not a secret."""
        return self.digest[:8]


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The valid tokens, oldest first, and the key for signing cookies."""

    cookie_key: str
    tokens: tuple[Token, ...] = ()

    @classmethod
    def empty(cls) -> "TokenSet":
        """Returns an empty set with a new cookie key."""
        return cls(secrets.token_urlsafe(_SECRET_BYTES))

    def with_token(self, secret: str, created: str) -> "TokenSet":
        """Returns the set with one more token; if there are now too many, the oldest is dropped."""
        tokens = (*self.tokens, Token(_digest(secret), created))
        return replace(self, tokens=tokens[-VALID_AT_ONCE:])

    def without(self, token_id: str) -> "TokenSet":
        return replace(self, tokens=tuple(token for token in self.tokens if token.id != token_id))

    def bearer(self, secret: str) -> Token | None:
        """Returns the valid token with this secret, if any."""
        digest = _digest(secret)
        return _last([token for token in self.tokens if hmac.compare_digest(token.digest, digest)])

    def cookie(self, token: Token, now: float) -> str:
        """Returns a cookie for a token: its id and the time of expiry, signed."""
        expires = int(now) + SIGNED_IN_SECONDS
        return f"{token.id}.{expires}.{self._signature(token, expires)}"

    def signed_in(self, cookie: str, now: float) -> Token | None:
        """Returns the token of a cookie, if the signature, the expiry and the token are valid."""
        match = _COOKIE.fullmatch(cookie)
        if not match or int(match[2]) <= now:
            return None
        expires, signature = int(match[2]), match[3]
        signed = [
            token
            for token in self.tokens
            if hmac.compare_digest(self._signature(token, expires), signature) and token.id == match[1]
        ]
        return _last(signed)

    def _signature(self, token: Token, expires: int) -> str:
        return hmac.new(self.cookie_key.encode(), f"{token.digest}.{expires}".encode(), sha256).hexdigest()


def serialize_tokens(token_set: TokenSet) -> str:
    """Returns a token set as JSON for `parse_tokens`."""
    tokens = [{"sha256": token.digest, "made": token.created} for token in token_set.tokens]
    return json.dumps({"cookie_key": token_set.cookie_key, "tokens": tokens})


def parse_tokens(document: str) -> TokenSet:
    """Parses the output of `serialize_tokens`. Raises InvalidTokens for anything else."""
    try:
        stored = json.loads(document)
        tokens = tuple(Token(token["sha256"], token["made"]) for token in stored["tokens"])
        token_set = TokenSet(stored["cookie_key"], tokens)
        valid = bool(_KEY.fullmatch(token_set.cookie_key)) and len(tokens) <= VALID_AT_ONCE
        valid = valid and all(_DIGEST.fullmatch(token.digest) for token in tokens)
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise InvalidTokens from fault
    if not valid:
        raise InvalidTokens
    return token_set


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _last(tokens: list[Token]) -> Token | None:
    return tokens[-1] if tokens else None
