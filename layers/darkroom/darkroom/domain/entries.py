"""Ledger entries: the state of an upload and the attempts at it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from darkroom.domain.errors import LeaseHeld
from darkroom.domain.keys import alias_of
from darkroom.domain.receipts import Receipt, Rejection
from darkroom.domain.timestamps import now
from darkroom.domain.uploads import EXPECTED_VERSION, REMOVAL_PREFIX, Upload, in_order


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
    """What the events of one key have told so far: the last of them, and the version that it left on top.

    `version` is empty while the key is deleted. `standing` are all versions that are shown, given up or
    worked on, and maybe some that were superseded or deleted since: what takes their place need not read all
    that the key ever had. Every move makes `revision` one higher.
    """

    picture_id: str
    sequencer: str
    version: str
    revision: int
    current_versions: tuple[str, ...] = ()

    def beside(self, version: str) -> "Latest":
        """With one more version that stands."""
        current_versions = tuple(dict.fromkeys((*self.current_versions, version)))
        return replace(self, revision=self.revision + 1, current_versions=current_versions)


@dataclass(frozen=True, slots=True)
class SupersededRenditions:
    """Renditions of one version that nothing shows any more, since then; `keys` are theirs."""

    picture_id: str
    version: str
    since: str
    keys: tuple[str, ...]


class Outcome(StrEnum):
    """How an attempt ended. One that noted nothing was killed, or has not ended yet."""

    CONCLUDED = "concluded"
    CHILD_DIED = "child_died"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an upload, noted before it starts. Its worker has ended by `until`, whatever happens.

    `outcome` is None until it is noted; `why` says more about one that failed.
    """

    at: str
    lease_expires: str
    outcome: Outcome | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an upload was given up: a stable reason, and a sentence for people."""

    reason: str
    sentence: str


# More attempts than that tell nothing new, and an item has its limit.
_ATTEMPTS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One upload as the ledger holds it, and as its view shows it.

    Every transition makes `revision` one higher, and is `since` its time. `message` is what the queue said of
    an upload that was given up, so that it can be said again. `job` is the one that it is member `number`
    of, if any.
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

    @property
    def picture_id(self) -> str:
        return self.upload.picture_id

    @property
    def id(self) -> str:
        """Names this upload among all."""
        return f"{self.picture_id}.{self.upload.version}"

    @property
    def is_removal(self) -> bool:
        """Whether this is a removal that was given up, which is never shown."""
        return self.upload.version.startswith(REMOVAL_PREFIX)

    @property
    def is_announcement(self) -> bool:
        """Whether this is what was announced, and not what came."""
        return self.upload.version == EXPECTED_VERSION

    @property
    def alias(self) -> str:
        return alias_of(self.upload.key)

    @property
    def settled(self) -> bool:
        """Whether there is something final to show: also while it is rendered anew."""
        return self.state.terminal or self.receipt is not None

    @property
    def is_current(self) -> bool:
        """Whether it is shown, given up or worked on; not put away."""
        return self.state not in (State.SUPERSEDED, State.DELETED)

    @property
    def to_show(self) -> Receipt | None:
        """The receipt while what it names is there: of a deleted picture nothing is."""
        return None if self.state is State.DELETED else self.receipt

    @property
    def rejection(self) -> Rejection | None:
        return self.receipt.rejection if self.receipt else None

    def moved(self, state: State, **changes: Any) -> "Entry":
        """The entry one revision on."""
        return replace(self, state=state, revision=self.revision + 1, since=now(), **changes)

    def of_job(self, job_id: str, number: int) -> "Entry":
        """The entry as that member of that job."""
        return replace(self, job_id=job_id, number=number)

    def begun(self, lease_expires: str) -> "Entry":
        """With one more attempt, whose worker has ended by then; what was deleted has nothing to show yet."""
        attempts = (*self.attempts, Attempt(now(), lease_expires))[-_ATTEMPTS_KEPT:]
        return self.moved(State.RENDERING, attempts=attempts, message="", receipt=self.to_show)

    def ended(self, state: State, outcome: Outcome, detail: str = "", **changes: Any) -> "Entry":
        """With its last attempt's outcome noted."""
        *before, last = self.attempts
        return self.moved(state, attempts=(*before, replace(last, outcome=outcome, detail=detail)), **changes)

    @property
    def lease_expires(self) -> str:
        """When whoever works on it will have ended, at the latest; empty if nobody does."""
        last = self.attempts[-1] if self.attempts else None
        return last.lease_expires if self.state is State.RENDERING and last and not last.outcome else ""

    @property
    def has_killed(self) -> bool:
        """Whether it has ended the process that worked on it, since it was last concluded."""
        for attempt in reversed(self.attempts):
            if attempt.outcome is Outcome.CONCLUDED:
                return False
            if attempt.outcome is Outcome.CHILD_DIED:
                return True
        return False

    @property
    def failure(self) -> Failure | None:
        """Why it was given up, as its last attempt tells."""
        if self.state is not State.FAILED:
            return None
        if self.is_announcement:
            return Failure("never_arrived", "It was announced, and never arrived.")
        if not self.attempts:
            return Failure("not_begun", "No worker could so much as begin with it.")
        last = self.attempts[-1]
        if not last.outcome:
            return Failure("killed", "Its worker was ended before it was done.")
        return Failure(last.outcome.value, last.detail)

    @property
    def rendition_keys(self) -> tuple[str, ...]:
        return tuple(each.key for each in self.receipt.renditions) if self.receipt else ()

    def superseded_renditions(self, keys: Iterable[str]) -> tuple[SupersededRenditions, ...]:
        """That those of its renditions are shown no more since it moved; nothing if there are none."""
        some = tuple(sorted(set(keys)))
        return (SupersededRenditions(self.picture_id, self.upload.version, self.since, some),) if some else ()

    @property
    def summary(self) -> dict[str, str | int | float]:
        """One log line's worth; the key is ASCII-escaped, so that it brings no control characters along."""
        told: dict[str, str | int | float] = {
            "correlation_id": self.upload.correlation,
            "picture": self.picture_id,
            "key": ascii(self.upload.key)[1:-1],
            "state": self.state.value,
            "revision": self.revision,
            "attempts": len(self.attempts),
        }
        if reason := self.rejection or self.failure:
            told["reason"] = reason.reason
        elif self.receipt:
            told["saved_percent"] = self.receipt.saved_percent
        return told


def check_lease(entry: Entry | None) -> None:
    """Raises Busy while another worker has the upload."""
    if entry and entry.lease_expires > now():
        raise LeaseHeld(entry.upload.key, entry.lease_expires)


def shown(entries: Iterable[Entry]) -> Entry | None:
    """Of one picture's entries the one that its page shows.

    The newest that stands in S3, else the newest that was deleted, else what was announced.
    """
    uploads = [entry for entry in entries if not entry.is_removal]
    came = [entry for entry in uploads if not entry.is_announcement]
    for rank in (
        [entry for entry in came if entry.state in _STANDS],
        [entry for entry in came if entry.state is State.DELETED],
        [entry for entry in uploads if entry.state is State.EXPECTED or entry.is_announcement],
    ):
        if rank:
            return max(rank, key=_age)
    return None


def _age(entry: Entry) -> tuple[str, str, str]:
    """Sorts uploads of one key by what is told of their age; the version, so that none is like another."""
    return (in_order(entry.upload.sequencer), entry.upload.arrived, entry.upload.version)


_STANDS = set(State) - {State.DELETED, State.EXPECTED, State.SUPERSEDED}
