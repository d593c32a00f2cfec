"""The words of the house, as frozen values: upload, rendition, decision, receipt, entry.

Pure: no boto3, no Pillow, no environment.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from darkroom.errors import Busy

# The range key of the ledger item that a POST writes before its picture has a version.
EXPECTED_VERSION = "expected"
# An event that names no version: a bucket without versions, or an event written by hand. The latest is read.
NO_VERSION = "null"

# The ladder that the web shows; every profile has it. Any other is extra, asked for by its name.
MAIN = "main"
# The ladder of the one rendition that is made for comparing by eye, and never shown otherwise.
REFERENCE = "reference"

# "%" and "?" do not survive an HTTP API's path (it keeps %25 escaped and cuts at a decoded "?"),
# and control characters survive nowhere: one alias character stands for all of them.
_NOT_IN_ALIASES = re.compile(r"[%?\\\x00-\x1f\x7f]")


_ID = "[0-9a-f]{32}"
# Keys that Darkroom itself gives out: an id that nobody guesses, and the name.
_ANNOUNCED = re.compile(f"{_ID}/[^/]+")

# Removals that were given up have ledger items too, which are no uploads: they are never shown.
_REMOVAL = "removal:"


def picture_id(bucket: str, key: str) -> str:
    """Id of every upload under one key: 32 hex digits, the same for all its versions."""
    return digest(bucket, key)


def rendition_prefix(upload: "Upload", profile_hash: str, engine: str) -> str:
    """What the keys of one upload's renditions share; other bytes, profile or engine give another.

    It begins with the picture's id, by which whoever finds a rendition finds its receipt.
    """
    content = upload.etag if upload.version == NO_VERSION else upload.version
    return f"{upload.picture}/{digest(upload.bucket, upload.key, content, profile_hash, engine)}"


def digest(*parts: str) -> str:
    """128 bits that stand for these texts, as 32 hex digits."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def split_key(key: str) -> tuple[str, str]:
    """A key's folders, with the slash, and its name, which is never empty.

    >>> split_key("holiday/beach.png"), split_key("odd//")
    (('holiday/', 'beach.png'), ('', 'odd'))
    """
    folders, slash, name = key.rstrip("/").rpartition("/")
    return folders + slash, name or "_"


def is_announced(key: str) -> bool:
    """Whether an upload of that key may have been announced, and so have an entry as expected."""
    return _ANNOUNCED.fullmatch(key) is not None


def correlation_of(key: str, request: str) -> str:
    """What one upload is called in every log line, push and event, from its first request to its last.

    The id in its key where Darkroom gave it one, which is known before anything is stored; else that of the
    request that stored it.
    """
    return key.partition("/")[0] if is_announced(key) else request


def is_id(text: str) -> bool:
    """Whether it looks like an id that Darkroom gives out: 32 hex digits, 128 bits."""
    return re.fullmatch(_ID, text) is not None


def is_folder(key: str, size_bytes: int) -> bool:
    """Whether an object only stands for a folder, as the S3 console makes them."""
    return key.endswith("/") and not size_bytes


def alias_of(path: str) -> str:
    """The `.jpg` name that stands for a key, or for a requested path: its last segment's stem plus `.jpg`.

    >>> alias_of("holiday/Beach 1.PNG")
    'Beach 1.jpg'
    """
    _, name = split_key(path)
    stem, dot, _ = name.rpartition(".")
    return _NOT_IN_ALIASES.sub("_", stem if dot and stem else name) + ".jpg"


def now() -> str:
    """The present as the ledger writes it: ISO 8601, UTC, milliseconds; such strings sort by time."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class State(StrEnum):
    EXPECTED = "expected"
    RENDERING = "rendering"
    RENDERED = "rendered"
    REJECTED = "rejected"
    FAILED = "failed"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    DELETED = "deleted"

    @property
    def terminal(self) -> bool:
        return self not in (State.EXPECTED, State.RENDERING)


class Format(StrEnum):
    """What a rendition can be encoded as."""

    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def media_type(self) -> str:
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        return "jpg" if self is Format.JPEG else self.value


@dataclass(frozen=True, slots=True)
class Upload:
    """One version of one original object in the uploads bucket.

    `arrived` is the event's time (see `now`); `sequencer` orders the events of one key only. `size_bytes` is
    -1 where nobody has told it. `request` is the id of the request that stored it, as S3 told first.
    """

    bucket: str
    key: str
    version: str
    etag: str = ""
    size_bytes: int = -1
    sequencer: str = ""
    arrived: str = field(default_factory=now)
    request: str = ""

    @property
    def picture(self) -> str:
        return picture_id(self.bucket, self.key)

    @property
    def correlation(self) -> str:
        return correlation_of(self.key, self.request)

    @property
    def name(self) -> str:
        return split_key(self.key)[1]


@dataclass(frozen=True, slots=True)
class Removal:
    """One version of one object is gone, or hidden: then `marker` is true and the version is the marker's."""

    bucket: str
    key: str
    version: str
    sequencer: str
    marker: bool
    request: str = ""

    @property
    def picture(self) -> str:
        return picture_id(self.bucket, self.key)

    @property
    def correlation(self) -> str:
        return correlation_of(self.key, self.request)

    @property
    def failed_as(self) -> str:
        """The range key of the ledger item that says that this removal was given up."""
        return f"{_REMOVAL}{self.version}"


