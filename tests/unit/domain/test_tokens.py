"""Tokens, and the cookies of signed-in browsers."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import InvalidTokens
from darkroom.domain.tokens import (
    SIGNED_IN_SECONDS,
    Token,
    TokenSet,
    new_secret,
    parse_tokens,
    serialize_tokens,
)

MADE, NOW = "2026-11-22T05:00:00Z", 1_800_000_000
OLD, NEW = new_secret(), new_secret()
TOKENS = TokenSet.empty().with_token(OLD, MADE).with_token(NEW, MADE)


def test_a_token_has_256_random_bits_in_url_safe_characters() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) == 43  # 6 bits each


def test_nobody_gets_in_where_no_token_was_made() -> None:
    assert TokenSet.empty().bearer("") is None
    assert TokenSet.empty().bearer(OLD) is None


def test_two_tokens_are_valid_and_a_third_drops_the_oldest() -> None:
    newest = new_secret()

    after = TOKENS.with_token(newest, MADE)

    assert all(TOKENS.bearer(secret) for secret in (OLD, NEW))
    assert after.bearer(OLD) is None
    assert all(after.bearer(secret) for secret in (NEW, newest))


@given(st.text())
def test_any_other_text_is_not_a_token(text: str) -> None:
    assert TOKENS.bearer(text) is None


def test_a_token_is_never_stored_in_plain_text() -> None:
    document = serialize_tokens(TOKENS)

    assert OLD not in document
    assert NEW not in document
    assert parse_tokens(document) == TOKENS


def test_a_document_with_token_ids_is_accepted() -> None:
    document = json.loads(serialize_tokens(TOKENS))
    tokens = [
        {"id": token.id, **stored} for token, stored in zip(TOKENS.tokens, document["tokens"], strict=True)
    ]

    assert parse_tokens(json.dumps(document | {"tokens": tokens})) == TOKENS


def test_a_token_id_is_a_hash_prefix_and_no_secret() -> None:
    token = TOKENS.bearer(NEW)
    assert token

    assert len(token.id) == 8
    assert token.digest.startswith(token.id)
    assert TOKENS.bearer(token.id) is None
    assert TOKENS.bearer(token.digest) is None


@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"cookie_key": "", "tokens": []}',
        '{"cookie_key": null, "tokens": []}',
        json.dumps({"cookie_key": "k" * 43, "tokens": [{"sha256": "", "made": ""}]}),
        json.dumps({"cookie_key": "k" * 43, "tokens": [{"sha256": 0, "made": ""}]}),
        json.dumps({"cookie_key": "k" * 43, "tokens": [{"sha256": "0" * 64, "made": ""}] * 3}),
        "[" * 100_000,
    ],
)
def test_an_invalid_token_document_is_refused(document: str) -> None:
    with pytest.raises(InvalidTokens):
        parse_tokens(document)


def test_a_cookie_is_valid_for_a_week() -> None:
    token = TOKENS.tokens[1]
    cookie = TOKENS.cookie(token, NOW)

    assert TOKENS.signed_in(cookie, NOW) == token
    assert TOKENS.signed_in(cookie, NOW + SIGNED_IN_SECONDS - 1) == token
    assert TOKENS.signed_in(cookie, NOW + SIGNED_IN_SECONDS) is None


def test_a_cookie_is_invalid_once_its_token_is_removed() -> None:
    cookie = TOKENS.cookie(TOKENS.tokens[1], NOW)

    assert TOKENS.without(TOKENS.tokens[0].id).signed_in(cookie, NOW)
    assert TOKENS.without(TOKENS.tokens[1].id).signed_in(cookie, NOW) is None


def test_a_cookie_signed_with_another_key_is_refused() -> None:
    cookie = replace(TOKENS, cookie_key=TokenSet.empty().cookie_key).cookie(TOKENS.tokens[0], NOW)

    assert TOKENS.signed_in(cookie, NOW) is None


def test_a_changed_expiry_or_token_invalidates_a_cookie() -> None:
    token, expires, signature = TOKENS.cookie(TOKENS.tokens[0], NOW).split(".")

    assert TOKENS.signed_in(f"{token}.{int(expires) + 1}.{signature}", NOW) is None
    assert TOKENS.signed_in(f"{TOKENS.tokens[1].id}.{expires}.{signature}", NOW) is None
    assert TOKENS.signed_in(f"{token}.{expires}.{signature[::-1]}", NOW) is None


@given(st.text())
def test_any_other_text_is_not_a_cookie(text: str) -> None:
    assert TOKENS.signed_in(text, NOW) is None


def test_the_stored_form_does_not_reveal_the_token() -> None:
    assert NEW not in repr(TOKENS)
    assert Token("0" * 64, MADE).id == "0" * 8
