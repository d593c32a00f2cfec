"""What was lost is found and enqueued, and what nothing names any more is removed."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import batched, chain, groupby

from darkroom.domain.entries import Entry, State, SupersededRenditions
from darkroom.domain.timestamps import timestamp
from darkroom.domain.uploads import Upload
from darkroom.ports import TRANSACTION_ITEMS, JobLedger, Ledger, Originals, Queue, Renditions, Stored
from darkroom.services.members import member_entries, unbegun
from darkroom.services.notifications import notification_of

_UPLOADS, _RENDITIONS = "uploads", "renditions"
# Runs of the schedule within which a walk shall have come to the end of its bucket: a week of them.
_RUNS = 7 * 24 * 4
_DISCARDED_AT_ONCE, _JOBS_AT_ONCE = 75, 10


@dataclass(frozen=True, slots=True)
class Found:
    """What one page of a listing held: how much was looked at, and what was done about it."""

    seen: int
    acted_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanCursor:
    """How far a walk through a bucket has come: `pages` of them, of `whole` that there were the last time."""

    cursor: str = ""
    pages: int = 0
    whole: int = 0

    @classmethod
    def read(cls, written: str) -> "ScanCursor":
        try:
            told = json.loads(written)
        except ValueError:  # none yet, or one from before pages were counted
            return cls()
        return cls(*told) if isinstance(told, list) else cls()

    @property
    def written(self) -> str:
        return json.dumps([self.cursor, self.pages, self.whole])

    def due(self, least: int) -> int:
        """Pages that one run shall look at: the larger the bucket, the more."""
        return max(least, -(-max(self.whole, self.pages) // _RUNS))

    def on(self, cursor: str) -> "ScanCursor":
        """A page further; without a cursor at its end."""
        pages = self.pages + 1
        return ScanCursor(cursor, pages, self.whole) if cursor else ScanCursor("", 0, pages)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Removes what was discarded, walks through both buckets from where it was last, and settles old jobs.

    An upload is lost when for `after_minutes` nobody has begun or gone on with it; renditions that were
    discarded, or that nothing names, are kept for `keep_hours`, for pages that are open. A job waits for
    `job_timeout_minutes` for what it announced.
    """

    originals: Originals
    renditions: Renditions
    ledger: Ledger
    jobs: JobLedger
    queue: Queue
    after_minutes: float
    keep_hours: float
    job_timeout_minutes: float

    def begin_anew(self) -> None:
        """Has the next walks begin at the beginning."""
        for name in (_UPLOADS, _RENDITIONS):
            self.ledger.save_cursor(name, "")

    def find_lost(self, pages: int) -> Iterator[Found]:
        """Enqueues lost uploads, a page at a time; ends where the bucket does, and begins anew next time.

        So many pages, or as many more as it takes to have seen all of the bucket within a week.
        """
        return self._scan(_UPLOADS, pages, self.originals.list_latest, self._enqueued)

    def _scan[T](
        self,
        name: str,
        pages: int,
        page_at: Callable[[str], tuple[list[T], str]],
        act: Callable[[list[T]], Iterator[str]],
    ) -> Iterator[Found]:
        """Acts on a bucket's pages from where the walk of that name was last, and notes where it is."""
        walk = ScanCursor.read(self.ledger.cursor(name))
        for _ in range(walk.due(pages)):
            seen, cursor = page_at(walk.cursor)
            found = Found(len(seen), tuple(act(seen)))
            walk = walk.on(cursor)
            self.ledger.save_cursor(name, walk.written)
            yield found
            if not cursor:
                return

    def _enqueued(self, uploads: list[Upload]) -> Iterator[str]:
        before = _ago(minutes=self.after_minutes)
        old = [upload for upload in uploads if upload.arrived < before]
        for upload, entry in zip(old, self.ledger.find_each(old), strict=True):
            if _is_lost(entry, before):
                self.queue.send(notification_of(upload))
                # Noted after it is sent: a crash between the two sends it twice, which is harmless.
                noted = entry or unbegun(upload, State.EXPECTED, self.ledger)
                self.ledger.advance(noted.moved(noted.state))
                yield upload.key

    def remove_superseded(self) -> Iterator[Found]:
        """Removes renditions that were shown until long enough ago, some at a time, until none is left."""
        before = _ago(hours=self.keep_hours)
        while some := self.ledger.superseded_renditions(before, _DISCARDED_AT_ONCE):
            yield Found(len(some), tuple(self._removed_of(some)))

    def _removed_of(self, some: Sequence[SupersededRenditions]) -> list[str]:
        pictures = [each.picture_id for each in some]
        # What a later rendering has made again, when its version was back or a profile was, is named again.
        named = {
            key for each in self._current_entries(pictures) for entry in each for key in entry.rendition_keys
        }
        unnamed = [key for each in some for key in each.keys if key not in named]
        self.renditions.remove(unnamed)
        for each, latest in zip(some, self.ledger.latest_each(pictures), strict=True):
            if latest and each.version in latest.current_versions:
                self._agree(each.picture_id, {*each.keys} - named)
        self.ledger.forget(some)
        return unnamed

    def _current_entries(self, pictures: Sequence[str]) -> list[list[Entry]]:
        return self.ledger.current_entries(self.ledger.latest_each(pictures))

    def remove_orphaned(self, pages: int) -> Iterator[Found]:
        """Removes what a crash has left, which nothing shows or has noted, a page at a time; as above."""
        return self._scan(_RENDITIONS, pages, self.renditions.list_stored, self._removed)

    def _removed(self, stored: Sequence[Stored]) -> Iterator[str]:
        before = _ago(hours=self.keep_hours)
        of_picture = {picture_id: list(some) for picture_id, some in groupby(stored, key=_picture_of)}
        current = self._current_entries([*of_picture])
        for (picture_id, some), entries in zip(of_picture.items(), current, strict=True):
            unnamed = [each.key for each in some if _is_unnamed(each, entries, before)]
            if unnamed:
                self.renditions.remove(unnamed)
                self._agree(picture_id, set(unnamed))
                yield from unnamed

    def _agree(self, picture_id: str, removed: set[str]) -> None:
        """Makes a rendering that took a removed file for written write it again.

        One that is under way fails on its claim and is retried; one that was published meanwhile is begun
        anew.
        """
        while latest := self.ledger.latest(picture_id):
            [current] = self.ledger.current_entries([latest])
            for entry in current:
                if entry.state is State.RENDERED and removed & set(entry.rendition_keys):
                    self.queue.send(notification_of(entry.upload), entry.revision)
            if self.ledger.advance(replace(latest, revision=latest.revision + 1)):
                return

    def settle_jobs(self) -> Iterator[Found]:
        """Gives up what old jobs still wait for, a page of members at a time, until no job is left."""
        before = _ago(minutes=self.job_timeout_minutes)
        for job in chain.from_iterable(iter(lambda: self.jobs.due(before, _JOBS_AT_ONCE), [])):
            page = 0
            while manifest := self.jobs.manifest(job.id, page):
                announced = list(member_entries(self.originals.bucket, job, page, manifest))
                yield Found(len(announced), tuple(self._given_up([entry.upload for entry in announced])))
                page += 1
            # Not before: what a crash leaves here falls due again.
            self.jobs.settle(job)

    def _given_up(self, announced: list[Upload]) -> Iterator[str]:
        """Moves announcements that nothing came of; of what came its own entry tells.

        What was deleted before it was heard of leaves nothing but a mark that nothing is latest.
        """
        latests = self.ledger.latest_each([upload.picture_id for upload in announced])
        ends = {
            upload.key: State.DELETED if latest else State.FAILED
            for upload, latest in zip(announced, latests, strict=True)
            if not (latest and latest.version)
        }
        entries = self.ledger.find_each([upload for upload in announced if upload.key in ends])
        waiting = [entry for entry in entries if entry and entry.state is State.EXPECTED]
        for some in batched(waiting, TRANSACTION_ITEMS, strict=False):
            moves = [entry.moved(ends[entry.upload.key]) for entry in some]
            if self.ledger.advance(*moves):
                yield from (entry.upload.key for entry in some)
            else:  # another sweep has moved one of them
                yield from (move.upload.key for move in moves if self.ledger.advance(move))


