"""What was lost is found and enqueued, and what nothing names any more is removed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import batched, groupby

from darkroom.members import member_entries, unbegun
from darkroom.model import Entry, State, Upload, timestamp
from darkroom.notifications import notification_of
from darkroom.ports import JobLedger, Ledger, Originals, Queue, Renditions, Stored

_UPLOADS, _RENDITIONS = "uploads", "renditions"


@dataclass(frozen=True, slots=True)
class Found:
    """What one page of a listing held: how much was looked at, and what was done about it."""

    seen: int
    acted_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Walks through both buckets, some pages at a time, from where it was last; and settles old jobs.

    An upload is lost when it stands for `after_minutes` and nobody has begun with it; renditions that were
    superseded or that no receipt names are kept for `keep_hours`, for pages that are open. A job waits for
    `job_patience_minutes` for what it announced.
    """

    originals: Originals
    renditions: Renditions
    ledger: Ledger
    jobs: JobLedger
    queue: Queue
    after_minutes: float
    keep_hours: float
    job_patience_minutes: float

    def begin_anew(self) -> None:
        """Has the next walks begin at the beginning."""
        for name in (_UPLOADS, _RENDITIONS):
            self.ledger.save_cursor(name, "")

    def find_lost(self, pages: int) -> Iterator[Found]:
        """Enqueues lost uploads, a page at a time; ends where the bucket does, and begins anew next time."""
        for _ in range(pages):
            uploads, cursor = self.originals.each_latest(self.ledger.cursor(_UPLOADS))
            yield Found(len(uploads), tuple(self._enqueued(uploads)))
            self.ledger.save_cursor(_UPLOADS, cursor)
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
                self.ledger.advance(noted.moved(State.EXPECTED))
                yield upload.key

    def remove_unnamed(self, pages: int) -> Iterator[Found]:
        """Removes renditions that nothing shows any more, a page at a time."""
        for _ in range(pages):
            stored, cursor = self.renditions.each(self.ledger.cursor(_RENDITIONS))
            removed: list[str] = []
            for picture, some in groupby(stored, key=_picture_of):
                removed += self._removed(picture, list(some))
            yield Found(len(stored), tuple(removed))
            self.ledger.save_cursor(_RENDITIONS, cursor)
            if not cursor:
                return

    def _removed(self, picture: str, stored: list[Stored]) -> list[str]:
        before = _ago(hours=self.keep_hours)
        entries = self.ledger.of_picture(picture)
        unnamed = [each.key for each in stored if _is_unnamed(each, entries, before)]
        if unnamed:
            self.renditions.remove(unnamed)
            self._agree(picture, set(unnamed))
        return unnamed

    def _agree(self, picture: str, removed: set[str]) -> None:
        """Makes a rendering that took a removed file for written write it again.

        One that is under way fails on its claim and is retried; one that was published meanwhile is begun
        anew.
        """
        while latest := self.ledger.latest(picture):
            for entry in self.ledger.of_picture(picture):
                if entry.state is State.RENDERED and removed & set(entry.rendition_keys):
                    self.queue.send(notification_of(entry.upload), entry.revision)
            if self.ledger.advance(replace(latest, revision=latest.revision + 1)):
                return

    def settle_jobs(self, jobs: int) -> Iterator[Found]:
        """Gives up what some old jobs still wait for, a page of members at a time."""
        for job in self.jobs.due(_ago(minutes=self.job_patience_minutes), jobs):
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
        latests = self.ledger.latest_each([upload.picture for upload in announced])
        ends = {
            upload.key: State.DELETED if latest else State.FAILED
            for upload, latest in zip(announced, latests, strict=True)
            if not (latest and latest.version)
        }
        entries = self.ledger.find_each([upload for upload in announced if upload.key in ends])
        waiting = [entry for entry in entries if entry and entry.state is State.EXPECTED]
        for some in batched(waiting, _MOVED_AT_ONCE, strict=False):
            moves = [entry.moved(ends[entry.upload.key]) for entry in some]
            if self.ledger.advance(*moves):
                yield from (entry.upload.key for entry in some)
            else:  # another sweep has moved one of them
                yield from (move.upload.key for move in moves if self.ledger.advance(move))


# DynamoDB moves at most 100 items at once.
_MOVED_AT_ONCE = 90


def stale(entries: Iterator[Entry], profile_hash: str, engine: str) -> Iterator[Entry]:
    """Of all entries those whose result another profile or engine has made."""
    for entry in entries:
        receipt = entry.receipt
        if entry.state not in (State.RENDERED, State.REJECTED) or not receipt:
            continue
        if (receipt.profile_hash, receipt.engine) != (profile_hash, engine):
            yield entry


def _is_lost(entry: Entry | None, before: str) -> bool:
    """Whether nobody has begun with an upload, nor was it swept lately."""
    return entry is None or (entry.state is State.EXPECTED and entry.since < before)


def _is_unnamed(stored: Stored, entries: list[Entry], before: str) -> bool:
    if stored.since >= before or any(not entry.state.terminal for entry in entries):
        return False
    naming = [entry for entry in entries if stored.key in entry.rendition_keys]
    if not naming:  # of a crash, or of a receipt that another took the place of: how long ago, nobody knows
        return all(entry.since < before for entry in entries)
    return all(
        entry.state is State.DELETED or (entry.state is State.SUPERSEDED and entry.since < before)
        for entry in naming
    )


def _picture_of(stored: Stored) -> str:
    return stored.key.partition("/")[0]


def _ago(**span: float) -> str:
    return timestamp(datetime.now(UTC) - timedelta(**span))
