"""Jobs: sets of uploads that belong together."""

from dataclasses import dataclass


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
class IdempotentRequest:
    """A request that may be made again: what it asked for, and the job that was made of it, until it expires.

    `expires` is in seconds since 1970, as DynamoDB takes them.
    """

    request: str
    digest: str
    job_id: str
    expires: int
