"""Failed uploads: recorded with their reason, then retried or skipped."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from darkroom.domain.entries import Entry, Latest, State, check_lease
from darkroom.domain.errors import RevisionConflict
from darkroom.domain.uploads import Removal, S3Change, Upload, sequencer_order
from darkroom.ports import Ledger, Queue, Views
from darkroom.services.members import new_entry


@dataclass(frozen=True, slots=True)
class Parking:
    """Records each S3 change in a dead-letter message as failed."""

    ledger: Ledger

    def park(self, change: S3Change, message: str) -> Entry | None:
        """Records a change from `message` as failed; returns None if the upload is already terminal.

        Raises LeaseHeld while another worker holds the lease, and RevisionConflict if another worker changed
        the upload; the message is then redelivered.
        """
        if isinstance(change, Removal):
            return self._fail_removal(change, message)
        entry = self.ledger.find(change.picture_id, change.version)
        check_lease(entry)
        if entry and entry.state.terminal:
            return None
        entry = entry or new_entry(change, State.RENDERING, self.ledger)
        latest = self.ledger.latest(entry.picture_id)
        return self._fail(entry, message, latest, _is_superseded(entry.upload, latest))

    def _fail_removal(self, removal: Removal, message: str) -> Entry | None:
        """Records a failed removal in its own item; the entry of the removed upload stays as it is."""
        stored = self.ledger.find(removal.picture_id, removal.failed_as)
        latest = self.ledger.latest(removal.picture_id)
        # A removal can restore an older version, and its message then also renders that version. If that
        # version is still unfinished, its rendering has failed, because the message gets no more attempts.
        # The failed removal then records the last attempt of that rendering.
        restored = self.ledger.find(removal.picture_id, latest.version) if latest and latest.version else None
        check_lease(restored)
        attempts = restored.attempts[-1:] if restored and not restored.state.terminal else ()
        if stored and stored.state.terminal and (stored.state is State.FAILED or not attempts):
            return None
        upload = Upload(
            removal.bucket, removal.key, removal.failed_as, removal.sequencer, request_id=removal.request_id
        )
        entry = replace(stored or Entry(upload, State.RENDERING, revision=0), attempts=attempts)
        # A later event undoes a delete marker, but not a permanent deletion.
        superseded = removal.marker and not attempts and _is_superseded(upload, latest)
        return self._fail(entry, message, latest, superseded)

    def _fail(self, entry: Entry, message: str, latest: Latest | None, superseded: bool) -> Entry:
        """Writes a failure, and lists its version as live, so that a newer version supersedes it.

        If the upload is already superseded, writes that state instead of a failure.
        """
        updated = entry.moved(State.SUPERSEDED) if superseded else entry.moved(State.FAILED, message=message)
        latest = latest or Latest(entry.picture_id, "", "", 0)
        version = entry.upload.version
        next_items = [] if superseded or version in latest.live_versions else [latest.with_live(version)]
        renditions = updated.superseded_renditions(updated.rendition_keys) if superseded else ()
        if not self.ledger.advance(updated, *next_items, *renditions):
            raise RevisionConflict(f"{entry.upload.key!r} changed while it was recorded as failed")
        return updated


def _is_superseded(upload: Upload, latest: Latest | None) -> bool:
    if not upload.sequencer or latest is None or latest.version == upload.version:
        return False  # without a sequencer, only S3 knows the order
    return sequencer_order(upload.sequencer) < sequencer_order(latest.sequencer)


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
        entry = self.ledger.find(picture_id, version) if version else None
        return entry if entry and entry.state is State.FAILED and not entry.is_announcement else None

    def retry(self, entry: Entry) -> bool:
        """Sends the original message again.

        Idempotent: if the message is sent twice, the second one is skipped, because the upload then has
        another revision (see `Reconciler.apply_each`).
        """
        self.queue.send(entry.message, entry.revision)
        return True

    def skip(self, entry: Entry) -> bool:
        """Marks a failed upload as skipped. Returns False if it has changed meanwhile."""
        return self.ledger.advance(entry.moved(State.SKIPPED, message=""))
