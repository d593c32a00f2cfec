"""`darkroom token`: who may come in to a stack. A token is made here and shown once; its hash is kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from darkroom.adapters.clients import ssm_client
from darkroom.adapters.ssm import SsmTokenDocument
from darkroom.domain.errors import InvalidTokens, TokensUnavailable
from darkroom.domain.tokens import VALID_AT_ONCE, TokenSet, new_token, parse_tokens, serialize_tokens
from darkroom.ports import TokenDocument
from darkroom_cli.stack import Fault, Status

_EFFECT_SECONDS = 30  # how old what a warm function knows may be


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one stack, whose site is at `web`. Every method raises Fault for what AWS refuses."""

    document: TokenDocument
    stack: str
    web: str
    region: str
    clock: Callable[[], float] = time.time

    def new(self) -> None:
        """Makes a token and prints it; of those that were valid the newest stays so."""
        access, version = self._read()
        kept = access.tokens[-(VALID_AT_ONCE - 1) :]
        self._make(access, version)
        for each in access.tokens[: -(VALID_AT_ONCE - 1)]:
            _say(f"{each.id}, the oldest, is valid no more.")
        for each in kept:
            _say(f"{each.id} stays valid, until you end it: darkroom token revoke {each.id}{self._where}")

    def first(self) -> bool:
        """Makes a stack's first token and prints it, if none was ever made; whether it was made now."""
        access, version = self._read()
        if version:
            return False
        self._make(access, version)
        return True

    def list(self) -> None:
        """Prints the ids of those that are valid, and when they were made."""
        access, _ = self._read()
        for each in access.tokens:
            typer.echo(f"{each.id}  made {each.made}")
        if not access.tokens:
            _say(f"No token is valid: nobody gets in until `darkroom token new{self._where}`.")

    def revoke(self, token: str, agreed: Callable[[str], bool]) -> None:
        """Ends a token, and what was signed in by it; asks before it ends the last."""
        access, version = self._read()
        left = access.without(token)
        if left == access:
            valid = ", ".join(each.id for each in access.tokens) or "none"
            raise Fault(f"There is no token {token} of {self.stack}; valid are: {valid}.")
        if not left.tokens and not agreed(f"{token} is the last one: nobody gets in without it. End it?"):
            raise Fault(f"{token} stays valid.")
        self._write(left, version)
        _say(f"{token} is valid no more, nor who signed in with it: everywhere within {_EFFECT_SECONDS} s.")

    def _make(self, access: TokenSet, version: int) -> None:
        secret = new_token()
        made = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        access = access.with_token(secret, made)
        self._write(access, version)
        _say(f"The token {access.tokens[-1].id} of {self.stack}. Keep it now: it is not shown again.")
        typer.echo(secret)
        _say(f"In a browser: sign in with it at {self.web}/")
        _say("On a command line: export DARKROOM_TOKEN=..., which `darkroom drop` takes, and for instance")
        _say(f'  curl -H "Authorization: Bearer $DARKROOM_TOKEN" -F upload=@image.png {self.web}/')

    def _read(self) -> tuple[TokenSet, int]:
        """Who may come in, and the version of what says so; 0 if nothing does yet."""
        try:
            written = self.document.read()
            return (parse_tokens(written.document), written.version) if written else (TokenSet.nobody(), 0)
        except TokensUnavailable as fault:
            raise Fault(f"AWS can't be asked: {fault}") from fault
        except InvalidTokens as fault:
            raise Fault(f"{tokens_parameter(self.stack)}: {fault}. Delete it to begin anew.") from fault

    def _write(self, access: TokenSet, expected_version: int) -> None:
        try:
            alone = self.document.write(serialize_tokens(access), expected_version)
        except TokensUnavailable as fault:
            raise Fault(f"AWS can't be asked: {fault}") from fault
        if not alone:
            raise Fault(
                "Somebody else changed the tokens at the same time, and one of the two changes is lost. "
                f"Check with `darkroom token list{self._where}`: revoke tokens that you do not know, "
                "and repeat your change if it is missing."
            )

    @property
    def _where(self) -> str:
        return f" --stack {self.stack} --region {self.region}" if self.web.startswith("https:") else ""


def tokens_parameter(stack: str) -> str:
    """Where a stack's tokens are kept, in Parameter Store. The template says the same."""
    return f"/darkroom/{stack}/tokens"


def tokens_of(status: Status) -> Tokens:
    """The tokens of the stack that is there. Raises Fault where it asks for signatures instead."""
    if status.auth == "iam":
        raise Fault(f"{status.stack} asks for IAM signatures (Auth=iam), and for no token.")
    client = ssm_client(status.region, status.aws_endpoint)
    document = SsmTokenDocument(tokens_parameter(status.stack), client)
    return Tokens(document, status.stack, status.web, status.region)


def ensure_first_token(status: Status) -> bool:
    """Makes the first token of a stack that asks for one, and prints it, once in the stack's life.

    Whether it was made now. Raises Fault.
    """
    return status.auth != "iam" and tokens_of(status).first()


def _say(sentence: str) -> None:
    """Beside what a script reads: the token, or the list."""
    typer.echo(sentence, err=True)
