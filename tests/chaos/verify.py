"""What was lost, doubled, stale, orphaned, stuck or without a reason when all is quiet again.

Pure: everything is read from one snapshot of what stands in S3, in the tables and in the queues.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from darkroom.model import Entry, State, shown
from tests.chaos.pictures import Outcome

WORDS = ("lost", "double", "stale", "orphan", "stuck", "unreasoned")
type Finding = tuple[str, str]  # one of WORDS, and what was seen


@dataclass(frozen=True, slots=True)
class Move:
    """One change of an upload in the ledger, as its stream tells it."""

    picture: str
    version: str
    revision: int
    state: State


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What stands when all is quiet.

    `versions` are S3's, by key, newest first. `on_top` is what the ledger takes for each picture's latest
    version. `renditions` are their keys with ETags, `messages` what is left in each queue.
    """

    versions: Mapping[str, tuple[str, ...]]
    ledger: tuple[Entry, ...]
    on_top: Mapping[str, str]
    views: tuple[Entry, ...]
    renditions: Mapping[str, str]
    messages: Mapping[str, int]
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: tuple[Finding, ...] = field(default=())

    def __str__(self) -> str:
        return " ".join(f"{word} {self.count(word)}" for word in WORDS)

    def count(self, word: str) -> int:
        return sum(word == found for found, _ in self.findings)


def verify(snapshot: Snapshot, wanted: Mapping[tuple[str, str], Outcome]) -> Verdict:
    """Compares with what each version, by key and version id, must come to."""
    return Verdict(
        (
            *_uploads(snapshot, wanted),
            *_pictures(snapshot),
            *_history(snapshot),
            *_orphans(snapshot),
            *(("stuck", f"{count} in {queue}") for queue, count in snapshot.messages.items() if count),
        )
    )


def _by_version(entries: tuple[Entry, ...]) -> dict[tuple[str, str], Entry]:
    return {(entry.upload.key, entry.upload.version): entry for entry in entries}


def _uploads(snapshot: Snapshot, wanted: Mapping[tuple[str, str], Outcome]) -> Iterator[Finding]:
    ledger, views = _by_version(snapshot.ledger), _by_version(snapshot.views)
    for key, versions in snapshot.versions.items():
        for version in versions:
            name = f"{key} ({version})"
            entry, view = ledger.get((key, version)), views.get((key, version))
            if entry is None:
                yield "lost", f"{name}: not in the ledger"
                continue
            if view is None:
                yield "lost", f"{name}: no view"
            elif (view.revision, view.state) != (entry.revision, entry.state):
                yield "stale", f"{name}: {entry.state} {entry.revision}, seen {view.state} {view.revision}"
            if entry.state.terminal:
                newest = version == versions[0]
                yield from _end(entry, wanted.get((key, version)), snapshot.renditions, newest=newest)
            else:
                yield "stuck", f"{name}: {entry.state}"
    for key, version in ledger.keys() | views.keys():
        if version not in snapshot.versions.get(key, ()):
            yield "stale", f"{key} ({version}): not in S3"


def _end(entry: Entry, wanted: Outcome, renditions: Mapping[str, str], *, newest: bool) -> Iterator[Finding]:
    """How a terminal entry differs from what it must be."""
    name = f"{entry.upload.key} ({entry.upload.version})"
    if not newest:
        if entry.state is not State.SUPERSEDED:
            yield "stale", f"{name}: an older version is {entry.state}"
    elif wanted is None and entry.state is not State.REJECTED:
        yield "unreasoned", f"{name}: poison is {entry.state}"
    elif wanted is not None and entry.state is not State.RENDERED:
        yield "lost", f"{name}: a good picture is {entry.state}"
    if entry.state in (State.REJECTED, State.FAILED) and not reason_of(entry):
        yield "unreasoned", f"{name}: {entry.state} for no reason"
    if entry.state is State.RENDERED and wanted is not None:
        made = {key.rpartition("/")[2]: renditions.get(key) for key in entry.rendition_keys}
        if None in made.values():
            yield "lost", f"{name}: a rendition is not there"
        elif made != wanted:
            yield "double", f"{name}: other bytes than one rendering gives"


def reason_of(entry: Entry) -> str:
    why = entry.rejection or entry.failure
    return why.reason if why else ""


def _pictures(snapshot: Snapshot) -> Iterator[Finding]:
    """Each key has its newest version on top, and shows it."""
    views: dict[str, list[Entry]] = {}
    for entry in snapshot.views:
        views.setdefault(entry.upload.key, []).append(entry)
    for key, versions in snapshot.versions.items():
        seen = shown(views.get(key, []))
        if seen is None:
            continue  # lost, and told as that
        if seen.upload.version != versions[0]:
            yield "stale", f"{key}: shows {seen.upload.version}, not {versions[0]}"
        if snapshot.on_top.get(seen.picture) != versions[0]:
            yield "stale", f"{key}: the ledger takes {snapshot.on_top.get(seen.picture)} for the latest"


_DONE = (State.RENDERED, State.REJECTED)


def _history(snapshot: Snapshot) -> Iterator[Finding]:
    """Each upload was concluded once, and each of its revisions written once."""
    concluded: Counter[tuple[str, str]] = Counter()
    before: dict[tuple[str, str], Move] = {}
    for move in snapshot.moves:
        upload = (move.picture, move.version)
        last = before.get(upload)
        if move.revision != (last.revision if last else 0) + 1:
            yield "double", f"{upload}: revision {move.revision} after {last.revision if last else 0}"
        if move.state in _DONE and not (last and last.state is move.state):
            concluded[upload] += 1
        before[upload] = move
    for upload, times in concluded.items():
        if times > 1:
            yield "double", f"{upload}: concluded {times} times"


def _orphans(snapshot: Snapshot) -> Iterator[Finding]:
    named = {key for entry in snapshot.ledger for key in entry.rendition_keys}
    for key in snapshot.renditions.keys() - named:
        yield "orphan", key
