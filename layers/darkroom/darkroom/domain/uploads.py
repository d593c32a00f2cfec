"""Uploads and their removals, as S3 events describe them."""

from dataclasses import dataclass, field

from darkroom.domain.keys import correlation_of, digest, picture_id_of, split_key
from darkroom.domain.timestamps import now

# Range key of the ledger item of an announced upload, before it has a version.
EXPECTED_VERSION = "expected"

# The version of an event without a version id: from an unversioned bucket, or written by hand. It means S3's
# current version.
NO_VERSION = "null"

# Range key prefix of failed removals. They are not uploads, and are shown only in the list of failures.
REMOVAL_PREFIX = "removal:"


def rendition_prefix(upload: "Upload", profile_hash: str, engine: str, generation: int = 0) -> str:
    """Returns the key prefix of an upload's renditions: unique to content, profile, engine, generation.

    It begins with the picture id, so that the receipt of a rendition can be found. For the generation, see
    `Entry`.
    """
    content = upload.etag if upload.version == NO_VERSION else upload.version
    later = [str(generation)] if generation else []
    return f"{upload.picture_id}/{digest(upload.bucket, upload.key, content, profile_hash, engine, *later)}"


# Never made by itself: the two below it have these methods of their own.
@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class _ObjectVersion:
    """One version of one object in the uploads bucket.

    `request_id` is the id of the S3 request that caused the first event of this version.
    """

    bucket: str
    key: str
    version: str
    request_id: str = field(default="", kw_only=True)

    @property
    def picture_id(self) -> str:
        return picture_id_of(self.bucket, self.key)

    @property
    def correlation(self) -> str:
        return correlation_of(self.key, self.request_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(_ObjectVersion):
    """One version of an original. `size_bytes` is -1 if unknown.

    `arrived` is the time of its event, in the format of `timestamps.now`; by default the current time.
    `focus` is the text of its metadata, unchecked, and `chosen_focus` the one chosen later on its page.
    """

    etag: str = ""
    size_bytes: int = -1
    arrived: str = field(default_factory=now)
    focus: str = ""
    chosen_focus: str = ""

    @property
    def name(self) -> str:
        return split_key(self.key)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal(_ObjectVersion):
    """The deletion of a version, or a new delete marker; `version` is then the marker's."""

    marker: bool

    @property
    def failed_as(self) -> str:
        """The range key of this removal's ledger item if it fails."""
        return f"{REMOVAL_PREFIX}{self.version}"


# One S3 event.
type S3Change = Upload | Removal
