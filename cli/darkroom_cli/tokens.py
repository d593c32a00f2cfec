"""`darkroom token`. A token is generated here and shown only once; the stack stores its hash."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from darkroom.adapters.clients import ssm_client
from darkroom.adapters.ssm import SsmTokenDocument
from darkroom.domain.errors import InvalidTokens
from darkroom.domain.tokens import VALID_AT_ONCE, TokenSet, new_secret, parse_tokens, serialize_tokens
from darkroom.ports import TokenDocument
from darkroom_cli.faults import Fault
from darkroom_cli.stack import Status

_MAX_AGE_SECONDS = 30  # of the tokens that a warm function has cached


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one stack; one that is open needs none.

    Every method raises TokensUnavailable if an AWS request fails.
    """

    document: TokenDocument
    stack: str
    web: str
    region: str
    is_open: bool = False
    clock: Callable[[], float] = time.time

    def new(self) -> None:
        """Creates a token and prints it. The previous token stays valid; older tokens do not."""
        tokens, version = self._read()
        kept = tokens.tokens[-(VALID_AT_ONCE - 1) :]
        self._create(tokens, version)
        for token in tokens.tokens[: -(VALID_AT_ONCE - 1)]:
            _note(f"{token.id}, the oldest token, is no longer valid.")
        for token in kept:
            _note(f"{token.id} stays valid; revoke it with: darkroom token revoke {token.id}{self._options}")

    def first(self) -> bool:
        """Creates a stack's first token and prints it; False if the stack ever had a token."""
        tokens, version = self._read()
        if version:
            return False
        self._create(tokens, version)
        return True

    def list(self) -> None:
        """Prints the ids of the valid tokens and their creation times."""
        tokens, _ = self._read()
        for token in tokens.tokens:
            typer.echo(f"{token.id}  created {token.created}")
        if not tokens.tokens:
            _note(f"There is no valid token; create one with: darkroom token new{self._options}")

    def revoke(self, token_id: str, confirm: Callable[[str], bool]) -> None:
        """Revokes a token and its cookies; asks before it revokes the last token."""
        tokens, version = self._read()
        rest = tokens.without(token_id)
        if rest == tokens:
            valid = ", ".join(token.id for token in tokens.tokens) or "none"
            raise Fault(f"There is no token {token_id} of {self.stack}; valid tokens: {valid}.")
        if not rest.tokens and not confirm(
            f"{token_id} is the last token: without it nobody can sign in. Revoke it?"
        ):
            raise Fault(f"Not revoked: {token_id} stays valid.")
        self._write(rest, version)
        _note(f"{token_id} and its cookies stop working within {_MAX_AGE_SECONDS} s.")

    def _create(self, tokens: TokenSet, version: int) -> None:
        secret = new_secret()
        made = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        tokens = tokens.with_token(secret, made)
        self._write(tokens, version)
        _note(f"Token {tokens.tokens[-1].id} of {self.stack}. Save it now: it is shown only once.")
        typer.echo(secret)
        if self.is_open:
            _note(f"{self.web} serves every client: it needs no token.")
            return
        _note(f"In a browser, sign in with it at {self.web}/")
        _note("For `darkroom drop`, first run: export DARKROOM_TOKEN=...")
        _note("With curl:")
        _note(f'  curl -H "Authorization: Bearer $DARKROOM_TOKEN" -F upload=@image.png {self.web}/')

    def _read(self) -> tuple[TokenSet, int]:
        """Returns the tokens and the version of their document, 0 if there is none yet."""
        stored = self.document.read()
        try:
            return (parse_tokens(stored.document), stored.version) if stored else (TokenSet.empty(), 0)
        except InvalidTokens as fault:
            raise Fault(
                f"{tokens_parameter(self.stack)}: {fault}. Delete the parameter to start again."
            ) from fault

    def _write(self, tokens: TokenSet, expected_version: int) -> None:
        if not self.document.write(serialize_tokens(tokens), expected_version):
            raise Fault(
                "Another command changed the tokens at the same time, so one of the two changes may be lost."
                f" Check with `darkroom token list{self._options}`: revoke unknown tokens, and repeat your"
                " change if it is missing."
            )

    @property
    def _options(self) -> str:
        return f" --stack {self.stack} --region {self.region}" if self.web.startswith("https:") else ""


def tokens_parameter(stack: str) -> str:
    """Returns the name of a stack's Parameter Store parameter, the same as in template.yaml."""
    return f"/darkroom/{stack}/tokens"


def tokens_of(status: Status) -> Tokens:
    """Returns the tokens of a stack. Raises Fault if it uses IAM signatures instead."""
    if status.auth == "iam":
        raise Fault(f"{status.stack} uses IAM signatures (Auth=iam), not tokens.")
    client = ssm_client(status.region, status.aws_endpoint)
    document = SsmTokenDocument(tokens_parameter(status.stack), client)
    return Tokens(document, status.stack, status.web, status.region, is_open=status.auth == "open")


def ensure_first_token(status: Status) -> bool:
    """Creates and prints the first token of a stack; False if it ever had one or uses IAM. Raises Fault."""
    return status.auth != "iam" and tokens_of(status).first()


def _note(sentence: str) -> None:
    """Prints to stderr: a script reads only the token or the list from stdout."""
    typer.echo(sentence, err=True)
