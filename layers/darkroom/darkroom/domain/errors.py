"""Errors in two branches: permanent ones, and transient ones that a retry may resolve.

Messages of RejectedPicture, BadRequest and InvalidJobRequest are written for clients; all others are for
operators and logs. A failed upload shows the message of its last attempt, redacted and shortened. `web/`
maps errors to HTTP statuses.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class DarkroomError(Exception):
    """The root of Darkroom's own errors."""


class PermanentError(DarkroomError):
    """A retry gives the same result."""


class TransientError(DarkroomError):
    """A retry may succeed."""


class RejectedPicture(PermanentError):
    """The picture itself cannot be processed.

    `reason` is a stable code for machines, `sentence` one sentence for people. `limit` and `actual` are the
    limit and the picture's value, if the reason has them. Their unit depends on the reason.
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
            raise ValueError(f"unknown rejection reason {reason}")
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.limit = limit
        self.actual = actual


class DecoderProcessDied(RejectedPicture):
    """The decoder process died: out of memory, out of time, or crashed in native code.

    The picture is retried once before it is rejected.
    """


class Flaw(NamedTuple):
    """A flaw in a document; `path` has member names and list indexes, outermost first."""

    wrong: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{''.join(steps).removeprefix('.') or 'the profile'}: {self.wrong}"


class BadProfile(PermanentError):
    """The profile is invalid; `flaws` lists every flaw."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__("; ".join(map(str, flaws)))
        self.flaws = flaws


class ProfileUnavailable(TransientError):
    """No profile could be loaded, and none is cached."""


class BadSettings(PermanentError):
    """Settings are missing from the environment or invalid; `flaws` lists them all."""

    def __init__(self, flaws: list[str]) -> None:
        super().__init__("; ".join(flaws))
        self.flaws = flaws


class InvalidTokens(PermanentError):
    """The stored token document is invalid. Without cached tokens, requests that need one are refused."""

    def __init__(self) -> None:
        super().__init__("the stored token document is invalid; only `darkroom token` may write it")


class TokensUnavailable(TransientError):
    """The token document could not be read. Without cached tokens, requests that need one are refused."""


class UploadGone(PermanentError):
    """The version that an event names is no longer in the bucket."""

    def __init__(self, key: str, version: str) -> None:
        super().__init__(f"version {version} of {key!r} is no longer in the uploads bucket")


class DeadlineExceeded(TransientError):
    """The invocation has too little time left; a retry has more."""


class RevisionConflict(TransientError):
    """Another worker changed the same upload; a redelivery reads the new revision."""


class LeaseHeld(TransientError):
    """Another worker holds the lease of the upload, until `expires` at the latest."""

    def __init__(self, key: str, expires: str) -> None:
        super().__init__(f"another worker has leased {key!r} until {expires}")
        self.expires = expires


class RetryOnce(TransientError):
    """The picture has crashed the decoder process for the first time."""


class DeletionIncomplete(TransientError):
    """Some renditions could not be deleted."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(f"{len(keys)} renditions could not be deleted, including {keys[0]!r}")


class EventNotAccepted(TransientError):
    """The event bus did not accept an event."""

    def __init__(self, event_type: str, event_id: str) -> None:
        super().__init__(f"the event bus did not accept {event_type} {event_id}")


class BadRequest(PermanentError):
    """The request is invalid; the message is one sentence for its sender."""


class InvalidJobRequest(PermanentError):
    """The request for a job is invalid. `number` is the index of the invalid upload, if there is one.

    `sentence` does not name the upload, the message does.
    """

    def __init__(self, sentence: str, number: int | None = None) -> None:
        super().__init__(sentence if number is None else f"Upload {number}: {sentence}")
        self.sentence = sentence
        self.number = number


class IdempotencyKeyReused(PermanentError):
    """The Idempotency-Key was used before with other uploads."""
