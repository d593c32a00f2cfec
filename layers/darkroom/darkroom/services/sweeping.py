"""Enqueues lost uploads, settles old jobs, and removes unused renditions."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched, groupby

from darkroom.domain.entries import Entry, State, SupersededRenditions
from darkroom.domain.jobs import Job
from darkroom.domain.timestamps import timestamp
from darkroom.domain.uploads import Removal, S3Change, Upload
from darkroom.ports import TRANSACTION_ITEMS, JobLedger, Ledger, Originals, Queue, Renditions, StoredObject
from darkroom.services.members import member_entries, new_entry
from darkroom.services.notifications import notification_of

_UPLOADS, _RENDITIONS = "uploads", "renditions"  # names of scan cursors
# Runs per week: one every 15 minutes. Once the size of the bucket is known, a full scan takes at most
# a week.
_RUNS = 7 * 24 * 4
_MAX_SUPERSEDED, _MAX_JOBS = 75, 10


@dataclass(frozen=True, slots=True)
class SweptPage:
    """The outcome of one page: the number of items seen, and the items acted on."""

    seen: int
    acted_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanCursor:
    """Resumes a scan at `cursor`, with `pages` pages done. The last full scan had `full_scan_pages`."""

    cursor: str = ""
    pages: int = 0
    full_scan_pages: int = 0

    @classmethod
    def read(cls, written: str) -> "ScanCursor":
        try:
            stored = json.loads(written)
        except ValueError:  # none yet, or an older form without page counts
            return cls()
        return cls(*stored) if isinstance(stored, list) else cls()

    @property
    def written(self) -> str:
        return json.dumps([self.cursor, self.pages, self.full_scan_pages])

    def pages_per_run(self, minimum: int) -> int:
        """Returns the number of pages for one run, proportional to the size of the bucket."""
        return max(minimum, -(-max(self.full_scan_pages, self.pages) // _RUNS))

    def advanced(self, cursor: str) -> "ScanCursor":
        """Returns the resume point after one more page; an empty `cursor` ends the scan."""
        pages = self.pages + 1
        return ScanCursor(cursor, pages, self.full_scan_pages) if cursor else ScanCursor("", 0, pages)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Repairs the effects of lost events and crashes, page by page.

    An upload is lost if it is S3's current one, but unfinished, superseded or deleted in the ledger, with its
    entry unchanged and without a lease for `after_minutes`. A delete marker is lost while the ledger still
    has a latest version of its key. Unused renditions are kept for `keep_hours`: open web pages still show
    them. Uploads announced in a job fail after `job_timeout_minutes`.
    """

    originals: Originals
    renditions: Renditions
    ledger: Ledger
    jobs: JobLedger
    queue: Queue
    after_minutes: float
    keep_hours: float
    job_timeout_minutes: float

    def restart(self) -> None:
        """Resets the scan cursors: the next scans start at the first page."""
        for name in (_UPLOADS, _RENDITIONS):
            self.ledger.save_cursor(name, "")

    def enqueue_lost(self, pages: int) -> Iterator[SweptPage]:
        """Enqueues lost uploads and delete markers, page by page, from the scan cursor on.

        Scans `pages` pages, or more if a full scan would otherwise take longer than a week. Stops at the last
        page of the bucket; the next call starts at the first page.
        """
        return self._scan(_UPLOADS, pages, self.originals.list_newest, self._enqueue_lost_of)

    def _scan[T](
        self,
        name: str,
        pages: int,
        page_at: Callable[[str], tuple[list[T], str]],
        act: Callable[[list[T]], Iterator[str]],
    ) -> Iterator[SweptPage]:
        """Acts on the pages of a bucket, and saves the scan cursor after each."""
        scan = ScanCursor.read(self.ledger.cursor(name))
        for _ in range(scan.pages_per_run(pages)):
            seen, cursor = page_at(scan.cursor)
            swept = SweptPage(len(seen), tuple(act(seen)))
            scan = scan.advanced(cursor)
            self.ledger.save_cursor(name, scan.written)
            yield swept
            if not cursor:
                return

    def _enqueue_lost_of(self, newest: list[S3Change]) -> Iterator[str]:
        yield from self._enqueue_lost_markers([change for change in newest if isinstance(change, Removal)])
        before = _ago(minutes=self.after_minutes)
        old = [change for change in newest if isinstance(change, Upload) and change.arrived < before]
        for upload, entry in zip(old, self.ledger.find_each(old), strict=True):
            if _is_lost(entry, before):
                self.queue.send(notification_of(upload))
                # Recorded after the message is sent. If a crash comes in between, the message is sent again
                # later, which is harmless.
                recorded = entry or new_entry(upload, State.EXPECTED, self.ledger)
                self.ledger.advance(recorded.moved(recorded.state))
                yield upload.key

    def _enqueue_lost_markers(self, markers: list[Removal]) -> Iterator[str]:
        latests = self.ledger.latest_each([marker.picture_id for marker in markers])
        lost = [marker for marker, latest in zip(markers, latests, strict=True) if latest and latest.version]
        # A failed removal waits for an operator.
        failures = self.ledger.find_each(
            [Upload(marker.bucket, marker.key, marker.failed_as) for marker in lost]
        )
        for marker, failed in zip(lost, failures, strict=True):
            if failed is None:
                self.queue.send(notification_of(marker))
                yield marker.key

    def remove_superseded(self) -> Iterator[SweptPage]:
        """Removes renditions superseded more than `keep_hours` ago, in batches, until none is left."""
        before = _ago(hours=self.keep_hours)
        while records := self.ledger.superseded_renditions(before, _MAX_SUPERSEDED):
            yield SweptPage(len(records), tuple(self._remove_renditions_of(records)))

    def _remove_renditions_of(self, records: Sequence[SupersededRenditions]) -> list[str]:
        removed = [key for record in records for key in record.keys]
        self.renditions.remove(removed)
        self.ledger.forget(records)
        return removed

    def remove_unused(self, pages: int) -> Iterator[SweptPage]:
        """Removes other unused renditions, mostly left by a crash, page by page as `enqueue_lost` does."""
        return self._scan(_RENDITIONS, pages, self.renditions.list_stored, self._remove_unused_of)

    def _remove_unused_of(self, stored: Sequence[StoredObject]) -> Iterator[str]:
        before = _ago(hours=self.keep_hours)
        by_picture = {picture_id: list(files) for picture_id, files in groupby(stored, key=_picture_of)}
        live = self.ledger.live_entries(self.ledger.latest_each([*by_picture]))
        for files, entries in zip(by_picture.values(), live, strict=True):
            unused = [file.key for file in files if _is_unused(file, entries, before)]
            if unused:
                self.renditions.remove(unused)
                yield from unused

    def settle_jobs(self) -> Iterator[SweptPage]:
        """Ends the announced uploads of old jobs, one page of members at a time, until no job is left."""
        before = _ago(minutes=self.job_timeout_minutes)
        while due := self.jobs.due(before, _MAX_JOBS):
            for job in due:
                yield from self._end_members(job)
                # Last: after a crash above, the job falls due again.
                self.jobs.settle(job)

    def _end_members(self, job: Job) -> Iterator[SweptPage]:
        page = 0
        while manifest := self.jobs.manifest(job.id, page):
            announced = [entry.upload for entry in member_entries(self.originals.bucket, job, page, manifest)]
            yield SweptPage(len(announced), tuple(self._end_announcements(announced)))
            page += 1

    def _end_announcements(self, announced: list[Upload]) -> Iterator[str]:
        """Marks announcements without an upload as failed. An upload that arrived has its own entry.

        If the upload was deleted before its event was applied, the announcement is marked as deleted instead.
        This case is recognised by a Latest item without a version.
        """
        latests = self.ledger.latest_each([upload.picture_id for upload in announced])
        ends = {
            upload.key: State.DELETED if latest else State.FAILED
            for upload, latest in zip(announced, latests, strict=True)
            if not (latest and latest.version)
        }
        entries = self.ledger.find_each([upload for upload in announced if upload.key in ends])
        waiting = [entry for entry in entries if entry and entry.state is State.EXPECTED]
        for batch in batched(waiting, TRANSACTION_ITEMS, strict=False):
            ended = [entry.moved(ends[entry.upload.key]) for entry in batch]
            if self.ledger.advance(*ended):
                yield from (entry.upload.key for entry in ended)
            else:  # another sweep has ended one of them
                yield from (entry.upload.key for entry in ended if self.ledger.advance(entry))


