"""The live profile in AWS AppConfig."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.errors import BadProfile, ProfileUnavailable
from darkroom.domain.profile import Profile, parse_profile
from darkroom.services.caching import CachedValue

if TYPE_CHECKING:
    from types_boto3_appconfigdata import AppConfigDataClient
    from types_boto3_appconfigdata.type_defs import GetLatestConfigurationResponseTypeDef

# A pushed profile is live everywhere within 45 s (docs/reference.md).
_MAX_AGE_SECONDS = 30
# AppConfig's shortest interval; its default refuses a second poll within 60 s.
_MIN_POLL_SECONDS = 15


# The result of one poll: the live profile, and the token for the next poll.
type _Poll = tuple[Profile, str]


@dataclass(slots=True)
class AppConfigProfiles:
    """ports.Profiles on one AppConfig configuration, polled when the last poll is older than 30 s.

    After a failed poll or an invalid document the last good profile stays in use and `report` receives the
    fault.

    Powertools' own provider is not used: it keeps its poll token for ever, and receives no further profile
    once that token has expired (after 24 hours) or was used by a call whose response was lost.
    """

    application: str
    environment: str
    configuration: str
    client: "AppConfigDataClient"
    report: Callable[[Exception], None]
    clock: Callable[[], float] = time.time

    _polls: CachedValue[_Poll] = field(init=False)

    def __post_init__(self) -> None:
        self._polls = CachedValue(
            self._poll,
            faults=(BadProfile, BotoCoreError, ClientError),
            report=self.report,
            max_age_seconds=_MAX_AGE_SECONDS,
            clock=self.clock,
        )

    def current(self) -> Profile:
        poll = self._polls.get()
        if poll is None:
            fault = self._polls.fault
            why = f"no profile is known: {fault}" if fault else "no profile has been deployed yet"
            raise ProfileUnavailable(why) from fault
        profile, _ = poll
        return profile

    def _poll(self, last: _Poll | None) -> _Poll | None:
        profile, token = last or (None, "")
        response = self._latest(token)
        # An empty document: the profile has not changed since the last poll.
        if document := response["Configuration"].read():
            profile = parse_profile(document)
        # Token and profile are kept together: after an invalid document the next poll uses the same token,
        # and so receives the document again.
        return (profile, response["NextPollConfigurationToken"]) if profile else None

    def _latest(self, token: str) -> "GetLatestConfigurationResponseTypeDef":
        if token:
            # A token is valid for one call within 24 hours.
            with suppress(self.client.exceptions.BadRequestException):
                return self.client.get_latest_configuration(ConfigurationToken=token)
        session = self.client.start_configuration_session(
            ApplicationIdentifier=self.application,
            EnvironmentIdentifier=self.environment,
            ConfigurationProfileIdentifier=self.configuration,
            RequiredMinimumPollIntervalInSeconds=_MIN_POLL_SECONDS,
        )
        return self.client.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
