"""The contract of ports.TokenDocument: the fake and Parameter Store."""

import boto3
import pytest
from botocore.config import Config

from darkroom.adapters.clients import ssm_client
from darkroom.adapters.ssm import SsmTokenDocument
from darkroom.domain.errors import TokensUnavailable
from darkroom.ports import TokenDocument, Written
from tests.fakes import FakeTokenDocument

NAME = "/darkroom/darkroom/tokens"


@pytest.fixture(params=["fake", "ssm"])
def document(request: pytest.FixtureRequest) -> TokenDocument:
    if request.param == "fake":
        return FakeTokenDocument()
    request.getfixturevalue("aws")
    return SsmTokenDocument(NAME, ssm_client())


def test_nothing_is_there_until_it_is_written(document: TokenDocument) -> None:
    assert document.read() is None

    assert document.write("one", expected_version=0)

    assert document.read() == Written("one", 1)


def test_each_write_takes_the_place_of_the_one_before(document: TokenDocument) -> None:
    document.write("one", expected_version=0)

    assert document.write("two", expected_version=1)

    assert document.read() == Written("two", 2)


def test_a_first_one_is_never_written_over_another(document: TokenDocument) -> None:
    document.write("one", expected_version=0)

    assert not document.write("a first one too", expected_version=0)

    assert document.read() == Written("one", 1)


def test_whoever_writes_over_what_he_has_not_read_is_told(document: TokenDocument) -> None:
    document.write("one", expected_version=0)
    document.write("two", expected_version=1)

    assert not document.write("made of one", expected_version=1)

    written = document.read()
    assert written
    assert written.document in {"two", "made of one"}


def test_a_write_whose_answer_was_lost_may_be_sent_again(document: TokenDocument) -> None:
    assert document.write("one", expected_version=0)
    assert document.write("one", expected_version=0)
    assert document.write("two", expected_version=1)
    assert document.write("two", expected_version=1)


@pytest.mark.parametrize("kind", ["fake", "ssm"])
def test_what_can_not_be_asked_is_another_thing_than_nothing(kind: str, aws: None) -> None:
    no_retries = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    document: TokenDocument = FakeTokenDocument(broken=True)
    if kind == "ssm":
        document = SsmTokenDocument(
            NAME, boto3.client("ssm", endpoint_url="http://127.0.0.1:9", config=no_retries)
        )

    with pytest.raises(TokensUnavailable):
        document.read()


def test_parameter_store_keeps_it_encrypted(aws: None) -> None:
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
