"""Who may come in: tokens, what is kept of them, and the cookie that stands for one in a browser.

A token is 256 random bits, so its plain SHA-256 is all that need be kept of it: nobody finds it by trying.
Whatever is secret is compared in constant time.
"""

import hmac
import json
import re
import secrets
from dataclasses import dataclass, replace
from hashlib import sha256

from darkroom.domain.errors import InvalidTokens

# A new token leaves the one before it valid, so that clients can change over one by one.
VALID_AT_ONCE = 2
SIGNED_IN_SECONDS = 7 * 24 * 3600

_SECRET_BYTES = 32
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COOKIE = re.compile(r"([0-9a-f]{8})\.([0-9]{1,12})\.([0-9a-f]{64})")


def new_token() -> str:
    """A secret that lets in whoever has it, once `Access.with_token` has noted it."""
    return secrets.token_urlsafe(_SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: the SHA-256 of it in hex, and when it was made, in ISO 8601."""

    digest: str
    made: str

    @property
    def id(self) -> str:
        """What people call it by; it lets nobody in."""
        return self.digest[:8]


@dataclass(frozen=True, slots=True)
class TokenSet:
    """All that is written down of who may come in: tokens, oldest first, and the key that signs cookies."""

    cookie_key: str
    tokens: tuple[Token, ...] = ()

    @classmethod
    def nobody(cls) -> "TokenSet":
        """Lets nobody in, and has a key of its own."""
        return cls(secrets.token_urlsafe(_SECRET_BYTES))

    def with_token(self, secret: str, made: str) -> "TokenSet":
        """Lets in whoever has that secret too; of more than may be valid at once the oldest ends."""
        tokens = (*self.tokens, Token(_digest(secret), made))
        return replace(self, tokens=tokens[-VALID_AT_ONCE:])

    def without(self, token: str) -> "TokenSet":
        """The same without the token of that id."""
        return replace(self, tokens=tuple(each for each in self.tokens if each.id != token))

    def bearer(self, secret: str) -> Token | None:
        """The token that a secret is, if it is one that is valid."""
        digest = _digest(secret)
        return _last([each for each in self.tokens if hmac.compare_digest(each.digest, digest)])

    def cookie(self, token: Token, now: float) -> str:
        """What stands for a token in a browser from now on: its id and when that ends, signed."""
        expires = int(now) + SIGNED_IN_SECONDS
        return f"{token.id}.{expires}.{self._signature(token, expires)}"

    def signed_in(self, cookie: str, now: float) -> Token | None:
        """The token that a cookie stands for, if it was made here, has not ended, and the token is valid."""
        read = _COOKIE.fullmatch(cookie)
        if not read or int(read[2]) <= now:
            return None
        expires, signature = int(read[2]), read[3]
        signed = [
            each
            for each in self.tokens
            if hmac.compare_digest(self._signature(each, expires), signature) and each.id == read[1]
        ]
        return _last(signed)

    def _signature(self, token: Token, expires: int) -> str:
        return hmac.new(self.cookie_key.encode(), f"{token.digest}.{expires}".encode(), sha256).hexdigest()


def serialize_tokens(access: TokenSet) -> str:
    """Who may come in, as JSON: what `parse_tokens` reads."""
    tokens = [{"sha256": each.digest, "made": each.made} for each in access.tokens]
    return json.dumps({"cookie_key": access.cookie_key, "tokens": tokens})


def parse_tokens(document: str) -> TokenSet:
    """Who may come in. Raises InvalidTokens for what `serialize_tokens` would not have written."""
    try:
        read = json.loads(document)
        access = TokenSet(
            read["cookie_key"], tuple(Token(each["sha256"], each["made"]) for each in read["tokens"])
        )
        good = bool(_KEY.fullmatch(access.cookie_key)) and len(access.tokens) <= VALID_AT_ONCE
        good = good and all(_DIGEST.fullmatch(each.digest) for each in access.tokens)
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise InvalidTokens from fault
    if not good:
        raise InvalidTokens
    return access


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _last(tokens: list[Token]) -> Token | None:
    return tokens[-1] if tokens else None
