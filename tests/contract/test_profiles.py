"""The contract of ports.Profiles: the fake and AppConfig."""

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


class InterruptedDocument:
    """A document whose read is interrupted by the deadline."""

    def read(self) -> bytes:
        raise DeadlineExceeded("the invocation's time is up")


class FaultyClient:
    """An AppConfig client with injected faults."""

    def __init__(self, endpoint: str) -> None:
        self._client = appconfigdata_client(endpoint=endpoint)
        self.is_down = False
        self.loses_response = False
        self.is_interrupted = False
        self.polls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def start_configuration_session(self, **parameters: Any) -> Any:
        return self._call(self._client.start_configuration_session, parameters)

    def get_latest_configuration(self, **parameters: Any) -> Any:
        if self.loses_response:
            self.loses_response = False
            self._client.get_latest_configuration(**parameters)
        self.polls += 1
        response = self._call(self._client.get_latest_configuration, parameters)
        return response | {"Configuration": InterruptedDocument()} if self.is_interrupted else response

    def _call(self, operation: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        if self.is_down:
            raise EndpointConnectionError(endpoint_url="https://appconfigdata.test")
        return operation(**parameters)


class WarmFunction:
    """A profile in AppConfig, a warm function that polls it, and a clock."""

    def __init__(self, endpoint: str) -> None:
        self.live: LiveProfile = make_live_profile(endpoint)
        self.appconfig = FaultyClient(endpoint)
        self.time = 1_000_000.0
        self.faults: list[Exception] = []
        self.profiles = AppConfigProfiles(
            self.live.application,
            self.live.environment,
            self.live.configuration,
            self.appconfig,  # type: ignore[arg-type]  # the two methods that are called
            self.faults.append,
            lambda: self.time,
        )

    def deploy(self, document: bytes) -> None:
        """Deploys a document and advances the clock to the next poll."""
        self.live.deploy(document)
        self.time += 30

    @property
    def current(self) -> str:
        return self.profiles.current().name


@pytest.fixture
def function(aws: None, request: pytest.FixtureRequest) -> WarmFunction:
    return WarmFunction(request.getfixturevalue("local_aws"))


@BOTH
class TestProfiles:
    @pytest.fixture
    def profiles(self, kind: str, request: pytest.FixtureRequest) -> Profiles:
        if kind == "fake":
            return FakeProfiles(None)
        profiles: Profiles = request.getfixturevalue("function").profiles
        return profiles

    @pytest.fixture
    def deploy(
        self, kind: str, profiles: Profiles, request: pytest.FixtureRequest
    ) -> Callable[[bytes], None]:
        if isinstance(profiles, FakeProfiles):
            return lambda document: setattr(profiles, "profile", parse_profile(document))
        deploy: Callable[[bytes], None] = request.getfixturevalue("function").deploy
        return deploy

    def test_current_returns_the_active_profile(
        self, profiles: Profiles, deploy: Callable[[bytes], None]
    ) -> None:
        mine = {"name": "mine", "ladders": {"main": {"widths": [64], "formats": {"jpeg": {"quality": 75}}}}}
        deploy(json.dumps(mine).encode())

        assert profiles.current() == parse_profile(json.dumps(mine))

    def test_current_returns_a_newly_deployed_profile(
        self, profiles: Profiles, deploy: Callable[[bytes], None]
    ) -> None:
        deploy(DEFAULT)
        before = profiles.current()
        deploy(FAST)

        assert (before, profiles.current()) == (built_in("default"), built_in("fast"))

    def test_without_a_deployed_profile_current_raises(
        self, profiles: Profiles, deploy: Callable[[bytes], None]
    ) -> None:
        with pytest.raises(ProfileUnavailable):
            profiles.current()

        deploy(FAST)

        assert profiles.current() == built_in("fast")


def test_a_warm_function_caches_the_profile_for_30_seconds(function: WarmFunction) -> None:
    function.live.deploy(DEFAULT)
    assert function.current == "default"
    function.live.deploy(FAST)

    function.time += 29.9
    assert (function.current, function.appconfig.polls) == ("default", 1)
    function.time += 0.1
    assert (function.current, function.appconfig.polls) == ("fast", 2)


def test_an_unchanged_profile_stays_active_across_polls(function: WarmFunction) -> None:
    function.deploy(FAST)
    for _ in range(3):
        assert function.current == "fast"
        function.time += 30

    assert function.appconfig.polls == 3
    assert not function.faults


@pytest.mark.parametrize(
    "document", [b"{", b"[]", b'{"built_in": "nonesuch"}', b"\xff\xfe", b"[" * 100_000, b"\x00"]
)
def test_an_invalid_document_keeps_the_last_profile_and_is_reported_at_each_poll(
    function: WarmFunction, document: bytes
) -> None:
    function.deploy(FAST)
    assert function.current == "fast"

    function.deploy(document)
    assert function.current == "fast"
    function.time += 30
    assert function.current == "fast"

    assert [type(fault) for fault in function.faults] == [BadProfile, BadProfile]
    function.deploy(DEFAULT)
    assert function.current == "default"


def test_an_unavailable_appconfig_keeps_the_last_profile(function: WarmFunction) -> None:
    function.deploy(FAST)
    assert function.current == "fast"
    function.appconfig.is_down = True

    function.deploy(DEFAULT)
    assert [function.current for _ in range(3)] == ["fast"] * 3

    assert [type(fault) for fault in function.faults] == [EndpointConnectionError]
    function.appconfig.is_down = False
    function.time += 30
    assert function.current == "default"


def test_a_cold_start_without_appconfig_fails_and_the_next_call_polls_again(function: WarmFunction) -> None:
    function.deploy(FAST)
    function.appconfig.is_down = True
    with pytest.raises(ProfileUnavailable):
        function.profiles.current()

    function.appconfig.is_down = False

    assert function.current == "fast"
    assert [type(fault) for fault in function.faults] == [EndpointConnectionError]


def test_a_cold_start_with_an_invalid_document_fails(function: WarmFunction) -> None:
    function.deploy(DEFAULT)
    function.deploy(b'{"built_in": "nonesuch"}')

    with pytest.raises(ProfileUnavailable, match="built_in: must be the name of a built-in profile"):
        function.profiles.current()


def test_an_expired_or_used_poll_token_is_replaced_without_a_fault(function: WarmFunction) -> None:
    function.deploy(DEFAULT)
    assert function.current == "default"
    function.appconfig.loses_response = True

    function.deploy(FAST)

    assert function.current == "fast"
    assert not function.faults


def test_a_document_interrupted_by_the_deadline_is_delivered_again(function: WarmFunction) -> None:
    function.deploy(DEFAULT)
    assert function.current == "default"
    function.deploy(FAST)

    function.appconfig.is_interrupted = True
    with pytest.raises(DeadlineExceeded):
        function.profiles.current()
    function.appconfig.is_interrupted = False
    function.time += 30

    assert function.current == "fast"
    assert not function.faults


def test_a_clock_set_back_does_not_keep_an_old_profile(function: WarmFunction) -> None:
    function.deploy(DEFAULT)
    assert function.current == "default"
    function.live.deploy(FAST)

    function.time -= 3600

    assert function.current == "fast"
