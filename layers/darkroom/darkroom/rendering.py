"""Render one upload: read it, make its renditions, write them, and conclude it in the ledger."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from darkroom.errors import RejectedPicture, TransientError, UploadGone
from darkroom.model import (
    Encoded,
    Entry,
    Receipt,
    Rejection,
    Rendered,
    Rendition,
    State,
    Upload,
    now,
    rendition_prefix,
)
from darkroom.ports import Ledger, Originals, Renditions
from darkroom.profile import Profile

# bytes and what to make of them -> renditions; raises errors.RejectedPicture.
type Engine = Callable[[bytes, Profile], Rendered]

_WRITES_AT_ONCE = 8
# Of the function's memory, what the parent keeps: interpreter, boto3, the original and its renditions.
_PARENT_BYTES = 300_000_000
# Before the function's deadline, what the parent needs to write renditions and the receipt.
_CONCLUDE_SECONDS = 4.0
# With less than this for the pixels, a picture would be rejected for what is not its fault.
_LEAST_SECONDS = 4.0


class OutOfTime(TransientError):
    """Too little of the invocation is left to begin; the next one has more."""


class Contended(TransientError):
    """Another worker moved the same upload meanwhile; the queue's redelivery finds how that ended."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the child that works on the pixels may use."""

    memory_bytes: int
    seconds: float


def budget(memory_mb: int, remaining_milliseconds: int) -> Budget:
    """A child's limits, below those of a function with that memory and that time left: it dies, never we.

    Raises OutOfTime rather than blame a picture for the time that others took.
    """
    seconds = remaining_milliseconds / 1000 - _CONCLUDE_SECONDS
    if seconds < _LEAST_SECONDS:
        raise OutOfTime(f"{remaining_milliseconds} ms are too few to begin with")
    return Budget(memory_mb * 1024 * 1024 - _PARENT_BYTES, seconds)


@dataclass(frozen=True, slots=True)
class Darkroom:
    """All that rendering an upload needs, but the upload. `engine_version` names the engine in keys."""

    originals: Originals
    renditions: Renditions
    ledger: Ledger
    profile: Profile
    engine_version: str

    def develop_each(self, uploads: Iterable[Upload], engine: Engine) -> Iterator[Entry]:
        """Renders one upload after the other; what one fails with is raised when all had their turn."""
        faults = []
        for upload in uploads:
            try:
                yield self.develop(upload, engine)
            except Exception as fault:  # noqa: BLE001 - none is kept: all are raised together
                faults.append(fault)
        if faults:
            raise ExceptionGroup("not every upload of the message was rendered", faults)

    def develop(self, upload: Upload, engine: Engine) -> Entry:
        """Renders the upload unless that is done, and answers with its ledger entry.

        A picture that can't be used ends as rejected; every other fault escapes, so that the queue retries.
        """
        begun = self._begin(upload)
        if begun.state.terminal:
            return begun
        state, receipt = self._outcome(upload, engine)
        concluded = replace(begun, state=state, receipt=receipt, revision=begun.revision + 1)
        if not self.ledger.advance(concluded):
            raise Contended(f"{upload.key!r} moved on while it was rendered")
        return concluded

    def _begin(self, upload: Upload) -> Entry:
        """Notes one more attempt; an upload in a terminal state is left as it is."""
        entry = self.ledger.find(upload.picture, upload.version)
        if entry and entry.state.terminal:
            return entry
        standing = entry or Entry(upload=upload, state=State.RENDERING, revision=0)
        begun = replace(standing, revision=standing.revision + 1, attempts=standing.attempts + 1)
        if not self.ledger.advance(begun):
            raise Contended(f"{upload.key!r} was begun by another worker")
        return begun

    def _outcome(self, upload: Upload, engine: Engine) -> tuple[State, Receipt | None]:
        blank = Receipt(
            profile=self.profile.name,
            profile_hash=self.profile.hash,
            engine=self.engine_version,
            at=now(),
            size_bytes=upload.size_bytes,
        )
        try:
            rendered = engine(self._read(upload), self.profile)
        except UploadGone:
            return State.DELETED, None
        except RejectedPicture as fault:
            rejection = Rejection(fault.reason, fault.sentence, fault.limit, fault.actual)
            return State.REJECTED, replace(blank, rejection=rejection)
        return State.RENDERED, replace(
            blank,
            size_bytes=rendered.original.size_bytes,
            original=rendered.original,
            renditions=self._write(upload, rendered.renditions),
            decisions=rendered.decisions,
            milliseconds=rendered.milliseconds,
        )

    def _read(self, upload: Upload) -> bytes:
        self.profile.admit(upload.size_bytes)  # before a byte of it is in memory
        return self.originals.read(upload)

    def _write(self, upload: Upload, encoded: tuple[Encoded, ...]) -> tuple[Rendition, ...]:
        prefix = rendition_prefix(upload, self.profile.hash, self.engine_version)

        def write(one: Encoded) -> Rendition:
            key = f"{prefix}/{one.width}.{one.format.extension}"
            self.renditions.store(key, one.data, one.format.media_type)
            return Rendition(one.format, one.width, one.height, one.quality, len(one.data), key)

        # The pool is closed here: no thread may be alive when the next picture forks its child.
        with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
            return tuple(pool.map(write, encoded))