def stale(entries: Iterator[Entry], profile_hash: str, engine: str) -> Iterator[Entry]:
    """Of all entries those whose result another profile or engine has made."""
    for entry in entries:
        receipt = entry.receipt
        if entry.state not in (State.RENDERED, State.REJECTED) or not receipt:
            continue
        if (receipt.profile_hash, receipt.engine) != (profile_hash, engine):
            yield entry


def _is_lost(entry: Entry | None, before: str) -> bool:
    """Whether nobody has begun with an upload or will go on with it, nor was it swept lately.

    What was begun with has its message in the queue, if that was not lost, and is moved by each attempt.
    """
    if entry is None:
        return True
    waits = entry.state in (State.EXPECTED, State.RENDERING)
    return waits and max(entry.since, entry.lease_expires) < before


def _is_unnamed(stored: Stored, current: list[Entry], before: str) -> bool:
    """Whether no version that stands has it, nor did one that gave way to these since then."""
    if stored.since >= before or any(not entry.state.terminal for entry in current):
        return False
    if any(stored.key in entry.rendition_keys for entry in current):
        return False
    return all(entry.since < before for entry in current)


def _picture_of(stored: Stored) -> str:
    return stored.key.partition("/")[0]


def _ago(**span: float) -> str:
    return timestamp(datetime.now(UTC) - timedelta(**span))
