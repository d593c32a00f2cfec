"""Counts lost, duplicate, stale, orphaned, stuck and unexplained results after a run.

Pure: everything comes from one snapshot of S3, the tables and the queues.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from darkroom.domain.entries import Entry, State, shown
from tests.chaos.pictures import Outcome
from tests.chaos.plan import History

ERRORS = ("lost", "duplicate", "stale", "orphan", "stuck", "unexplained")
type Finding = tuple[str, str]  # one of ERRORS, and a description
type Key = tuple[str, str]  # an upload's object key and version id
_NO_PAGE = {404, 410}


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of an upload in the ledger's stream."""

    picture_id: str
    version: str
    revision: int
    state: State


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything stored after a run.

    `versions` are all versions in S3, `latest` the visible ones by key. `latest_ids` is the ledger's latest
    version by picture id. `renditions` are ETags by key, `superseded_renditions` the keys that the ledger
    lists for the sweep. `pages` are the HTTP statuses of page, receipt and image of each deleted key;
    `messages` is the number of messages left in each queue.
    """

    versions: frozenset[Key]
    latest: Mapping[str, str]
    ledger: tuple[Entry, ...]
    latest_ids: Mapping[str, str]
    views: tuple[Entry, ...]
    renditions: Mapping[str, str]
    messages: Mapping[str, int]
    transitions: tuple[Transition, ...] = ()
    superseded_renditions: frozenset[str] = frozenset()
    pages: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome of one version as long as it is current, and its history in S3."""

    outcome: Outcome
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: tuple[Finding, ...] = field(default=())

    def __str__(self) -> str:
        return " ".join(f"{error} {self.count(error)}" for error in ERRORS)

    def count(self, error: str) -> int:
        return sum(error == found for found, _ in self.findings)


def verify(snapshot: Snapshot, expected: Mapping[Key, Expected]) -> Verdict:
    """Compares a snapshot with the expected result of every version ever put."""
    return Verdict(
        (
            *_uploads(snapshot, expected),
            *_removals(snapshot),
            *_pictures(snapshot),
            *_history(snapshot, expected),
            *_orphans(snapshot),
            *(("stuck", f"{count} in {queue}") for queue, count in snapshot.messages.items() if count),
        )
    )


def _by_version(entries: tuple[Entry, ...]) -> dict[Key, Entry]:
    return {(entry.upload.key, entry.upload.version): entry for entry in entries if not entry.is_removal}


def _uploads(snapshot: Snapshot, expected: Mapping[Key, Expected]) -> Iterator[Finding]:
    ledger, views = _by_version(snapshot.ledger), _by_version(snapshot.views)
    for key, version in snapshot.versions | expected.keys() | ledger.keys() | views.keys():
        name = f"{key} ({version})"
        entry, view = ledger.get((key, version)), views.get((key, version))
        if (key, version) not in snapshot.versions | expected.keys():
            yield "stale", f"{name}: never in S3"
        elif entry is None:
            if view or (key, version) in snapshot.versions:
                yield "lost", f"{name}: not in the ledger"
        else:
            yield from _check_view(entry, view)
            current = snapshot.latest.get(key) == version
            if entry.state.terminal and (key, version) in expected:
                yield from _check_end(entry, expected[key, version], snapshot.renditions, current=current)


def _removals(snapshot: Snapshot) -> Iterator[Finding]:
    """Checks for removals without a view or failed despite the retry."""
    views = {view.id: view for view in snapshot.views}
    for entry in snapshot.ledger:
        if entry.is_removal:
            yield from _check_view(entry, views.get(entry.id))
            if entry.state is State.FAILED:
                yield "lost", f"{entry.upload.key} ({entry.upload.version}): failed"
                yield from _check_reason(entry)


def _check_view(entry: Entry, view: Entry | None) -> Iterator[Finding]:
    """Checks for an entry in a non-terminal state or different from its view."""
    name = f"{entry.upload.key} ({entry.upload.version})"
    if view is None:
        yield "lost", f"{name}: no view"
    elif (view.revision, view.state) != (entry.revision, entry.state):
        yield (
            "stale",
            f"{name}: {entry.state} {entry.revision} in the ledger, {view.state} {view.revision} in the view",
        )
    if not entry.state.terminal:
        yield "stuck", f"{name}: {entry.state}"


