"""Where it is written who may come in: the fake and Parameter Store keep the same promises."""

import boto3
import pytest
from botocore.config import Config

from darkroom.adapters.clients import ssm_client
from darkroom.adapters.ssm import SsmAccessDocument
from darkroom.domain.errors import NoAccess
from darkroom.ports import AccessDocument, Written
from tests.fakes import FakeAccessDocument

NAME = "/darkroom/darkroom/access"


@pytest.fixture(params=["fake", "ssm"])
def document(request: pytest.FixtureRequest) -> AccessDocument:
    if request.param == "fake":
        return FakeAccessDocument()
    request.getfixturevalue("aws")
    return SsmAccessDocument(NAME, ssm_client)


def test_nothing_is_there_until_it_is_written(document: AccessDocument) -> None:
    assert document.read() is None

    assert document.write("one", over=0)

    assert document.read() == Written("one", 1)


def test_each_write_takes_the_place_of_the_one_before(document: AccessDocument) -> None:
    document.write("one", over=0)

    assert document.write("two", over=1)

    assert document.read() == Written("two", 2)


def test_a_first_one_is_never_written_over_another(document: AccessDocument) -> None:
    document.write("one", over=0)

    assert not document.write("a first one too", over=0)

    assert document.read() == Written("one", 1)


def test_whoever_writes_over_what_he_has_not_read_is_told(document: AccessDocument) -> None:
    document.write("one", over=0)
    document.write("two", over=1)

    assert not document.write("made of one", over=1)

    written = document.read()
    assert written
    assert written.document == "two"


def test_a_write_whose_answer_was_lost_may_be_sent_again(document: AccessDocument) -> None:
    assert document.write("one", over=0)
    assert document.write("one", over=0)
    assert document.write("two", over=1)
    assert document.write("two", over=1)


@pytest.mark.parametrize("kind", ["fake", "ssm"])
def test_what_can_not_be_asked_is_another_thing_than_nothing(kind: str, aws: None) -> None:
    nowhere = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    document: AccessDocument = FakeAccessDocument(broken=True)
    if kind == "ssm":
        document = SsmAccessDocument(
            NAME, lambda: boto3.client("ssm", endpoint_url="http://127.0.0.1:9", config=nowhere)
        )

    with pytest.raises(NoAccess):
        document.read()


def test_parameter_store_keeps_it_encrypted(aws: None) -> None:
    SsmAccessDocument(NAME, ssm_client).write("one", over=0)

    stored = ssm_client().get_parameter(Name=NAME, WithDecryption=False)["Parameter"]
    assert stored["Type"] == "SecureString"
    assert stored["Value"] != "one"
