"""`darkroom token`: creating, listing and revoking tokens."""

from dataclasses import replace

import pytest
from botocore.exceptions import NoCredentialsError

from darkroom.domain.tokens import parse_tokens
from darkroom_cli.faults import Fault
from darkroom_cli.target import aws_faults
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


def create(tokens: Tokens, capsys: pytest.CaptureFixture[str]) -> str:
    """Creates a token and returns what a script reads from stdout."""
    capsys.readouterr()
    tokens.new()
    return capsys.readouterr().out.strip()


def is_valid(document: FakeTokenDocument, secret: str) -> bool:
    assert document.written
    return parse_tokens(document.written.document).bearer(secret) is not None


def ids(tokens: Tokens, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    tokens.list()
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_a_token_is_printed_once_and_stored_as_a_hash(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens.new()
    created = capsys.readouterr()
    tokens.list()
    listed = capsys.readouterr()

    secret = created.out.strip()
    assert is_valid(document, secret)
    assert document.written
    assert secret not in created.err + listed.out + listed.err + document.written.document
    assert "https://pictures.example/" in created.err
    assert listed.out.endswith("created 2027-01-15T08:00:00Z\n")


def test_an_open_stack_says_that_it_needs_no_token(
    tokens: Tokens, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(tokens, is_open=True).new()

    shown = capsys.readouterr().err
    assert shown.endswith("https://pictures.example serves every client: it needs no token.\n")
    assert "sign in" not in shown


def test_a_new_token_ends_all_but_the_newest_earlier_token(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = create(tokens, capsys), create(tokens, capsys)
    assert is_valid(document, first)
    oldest = ids(tokens, capsys)[0]

    tokens.new()

    created = capsys.readouterr()
    assert f"{oldest}, the oldest token, is no longer valid" in created.err
    assert [is_valid(document, secret) for secret in (first, second, created.out.strip())] == [
        False,
        True,
        True,
    ]


def test_first_token_is_created_once(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tokens.first()
    secret = capsys.readouterr().out.strip()

    assert not tokens.first()

    assert capsys.readouterr() == ("", "")
    assert is_valid(document, secret)


def test_no_first_token_is_created_after_all_were_revoked(
    tokens: Tokens, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens.first()
    [only] = ids(tokens, capsys)
    tokens.revoke(only, confirm=lambda _: True)

    assert not tokens.first()
    assert ids(tokens, capsys) == []


def test_revoking_a_token_leaves_the_other_valid(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = create(tokens, capsys), create(tokens, capsys)

    tokens.revoke(ids(tokens, capsys)[0], confirm=lambda _: pytest.fail("it is not the last"))

    assert [is_valid(document, secret) for secret in (first, second)] == [False, True]


def test_revoking_the_last_token_needs_confirmation(
    tokens: Tokens, document: FakeTokenDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = create(tokens, capsys)
    [only] = ids(tokens, capsys)

    with pytest.raises(Fault, match="stays valid"):
        tokens.revoke(only, confirm=lambda _: False)

    assert is_valid(document, secret)


def test_revoking_an_unknown_token_is_a_fault(tokens: Tokens, capsys: pytest.CaptureFixture[str]) -> None:
    tokens.new()
    [only] = ids(tokens, capsys)

    with pytest.raises(Fault, match=f"no token 00000000 of darkroom; valid tokens: {only}"):
        tokens.revoke("00000000", confirm=lambda _: True)


def test_a_concurrent_change_of_the_tokens_is_a_fault(
    tokens: Tokens, document: FakeTokenDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.new()
    stale = document.read()
    tokens.new()
    monkeypatch.setattr(document, "read", lambda: stale)

    with pytest.raises(Fault, match="at the same time"):
        tokens.new()


def test_failed_requests_and_invalid_documents_are_faults(
    tokens: Tokens, document: FakeTokenDocument
) -> None:
    document.write("{}", expected_version=0)
    with pytest.raises(Fault, match=r"/darkroom/darkroom/tokens: .*Delete the parameter to start again"):
        tokens.list()

    document.broken = True
    with pytest.raises(Fault, match="AWS request failed"), aws_faults():
        tokens.new()


def test_missing_credentials_are_a_fault_with_the_remedy() -> None:
    with pytest.raises(Fault, match="configure them with `aws configure` or `aws sso login`"), aws_faults():
        raise NoCredentialsError


def test_a_stack_with_iam_has_no_tokens() -> None:
    status = a_status(auth="iam")

    assert not ensure_first_token(status)
    with pytest.raises(Fault, match="Auth=iam"):
        tokens_of(status)
