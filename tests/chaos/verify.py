"""What was lost, doubled, stale, orphaned, stuck or without a reason when all is quiet again.

Pure: everything is read from one snapshot of what stands in S3, in the tables and in the queues.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from darkroom.domain.entries import Entry, State, shown
from tests.chaos.pictures import Outcome
from tests.chaos.plan import Fate

WORDS = ("lost", "double", "stale", "orphan", "stuck", "unreasoned")
type Finding = tuple[str, str]  # one of WORDS, and what was seen
type Key = tuple[str, str]  # of an upload: its object's key and its version's id
_NO_PAGE = {404, 410}


@dataclass(frozen=True, slots=True)
class Move:
    """One change of an upload in the ledger, as its stream tells it."""

    picture_id: str
    version: str
    revision: int
    state: State


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What stands when all is quiet.

    `versions` are all that S3 has, `latest` those that it shows, by key. `on_top` is what the ledger takes
    for each picture's latest version. `renditions` are their keys with ETags, `discarded` those that the
    ledger names for the sweep. `pages` are the statuses with which keys answer of which S3 shows nothing,
    asked for page, receipt and image; `messages` what is left in each queue.
    """

    versions: frozenset[Key]
    latest: Mapping[str, str]
    ledger: tuple[Entry, ...]
    on_top: Mapping[str, str]
    views: tuple[Entry, ...]
    renditions: Mapping[str, str]
    messages: Mapping[str, int]
    moves: tuple[Move, ...] = ()
    superseded_renditions: frozenset[str] = frozenset()
    pages: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """What one version must come to while it is S3's latest, and what befell it before."""

    outcome: Outcome
    fate: Fate = field(default_factory=Fate)


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: tuple[Finding, ...] = field(default=())

    def __str__(self) -> str:
        return " ".join(f"{word} {self.count(word)}" for word in WORDS)

    def count(self, word: str) -> int:
        return sum(word == found for found, _ in self.findings)


def verify(snapshot: Snapshot, due: Mapping[Key, Due]) -> Verdict:
    """Compares with what each version must come to that was ever put."""
    return Verdict(
        (
            *_uploads(snapshot, due),
            *_removals(snapshot),
            *_pictures(snapshot),
            *_history(snapshot, due),
            *_orphans(snapshot),
            *(("stuck", f"{count} in {queue}") for queue, count in snapshot.messages.items() if count),
        )
    )


def _by_version(entries: tuple[Entry, ...]) -> dict[Key, Entry]:
    return {(entry.upload.key, entry.upload.version): entry for entry in entries if not entry.is_removal}


def _uploads(snapshot: Snapshot, due: Mapping[Key, Due]) -> Iterator[Finding]:
    ledger, views = _by_version(snapshot.ledger), _by_version(snapshot.views)
    for key, version in snapshot.versions | due.keys() | ledger.keys() | views.keys():
        name = f"{key} ({version})"
        entry, view = ledger.get((key, version)), views.get((key, version))
        if (key, version) not in snapshot.versions | due.keys():
            yield "stale", f"{name}: never in S3"
        elif entry is None:
            if view or (key, version) in snapshot.versions:
                yield "lost", f"{name}: not in the ledger"
        else:
            yield from _agreed(entry, view)
            newest = snapshot.latest.get(key) == version
            if entry.state.terminal and (key, version) in due:
                yield from _end(entry, due[key, version], snapshot.renditions, newest=newest)


def _removals(snapshot: Snapshot) -> Iterator[Finding]:
    """What the queue gave up of removals is done all the same, when it was retried."""
    views = {view.id: view for view in snapshot.views}
    for entry in snapshot.ledger:
        if entry.is_removal:
            yield from _agreed(entry, views.get(entry.id))
            if entry.state is State.FAILED:
                yield "lost", f"{entry.upload.key} ({entry.upload.version}): failed"
                yield from _reasoned(entry)


def _agreed(entry: Entry, view: Entry | None) -> Iterator[Finding]:
    """An entry has ended, and is seen as it is."""
    name = f"{entry.upload.key} ({entry.upload.version})"
    if view is None:
        yield "lost", f"{name}: no view"
    elif (view.revision, view.state) != (entry.revision, entry.state):
        yield "stale", f"{name}: {entry.state} {entry.revision}, seen {view.state} {view.revision}"
    if not entry.state.terminal:
        yield "stuck", f"{name}: {entry.state}"