def _check_end(
    entry: Entry, expected: Expected, renditions: Mapping[str, str], *, current: bool
) -> Iterator[Finding]:
    """Compares a terminal entry with its expected result."""
    name = f"{entry.upload.key} ({entry.upload.version})"
    outcome = expected.outcome
    if not current:
        allowed = (State.SUPERSEDED, State.DELETED) if expected.history.hidden else (State.SUPERSEDED,)
        if entry.state not in allowed:
            yield "stale", f"{name}: not S3's latest version, but {entry.state}"
    elif outcome is None and entry.state is not State.REJECTED:
        yield "unexplained", f"{name}: unusable, but {entry.state}"
    elif outcome is not None and entry.state is not State.RENDERED:
        yield "lost", f"{name}: a good picture, but {entry.state}"
    yield from _check_reason(entry)
    if entry.state is State.RENDERED and outcome is not None:
        stored = {key.rpartition("/")[2]: renditions.get(key) for key in entry.rendition_keys}
        if None in stored.values():
            yield "lost", f"{name}: a rendition is missing"
        elif stored != outcome:
            yield "duplicate", f"{name}: bytes differ from those of a single rendering"


def _check_reason(entry: Entry) -> Iterator[Finding]:
    if entry.state in (State.REJECTED, State.FAILED) and not reason_of(entry):
        yield "unexplained", f"{entry.upload.key} ({entry.upload.version}): {entry.state} without a reason"


def reason_of(entry: Entry) -> str:
    cause = entry.rejection or entry.failure
    return cause.reason if cause else ""


def _pictures(snapshot: Snapshot) -> Iterator[Finding]:
    """Checks for keys with another version than S3's latest, and deleted keys with a page."""
    views: dict[str, list[Entry]] = {}
    for entry in snapshot.views:
        views.setdefault(entry.upload.key, []).append(entry)
    latest_ids = {
        entry.upload.key: snapshot.latest_ids.get(entry.picture_id, "") for entry in snapshot.ledger
    }
    for key in views.keys() | latest_ids.keys():
        latest, visible = snapshot.latest.get(key, ""), shown(views.get(key, []))
        if key in latest_ids and latest_ids[key] != latest:
            yield (
                "stale",
                f"{key}: the ledger's latest version is {latest_ids[key]!r}, S3's is {latest!r}",
            )
        if visible and visible.upload.version != latest and (latest or visible.state is not State.DELETED):
            yield "stale", f"{key}: shows {visible.upload.version}, not {latest!r}"
    for key, statuses in snapshot.pages.items():
        if not _NO_PAGE.issuperset(statuses):
            yield "stale", f"{key}: deleted, but page, receipt and image respond with {statuses}"


_DONE = (State.RENDERED, State.REJECTED)


def _history(snapshot: Snapshot, expected: Mapping[Key, Expected]) -> Iterator[Finding]:
    """Checks for uploads concluded too often, and for repeated or skipped revisions."""
    keys = {entry.picture_id: entry.upload.key for entry in snapshot.ledger}
    concluded: Counter[tuple[str, str]] = Counter()
    previous: dict[tuple[str, str], Transition] = {}
    for transition in snapshot.transitions:
        upload = (transition.picture_id, transition.version)
        last = previous.get(upload)
        if transition.revision != (last.revision if last else 0) + 1:
            yield (
                "duplicate",
                f"{upload}: revision {transition.revision} after {last.revision if last else 0}",
            )
        if transition.state in _DONE and not (last and last.state is transition.state):
            concluded[upload] += 1
        previous[upload] = transition
    for (picture_id, version), times in concluded.items():
        version_expected = expected.get((keys.get(picture_id, ""), version))
        if times > 1 + (version_expected.history.returns if version_expected else 0):
            yield "duplicate", f"{keys.get(picture_id)} ({version}): concluded {times} times"


def _orphans(snapshot: Snapshot) -> Iterator[Finding]:
    """Finds renditions outside the current entries and the list for the sweep."""
    named = {key for entry in snapshot.ledger if entry.is_live for key in entry.rendition_keys}
    for key in snapshot.renditions.keys() - named - snapshot.superseded_renditions:
        yield "orphan", key
