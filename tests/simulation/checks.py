"""Checks of the end of a history: the six words of docs/reliability.md, and what else must then be true."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from darkroom.domain.entries import Entry, State
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.rows import Tally, contribution
from darkroom.domain.serialization import serialize_upload
from darkroom.services.notifications import parse_queue_message
from darkroom.services.projecting import rebuild
from tests.chaos.log import S3Step
from tests.chaos.plan import History as Changes
from tests.chaos.trace import Replay
from tests.chaos.verify import Expected, Finding, Snapshot, Transition, Verdict, verify
from tests.fakes import FakeViews
from tests.simulation.application import PROFILES, engine
from tests.simulation.history import History


def check(history: History) -> Verdict:
    """Returns what is wrong."""
    findings = verify(_snapshot(history), _expected(history)).findings
    others = (*_trace(history), *_end(history), *_views(history), *_jobs(history), *_events(history))
    known = tuple(_skipped(history))
    found = {finding for finding in (*findings, *others) if not finding[1].startswith(known)}
    return Verdict(tuple(sorted(found)))


def _skipped(history: History) -> Iterator[str]:
    """Returns the beginnings of findings about pictures whose current version an operator skipped.

    It may have failed before it became the latest in the ledger: then the version before it is kept.
    """
    for entry in history.ledger.entries.values():
        key = entry.upload.key
        current = history.bucket.current(key)
        if entry.state is State.SKIPPED and current and current.version == entry.upload.version:
            yield f"{key}: the ledger's latest version is"
            for name, version in history.bucket.contents:
                if name == key:
                    yield f"{key} ({version}): not S3's latest version"


def _snapshot(history: History) -> Snapshot:
    bucket, ledger = history.bucket, history.ledger
    current = {key: upload.version for key in bucket.stacks if (upload := bucket.current(key))}
    return Snapshot(
        # Nothing can know a version that was replaced and whose event was lost.
        versions=frozenset(bucket.objects) - (bucket.without_event - current.items()),
        latest=current,
        ledger=_arrived(ledger.entries.values()),
        latest_ids={picture_id: latest.version for picture_id, latest in ledger.latests.items()},
        views=_arrived(history.views.entries.values()),
        renditions={key: content.decode() for key, (content, _) in history.renditions.objects.items()},
        messages={
            "the render queue": len(history.queue.messages),
            "the dead letters": len(history.dead_letters.messages),
        },
        transitions=tuple(
            Transition(entry.picture_id, entry.upload.version, entry.revision, entry.state)
            for entry in ledger.transitions
            if isinstance(entry, Entry) and not entry.is_announcement
        ),
    )


def _arrived(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if not entry.is_announcement)


def _expected(history: History) -> Mapping[tuple[str, str], Expected]:
    """Returns the outcome of every version ever put, with the profile of its receipt."""
    bucket = history.bucket
    bodies = Counter(history.queue.renewed)
    renewals: Counter[tuple[str, str]] = Counter()
    for body, times in bodies.items():
        for change in parse_queue_message(body, bucket.bucket).changes:
            renewals[change.key, change.version] += times
    entries = {(entry.upload.key, entry.upload.version): entry for entry in history.ledger.entries.values()}
    expected = {}
    for upload, content in bucket.contents.items():
        entry, changes = entries.get(upload), bucket.histories[upload]
        if entry and entry.state is State.SKIPPED:
            continue  # an operator decided on its end
        profile_hash = entry.receipt.profile_hash if entry and entry.receipt else PROFILES[0].hash
        returns = changes.returns + renewals[upload]
        # A removal may delete the entries of all versions that are superseded already.
        hidden = upload[0] in bucket.with_removals
        expected[upload] = Expected(_outcome(content, profile_hash), Changes(hidden, returns))
    return expected


def _outcome(content: bytes, profile_hash: str) -> dict[str, str] | None:
    [profile] = [profile for profile in PROFILES if profile.hash == profile_hash]
    try:
        return {encoded.name: encoded.data.decode() for encoded in engine(content, profile).renditions}
    except RejectedPicture:
        return None


def _trace(history: History) -> Iterator[Finding]:
    """Replays the history against the model."""
    replay = Replay()
    for step in history.log:
        if isinstance(step, S3Step):
            replay.change(step)
        else:
            replay.transaction(step)
    for sentence in replay.disallowed:
        yield "disallowed", sentence


def _end(history: History) -> Iterator[Finding]:
    if history.is_stuck:
        yield "stuck", "something changes in every sweep"
    for record in history.ledger.superseded:
        yield "orphan", f"superseded renditions of {record.version} are still recorded"
    for job in history.ledger.unsettled:
        yield "stuck", f"job {job} is not settled"


def _views(history: History) -> Iterator[Finding]:
    """Compares the views with a rebuild from the ledger."""
    views, rebuilt = history.views, FakeViews()
    for _ in rebuild(rebuilt, history.ledger.records()):
        pass
    if views.entries != rebuilt.entries:
        yield "stale", "the views differ from a rebuild"
    if views.all_rows != rebuilt.all_rows:
        yield "stale", "the rows differ from a rebuild"
    if views.total != sum(map(contribution, views.entries.values()), Tally()) or views.total != rebuilt.total:
        yield "stale", "the totals of all time are wrong"
    for job_id in views.jobs.keys() | rebuilt.jobs.keys():
        view, other = views.job(job_id), rebuilt.job(job_id)
        rows = (row.tally for row in views.all_rows.values() if row.job_id == job_id)
        if view is None or other is None or replace(view, revision=0) != replace(other, revision=0):
            yield "stale", f"job {job_id} differs from a rebuild"
        elif view.tally != sum(rows, Tally()):
            yield "stale", f"the totals of job {job_id} differ from its rows"


def _jobs(history: History) -> Iterator[Finding]:
    """Checks that each job is complete, with one event for each time that its totals were complete."""
    sent: dict[str, set[str]] = {}
    for event in history.bus.sent:
        if event.type == "job.completed":
            sent.setdefault(event.detail["job"]["id"], set()).add(event.detail["id"])
    for job in history.ledger.jobs.values():
        if not job.sealed:  # its client gave up
            continue
        view = history.views.job(job.id)
        if view is None or not view.complete:
            yield "stuck", f"job {job.id} is not complete"
        elif view.completion not in sent.get(job.id, set()):
            yield "lost", f"job {job.id} is complete, without an event"
        elif early := sent[job.id] - history.views.completions[job.id]:
            yield "duplicate", f"job {job.id} has {len(early)} completions that never were"


def _events(history: History) -> Iterator[Finding]:
    """Checks that the end of every upload was sent to the event bus."""
    sent = {event.detail["id"] for event in history.bus.sent}
    for entry in history.ledger.entries.values():
        if entry.state.terminal and not entry.is_removal and serialize_upload(entry)["id"] not in sent:
            yield "lost", f"{entry.upload.key} ({entry.upload.version}): no event of its end"
