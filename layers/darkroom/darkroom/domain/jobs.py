"""Jobs: sets of uploads that belong together."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class AnnouncedUpload:
    """An upload that a job expects. `focus` is the text of its own focus, if it has one.

    `folder` is shown before its name, where names meet.
    """

    name: str
    size_bytes: int
    media_type: str
    focus: str = ""
    folder: str = ""


class Job(NamedTuple):
    """A job as the ledger stores it.

    It is open (revision 1) until all of its `size` members have an entry, then sealed (revision 2).
    """

    id: str
    size: int
    created: str
    revision: int = 1

    @property
    def sealed(self) -> bool:
        return self.revision > 1


class IdempotentRequest(NamedTuple):
    """The hash of an Idempotency-Key, the digest of the announced uploads, and the job created for them.

    `expires` is in seconds since 1970: DynamoDB's time to live.
    """

    key_hash: str
    digest: str
    job_id: str
    created: str
    expires: int
