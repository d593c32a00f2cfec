"""Applies S3 changes to the ledger: decides which version is the latest, renders it and publishes it.

Events arrive late, repeatedly and in any order. An attempt first writes its version as the key's `Latest`
item, and publishes its outcome on the condition that this item has not changed since.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from darkroom.domain.entries import Entry, Latest, Outcome, State, check_lease
from darkroom.domain.errors import DeadlineExceeded, RetryOnce, RevisionConflict, UploadGone
from darkroom.domain.receipts import Receipt
from darkroom.domain.timestamps import now
from darkroom.domain.uploads import NO_VERSION, Removal, S3Change, Upload, sequencer_order
from darkroom.ports import TRANSACTION_ITEMS, Ledger, Originals, Renditions
from darkroom.redaction import redact
from darkroom.services.members import new_entry
from darkroom.services.rendering import Engine, Renderer

_RESULTS = {State.RENDERED, State.REJECTED, State.SKIPPED}
_PUBLISHED = _RESULTS | {State.FAILED}
_OUTCOMES: dict[type[Exception], Outcome] = {RetryOnce: Outcome.CHILD_DIED, DeadlineExceeded: Outcome.TIMEOUT}
_FAULT_CHARACTERS = 300  # of an error message in the ledger
# Maximum number of entries superseded or deleted in one transaction. Each takes two items: the
# entry, and the record of its renditions; 10 items are reserved for the upload. Further entries wait for the
# next transaction: they are older, so no page shows them.
_MAX_MOVED = (TRANSACTION_ITEMS - 10) // 2
# If a key has at least this many listed versions, the outdated versions are removed from its list.
_LIVE_VERSIONS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Worker:
    """One invocation: its engine, and the time at which its leases expire (empty: at once)."""

    engine: Engine
    lease_expires: str = ""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Brings the ledger and the renditions into agreement with the uploads bucket."""

    originals: Originals
    renditions: Renditions
    ledger: Ledger
    renderer: Renderer

    def apply_each(
        self, changes: Iterable[S3Change], worker: Worker, expected_revision: int | None = None
    ) -> Iterator[Entry]:
        """Applies changes one by one; raises the faults of all of them at the end.

        A repeated event of a terminal upload changes nothing, unless the upload's revision is
        `expected_revision`.
        """
        faults = []
        for change in changes:
            try:
                yield from self.apply(change, worker, expected_revision)
            except Exception as fault:  # noqa: BLE001 - all are raised together
                faults.append(fault)
        if faults:
            raise ExceptionGroup("some changes of the message could not be applied", faults)

    def apply(self, change: S3Change, worker: Worker, expected_revision: int | None = None) -> list[Entry]:
        """Applies one S3 event; returns the entries that it changed or found to be up to date."""
        if isinstance(change, Removal):
            apply_removal = self._apply_delete_marker if change.marker else self._apply_deletion
            changed = apply_removal(change, worker)
            return [*changed, *self._close_failure(change.picture_id, change.failed_as, State.DELETED)]
        if change.version != NO_VERSION:
            return [self.render(change, worker, expected_revision)]
        current = self.originals.current(change.key)
        if current is None:
            return self._reconcile_with_s3(change, worker)
        rendered = self.render(replace(current, request_id=change.request_id), worker, expected_revision)
        return [rendered, *self._close_failure(change.picture_id, NO_VERSION, State.SUPERSEDED)]

    def render(self, upload: Upload, worker: Worker, expected_revision: int | None = None) -> Entry:
        """Renders an upload and returns its ledger entry.

        An upload that a newer version supersedes is not rendered. A terminal upload is rendered again only in
        two cases: its revision is `expected_revision`, or it is failed, superseded or deleted and this event
        is later than every applied event of its key.

        Every fault except a rejection is raised, and SQS redelivers the message. Raises LeaseHeld,
        RevisionConflict and the errors of `Renderer.render`.
        """
        entry = self.ledger.find(upload.picture_id, upload.version)
        if entry and entry.upload.request_id:  # the correlation id of its first event is kept
            upload = replace(upload, request_id=entry.upload.request_id)
        latest = self.ledger.latest(upload.picture_id)
        check_lease(entry)
        if entry and entry.state.terminal and entry.revision != expected_revision:
            if not _is_latest_event(upload, latest):
                return entry
            if entry.state in _RESULTS:
                return self._apply_late_event(entry, upload, latest)
            # An upload without a result is rendered again by a later event.
        entry = self._entry_of(upload, entry)
        if not self._is_newest(upload, latest):
            return self._advance(entry.moved(State.SUPERSEDED))
        entry = entry.begun(worker.lease_expires or now())
        latest = next_latest(upload.picture_id, upload.version, upload.sequencer, self._pruned(latest))
        if not self.ledger.advance(entry, latest):
            raise RevisionConflict(f"another worker began {upload.key!r}")
        try:
            return self._attempt(entry, latest, worker)
        except Exception as fault:
            self._record_fault(entry, fault)
            raise

    def _attempt(self, entry: Entry, own_latest: Latest, worker: Worker) -> Entry:
        """Renders and publishes; `own_latest` is the Latest item that this attempt wrote."""
        try:
            receipt = self.renderer.render(entry.upload, worker.engine, crashed_before=entry.has_crashed)
        except UploadGone:
            # The version was deleted after its event. The deletion's own event may already have been
            # applied, so S3 is checked here.
            gone = self._advance(entry.ended(State.DELETED, Outcome.CONCLUDED))
            self._reconcile_with_s3(entry.upload, worker)
            return gone
        return self._publish(entry, receipt, own_latest)

    def _publish(self, entry: Entry, receipt: Receipt, own_latest: Latest) -> Entry:
        """Writes the outcome and supersedes older versions, unless a later event was applied meanwhile."""
        upload = entry.upload
        state = State.REJECTED if receipt.rejection else State.RENDERED
        result = entry.ended(state, Outcome.CONCLUDED, receipt=receipt)
        replaced_renditions = result.superseded_renditions({*entry.rendition_keys} - {*result.rendition_keys})
        others = [other for other in self._live_entries(own_latest) if other.upload.version != upload.version]
        older = self._superseded_by(upload, others, own_latest)[:_MAX_MOVED]
        superseded_entries = [other.moved(State.SUPERSEDED) for other in older]
        remaining_versions = {upload.version, *(other.upload.version for other in others)}
        remaining_versions -= {other.upload.version for other in superseded_entries}
        next_item = own_latest.with_only(remaining_versions)
        if next_item.live_versions == own_latest.live_versions:
            published = self.ledger.advance(result, *replaced_renditions, unchanged=own_latest)
        else:
            superseded_renditions = [
                renditions
                for other in superseded_entries
                for renditions in other.superseded_renditions(other.rendition_keys)
            ]
            published = self.ledger.advance(
                result, *superseded_entries, *replaced_renditions, *superseded_renditions, next_item.next()
            )
        if published:
            return result
        latest = self.ledger.latest(upload.picture_id)
        if latest and latest.version != upload.version:
            return self._advance(replace(result, state=State.SUPERSEDED), *entry.rendition_keys)
        raise RevisionConflict(f"{upload.key!r} changed while it was rendered")

    def _superseded_by(self, upload: Upload, others: list[Entry], own_latest: Latest) -> list[Entry]:
        """Returns the live entries superseded by an upload.

        An entry that failed before its first attempt may be newer than the upload. If the sequencer of such
        an entry is later than that of `own_latest`, S3's current version decides.
        """
        replaceable = [entry for entry in others if _can_be_superseded(entry)]
        earlier = [
            entry
            for entry in replaceable
            if sequencer_order(entry.upload.sequencer) <= sequencer_order(own_latest.sequencer)
        ]
        return replaceable if earlier == replaceable or self._is_current_in_s3(upload) else earlier

    def _record_fault(self, entry: Entry, fault: Exception) -> None:
        """Writes the outcome of a failed attempt to the ledger, on a best-effort basis."""
        known = (outcome for kind, outcome in _OUTCOMES.items() if isinstance(fault, kind))
        outcome = next(known, Outcome.EXCEPTION)
        detail = redact(f"{type(fault).__name__}: {fault}")[:_FAULT_CHARACTERS]
        with suppress(Exception):
            self.ledger.advance(entry.ended(State.RENDERING, outcome, detail))

    def _entry_of(self, upload: Upload, entry: Entry | None) -> Entry:
        """Returns the entry to render: a new one, or the stored one with this upload.

        An upload read from S3 has no sequencer. Then the sequencer of the stored entry is kept.
        """
        if entry is None:
            return new_entry(upload, State.RENDERING, self.ledger)
        if upload.sequencer:
            return replace(entry, upload=upload)
        return replace(entry, upload=replace(entry.upload, request_id=upload.request_id))

    def _apply_late_event(self, entry: Entry, upload: Upload, latest: Latest | None) -> Entry:
        """Writes the sequencer of an upload that was read from S3 and rendered before its event arrived.

        Changes nothing if a newer version exists, because the event of that version will update the Latest
        item.
        """
        if not self._is_newest(upload, latest):
            return entry
        updated = replace(entry, upload=upload).moved(entry.state)
        next_item = next_latest(upload.picture_id, upload.version, upload.sequencer, latest)
        if not self.ledger.advance(updated, next_item):
            raise RevisionConflict(f"{upload.key!r} changed while its event was applied")
        return updated

    def _is_newest(self, upload: Upload, latest: Latest | None) -> bool:
        """Returns True if an upload is the newest version of its key.

        If its sequencer is earlier than that of the Latest item, it is not the newest. A later sequencer does
        not prove that it is the newest: a sweep, or a removal that restored a version, changes the version in
        the Latest item but not its sequencer, so that they belong to different events. Then S3's current
        version decides.
        """
        if upload.sequencer:
            if latest is None or latest.version == upload.version or _is_only_failure(upload, latest):
                return True
            if sequencer_order(upload.sequencer) < sequencer_order(latest.sequencer):
                return False
        return upload.version == NO_VERSION or self._is_current_in_s3(upload)

    def _is_current_in_s3(self, upload: Upload) -> bool:
        current = self.originals.current(upload.key)
        return current is not None and current.version == upload.version

    def _live_entries(self, latest: Latest | None) -> list[Entry]:
        """Reads the entries of the live versions of a key."""
        if latest is None:
            return []
        # Read one by one: there is usually only one, and the render role has no BatchGetItem.
        entries = (self.ledger.find(latest.picture_id, version) for version in latest.live_versions)
        return [entry for entry in entries if entry and entry.is_live]

    def _pruned(self, latest: Latest | None) -> Latest | None:
        """Removes outdated versions from a long list of live versions.

        Publishing removes them too. But if a key is overwritten all the time, none of its versions is
        published.
        """
        if latest is None or len(latest.live_versions) < _LIVE_VERSIONS_KEPT:
            return latest
        return latest.with_only({entry.upload.version for entry in self._live_entries(latest)})

    def _apply_delete_marker(self, removal: Removal, worker: Worker) -> list[Entry]:
        """Applies a delete marker, unless a later event is known."""
        latest = self.ledger.latest(removal.picture_id)
        sequencer = removal.sequencer
        if latest and sequencer and sequencer_order(sequencer) < sequencer_order(latest.sequencer):
            return []
        return self._reconcile_with_s3(removal, worker, sequencer)

    def _apply_deletion(self, removal: Removal, worker: Worker) -> list[Entry]:
        """Applies the permanent deletion of a version; S3's current version, if any, is rendered."""
        changed = []
        entry = self.ledger.find(removal.picture_id, removal.version)
        if entry:
            if entry.state is not State.DELETED:
                changed.append(self._advance(entry.moved(State.DELETED)))
            self.renditions.remove(entry.rendition_keys)
        return [*changed, *self._reconcile_with_s3(removal, worker)]

    def _reconcile_with_s3(self, change: S3Change, worker: Worker, sequencer: str = "") -> list[Entry]:
        """Makes S3's current version the latest in the ledger; returns the entries that this changed."""
        latest, current = self.ledger.latest(change.picture_id), self.originals.current(change.key)
        if current is None:
            return self._delete_all(change, worker, sequencer, latest)
        entry = self.ledger.find(change.picture_id, current.version)
        is_latest = latest is not None and latest.version == current.version
        if is_latest and entry and entry.state.terminal and entry.is_live:
            return []
        return [self._render_current(change, current, entry, worker)]

    def _delete_all(
        self, change: S3Change, worker: Worker, sequencer: str, latest: Latest | None
    ) -> list[Entry]:
        """Deletes the entries and renditions of a key without a current version in S3."""
        picture_id = change.picture_id
        # `of_picture` may omit some entries if there are more than 100. Only superseded ones can then be
        # missing, because the live ones are read separately; no page shows superseded ones.
        entries_by_id = {
            entry.id: entry for entry in (*self._live_entries(latest), *self.ledger.of_picture(picture_id))
        }
        entries = list(entries_by_id.values())
        remaining = [entry for entry in entries if entry.state is not State.DELETED]
        remaining.sort(key=lambda entry: entry.state is State.SUPERSEDED)  # live entries first
        deleted = [entry.moved(State.DELETED) for entry in remaining[:_MAX_MOVED]]
        remaining_versions = {
            entry.upload.version for entry in remaining[_MAX_MOVED:] if entry.state is not State.SUPERSEDED
        }
        next_item = next_latest(picture_id, "", sequencer, latest).with_only(remaining_versions)
        is_recorded = latest is not None and (latest.version, latest.sequencer) == ("", next_item.sequencer)
        if (deleted or not is_recorded) and not self.ledger.advance(next_item, *deleted):
            raise RevisionConflict(f"{picture_id} changed while it was deleted")
        # After the ledger write. If a crash here leaves files, the redelivery removes them.
        self.renditions.remove([key for entry in entries for key in entry.rendition_keys])
        versions = {entry.upload.version for entry in entries}
        return [*deleted, *self._render_restored(change, worker, versions)]

    def _render_restored(self, change: S3Change, worker: Worker, deleted: set[str]) -> list[Entry]:
        """Renders S3's current version if it was restored while its entry was being deleted.

        This is needed in two cases: the event of the restoration was ignored, or the version was already
        rendered again, and its new files were just deleted because they have the same keys as the old ones. A
        version that is not in `deleted` is rendered by its own event.
        """
        current, latest = self.originals.current(change.key), self.ledger.latest(change.picture_id)
        if current is None or latest is None or current.version not in deleted:
            return []
        self.ledger.advance(latest.next())  # so that attempts under way can't publish their result
        entry = self.ledger.find(change.picture_id, current.version)
        return [self._render_current(change, current, entry, worker)]

    def _render_current(
        self, change: S3Change, current: Upload, entry: Entry | None, worker: Worker
    ) -> Entry:
        """Renders S3's current version again, under the correlation id of the change.

        Raises RevisionConflict if another worker superseded or deleted it meanwhile: a redelivery reads its
        new revision.
        """
        upload = replace(current, request_id=change.request_id)
        rendered = self.render(upload, worker, expected_revision=entry.revision if entry else None)
        if not rendered.is_live and self._is_current_in_s3(rendered.upload):
            raise RevisionConflict(f"{change.key!r} changed while its current version was read")
        return rendered

    def _close_failure(self, picture_id: str, version: str, state: State) -> list[Entry]:
        """Closes the failed entry of a removal, or of an event without a version, after it was applied."""
        failed = self.ledger.find(picture_id, version)
        return [self._advance(failed.moved(state))] if failed and failed.state is State.FAILED else []

    def _advance(self, entry: Entry, *keys: str) -> Entry:
        """Writes an entry.

        If it is superseded, its renditions and the files `keys` are recorded for later removal.
        """
        superseded = entry.state is State.SUPERSEDED
        renditions = entry.superseded_renditions((*entry.rendition_keys, *keys)) if superseded else ()
        if not self.ledger.advance(entry, *renditions):
            raise RevisionConflict(f"another worker changed {entry.upload.key!r}")
        return entry


def next_latest(picture_id: str, version: str, sequencer: str, latest: Latest | None) -> Latest:
    """Returns the next Latest item of a key. Without a `sequencer`, it keeps that of the previous item."""
    before = latest or Latest(picture_id, "", "", 0)
    after = before.with_live(version) if version else before.next()
    return replace(after, sequencer=sequencer or before.sequencer, version=version)


def _is_latest_event(upload: Upload, latest: Latest | None) -> bool:
    """True if an upload's event is later than every applied event of its key."""
    return sequencer_order(upload.sequencer) > sequencer_order(latest.sequencer if latest else "")


def _is_only_failure(upload: Upload, latest: Latest) -> bool:
    """True if the key's only version is this upload, and it failed before its first attempt."""
    return not latest.sequencer and not latest.version and latest.live_versions == (upload.version,)


def _can_be_superseded(entry: Entry) -> bool:
    """True if an entry is published, or its last attempt has failed."""
    return entry.state in _PUBLISHED or (entry.state is State.RENDERING and not entry.lease_expires)
