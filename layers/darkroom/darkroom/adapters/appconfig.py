"""The profile in force, in AWS AppConfig."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.errors import BadProfile, NoProfile
from darkroom.profile import Profile, parse_profile

if TYPE_CHECKING:
    from types_boto3_appconfigdata import AppConfigDataClient

# A profile is to be in force everywhere within 45 s of its deployment.
_MAX_AGE_SECONDS = 30
# What a session may ask for; unless it says so it is refused when it asks more than once a minute.
_LEAST_POLL_SECONDS = 15


@dataclass(slots=True)
class AppConfigProfiles:
    """ports.Profiles in one configuration of AppConfig, kept in memory between invocations.

    It is asked again when the last answer is older than 30 s. What it can't answer then, or answers with
    a bad document, leaves the last good profile in force, and `report` is told.

    Powertools has a provider for this, which keeps its token for ever: when that has expired, which it
    does after 24 hours, or was used up by a call whose answer was lost, it never hears of a profile again.
    """

    application: str
    environment: str
    configuration: str
    client: "AppConfigDataClient"
    report: Callable[[Exception], None]
    clock: Callable[[], float] = time.time  # goes on while Lambda freezes the process

    _profile: Profile | None = field(default=None, init=False)
    _asked: float = field(default=0.0, init=False)
    _token: str = field(default="", init=False)

    def current(self) -> Profile:
        if self._profile is None or not 0 <= self.clock() - self._asked < _MAX_AGE_SECONDS:
            self._refresh()
        if self._profile is None:
            raise NoProfile("no profile is known: AppConfig can't be asked, or has none that is good")
        return self._profile

    def _refresh(self) -> None:
        self._asked = self.clock()
        try:
            document = self._latest()
            if document:  # empty: what was answered last is still the latest
                self._profile = parse_profile(document)
        except (BadProfile, BotoCoreError, ClientError) as fault:
            self._token = ""  # so that a bad document is told again, as long as it is the latest
            self.report(fault)

    def _latest(self) -> bytes:
        if self._token:
            # Used up or expired: as good as none.
            with suppress(self.client.exceptions.BadRequestException):
                return self._answer()
        self._token = self.client.start_configuration_session(
            ApplicationIdentifier=self.application,
            EnvironmentIdentifier=self.environment,
            ConfigurationProfileIdentifier=self.configuration,
            RequiredMinimumPollIntervalInSeconds=_LEAST_POLL_SECONDS,
        )["InitialConfigurationToken"]
        return self._answer()

    def _answer(self) -> bytes:
        answer = self.client.get_latest_configuration(ConfigurationToken=self._token)
        self._token = answer["NextPollConfigurationToken"]  # each is good for one call
        return answer["Configuration"].read()
