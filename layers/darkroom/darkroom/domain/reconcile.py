"""Decides what brings the ledger into agreement with S3, for one key.

Pure, so that tests/model can check it exhaustively.

An event only says that a key may have changed: what is done depends on S3's current version alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

from darkroom.domain.entries import Entry, Latest, State
from darkroom.domain.uploads import NO_VERSION, Removal, S3Change, Upload


class Known(NamedTuple):
    """What is known of the key of a change. Read in the order of the fields.

    Because S3 is asked after the Latest item was read, a write on the condition that this item is unchanged
    fails if another worker has meanwhile acted on a newer answer.
    """

    latest: Latest | None
    current: Upload | None  # S3's current version; None if the key is deleted
    entry: Entry | None  # of the current version
    own: Entry | None  # of the change's version, if that is not the current one; new if it is unknown


@dataclass(frozen=True, slots=True)
class Nothing:
    """The ledger agrees with S3."""


@dataclass(frozen=True, slots=True)
class Delete:
    """The key has no current version: everything of it ends as deleted."""


class Settle(NamedTuple):
    """The current version has ended: make it the latest in the ledger."""

    entry: Entry


class Render(NamedTuple):
    """Render the current version; `entry` is None if the ledger does not know it yet."""

    current: Upload
    entry: Entry | None


class Steps(NamedTuple):
    """What is to be done: end the change's own version in the state `own`, if that is not None; then act."""

    action: Nothing | Delete | Settle | Render
    own: State | None = None


_RESULTS = (State.RENDERED, State.REJECTED, State.SKIPPED)


def decide(change: S3Change, known: Known, expected_revision: int | None = None) -> Steps:
    """Returns what a change requires.

    A current version that has ended is rendered again if the revision of its entry is `expected_revision`. A
    removal that has restored it can ask for this only if it has failed.
    """
    current, entry = known.current, known.entry
    if current is None:
        return Steps(Delete())
    is_own = is_current(change, current)
    own = None if is_own else _end_of_own(change, known.own)
    if entry and _has_ended(entry, current):
        can_ask = is_own or entry.state is State.FAILED
        if not (can_ask and entry.revision == expected_revision):
            return Steps(Nothing() if _is_settled(entry, known.latest) else Settle(entry), own)
    # An older upload leaves it to the event of the current version. But if a removal has restored that
    # version, there is no other event.
    return Steps(Render(current, entry) if is_own or isinstance(change, Removal) else Nothing(), own)


def is_current(change: S3Change, current: Upload) -> bool:
    """True if a change is about the current version. An event without a version is."""
    return isinstance(change, Upload) and change.version in (NO_VERSION, current.version)


def _end_of_own(change: S3Change, entry: Entry | None) -> State | None:
    """Returns the state in which a version ends that is not the current one; None if it stays as it is.

    An older version with a result is shown until the current one has a result, and supersedes it.
    """
    if isinstance(change, Removal):
        return State.DELETED if entry and entry.state is not State.DELETED else None
    has_ended = entry and (entry.state in _RESULTS or not entry.is_live)
    return None if has_ended else State.SUPERSEDED


def _has_ended(entry: Entry, current: Upload) -> bool:
    # In a bucket without versioning, new content has the same version.
    is_same = current.version != NO_VERSION or entry.upload.etag == current.etag
    return is_same and entry.state.terminal and entry.is_live


def _is_settled(entry: Entry, latest: Latest | None) -> bool:
    """True if a version is the latest in the ledger, and has superseded all others by a result."""
    version = entry.upload.version
    if latest is None or latest.version != version:
        return False
    return entry.state is State.FAILED or latest.live_versions == (version,)