def _end(entry: Entry, due: Due, renditions: Mapping[str, str], *, newest: bool) -> Iterator[Finding]:
    """How a terminal entry differs from what it must be."""
    name = f"{entry.upload.key} ({entry.upload.version})"
    wanted = due.outcome
    if not newest:
        put_away = (State.SUPERSEDED, State.DELETED) if due.fate.hidden else (State.SUPERSEDED,)
        if entry.state not in put_away:
            yield "stale", f"{name}: what is not the latest is {entry.state}"
    elif wanted is None and entry.state is not State.REJECTED:
        yield "unreasoned", f"{name}: poison is {entry.state}"
    elif wanted is not None and entry.state is not State.RENDERED:
        yield "lost", f"{name}: a good picture is {entry.state}"
    yield from _reasoned(entry)
    if entry.state is State.RENDERED and wanted is not None:
        made = {key.rpartition("/")[2]: renditions.get(key) for key in entry.rendition_keys}
        if None in made.values():
            yield "lost", f"{name}: a rendition is not there"
        elif made != wanted:
            yield "double", f"{name}: other bytes than one rendering gives"


def _reasoned(entry: Entry) -> Iterator[Finding]:
    if entry.state in (State.REJECTED, State.FAILED) and not reason_of(entry):
        yield "unreasoned", f"{entry.upload.key} ({entry.upload.version}): {entry.state} for no reason"


def reason_of(entry: Entry) -> str:
    why = entry.rejection or entry.failure
    return why.reason if why else ""


def _pictures(snapshot: Snapshot) -> Iterator[Finding]:
    """Each key has S3's latest version on top, and shows it; one of which S3 shows nothing shows nothing."""
    views: dict[str, list[Entry]] = {}
    for entry in snapshot.views:
        views.setdefault(entry.upload.key, []).append(entry)
    on_top = {entry.upload.key: snapshot.on_top.get(entry.picture_id, "") for entry in snapshot.ledger}
    for key in views.keys() | on_top.keys():
        latest, seen = snapshot.latest.get(key, ""), shown(views.get(key, []))
        if key in on_top and on_top[key] != latest:
            yield "stale", f"{key}: the ledger takes {on_top[key]!r} for the latest, not {latest!r}"
        if seen and seen.upload.version != latest and (latest or seen.state is not State.DELETED):
            yield "stale", f"{key}: shows {seen.upload.version}, not {latest!r}"
    for key, statuses in snapshot.pages.items():
        if not _NO_PAGE.issuperset(statuses):
            yield "stale", f"{key}: is deleted, and page, receipt and image say {statuses}"


_DONE = (State.RENDERED, State.REJECTED)


def _history(snapshot: Snapshot, due: Mapping[Key, Due]) -> Iterator[Finding]:
    """Each upload was concluded once, and once more at most when it came back; each revision written once."""
    keys = {entry.picture_id: entry.upload.key for entry in snapshot.ledger}
    concluded: Counter[tuple[str, str]] = Counter()
    before: dict[tuple[str, str], Move] = {}
    for move in snapshot.moves:
        upload = (move.picture_id, move.version)
        last = before.get(upload)
        if move.revision != (last.revision if last else 0) + 1:
            yield "double", f"{upload}: revision {move.revision} after {last.revision if last else 0}"
        if move.state in _DONE and not (last and last.state is move.state):
            concluded[upload] += 1
        before[upload] = move
    for (picture_id, version), times in concluded.items():
        of = due.get((keys.get(picture_id, ""), version))
        if times > 1 + (of.fate.returns if of else 0):
            yield "double", f"{keys.get(picture_id)} ({version}): concluded {times} times"


def _orphans(snapshot: Snapshot) -> Iterator[Finding]:
    """Of what was put away no rendition is left, but those that the sweep is told of."""
    named = {key for entry in snapshot.ledger if entry.is_current for key in entry.rendition_keys}
    for key in snapshot.renditions.keys() - named - snapshot.superseded_renditions:
        yield "orphan", key