@dataclass(frozen=True, slots=True)
class Latest:
    """What the events of one key have told so far: the last of them, and the version that it left on top.

    `version` is empty while the key is deleted. `standing` are all versions that are shown, given up or
    worked on, and maybe some that were superseded or deleted since: what takes their place need not read all
    that the key ever had. Every move makes `revision` one higher.
    """

    picture: str
    sequencer: str
    version: str
    revision: int
    standing: tuple[str, ...] = ()

    def beside(self, version: str) -> "Latest":
        """With one more version that stands."""
        standing = tuple(dict.fromkeys((*self.standing, version)))
        return replace(self, revision=self.revision + 1, standing=standing)


@dataclass(frozen=True, slots=True)
class Discarded:
    """Renditions of one version that nothing shows any more, since then; `keys` are theirs."""

    picture: str
    version: str
    since: str
    keys: tuple[str, ...]


def in_order(sequencer: str) -> str:
    """A sequencer so that texts compare as S3 means it: the shorter is padded on the right with zeros.

    Source: Amazon S3 user guide, "Event message structure".
    """
    return sequencer.ljust(64, "0")


@dataclass(frozen=True, slots=True)
class Original:
    """What the header of an upload says; pixels as shown, after orientation."""

    format: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """One rendition as the engine hands it over, before it has a key."""

    format: Format
    width: int
    height: int
    quality: int
    data: bytes
    ladder: str = MAIN
    frames: int = 1
    target: float | None = None
    score: float | None = None
    score_kind: str = ""

    @property
    def name(self) -> str:
        """A file name that no other rendition of the same picture has."""
        ladder = "" if self.ladder == MAIN else f"{self.ladder}-"
        return f"{ladder}{self.width}.{self.format.extension}"

    def stored_as(self, key: str) -> "Rendition":
        return Rendition(
            self.format,
            self.width,
            self.height,
            self.quality,
            len(self.data),
            key,
            ladder=self.ladder,
            frames=self.frames,
            target=self.target,
            score=self.score,
            score_kind=self.score_kind,
        )


