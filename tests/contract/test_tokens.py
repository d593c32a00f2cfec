"""The contract of ports.TokenDocument: the fake and Parameter Store."""

import boto3
import pytest
from botocore.config import Config

from darkroom.adapters.clients import ssm_client
from darkroom.adapters.ssm import SsmTokenDocument
from darkroom.domain.errors import TokensUnavailable
from darkroom.ports import StoredDocument, TokenDocument
from tests.fakes import FakeTokenDocument

NAME = "/darkroom/darkroom/tokens"


@pytest.fixture(params=["fake", "ssm"])
def document(request: pytest.FixtureRequest) -> TokenDocument:
    if request.param == "fake":
        return FakeTokenDocument()
    request.getfixturevalue("aws")
    return SsmTokenDocument(NAME, ssm_client())


def test_read_returns_none_before_the_first_write(document: TokenDocument) -> None:
    assert document.read() is None

    assert document.write("one", expected_version=0)

    assert document.read() == StoredDocument("one", 1)


def test_a_write_replaces_the_previous_document(document: TokenDocument) -> None:
    document.write("one", expected_version=0)

    assert document.write("two", expected_version=1)

    assert document.read() == StoredDocument("two", 2)


def test_a_first_write_never_replaces_a_document(document: TokenDocument) -> None:
    document.write("one", expected_version=0)

    assert not document.write("a first one too", expected_version=0)

    assert document.read() == StoredDocument("one", 1)


def test_a_write_over_an_unread_version_returns_false(document: TokenDocument) -> None:
    document.write("one", expected_version=0)
    document.write("two", expected_version=1)

    assert not document.write("made of one", expected_version=1)

    written = document.read()
    assert written
    assert written.document in {"two", "made of one"}


def test_a_write_can_be_repeated_after_a_lost_response(document: TokenDocument) -> None:
    assert document.write("one", expected_version=0)
    assert document.write("one", expected_version=0)
    assert document.write("two", expected_version=1)
    assert document.write("two", expected_version=1)


@pytest.mark.parametrize("kind", ["fake", "ssm"])
def test_an_unavailable_store_raises_instead_of_returning_none(kind: str, aws: None) -> None:
    no_retries = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    document: TokenDocument = FakeTokenDocument(broken=True)
    if kind == "ssm":
        document = SsmTokenDocument(
            NAME, boto3.client("ssm", endpoint_url="http://127.0.0.1:9", config=no_retries)
        )

    with pytest.raises(TokensUnavailable):
        document.read()


def test_tokens_are_encrypted_in_parameter_store(aws: None) -> None:
    SsmTokenDocument(NAME, ssm_client()).write("one", expected_version=0)

    stored = ssm_client().get_parameter(Name=NAME, WithDecryption=False)["Parameter"]
    assert stored["Type"] == "SecureString"
    assert stored["Value"] != "one"


def test_a_write_after_a_deletion_succeeds(aws: None) -> None:
    client = ssm_client()
    document = SsmTokenDocument(NAME, client)
    document.write("one", expected_version=0)
    document.write("two", expected_version=1)
    client.delete_parameter(Name=NAME)

    assert document.write("three", expected_version=2)