def stale(entries: Iterator[Entry], profile_hash: str, engine: str) -> Iterator[Entry]:
    """Selects entries rendered with another profile or engine."""
    for entry in entries:
        receipt = entry.receipt if entry.state in (State.RENDERED, State.REJECTED) else None
        if receipt and (receipt.profile_hash, receipt.engine) != (profile_hash, engine):
            yield entry


def _is_lost(entry: Entry | None, before: str) -> bool:
    """True if a current upload without an outcome was last attempted or swept before `before`.

    Each attempt and each sweep updates the entry: an older entry means that its message is lost. If the entry
    is superseded or deleted, it is the removal that made the upload current again whose message is lost.
    """
    if entry is None:
        return True
    waiting = not (entry.state.terminal and entry.is_live)
    return waiting and max(entry.since, entry.lease_expires) < before


def _is_unused(stored: StoredObject, live: list[Entry], before: str) -> bool:
    """True for a file stored before `before` and used by no live version.

    False while a live version of its picture is unfinished, or has changed since `before`.
    """
    if stored.since >= before or any(not entry.state.terminal for entry in live):
        return False
    if any(stored.key in entry.rendition_keys for entry in live):
        return False
    return all(entry.since < before for entry in live)


def _picture_of(stored: StoredObject) -> str:
    return stored.key.partition("/")[0]


def _ago(**span: float) -> str:
    return timestamp(datetime.now(UTC) - timedelta(**span))
