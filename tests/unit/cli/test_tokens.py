"""The command that makes tokens, lists them and ends them."""

import pytest

from darkroom.domain.tokens import parse_tokens
from darkroom_cli.stack import Fault
from darkroom_cli.tokens import Tokens, ensure_first_token, tokens_of
from tests.builders import a_status
from tests.fakes import FakeTokenDocument


@pytest.fixture
def document() -> FakeTokenDocument:
    return FakeTokenDocument()


@pytest.fixture
def tokens(document: FakeTokenDocument) -> Tokens:
    return Tokens(
        document, "darkroom", "https://pictures.example", "eu-central-1", clock=lambda: 1_800_000_000
    )


def made(tokens: Tokens, capsys: pytest.CaptureFixture[str]) -> str:
    """A new token, as a script reads it."""
    capsys.readouterr()
    tokens.new()
    return capsys.readouterr().out.strip()


def lets_in(document: FakeTokenDocument, secret: str) -> bool:
    assert document.written
    return parse_tokens(document.written.document).bearer(secret) is not None


def ids(tokens: Tokens, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    tokens.list()
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_a_token_is_printed_once_and_only_its_hash_is_kept(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens.new()
    said = capsys.readouterr()
    tokens.list()
    listed = capsys.readouterr()

    secret = said.out.strip()
    assert lets_in(document, secret)
    assert document.written
    assert secret not in said.err + listed.out + listed.err + document.written.document
    assert "https://pictures.example/" in said.err
    assert listed.out.endswith("made 2027-01-15T08:00:00Z\n")


def test_a_new_token_leaves_the_one_before_valid_and_ends_an_older_one(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = made(tokens, capsys), made(tokens, capsys)
    assert lets_in(document, first)
    oldest = ids(tokens, capsys)[0]

    tokens.new()

    said = capsys.readouterr()
    assert f"{oldest}, the oldest, is valid no more" in said.err
    assert [lets_in(document, each) for each in (first, second, said.out.strip())] == [False, True, True]


def test_a_stacks_first_token_is_made_once(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tokens.first()
    secret = capsys.readouterr().out.strip()

    assert not tokens.first()

    assert capsys.readouterr() == ("", "")
    assert lets_in(document, secret)


def test_who_has_ended_every_token_is_not_given_one_by_the_next_deployment(
    tokens: Tokens, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens.first()
    [only] = ids(tokens, capsys)
    tokens.revoke(only, agreed=lambda _: True)

    assert not tokens.first()
    assert ids(tokens, capsys) == []


def test_a_revoked_token_lets_nobody_in_and_the_other_does(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = made(tokens, capsys), made(tokens, capsys)

    tokens.revoke(ids(tokens, capsys)[0], agreed=lambda _: pytest.fail("it is not the last"))

    assert [lets_in(document, each) for each in (first, second)] == [False, True]


def test_the_last_token_is_ended_only_if_that_is_meant(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = made(tokens, capsys)
    [only] = ids(tokens, capsys)

    with pytest.raises(Fault, match="stays valid"):
        tokens.revoke(only, agreed=lambda _: False)

    assert lets_in(document, secret)


def test_a_token_that_is_not_there_can_not_be_revoked(
    tokens: Tokens, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens.new()
    [only] = ids(tokens, capsys)

    with pytest.raises(Fault, match=f"no token 00000000 of darkroom; valid are: {only}"):
        tokens.revoke("00000000", agreed=lambda _: True)


def test_what_somebody_else_has_written_meanwhile_is_no_success(
    tokens: Tokens, document: FakeTokenDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.new()
    stale = document.read()
    tokens.new()
    monkeypatch.setattr(document, "read", lambda: stale)

    with pytest.raises(Fault, match="at the same time"):
        tokens.new()


def test_what_aws_refuses_and_what_nobody_here_has_written_is_said(
    tokens: Tokens, document: FakeTokenDocument
) -> None:
    document.write("{}", expected_version=0)
    with pytest.raises(Fault, match=r"/darkroom/darkroom/tokens: .*Delete it to begin anew"):
        tokens.list()

    document.broken = True
    with pytest.raises(Fault, match="AWS can't be asked"):
        tokens.new()


def test_a_stack_that_asks_for_signatures_has_no_tokens() -> None:
    status = a_status(auth="iam")

    assert not ensure_first_token(status)
    with pytest.raises(Fault, match="Auth=iam"):
        tokens_of(status)