@dataclass(frozen=True, slots=True)
class Rendition:
    """One derived file in the renditions bucket. An animation has more than one of `frames`.

    `target` is the SSIMULACRA2 score that was asked for, `score` the one reached; `score_kind` says whether
    that was predicted or measured.
    """

    format: Format
    width: int
    height: int
    quality: int
    size_bytes: int
    key: str
    ladder: str = MAIN
    frames: int = 1
    target: float | None = None
    score: float | None = None
    score_kind: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice that was taken while rendering: a stable code, and why in words."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the engine makes of one picture.

    By pipeline step, `milliseconds` are wall time and `peak_mb` the most memory that was resident up to its
    end.

    `placeholder` is a `data:` address of some hundred bytes to show while the picture loads, `colour` the
    dominant one, like #336699.
    """

    original: Original
    renditions: tuple[Encoded, ...]
    decisions: tuple[Decision, ...]
    milliseconds: dict[str, float]
    peak_mb: dict[str, float] = field(default_factory=dict)
    placeholder: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a picture can't be used: see `errors.RejectedPicture`."""

    reason: str
    sentence: str
    limit: float | None = None
    actual: float | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of one rendering. Exactly one of `renditions` and `rejection` is filled."""

    profile: str
    profile_hash: str
    engine: str
    at: str
    size_bytes: int
    original: Original | None = None
    renditions: tuple[Rendition, ...] = ()
    rejection: Rejection | None = None
    decisions: tuple[Decision, ...] = ()
    milliseconds: dict[str, float] = field(default_factory=dict)
    placeholder: str = ""
    colour: str = ""

    @property
    def shown(self) -> tuple[Rendition, ...]:
        """What stands for the original on the web: the main ladder's.

        Beside an animation no still of another format than JPEG: a browser would take it for the better file.
        """
        main = [rendition for rendition in self.renditions if rendition.ladder == MAIN]
        moves = any(rendition.frames > 1 for rendition in main)
        return tuple(r for r in main if not moves or r.frames > 1 or r.format is Format.JPEG)

    @property
    def reference(self) -> Rendition | None:
        """The rendition of high quality to compare the others with by eye."""
        return next((r for r in self.renditions if r.ladder == REFERENCE), None)

    @property
    def saved_bytes(self) -> int:
        """Original's bytes less those of the widest rendition's smallest format; 0 when rejected."""
        best = self.smallest_at_full_width
        return self.size_bytes - best.size_bytes if best else 0

    @property
    def saved_percent(self) -> float:
        """`saved_bytes` in percent of the original, one decimal; 0 when rejected."""
        return round(100 * self.saved_bytes / self.size_bytes, 1) if self.size_bytes else 0.0

    @property
    def smallest_at_full_width(self) -> Rendition | None:
        widest = max((rendition.width for rendition in self.shown), default=0)
        return smallest(rendition for rendition in self.shown if rendition.width == widest)

    def of_format(self, wanted: Format) -> tuple[Rendition, ...]:
        """What is shown in one format, narrowest first."""
        found = (rendition for rendition in self.shown if rendition.format is wanted)
        return tuple(sorted(found, key=lambda rendition: rendition.width))


def smallest(renditions: Iterable[Rendition]) -> Rendition | None:
    """The one with the fewest bytes; of an animation one that moves, since a still shows less."""
    return min(renditions, key=lambda each: (each.frames == 1, each.size_bytes), default=None)


class Outcome(StrEnum):
    """How an attempt ended. One that noted nothing was killed, or has not ended yet."""

    CONCLUDED = "concluded"
    CHILD_DIED = "child_died"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an upload, noted before it starts. Its worker has ended by `until`, whatever happens.

    `outcome` is None until it is noted; `why` says more about one that failed.
    """

    at: str
    until: str
    outcome: Outcome | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an upload was given up: a stable reason, and a sentence for people."""

    reason: str
    sentence: str


# More attempts than that tell nothing new, and an item has its limit.
_ATTEMPTS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One upload as the ledger holds it, and as its view shows it.

    Every transition makes `revision` one higher, and is `since` its time. `message` is what the queue said of
    an upload that was given up, so that it can be said again. `job` is the one that it is member `number`
    of, if any.
    """

    upload: Upload
    state: State
    revision: int
    attempts: tuple[Attempt, ...] = ()
    receipt: Receipt | None = None
    since: str = ""
    message: str = ""
    job: str = ""
    number: int = 0

    @property
    def picture(self) -> str:
        return self.upload.picture

    @property
    def id(self) -> str:
        """Names this upload among all."""
        return f"{self.picture}.{self.upload.version}"

    @property
    def is_removal(self) -> bool:
        """Whether this is a removal that was given up, which is never shown."""
        return self.upload.version.startswith(_REMOVAL)

    @property
    def is_announcement(self) -> bool:
        """Whether this is what was announced, and not what came."""
        return self.upload.version == EXPECTED_VERSION

    @property
    def alias(self) -> str:
        return alias_of(self.upload.key)

    @property
    def settled(self) -> bool:
        """Whether there is something final to show: also while it is rendered anew."""
        return self.state.terminal or self.receipt is not None

    @property
    def stands(self) -> bool:
        """Whether it is shown, given up or worked on; not put away."""
        return self.state not in (State.SUPERSEDED, State.DELETED)

    @property
    def to_show(self) -> Receipt | None:
        """The receipt while what it names is there: of a deleted picture nothing is."""
        return None if self.state is State.DELETED else self.receipt

    @property
    def rejection(self) -> Rejection | None:
        return self.receipt.rejection if self.receipt else None

    def moved(self, state: State, **changes: Any) -> "Entry":
        """The entry one revision on."""
        return replace(self, state=state, revision=self.revision + 1, since=now(), **changes)

    def of_job(self, job: str, number: int) -> "Entry":
        """The entry as that member of that job."""
        return replace(self, job=job, number=number)

    def begun(self, until: str) -> "Entry":
        """With one more attempt, whose worker has ended by then; what was deleted has nothing to show yet."""
        attempts = (*self.attempts, Attempt(now(), until))[-_ATTEMPTS_KEPT:]
        return self.moved(State.RENDERING, attempts=attempts, message="", receipt=self.to_show)

    def ended(self, state: State, outcome: Outcome, why: str = "", **changes: Any) -> "Entry":
        """With its last attempt's outcome noted."""
        *before, last = self.attempts
        return self.moved(state, attempts=(*before, replace(last, outcome=outcome, why=why)), **changes)

    @property
    def busy_until(self) -> str:
        """When whoever works on it will have ended, at the latest; empty if nobody does."""
        last = self.attempts[-1] if self.attempts else None
        return last.until if self.state is State.RENDERING and last and not last.outcome else ""

    @property
    def has_killed(self) -> bool:
        """Whether it has ended the process that worked on it, since it was last concluded."""
        for attempt in reversed(self.attempts):
            if attempt.outcome is Outcome.CONCLUDED:
                return False
            if attempt.outcome is Outcome.CHILD_DIED:
                return True
        return False

    @property
    def failure(self) -> Failure | None:
        """Why it was given up, as its last attempt tells."""
        if self.state is not State.FAILED:
            return None
        if self.is_announcement:
            return Failure("never_arrived", "It was announced, and never arrived.")
        if not self.attempts:
            return Failure("not_begun", "No worker could so much as begin with it.")
        last = self.attempts[-1]
        if not last.outcome:
            return Failure("killed", "Its worker was ended before it was done.")
        return Failure(last.outcome.value, last.why)

    @property
    def rendition_keys(self) -> tuple[str, ...]:
        return tuple(each.key for each in self.receipt.renditions) if self.receipt else ()

    def discarding(self, keys: Iterable[str]) -> tuple[Discarded, ...]:
        """That those of its renditions are shown no more since it moved; nothing if there are none."""
        some = tuple(sorted(set(keys)))
        return (Discarded(self.picture, self.upload.version, self.since, some),) if some else ()

    @property
    def summary(self) -> dict[str, str | int | float]:
        """One log line's worth; the key is ASCII-escaped, so that it brings no control characters along."""
        told: dict[str, str | int | float] = {
            "correlation_id": self.upload.correlation,
            "picture": self.picture,
            "key": ascii(self.upload.key)[1:-1],
            "state": self.state.value,
            "revision": self.revision,
            "attempts": len(self.attempts),
        }
        if reason := self.rejection or self.failure:
            told["reason"] = reason.reason
        elif self.receipt:
            told["saved_percent"] = self.receipt.saved_percent
        return told


