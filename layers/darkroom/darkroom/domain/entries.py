"""Ledger entries: the state of each upload, and the attempts to render it."""

from collections.abc import Collection, Iterable
from copy import replace
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from darkroom.domain.errors import LeaseHeld
from darkroom.domain.keys import alias_of
from darkroom.domain.receipts import Receipt, Rejection
from darkroom.domain.timestamps import now
from darkroom.domain.uploads import EXPECTED_VERSION, REMOVAL_PREFIX, Upload


class State(StrEnum):
    EXPECTED = "expected"
    RENDERING = "rendering"
    RENDERED = "rendered"
    REJECTED = "rejected"
    FAILED = "failed"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    DELETED = "deleted"

    @property
    def terminal(self) -> bool:
        return self not in (State.EXPECTED, State.RENDERING)


@dataclass(frozen=True, slots=True)
class Latest:
    """The version of one key that was S3's current one when the key was last changed in the ledger.

    `version` is empty while the key is deleted. `live_versions` lists every version that may be live, so that
    a newer version supersedes them without a query for all versions of the key. Some of them may have been
    superseded or deleted since. Every change increments `revision`.
    """

    picture_id: str
    version: str = ""
    revision: int = 0
    live_versions: tuple[str, ...] = ()

    def becoming(self, version: str) -> "Latest":
        """Returns the next revision, with `version` as the latest and among the live versions."""
        live_versions = tuple(dict.fromkeys((*self.live_versions, version)))
        return Latest(self.picture_id, version, self.revision + 1, live_versions)

    def with_only(self, versions: Collection[str]) -> "Latest":
        """Returns the same revision, with its live versions limited to `versions`."""
        remaining = tuple(version for version in self.live_versions if version in versions)
        return replace(self, live_versions=remaining)


class SupersededRenditions(NamedTuple):
    """Renditions of one version. Since the time `since` no page shows them."""

    picture_id: str
    version: str
    since: str
    keys: tuple[str, ...]


