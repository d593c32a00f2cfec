"""Render one upload: read it, make its renditions, write them, and conclude it in the ledger."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from darkroom.domain.entries import Entry, Latest, Outcome, State, check_lease
from darkroom.domain.errors import (
    DeadlineExceeded,
    DecoderProcessDied,
    RejectedPicture,
    RetryOnce,
    RevisionConflict,
    UploadGone,
)
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Receipt, Rejection, Rendered
from darkroom.domain.renditions import Encoded, Rendition
from darkroom.domain.timestamps import now
from darkroom.domain.uploads import NO_VERSION, Removal, Upload, in_order, rendition_prefix
from darkroom.ports import Ledger, Originals, Profiles, Renditions
from darkroom.redaction import redact
from darkroom.services.members import unbegun

# bytes and what to make of them -> renditions; raises errors.RejectedPicture.
type Engine = Callable[[bytes, Profile], Rendered]

_WRITES_AT_ONCE = 8
# Of a fault's message, what the ledger keeps.
_WHY_CHARACTERS = 300
# What a newer version takes the place of, in one move with it. DynamoDB moves at most 100 items at once;
# what is left over is older still, and shown no more than these.
_RESULTS = {State.RENDERED, State.REJECTED, State.SKIPPED}
_PUBLISHED = _RESULTS | {State.FAILED}
_AT_ONCE = 45  # each of them with a note of what was discarded
# Of what stood under a key, as much is remembered before somebody looks which of it still does.
_STANDING_KEPT = 20
# Of the function's memory, what the parent keeps: interpreter, boto3, the original and its renditions.
_PARENT_BYTES = 300_000_000
# Before the function's deadline, what the parent needs to write renditions and the receipt.
_CONCLUDE_SECONDS = 4.0
# With less than this for the pixels, a picture would be rejected for what is not its fault.
_LEAST_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What the child that works on the pixels may use."""

    memory_bytes: int
    seconds: float


def budget(memory_mb: int, remaining_milliseconds: int) -> Budget:
    """A child's limits, below those of a function with that memory and that time left: it dies, never we.

    Raises DeadlineExceeded rather than blame a picture for the time that others took.
    """
    seconds = remaining_milliseconds / 1000 - _CONCLUDE_SECONDS
    if seconds < _LEAST_SECONDS:
        raise DeadlineExceeded(f"{remaining_milliseconds} ms are too few to begin with")
    return Budget(memory_mb * 1024 * 1024 - _PARENT_BYTES, seconds)


def _is_news(upload: Upload, latest: Latest | None) -> bool:
    """Whether an upload's event is later than all that were heard of its key."""
    return in_order(upload.sequencer) > in_order(latest.sequencer if latest else "")


def _is_all_that_was_heard(upload: Upload, latest: Latest) -> bool:
    """Whether the key's only news was that this upload was given up, before anybody had begun with it."""
    return not latest.sequencer and not latest.version and latest.current_versions == (upload.version,)


def _can_be_superseded(entry: Entry) -> bool:
    """Whether a newer version takes its place: it was published, or given up by whoever had begun with it."""
    return entry.state in _PUBLISHED or (entry.state is State.RENDERING and not entry.lease_expires)


def _claim(picture_id: str, version: str, sequencer: str, latest: Latest | None) -> Latest:
    """What is latest under a key now; without a sequencer of its own it keeps the one that stands."""
    before = latest or Latest(picture_id, "", "", 0)
    now = before.beside(version) if version else replace(before, revision=before.revision + 1)
    return replace(now, sequencer=sequencer or before.sequencer, version=version)


@dataclass(frozen=True, slots=True)
class Worker:
    """Whoever renders: its engine, and when it has ended whatever happens (see model.now; empty: at once)."""

    engine: Engine
    lease_expires: str = ""