def stay_clear(entry: Entry | None) -> None:
    """Raises Busy while another worker has the upload."""
    if entry and entry.busy_until > now():
        raise Busy(entry.upload.key, entry.busy_until)


def shown(entries: Iterable[Entry]) -> Entry | None:
    """Of one picture's entries the one that its page shows.

    The newest that stands in S3, else the newest that was deleted, else what was announced.
    """
    uploads = [entry for entry in entries if not entry.is_removal]
    came = [entry for entry in uploads if not entry.is_announcement]
    for rank in (
        [entry for entry in came if entry.state in _STANDS],
        [entry for entry in came if entry.state is State.DELETED],
        [entry for entry in uploads if entry.state is State.EXPECTED or entry.is_announcement],
    ):
        if rank:
            return max(rank, key=_age)
    return None


def _age(entry: Entry) -> tuple[str, str, str]:
    """Sorts uploads of one key by what is told of their age; the version, so that none is like another."""
    return (in_order(entry.upload.sequencer), entry.upload.arrived, entry.upload.version)


_STANDS = set(State) - {State.DELETED, State.EXPECTED, State.SUPERSEDED}


@dataclass(frozen=True, slots=True)
class Announced:
    """What a client says that it will send: one upload of a job."""

    name: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Job:
    """A set of uploads that belong together, as the ledger holds it.

    It is open until each of its `size` members is expected: then it is sealed, in its second revision.
    """

    id: str
    size: int
    created: str
    revision: int = 1

    @property
    def sealed(self) -> bool:
        return self.revision > 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be made again: what it asked for, and the job that was made of it, until it expires.

    `expires` is in seconds since 1970, as DynamoDB takes them.
    """

    request: str
    digest: str
    job: str
    expires: int
