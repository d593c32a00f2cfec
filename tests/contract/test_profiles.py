"""The profile in force: what the fake promises, AppConfig keeps."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from darkroom.adapters.appconfig import AppConfigProfiles
from darkroom.adapters.clients import appconfigdata_client
from darkroom.domain.errors import BadProfile, DeadlineExceeded, ProfileUnavailable
from darkroom.domain.profile import built_in, parse_profile
from darkroom.ports import Profiles
from tests.aws import LiveProfile, make_live_profile
from tests.fakes import FakeProfiles

BOTH = pytest.mark.parametrize("kind", ["fake", "appconfig"])
DEFAULT, FAST = b'{"built_in": "default"}', b'{"built_in": "fast"}'


class CalledOff:
    """A document while which is read the invocation's time is up."""

    def read(self) -> bytes:
        raise DeadlineExceeded("the invocation's time is up")


class Line:
    """The way to AppConfig: a client whose calls can be disturbed."""

    def __init__(self, endpoint: str) -> None:
        self._client = appconfigdata_client(endpoint=endpoint)
        self.is_down = False
        self.answers_are_lost = False
        self.is_called_off = False
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def start_configuration_session(self, **parameters: Any) -> Any:
        return self._call(self._client.start_configuration_session, parameters)

    def get_latest_configuration(self, **parameters: Any) -> Any:
        if self.answers_are_lost:
            self.answers_are_lost = False
            self._client.get_latest_configuration(**parameters)
        self.asked += 1
        answer = self._call(self._client.get_latest_configuration, parameters)
        return answer | {"Configuration": CalledOff()} if self.is_called_off else answer

    def _call(self, operation: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        if self.is_down:
            raise EndpointConnectionError(endpoint_url="https://appconfigdata.test")
        return operation(**parameters)


class House:
    """A profile in AppConfig, a warm function that reads it, and the time that it is."""

    def __init__(self, endpoint: str) -> None:
        self.live: LiveProfile = make_live_profile(endpoint)
        self.line = Line(endpoint)
        self.time = 1_000_000.0
        self.faults: list[Exception] = []
        self.profiles = AppConfigProfiles(
            self.live.application,
            self.live.environment,
            self.live.configuration,
            self.line,  # type: ignore[arg-type]  # as much of a client as is asked for
            self.faults.append,
            lambda: self.time,
        )

    def deploy(self, document: bytes) -> None:
        """And waits until a warm function asks again."""
        self.live.deploy(document)
        self.time += 30

    @property
    def current(self) -> str:
        return self.profiles.current().name


@pytest.fixture
def house(aws: None, request: pytest.FixtureRequest) -> House:
    return House(request.getfixturevalue("local_aws"))


@BOTH
class TestProfiles:
    @pytest.fixture
    def profiles(self, kind: str, request: pytest.FixtureRequest) -> Profiles:
        if kind == "fake":
            return FakeProfiles(None)
        profiles: Profiles = request.getfixturevalue("house").profiles
        return profiles

    @pytest.fixture
    def deploy(
        self, kind: str, profiles: Profiles, request: pytest.FixtureRequest
    ) -> Callable[[bytes], None]:
        if isinstance(profiles, FakeProfiles):
            return lambda document: setattr(profiles, "profile", parse_profile(document))
        deploy: Callable[[bytes], None] = request.getfixturevalue("house").deploy
        return deploy

    def test_the_profile_in_force_is_told(self, profiles: Profiles, deploy: Callable[[bytes], None]) -> None:
        mine = {"name": "mine", "ladders": {"main": {"widths": [64], "formats": {"jpeg": {"quality": 75}}}}}
        deploy(json.dumps(mine).encode())

        assert profiles.current() == parse_profile(json.dumps(mine))

    def test_a_profile_that_takes_the_place_of_another_is_told_from_then_on(
        self, profiles: Profiles, deploy: Callable[[bytes], None]
    ) -> None:
        deploy(DEFAULT)
        before = profiles.current()
        deploy(FAST)

        assert (before, profiles.current()) == (built_in("default"), built_in("fast"))

    def test_where_none_is_in_force_no_other_is_taken(
        self, profiles: Profiles, deploy: Callable[[bytes], None]
    ) -> None:
        with pytest.raises(ProfileUnavailable):
            profiles.current()

        deploy(FAST)

        assert profiles.current() == built_in("fast")


def test_a_warm_function_answers_from_memory_for_thirty_seconds(house: House) -> None:
    house.live.deploy(DEFAULT)
    assert house.current == "default"
    house.live.deploy(FAST)

    house.time += 29.9
    assert (house.current, house.line.asked) == ("default", 1)
    house.time += 0.1
    assert (house.current, house.line.asked) == ("fast", 2)


def test_a_profile_that_stays_is_not_sent_again_and_stays(house: House) -> None:
    house.deploy(FAST)
    for _ in range(3):
        assert house.current == "fast"
        house.time += 30

    assert house.line.asked == 3
    assert not house.faults


@pytest.mark.parametrize(
    "document", [b"{", b"[]", b'{"built_in": "nonesuch"}', b"\xff\xfe", b"[" * 100_000, b"\x00"]
)
def test_a_bad_document_leaves_the_last_good_one_in_force_and_is_told_each_time(
    house: House, document: bytes
) -> None:
    house.deploy(FAST)
    assert house.current == "fast"

    house.deploy(document)
    assert house.current == "fast"
    house.time += 30
    assert house.current == "fast"

    assert [type(fault) for fault in house.faults] == [BadProfile, BadProfile]
    house.deploy(DEFAULT)
    assert house.current == "default"


def test_an_appconfig_that_does_not_answer_leaves_the_last_good_one_in_force(house: House) -> None:
    house.deploy(FAST)
    assert house.current == "fast"
    house.line.is_down = True

    house.deploy(DEFAULT)
    assert [house.current for _ in range(3)] == ["fast"] * 3

    assert [type(fault) for fault in house.faults] == [EndpointConnectionError]
    house.line.is_down = False
    house.time += 30
    assert house.current == "default"


def test_a_cold_start_without_appconfig_fails_and_the_next_attempt_asks_again(house: House) -> None:
    house.deploy(FAST)
    house.line.is_down = True
    with pytest.raises(ProfileUnavailable):
        house.profiles.current()

    house.line.is_down = False

    assert house.current == "fast"
    assert [type(fault) for fault in house.faults] == [EndpointConnectionError]


def test_a_cold_start_with_a_bad_document_fails(house: House) -> None:
    house.deploy(DEFAULT)
    house.deploy(b'{"built_in": "nonesuch"}')

    with pytest.raises(ProfileUnavailable, match="built_in: must be the name of a built-in profile"):
        house.profiles.current()


def test_a_token_that_expired_or_was_used_up_is_replaced_without_a_fault(house: House) -> None:
    house.deploy(DEFAULT)
    assert house.current == "default"
    house.line.answers_are_lost = True

    house.deploy(FAST)

    assert house.current == "fast"
    assert not house.faults


def test_an_answer_that_an_invocation_had_no_time_to_read_is_not_lost(house: House) -> None:
    house.deploy(DEFAULT)
    assert house.current == "default"
    house.deploy(FAST)

    house.line.is_called_off = True
    with pytest.raises(DeadlineExceeded):
        house.profiles.current()
    house.line.is_called_off = False
    house.time += 30

    assert house.current == "fast"
    assert not house.faults


def test_a_clock_that_was_put_back_does_not_keep_an_old_profile(house: House) -> None:
    house.deploy(DEFAULT)
    assert house.current == "default"
    house.live.deploy(FAST)

    house.time -= 3600

    assert house.current == "fast"
