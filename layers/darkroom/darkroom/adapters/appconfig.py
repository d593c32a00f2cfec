"""The profile in force, in AWS AppConfig."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.errors import BadProfile, ProfileUnavailable
from darkroom.domain.profile import Profile, parse_profile

if TYPE_CHECKING:
    from types_boto3_appconfigdata import AppConfigDataClient
    from types_boto3_appconfigdata.type_defs import GetLatestConfigurationResponseTypeDef

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
            self._asked = self.clock()
            try:
                self._refresh()
            except (BadProfile, BotoCoreError, ClientError) as fault:
                self.report(fault)
                if self._profile is None:
                    raise ProfileUnavailable(f"no profile is known: {fault}") from fault
        if self._profile is None:
            raise ProfileUnavailable("no profile has been deployed yet")
        return self._profile

    def _refresh(self) -> None:
        answer = self._latest()
        document = answer["Configuration"].read()
        if document:  # empty: what was answered last is still the latest
            self._profile = parse_profile(document)
        # Not before: with the token of before, what was not taken in is answered again.
        self._token = answer["NextPollConfigurationToken"]

    def _latest(self) -> "GetLatestConfigurationResponseTypeDef":
        if self._token:
            # Each is good for one call, and that within 24 hours.
            with suppress(self.client.exceptions.BadRequestException):
                return self.client.get_latest_configuration(ConfigurationToken=self._token)
        session = self.client.start_configuration_session(
            ApplicationIdentifier=self.application,
            EnvironmentIdentifier=self.environment,
            ConfigurationProfileIdentifier=self.configuration,
            RequiredMinimumPollIntervalInSeconds=_LEAST_POLL_SECONDS,
        )
        return self.client.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