@dataclass(frozen=True, slots=True)
class Renderer:
    """All that rendering an upload needs, but the upload. `engine_version` names the engine in keys."""

    originals: Originals
    renditions: Renditions
    ledger: Ledger
    profiles: Profiles
    engine_version: str

    def apply_each(
        self, changes: Iterable[Upload | Removal], worker: Worker, expected_revision: int | None = None
    ) -> Iterator[Entry]:
        """Applies one change after the other; what one fails with is raised when all had their turn.

        An upload that has ended is left so, unless it did at revision `over`: that is begun again.
        """
        faults = []
        for change in changes:
            try:
                yield from self.apply(change, worker, expected_revision)
            except Exception as fault:  # noqa: BLE001 - none is kept: all are raised together
                faults.append(fault)
        if faults:
            raise ExceptionGroup("not every change that the message names was applied", faults)

    def apply(
        self, change: Upload | Removal, worker: Worker, expected_revision: int | None = None
    ) -> list[Entry]:
        """What S3 says has happened under a key; the entries that it moved, or left as they are."""
        if isinstance(change, Removal):
            moved = self._hide(change, worker) if change.marker else self._forget(change, worker)
            return [*moved, *self._settled(change.picture_id, change.failed_as, State.DELETED)]
        if change.version != NO_VERSION:
            return [self.develop(change, worker, expected_revision)]
        on_top = self.originals.latest(change.key)
        if on_top is None:
            return self._agree(change, worker)
        developed = self.develop(replace(on_top, request=change.request), worker, expected_revision)
        return [developed, *self._settled(change.picture_id, NO_VERSION, State.SUPERSEDED)]

    def develop(self, upload: Upload, worker: Worker, expected_revision: int | None = None) -> Entry:
        """Renders the upload unless that is done, and answers with its ledger entry.

        A picture that can't be used ends as rejected, one that a later event has overtaken as superseded;
        every other fault escapes, so that the queue retries: Busy and RetryOnce among them.
        """
        entry = self.ledger.find(upload.picture_id, upload.version)
        if entry and entry.upload.request:  # it keeps the name that it had first
            upload = replace(upload, request=entry.upload.request)
        latest = self.ledger.latest(upload.picture_id)
        check_lease(entry)
        if entry and entry.state.terminal and entry.revision != expected_revision:
            if not _is_news(upload, latest):
                return entry
            if entry.state in _RESULTS:  # read from S3 before its event came, which says where it belongs
                belongs = self._is_newest(upload, latest)  # else what is newer is on its way
                return self._placed(replace(entry, upload=upload), latest) if belongs else entry
        # What S3 itself was asked for has no sequencer; the one that its event had is kept.
        known = upload if upload.sequencer or not entry else replace(entry.upload, request=upload.request)
        entry = replace(entry, upload=known) if entry else unbegun(known, State.RENDERING, self.ledger)
        if not self._is_newest(upload, latest):
            return self._moved(entry.moved(State.SUPERSEDED))
        begun = entry.begun(worker.lease_expires or now())
        claim = _claim(upload.picture_id, upload.version, upload.sequencer, self._pruned(latest))
        if not self.ledger.advance(begun, claim):
            raise RevisionConflict(f"{upload.key!r} was begun by another worker")
        try:
            return self._concluded(begun, claim, worker)
        except Exception as fault:
            self._note(begun, fault)
            raise

    def _concluded(self, begun: Entry, claim: Latest, worker: Worker) -> Entry:
        upload = begun.upload
        try:
            state, receipt = self._outcome(begun, worker.engine)
        except UploadGone:  # destroyed since its event, which may have been heard before
            gone = self._moved(begun.ended(State.DELETED, Outcome.CONCLUDED))
            self._agree(upload, worker)
            return gone
        return self._conclude(begun.ended(state, Outcome.CONCLUDED, receipt=receipt), claim, begun)

    def _note(self, begun: Entry, fault: Exception) -> None:
        """Says in the ledger how the attempt failed, if it can: the fault itself is what counts."""
        outcome = (
            Outcome.CHILD_DIED
            if isinstance(fault, RetryOnce)
            else Outcome.TIMEOUT
            if isinstance(fault, DeadlineExceeded)
            else Outcome.EXCEPTION
        )
        why = redact(f"{type(fault).__name__}: {fault}")[:_WHY_CHARACTERS]
        with suppress(Exception):
            self.ledger.advance(begun.ended(State.RENDERING, outcome, why))

    def _placed(self, entry: Entry, latest: Latest | None) -> Entry:
        upload = entry.upload
        placed = entry.moved(entry.state)
        if not self.ledger.advance(
            placed, _claim(upload.picture_id, upload.version, upload.sequencer, latest)
        ):
            raise RevisionConflict(f"{upload.key!r} moved on while its event was heard")
        return placed

    def _is_newest(self, upload: Upload, latest: Latest | None) -> bool:
        """Whether it is what S3 holds on top, as far as is known; in doubt S3 is asked.

        What was swept, or came back by a removal, is latest under a sequencer that is not its own: an upload
        whose sequencer is later than that may still be older than what stands.
        """
        if upload.sequencer:
            if latest is None or latest.version == upload.version or _is_all_that_was_heard(upload, latest):
                return True
            if in_order(upload.sequencer) < in_order(latest.sequencer):
                return False
        return upload.version == NO_VERSION or self._is_on_top(upload)

    def _is_on_top(self, upload: Upload) -> bool:
        on_top = self.originals.latest(upload.key)
        return on_top is not None and on_top.version == upload.version

    def _conclude(self, concluded: Entry, claim: Latest, begun: Entry) -> Entry:
        """Publishes an outcome over its predecessors, unless a later event came while it was worked out."""
        upload = concluded.upload
        replaced = concluded.superseded_renditions({*begun.rendition_keys} - {*concluded.rendition_keys})
        others = [each for each in self._current_entries(claim) if each.upload.version != upload.version]
        older = [each.moved(State.SUPERSEDED) for each in self._older(others, claim, upload)][:_AT_ONCE]
        left = {upload.version, *(each.upload.version for each in others)}
        left -= {each.upload.version for each in older}
        current = tuple(version for version in claim.current_versions if version in left)
        if current == claim.current_versions:
            published = self.ledger.advance(concluded, *replaced, unchanged=claim)
        else:
            after = replace(claim, revision=claim.revision + 1, current_versions=current)
            away = [note for each in older for note in each.superseded_renditions(each.rendition_keys)]
            published = self.ledger.advance(concluded, *older, *replaced, *away, after)
        if published:
            return concluded
        latest = self.ledger.latest(upload.picture_id)
        if latest and latest.version != upload.version:
            return self._moved(replace(concluded, state=State.SUPERSEDED), *begun.rendition_keys)
        raise RevisionConflict(f"{upload.key!r} moved on while it was rendered")

    def _older(self, others: list[Entry], claim: Latest, upload: Upload) -> list[Entry]:
        """Of what stands beside an upload, what it takes the place of.

        What was given up before anybody had begun with it may be newer, though the claim knows nothing of it.
        """
        beside = [each for each in others if _can_be_superseded(each)]
        heard = [each for each in beside if in_order(each.upload.sequencer) <= in_order(claim.sequencer)]
        return beside if heard == beside or self._is_on_top(upload) else heard

    def _current_entries(self, latest: Latest | None) -> list[Entry]:
        """The entries of a key that are neither superseded nor deleted, as far as they were begun with."""
        versions = latest.current_versions if latest else ()
        entries = (self.ledger.find(latest.picture_id, version) for version in versions) if latest else ()
        return [each for each in entries if each and each.is_current]

    def _pruned(self, latest: Latest | None) -> Latest | None:
        """A key that is overwritten faster than it is rendered concludes nothing, and so forgets nothing."""
        if latest is None or len(latest.current_versions) < _STANDING_KEPT:
            return latest
        return replace(
            latest, current_versions=tuple(each.upload.version for each in self._current_entries(latest))
        )

    def _hide(self, removal: Removal, worker: Worker) -> list[Entry]:
        """A delete marker came; what it hides goes, unless a later event is known or S3 says otherwise."""
        latest = self.ledger.latest(removal.picture_id)
        if removal.sequencer and latest and in_order(removal.sequencer) < in_order(latest.sequencer):
            return []
        return self._agree(removal, worker, removal.sequencer)

    def _forget(self, removal: Removal, worker: Worker) -> list[Entry]:
        """A version is gone for good; if it was on top, or hid what is, S3's latest takes its place."""
        moved = []
        entry = self.ledger.find(removal.picture_id, removal.version)
        if entry:
            if entry.state is not State.DELETED:
                moved.append(self._moved(entry.moved(State.DELETED)))
            self.renditions.remove(entry.rendition_keys)
        return [*moved, *self._agree(removal, worker)]

    def _agree(self, change: Upload | Removal, worker: Worker, sequencer: str = "") -> list[Entry]:
        """Makes the ledger say what S3 holds on top of a changed key; the entries that this moved."""
        picture_id = change.picture_id
        latest, on_top = self.ledger.latest(picture_id), self.originals.latest(change.key)
        if on_top is None:
            return self._clear(change, worker, sequencer, latest)
        entry = self.ledger.find(picture_id, on_top.version)
        if (
            entry
            and entry.state.terminal
            and entry.is_current
            and latest
            and latest.version == on_top.version
        ):
            return []
        told = replace(on_top, request=change.request)
        return [self.develop(told, worker, expected_revision=entry.revision if entry else None)]

    def _settled(self, picture_id: str, version: str, state: State) -> list[Entry]:
        """Closes what had been noted when a change that is no upload of its own was given up before."""
        noted = self.ledger.find(picture_id, version)
        return [self._moved(noted.moved(state))] if noted and noted.state is State.FAILED else []

    def _clear(
        self, change: Upload | Removal, worker: Worker, sequencer: str, latest: Latest | None
    ) -> list[Entry]:
        """Nothing stands under a key: nothing of it is shown, and no rendition of it is kept."""
        picture_id = change.picture_id
        # What stands, and of what once stood as much as one look finds: of the rest no more is shown.
        known = {
            each.id: each for each in (*self._current_entries(latest), *self.ledger.of_picture(picture_id))
        }
        entries = list(known.values())
        current = [each for each in entries if each.state is not State.DELETED]
        current.sort(key=lambda each: each.state is State.SUPERSEDED)  # what is shown goes before all else
        gone = [each.moved(State.DELETED) for each in current[:_AT_ONCE]]
        left = {each.upload.version for each in current[_AT_ONCE:] if each.state is not State.SUPERSEDED}
        claim = _claim(picture_id, "", sequencer, latest)
        claim = replace(
            claim, current_versions=tuple(version for version in claim.current_versions if version in left)
        )
        settled = latest and (latest.version, latest.sequencer) == (claim.version, claim.sequencer)
        if (gone or not settled) and not self.ledger.advance(claim, *gone):
            raise RevisionConflict(f"{picture_id} moved on while it was deleted")
        # After the ledger, and again at each redelivery: what a crash leaves here is not left for long.
        self.renditions.remove([key for entry in entries for key in entry.rendition_keys])
        return [*gone, *self._brought_back(change, worker, {entry.upload.version for entry in entries})]

    def _brought_back(self, change: Upload | Removal, worker: Worker, cleared: set[str]) -> list[Entry]:
        """Begins anew with what came back while it was cleared away; of anything else its own event tells.

        Whoever heard that it is back has found nothing to do yet, or taken files for written that are gone.
        """
        on_top, latest = self.originals.latest(change.key), self.ledger.latest(change.picture_id)
        if on_top is None or latest is None or on_top.version not in cleared:
            return []
        self.ledger.advance(replace(latest, revision=latest.revision + 1))  # what is under way fails on this
        entry = self.ledger.find(change.picture_id, on_top.version)
        told = replace(on_top, request=change.request)
        return [self.develop(told, worker, expected_revision=entry.revision if entry else None)]

    def _moved(self, entry: Entry, *more: str) -> Entry:
        """Of what is superseded its renditions are discarded, and `more` of them."""
        superseded = entry.state is State.SUPERSEDED
        away = entry.superseded_renditions((*entry.rendition_keys, *more)) if superseded else ()
        if not self.ledger.advance(entry, *away):
            raise RevisionConflict(f"another worker moved {entry.upload.key!r}")
        return entry

    def _outcome(self, begun: Entry, engine: Engine) -> tuple[State, Receipt]:
        upload = begun.upload
        profile = self.profiles.current()  # asked once: one rendering is of one profile
        blank = Receipt(
            profile=profile.name,
            profile_hash=profile.hash,
            engine=self.engine_version,
            at=now(),
            size_bytes=max(0, upload.size_bytes),
        )
        try:
            rendered = engine(self._read(upload, profile), profile)
        except RejectedPicture as fault:
            if isinstance(fault, DecoderProcessDied) and not begun.has_killed:
                raise RetryOnce(fault.sentence) from fault
            rejection = Rejection(fault.reason, fault.sentence, fault.limit, fault.actual)
            return State.REJECTED, replace(blank, rejection=rejection)
        return State.RENDERED, replace(
            blank,
            size_bytes=rendered.original.size_bytes,
            original=rendered.original,
            renditions=self._write(upload, profile, rendered.renditions),
            decisions=rendered.decisions,
            milliseconds=rendered.milliseconds,
            placeholder=rendered.placeholder,
            colour=rendered.colour,
        )

    def _read(self, upload: Upload, profile: Profile) -> bytes:
        profile.admit(upload.size_bytes)  # before a byte of it is in memory
        return self.originals.read(upload)

    def _write(self, upload: Upload, profile: Profile, encoded: tuple[Encoded, ...]) -> tuple[Rendition, ...]:
        prefix = rendition_prefix(upload, profile.hash, self.engine_version)

        def write(one: Encoded) -> Rendition:
            key = f"{prefix}/{one.name}"
            self.renditions.store(key, one.data, one.format.media_type)
            return one.stored_as(key)

        # The pool is closed here: no thread may be alive when the next picture forks its child.
        with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
            return tuple(pool.map(write, encoded))
