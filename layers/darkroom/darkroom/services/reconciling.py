"""Reconciles keys: brings the ledger and the renditions of a key into agreement with S3's current version.

Events arrive late, repeatedly and in any order. So an event is only a hint that its key may have changed. An
attempt to render first makes its version the key's latest one in the ledger, and publishes its outcome on the
condition that this has not changed since. See docs/adr/0013-events-are-hints.md.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from itertools import batched

from darkroom.domain.entries import Entry, Latest, Outcome, State, check_lease
from darkroom.domain.errors import DeadlineExceeded, RetryOnce, RevisionConflict, UploadGone
from darkroom.domain.receipts import Receipt
from darkroom.domain.reconcile import Delete, Known, Nothing, Render, Settle, Steps, decide
from darkroom.domain.timestamps import now
from darkroom.domain.uploads import Removal, S3Change
from darkroom.ports import TRANSACTION_ITEMS, Renditions
from darkroom.redaction import redact
from darkroom.services.keys import MAX_ROUNDS, Keys
from darkroom.services.rendering import Engine, Renderer

_OUTCOMES: dict[type[Exception], Outcome] = {RetryOnce: Outcome.CHILD_DIED, DeadlineExceeded: Outcome.TIMEOUT}
_FAULT_CHARACTERS = 300  # of an error message in the ledger


@dataclass(frozen=True, slots=True)
class Worker:
    """One invocation: its engine, and the time at which its leases expire (empty: at once)."""

    engine: Engine
    lease_expires: str = ""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Brings the ledger and the renditions into agreement with the uploads bucket."""

    keys: Keys
    renditions: Renditions
    renderer: Renderer

    def apply_each(
        self, changes: Iterable[S3Change], worker: Worker, expected_revision: int | None = None
    ) -> Iterator[Entry]:
        """Reconciles the key of each change; raises the faults of all of them at the end.

        An upload that has ended is rendered again only if its revision is `expected_revision`.
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
        """Reconciles the key of one change; returns the entries that this changed or found to be right.

        Every fault except a rejection is raised, and SQS redelivers the message. Raises LeaseHeld,
        RevisionConflict and the errors of `Renderer.render`.
        """
        changed = self._reconcile(change, worker, expected_revision)
        if isinstance(change, Removal):
            changed += self._close_failure(change)
        return changed

    def _reconcile(self, change: S3Change, worker: Worker, expected_revision: int | None) -> list[Entry]:
        """Gathers, decides and acts until nothing is left to do.

        Any decision but a rendering may be outdated when it is written, so S3 is asked again afterwards.
        """
        changed: list[Entry] = []
        is_deleted = False
        conflict: Exception | None = None
        for _ in range(MAX_ROUNDS):
            known = self.keys.gather(change)
            steps = decide(change, known, expected_revision)
            if steps == Steps(Nothing()) or (is_deleted and steps.action == Delete()):
                self._remove_renditions_of_removed(change, known)
                return changed or [entry for entry in (known.own or known.entry,) if entry]
            try:
                changed += self._act(change, known, steps, worker)
            except (RevisionConflict, UploadGone) as fault:
                conflict = fault
                continue
            if isinstance(steps.action, Render):
                return changed
            is_deleted = steps.action == Delete()
        raise conflict or RevisionConflict(f"{change.key!r} changes all the time")

    def _act(self, change: S3Change, known: Known, steps: Steps, worker: Worker) -> list[Entry]:
        if steps.action == Delete():
            return self._delete(change, known)
        ended = [self.keys.end(known.own, steps.own)] if known.own and steps.own else []
        self._remove_renditions_of_removed(change, known)
        match steps.action:
            case Settle(entry):
                return [*ended, *self.keys.settle(known.latest, entry)]
            case Render() as render:
                return [*ended, self._render(change, render, known.latest, worker)]
        return ended

    def _remove_renditions_of_removed(self, change: S3Change, known: Known) -> None:
        """Removes the files of a permanently deleted version; again after a crash."""
        if isinstance(change, Removal) and known.own:
            self.renditions.remove(known.own.rendition_keys)

    def _render(self, change: S3Change, render: Render, latest: Latest | None, worker: Worker) -> Entry:
        """Renders S3's current version, and publishes the outcome."""
        check_lease(render.entry)
        entry = self.keys.entry_to_render(change, render)
        latest = self.keys.next_latest(latest, entry.picture_id, entry.upload.version)
        entry = entry.begun(worker.lease_expires or now(), latest.revision)
        self.keys.advance(entry, latest)
        try:
            return self._publish(entry, self.renderer.render(entry, worker.engine), latest)
        except Exception as fault:
            self._record_fault(entry, fault)
            raise

    def _publish(self, entry: Entry, receipt: Receipt, latest: Latest) -> Entry:
        """Writes the outcome and supersedes all other versions, unless the key has changed in the ledger.

        `latest` is the Latest item that this attempt wrote.
        """
        state = State.REJECTED if receipt.rejection else State.RENDERED
        result = entry.ended(state, Outcome.CONCLUDED, receipt=receipt)
        replaced = result.superseded_renditions({*entry.rendition_keys} - {*result.rendition_keys})
        try:
            self.keys.supersede_others(latest, entry.upload.version, result, *replaced)
        except RevisionConflict:
            self._discard(result)
            raise
        return result

    def _discard(self, result: Entry) -> None:
        """Removes the files of an attempt whose upload was superseded or deleted meanwhile.

        No later attempt uses them, because it belongs to a new generation.
        """
        stored = self.keys.ledger.find(result.picture_id, result.upload.version)
        if stored and not stored.is_live and stored.generation == result.generation:
            self.renditions.remove({*result.rendition_keys} - {*stored.rendition_keys})

    def _record_fault(self, entry: Entry, fault: Exception) -> None:
        """Writes the outcome of a failed attempt to the ledger, on a best-effort basis."""
        known = (outcome for kind, outcome in _OUTCOMES.items() if isinstance(fault, kind))
        outcome = next(known, Outcome.EXCEPTION)
        detail = redact(f"{type(fault).__name__}: {fault}")[:_FAULT_CHARACTERS]
        with suppress(Exception):
            self.keys.ledger.advance(entry.ended(State.RENDERING, outcome, detail))

    def _delete(self, change: S3Change, known: Known) -> list[Entry]:
        """Ends all entries of a key without a current version as deleted, and removes their renditions."""
        entries, failed_removals = self._entries_to_delete(change, known)
        remaining = [entry for entry in entries if entry.state is not State.DELETED]
        deleted = [entry.moved(State.DELETED, message="") for entry in remaining]
        latest = known.latest or Latest(change.picture_id)
        # Written even if there is nothing to delete, so that attempts that have not seen the deletion fail.
        for batch in batched(deleted, TRANSACTION_ITEMS - 1, strict=False) if deleted else ((),):
            latest = replace(latest.becoming(""), live_versions=())
            self.keys.advance(latest, *batch)
        # After the ledger write. If a crash here leaves files, the redelivery removes them.
        self.renditions.remove([key for entry in entries for key in entry.rendition_keys])
        # Last: a failed removal with files left must not look closed.
        closed = [entry.moved(State.DELETED, message="") for entry in failed_removals]
        for failures in batched(closed, TRANSACTION_ITEMS, strict=False):
            self.keys.advance(*failures)
        return [*deleted, *closed]

    def _entries_to_delete(self, change: S3Change, known: Known) -> tuple[list[Entry], list[Entry]]:
        """Returns the entries of a key with that of the change's own version, and the failed removals."""
        # `of_picture` may omit some entries if there are more than 100. Only superseded ones can then be
        # missing, because the live ones are read separately; no page shows superseded ones.
        entries = (*self.keys.live_entries(known.latest), *self.keys.ledger.of_picture(change.picture_id))
        entries_by_id = {entry.id: entry for entry in entries}
        if known.own:
            entries_by_id.setdefault(known.own.id, known.own)
        live_first = sorted(entries_by_id.values(), key=lambda entry: entry.state is State.SUPERSEDED)
        uploads = [entry for entry in live_first if not entry.is_removal]
        return uploads, [entry for entry in live_first if entry.is_removal and entry.state is State.FAILED]

    def _close_failure(self, removal: Removal) -> list[Entry]:
        """Closes the failed entry of a removal after it was applied."""
        failed = self.keys.ledger.find(removal.picture_id, removal.failed_as)
        if failed is None or failed.state is not State.FAILED:
            return []
        closed = failed.moved(State.DELETED, message="")
        self.keys.advance(closed)
        return [closed]
