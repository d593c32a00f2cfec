"""What can go wrong, in two branches: what never passes, and what may pass later.

Each error carries its evidence and one public sentence. The edge maps it to a status; it never names one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class DarkroomError(Exception):
    """Root of every error that Darkroom raises on purpose."""


class PermanentError(DarkroomError):
    """Trying again gives the same answer."""


class TransientError(DarkroomError):
    """Trying again may succeed: the queue does."""


class RejectedPicture(PermanentError):
    """The picture itself can't be used.

    `reason` is a stable code for machines, `sentence` one sentence for people; `limit` and `actual`
    are its evidence, in the unit that the sentence names.
    """

    REASONS: ClassVar[frozenset[str]] = frozenset(
        {
            "empty_file",
            "unsupported_format",
            "corrupt_image",
            "too_many_pixels",
            "too_many_frames",
            "too_large",
            "too_many_scans",
            "too_expensive",
            "crashed",
            "timed_out",
        }
    )

    def __init__(
        self, reason: str, sentence: str, *, limit: float | None = None, actual: float | None = None
    ) -> None:
        if reason not in self.REASONS:
            raise ValueError(f"{reason} is not a reason that a picture is rejected for")
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.limit = limit
        self.actual = actual


class DecoderProcessDied(RejectedPicture):
    """The process that worked on the picture was ended: by its memory, its time or its own native code.

    That is the picture's fault as far as one attempt can tell; the queue tries once more before it says so.
    """


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong in a document, and where: names of members and places in lists, from the outside in."""

    wrong: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{''.join(steps).removeprefix('.') or 'the profile'}: {self.wrong}"


class BadProfile(PermanentError):
    """A profile document breaks its own rules; `flaws` lists every way in which it does."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__("; ".join(map(str, flaws)))
        self.flaws = flaws


class ProfileUnavailable(TransientError):
    """Which profile is in force can't be told, this time; no other is taken in its place."""


class BadSettings(PermanentError):
    """The environment lacks settings or holds unusable ones; `faults` lists every one of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class InvalidTokens(PermanentError):
    """What is written down of who may come in can't be understood; nobody does."""

    def __init__(self) -> None:
        super().__init__("what is written of who may come in can't be understood; `darkroom token` writes it")


class TokensUnavailable(TransientError):
    """Who may come in can't be told, this time; nobody does."""


class UploadGone(PermanentError):
    """The version that an event names is no longer in the bucket."""

    def __init__(self, key: str, version: str) -> None:
        super().__init__(f"version {version} of {key!r} is no longer in the uploads bucket")
        self.key = key
        self.version = version


class DeadlineExceeded(TransientError):
    """Too little of the invocation is left; the next one has more."""


class RevisionConflict(TransientError):
    """Another worker moved the same upload meanwhile; the queue's redelivery finds how that ended."""


class LeaseHeld(TransientError):
    """Another worker is at the same upload, until then at the latest: to work on it too would be wasted."""

    def __init__(self, key: str, expires: str) -> None:
        super().__init__(f"another worker has {key!r} until {expires}")
        self.expires = expires


class RetryOnce(TransientError):
    """The picture has ended the process that worked on it, for the first time."""


class DeletionIncomplete(TransientError):
    """Some renditions could not be deleted, this time."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(f"{len(keys)} renditions could not be deleted, {keys[0]!r} among them")
        self.keys = keys


class EventNotAccepted(TransientError):
    """An event was not taken by whoever brings it to those that listen."""

    def __init__(self, kind: str, announcement: str) -> None:
        super().__init__(f"{kind} {announcement} was not taken")
        self.announcement = announcement


class BadRequest(PermanentError):
    """A request can't be understood; the message is one sentence for its sender."""


class InvalidJobRequest(PermanentError):
    """What a job would be made of can't be understood; `number` is the upload's, if it is one's fault."""

    def __init__(self, sentence: str, number: int | None = None) -> None:
        super().__init__(sentence if number is None else f"Upload {number}: {sentence}")
        self.number = number


class IdempotencyKeyReused(PermanentError):
    """The same Idempotency-Key came with other uploads before."""