class Outcome(StrEnum):
    """The outcome of an attempt. An attempt without an outcome is still running or was killed."""

    CONCLUDED = "concluded"
    CHILD_DIED = "child_died"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to render an upload, recorded before it starts.

    The invocation ends at `lease_expires` at the latest. `outcome` is None until it is recorded; `detail`
    describes a failure.
    """

    at: str
    lease_expires: str
    outcome: Outcome | None = None
    detail: str = ""


class Failure(NamedTuple):
    """The reason an upload failed: a stable code, and a sentence for people."""

    reason: str
    sentence: str


# DynamoDB limits an item to 400 KB.
_ATTEMPTS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One upload in the ledger, and in the views.

    Every transition increments `revision` and sets `since`. `message` is the queue message of a failed
    upload, for a retry. `job_id` and `number` are its place in a job, if it belongs to one.

    `latest_revision` is the revision of its Latest item at which this version last became the latest: it
    orders the versions of one key. `generation` counts how often the upload was rendered again after it had
    ended. Each generation has its own rendition keys, so that a late removal of the renditions of one never
    removes those of the next.
    """

    upload: Upload
    state: State
    revision: int
    attempts: tuple[Attempt, ...] = ()
    receipt: Receipt | None = None
    since: str = ""
    message: str = ""
    job_id: str = ""
    number: int = 0
    latest_revision: int = 0
    generation: int = 0

    @property
    def picture_id(self) -> str:
        return self.upload.picture_id

    @property
    def id(self) -> str:
        """The unique id of this upload."""
        return f"{self.picture_id}.{self.upload.version}"

    @property
    def is_removal(self) -> bool:
        """True for a failed removal. It is shown only in the list of failures."""
        return self.upload.version.startswith(REMOVAL_PREFIX)

    @property
    def is_announcement(self) -> bool:
        """True for the announcement of an upload; the upload itself has a separate entry."""
        return self.upload.version == EXPECTED_VERSION

    @property
    def alias(self) -> str:
        return alias_of(self.upload.key)

    @property
    def has_result(self) -> bool:
        """True if there is a result to show, even while the upload is rendered again."""
        return self.state.terminal or self.receipt is not None

    @property
    def is_live(self) -> bool:
        """True unless superseded or deleted."""
        return self.state not in (State.SUPERSEDED, State.DELETED)

    @property
    def to_show(self) -> Receipt | None:
        """The receipt, unless its renditions are deleted."""
        return None if self.state is State.DELETED else self.receipt

    @property
    def kept_receipt(self) -> Receipt | None:
        """The receipt, unless its renditions are deleted or will be."""
        return self.receipt if self.is_live else None

    @property
    def rejection(self) -> Rejection | None:
        return self.receipt.rejection if self.receipt else None

    def moved(self, state: State, **changes: Any) -> "Entry":
        """Returns the next revision of the entry, in a new state."""
        return replace(self, state=state, revision=self.revision + 1, since=now(), **changes)

    def begun(self, lease_expires: str, latest_revision: int) -> "Entry":
        """Returns the entry with one more attempt, of a new generation if the upload had ended.

        If the upload was superseded or deleted and is now restored, it loses its receipt.
        """
        return self.moved(
            State.RENDERING,
            attempts=(*self.attempts, Attempt(now(), lease_expires))[-_ATTEMPTS_KEPT:],
            message="",
            receipt=self.kept_receipt,
            latest_revision=latest_revision,
            generation=self.generation + self.state.terminal,
        )

    def ended(self, state: State, outcome: Outcome, detail: str = "", **changes: Any) -> "Entry":
        """Returns the entry with the outcome of its last attempt."""
        *before, last = self.attempts
        return self.moved(state, attempts=(*before, replace(last, outcome=outcome, detail=detail)), **changes)

    @property
    def lease_expires(self) -> str:
        """The time at which the running attempt ends at the latest; empty if none is running."""
        last = self.attempts[-1] if self.attempts else None
        return last.lease_expires if self.state is State.RENDERING and last and not last.outcome else ""

    @property
    def has_crashed(self) -> bool:
        """True if the upload has crashed the decoder process since it was last rendered or rejected."""
        decisive = (Outcome.CONCLUDED, Outcome.CHILD_DIED)
        outcomes = [attempt.outcome for attempt in self.attempts if attempt.outcome in decisive]
        return outcomes[-1:] == [Outcome.CHILD_DIED]

    @property
    def failure(self) -> Failure | None:
        """The reason of the failure, from the last attempt; None unless the upload has failed."""
        if self.state is not State.FAILED:
            return None
        if self.is_announcement:
            return Failure("never_arrived", "The announced upload never arrived.")
        if not self.attempts:
            return Failure("not_begun", "Processing never started.")
        last = self.attempts[-1]
        if not last.outcome:
            return Failure("killed", "The worker was killed before it finished.")
        return Failure(last.outcome.value, last.detail)

    @property
    def rendition_keys(self) -> tuple[str, ...]:
        return tuple(rendition.key for rendition in self.receipt.renditions) if self.receipt else ()

    def superseded_renditions(self, keys: Iterable[str]) -> tuple[SupersededRenditions, ...]:
        """Returns a record of the renditions superseded at this revision; empty if there are none."""
        if not (superseded := tuple(sorted(set(keys)))):
            return ()
        return (SupersededRenditions(self.picture_id, self.upload.version, self.since, superseded),)

    @property
    def summary(self) -> dict[str, str | int | float]:
        """The fields of a log line; the key is ASCII-escaped, so that it holds no control characters."""
        fields: dict[str, str | int | float] = {
            "correlation_id": self.upload.correlation,
            "picture": self.picture_id,
            "key": ascii(self.upload.key)[1:-1],
            "state": self.state.value,
            "revision": self.revision,
            "attempts": len(self.attempts),
        }
        if reason := self.rejection or self.failure:
            fields["reason"] = reason.reason
        elif self.receipt:
            fields["saved_percent"] = self.receipt.saved_percent
        return fields


def check_lease(entry: Entry | None) -> None:
    """Raises LeaseHeld while another worker holds the lease of the upload."""
    if entry and entry.lease_expires > now():
        raise LeaseHeld(entry.upload.key, entry.lease_expires)


def shown(entries: Iterable[Entry]) -> Entry | None:
    """Returns the entry shown on the picture's page.

    The newest live upload, else the newest deleted one, else the announcement.
    """
    uploads = [entry for entry in entries if not entry.is_removal]
    arrived = [entry for entry in uploads if not entry.is_announcement]
    for rank in (
        [entry for entry in arrived if entry.state in _SHOWN],
        [entry for entry in arrived if entry.state is State.DELETED],
        [entry for entry in uploads if entry.state is State.EXPECTED or entry.is_announcement],
    ):
        if rank:
            return max(rank, key=_age)
    return None


def _age(entry: Entry) -> tuple[int, str, str]:
    """Sort key of the uploads of one key, oldest first; the version makes it unique."""
    return (entry.latest_revision, entry.upload.arrived, entry.upload.version)


_SHOWN = set(State) - {State.DELETED, State.EXPECTED, State.SUPERSEDED}
