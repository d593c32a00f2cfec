"""Uploads that were given up: parked with their reason, then tried again or let go."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from darkroom.domain.entries import Entry, Latest, State, check_lease
from darkroom.domain.errors import RevisionConflict
from darkroom.domain.uploads import Removal, Upload, in_order
from darkroom.ports import Ledger, Queue, Views
from darkroom.services.members import unbegun


@dataclass(frozen=True, slots=True)
class Parking:
    """What becomes of a message that the queue has given up."""

    ledger: Ledger

    def park(self, change: Upload | Removal, message: str) -> Entry | None:
        """Records the change that `message` told as failed; None where that is no longer true.

        An upload that has ended otherwise stays as it is. Raises Busy while another worker has it, and
        RevisionConflict if one took it just now: then the message is left, and comes again.
        """
        if isinstance(change, Removal):
            return self._fail_removal(change, message)
        entry = self.ledger.find(change.picture_id, change.version)
        check_lease(entry)
        if entry and entry.state.terminal:
            return None
        entry = entry or unbegun(change, State.RENDERING, self.ledger)
        latest = self.ledger.latest(entry.picture_id)
        return self._failed(entry, message, latest, _is_superseded(entry.upload, latest))

    def _fail_removal(self, removal: Removal, message: str) -> Entry | None:
        """In an item of its own: what was to be removed has ended before, and may stand."""
        noted = self.ledger.find(removal.picture_id, removal.failed_as)
        latest = self.ledger.latest(removal.picture_id)
        # What it brought back was begun with, and that is what failed.
        begun = self.ledger.find(removal.picture_id, latest.version) if latest and latest.version else None
        check_lease(begun)
        attempts = begun.attempts[-1:] if begun and not begun.state.terminal else ()
        if noted and noted.state.terminal and (noted.state is State.FAILED or not attempts):
            return None
        upload = Upload(
            removal.bucket,
            removal.key,
            removal.failed_as,
            sequencer=removal.sequencer,
            request=removal.request,
        )
        entry = replace(noted or Entry(upload, State.RENDERING, revision=0), attempts=attempts)
        # A later event undoes a marker; a version that is gone for good stays gone.
        overtaken = removal.marker and not attempts and _is_superseded(upload, latest)
        return self._failed(entry, message, latest, overtaken)

    def _failed(self, entry: Entry, message: str, latest: Latest | None, overtaken: bool) -> Entry:
        """A failure stands beside what does, so that whatever takes its place finds it."""
        updated = entry.moved(State.SUPERSEDED) if overtaken else entry.moved(State.FAILED, message=message)
        known = latest or Latest(entry.picture_id, "", "", 0)
        version = entry.upload.version
        beside = [] if overtaken or version in known.current_versions else [known.beside(version)]
        away = updated.superseded_renditions(updated.rendition_keys) if overtaken else ()
        if not self.ledger.advance(updated, *beside, *away):
            raise RevisionConflict(f"{entry.upload.key!r} moved on while it was parked")
        return updated


def _is_superseded(upload: Upload, latest: Latest | None) -> bool:
    if not upload.sequencer or latest is None or latest.version == upload.version:
        return False  # without a sequencer, only S3 could tell
    return in_order(upload.sequencer) < in_order(latest.sequencer)


def failed(views: Views) -> Iterator[Entry]:
    """Every parked upload that the views know, oldest first, however many pages they are."""
    cursor = ""
    while True:
        entries, cursor = views.failed(cursor)
        yield from entries
        if not cursor:
            return


@dataclass(frozen=True, slots=True)
class Failures:
    """The parked uploads, for whoever looks after them."""

    ledger: Ledger
    views: Views
    queue: Queue

    def each(self) -> Iterator[Entry]:
        """All of them, oldest first, as the views know them."""
        return failed(self.views)

    def find(self, failure: str) -> Entry | None:
        """The parked upload of that id (see model.Entry.id), if it is one still."""
        picture_id, _, version = failure.partition(".")
        entry = self.ledger.find(picture_id, version) if version else None
        return entry if entry and entry.state is State.FAILED and not entry.is_announcement else None

    def retry(self, entry: Entry) -> bool:
        """Says the original message again. Any number of times is the same as once: see Darkroom.apply."""
        self.queue.send(entry.message, entry.revision)
        return True

    def skip(self, entry: Entry) -> bool:
        """Lets it go: it stays as it is, and is no failure any more. False if it has moved on meanwhile."""
        return self.ledger.advance(entry.moved(State.SKIPPED, message=""))
