"""Failed uploads: recorded with their reason, then retried or skipped."""

from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.domain.entries import Entry, Latest, State, check_lease
from darkroom.domain.errors import RevisionConflict
from darkroom.domain.keys import is_id
from darkroom.domain.limits import MAX_VERSION_BYTES
from darkroom.domain.reconcile import Delete, Known, Render, Settle, Steps, decide
from darkroom.domain.uploads import REMOVAL_PREFIX, Removal, S3Change, Upload
from darkroom.ports import Ledger, Queue, Views
from darkroom.services.keys import MAX_ROUNDS, Keys


@dataclass(frozen=True, slots=True)
class Parking:
    """Records each S3 change in a dead-letter message as failed."""

    keys: Keys

    def park(self, change: S3Change, message: str) -> Entry | None:
        """Records a change from `message` as failed; returns None if nothing is left to do about it.

        A change that needs no rendering is applied instead. Raises LeaseHeld while another worker holds the
        lease, and RevisionConflict if another worker changed the upload; the message is then redelivered.
        """
        recorded = None
        # What is written may be outdated by then, so S3 is asked again.
        for _ in range(MAX_ROUNDS):
            known = self.keys.gather(change)
            written = self._act(change, known, decide(change, known), message)
            if written is None:
                return recorded
            recorded = written
        raise RevisionConflict(f"{change.key!r} changes all the time")

    def _act(self, change: S3Change, known: Known, steps: Steps, message: str) -> Entry | None:
        """Returns the entry that was written, None if there is nothing to write."""
        if isinstance(change, Removal) and (steps.own or steps.action == Delete()):
            return self._fail_removal(change, message)
        if known.own and steps.own:
            return self.keys.end(known.own, steps.own)
        match steps.action:
            case Render() as render:
                return self._fail_current(change, render, known.latest, message)
            case Settle(entry):
                self.keys.settle(known.latest, entry)
                return entry
            case Delete() if known.own and known.own.state is not State.DELETED:
                return self.keys.end(known.own, State.DELETED)
        return None

    def _fail_current(self, change: S3Change, render: Render, latest: Latest | None, message: str) -> Entry:
        """Records S3's current version as failed, and as live, so that a newer version supersedes it."""
        check_lease(render.entry)
        entry = self.keys.entry_to_render(change, render)
        latest = self.keys.next_latest(latest, entry.picture_id, entry.upload.version)
        failed = entry.moved(
            State.FAILED, message=message, receipt=entry.kept_receipt, latest_revision=latest.revision
        )
        self.keys.advance(failed, latest)
        return failed

    def _fail_removal(self, removal: Removal, message: str) -> Entry | None:
        """Records a failed removal in its own item; the entries of its uploads stay as they are."""
        stored = self.keys.ledger.find(removal.picture_id, removal.failed_as)
        if stored and stored.state.terminal:
            return None
        upload = Upload(removal.bucket, removal.key, removal.failed_as, request_id=removal.request_id)
        failed = Entry(upload, State.RENDERING, revision=0).moved(State.FAILED, message=message)
        self.keys.advance(failed)
        return failed


@dataclass(frozen=True, slots=True)
class Failures:
    """Lists, retries and skips failed uploads."""

    ledger: Ledger
    views: Views
    queue: Queue

    def list_all(self) -> Iterator[Entry]:
        """Reads every failed upload from the views, oldest first."""
        cursor = ""
        while True:
            entries, cursor = self.views.failed(cursor)
            yield from entries
            if not cursor:
                return

    def find(self, entry_id: str) -> Entry | None:
        """Returns the entry with this id (see Entry.id) if it is a failed upload."""
        picture_id, _, version = entry_id.partition(".")
        version_bytes = len(version.removeprefix(REMOVAL_PREFIX).encode(errors="replace"))
        # The ledger can't look up other ids.
        if not is_id(picture_id) or not 1 <= version_bytes <= MAX_VERSION_BYTES:
            return None
        entry = self.ledger.find(picture_id, version)
        return entry if entry and entry.state is State.FAILED and not entry.is_announcement else None

    def retry(self, entry: Entry) -> bool:
        """Sends the original message again.

        Idempotent: if the message is sent twice, the second one is skipped, because the upload then has
        another revision (see `Reconciler.apply_each`).
        """
        # A removal has no revision to compare, and is idempotent.
        self.queue.send(entry.message, None if entry.is_removal else entry.revision)
        return True

    def skip(self, entry: Entry) -> bool:
        """Marks a failed upload as skipped. Returns False if it has changed meanwhile."""
        return self.ledger.advance(entry.moved(State.SKIPPED, message=""))
