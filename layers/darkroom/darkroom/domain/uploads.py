"""Uploads and their removals, as S3 events describe them."""

from dataclasses import dataclass, field

from darkroom.domain.keys import correlation_of, digest, picture_id_of, split_key
from darkroom.domain.timestamps import now

# The range key of the ledger item that a POST writes before its picture has a version.
EXPECTED_VERSION = "expected"

# An event that names no version: a bucket without versions, or an event written by hand. The latest is read.
NO_VERSION = "null"

# Removals that were given up have ledger items too, which are no uploads: they are never shown.
REMOVAL_PREFIX = "removal:"


def rendition_prefix(upload: "Upload", profile_hash: str, engine: str) -> str:
    """What the keys of one upload's renditions share; other bytes, profile or engine give another.

    It begins with the picture's id, by which whoever finds a rendition finds its receipt.
    """
    content = upload.etag if upload.version == NO_VERSION else upload.version
    return f"{upload.picture_id}/{digest(upload.bucket, upload.key, content, profile_hash, engine)}"


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
    def picture_id(self) -> str:
        return picture_id_of(self.bucket, self.key)

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
    def picture_id(self) -> str:
        return picture_id_of(self.bucket, self.key)

    @property
    def correlation(self) -> str:
        return correlation_of(self.key, self.request)

    @property
    def failed_as(self) -> str:
        """The range key of the ledger item that says that this removal was given up."""
        return f"{REMOVAL_PREFIX}{self.version}"


def in_order(sequencer: str) -> str:
    """A sequencer so that texts compare as S3 means it: the shorter is padded on the right with zeros.

    Source: Amazon S3 user guide, "Event message structure".
    """
    return sequencer.ljust(64, "0")
