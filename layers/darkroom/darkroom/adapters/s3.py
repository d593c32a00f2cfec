"""The uploads, renditions and reports buckets."""

import json
import string
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import batched
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import ClientError

from darkroom.domain.errors import DeletionIncomplete, UploadGone
from darkroom.domain.focus import MAX_FOCUS_CHARACTERS
from darkroom.domain.keys import is_folder
from darkroom.domain.timestamps import timestamp
from darkroom.domain.uploads import NO_VERSION, Removal, S3Change, Upload
from darkroom.ports import PostForm, StoredObject
from darkroom.services.retries import Backoff

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectVersionTypeDef

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"}  # MethodNotAllowed: a delete marker
_DELETE_BATCH = 1000  # S3's limit for DeleteObjects
_LIST_PAGE = 1000  # S3's limit for a page of a list
_IMMUTABLE = "public, max-age=31536000, immutable"
# 409: another write or deletion of the key is in progress. Unlike after 412, the call is to be retried.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_CONFLICT = Backoff(first_seconds=0.1, longest_seconds=0.8)
_CONFLICT_ATTEMPTS = 5
# The lifetime of a presigned URL is much longer than this: WebSettings.url_seconds.
_SAME_URL_SECONDS = 300
_PLAIN = frozenset(string.ascii_letters + string.digits + " ._-()+,@&'")
# The metadata of an original with its focus: `x-amz-meta-focus`.
FOCUS = "focus"


def _code(fault: ClientError) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))


@dataclass(frozen=True, slots=True)
class S3Originals:
    """ports.Originals on a versioned bucket."""

    bucket: str
    client: "S3Client"
    list_page: int = _LIST_PAGE

    def read(self, upload: Upload) -> bytes:
        try:
            if upload.version == NO_VERSION:
                response = self.client.get_object(Bucket=self.bucket, Key=upload.key)
            else:
                response = self.client.get_object(
                    Bucket=self.bucket, Key=upload.key, VersionId=upload.version
                )
        except ClientError as fault:
            if _code(fault) in _GONE:
                raise UploadGone(upload.key, upload.version) from fault
            raise
        return response["Body"].read()

    def current(self, key: str) -> Upload | None:
        try:
            head = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as fault:
            if _code(fault) in _GONE:
                return None
            raise
        return Upload(
            bucket=self.bucket,
            key=key,
            version=head.get("VersionId", NO_VERSION),
            etag=head["ETag"].strip('"'),
            size_bytes=head["ContentLength"],
            arrived=timestamp(head["LastModified"]),
            focus=head["Metadata"].get(FOCUS, "")[:MAX_FOCUS_CHARACTERS],
        )

    def list_newest(self, cursor: str) -> tuple[list[S3Change], str]:
        markers = json.loads(cursor) if cursor else {}
        page = self.client.list_object_versions(Bucket=self.bucket, MaxKeys=self.list_page, **markers)
        newest: list[S3Change] = [
            _upload_of(self.bucket, version)
            for version in page.get("Versions", [])
            if version["IsLatest"] and not is_folder(version["Key"], version["Size"])
        ]
        newest += [
            Removal(self.bucket, marker["Key"], marker["VersionId"], marker=True)
            for marker in page.get("DeleteMarkers", [])
            if marker["IsLatest"]
        ]
        after = {"KeyMarker": page.get("NextKeyMarker"), "VersionIdMarker": page.get("NextVersionIdMarker")}
        newest.sort(key=lambda change: change.key)
        return newest, json.dumps(after) if page["IsTruncated"] else ""

    def store(self, key: str, content: bytes, media_type: str, focus: str = "") -> str:
        response = self.client.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=content,
            ContentType=media_type,
            Metadata={FOCUS: focus} if focus else {},
        )
        return response.get("VersionId", NO_VERSION)

    def mark_deleted(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def post_form(
        self, key: str, media_type: str, max_bytes: int, seconds: int, focus: str = "", redirect: str = ""
    ) -> PostForm:
        fields = {"Content-Type": media_type}
        if focus:
            fields[f"x-amz-meta-{FOCUS}"] = focus
        if redirect:
            fields["success_action_redirect"] = redirect
        signed = self.client.generate_presigned_post(
            Bucket=self.bucket,
            Key=key,
            Fields=dict(fields),
            Conditions=[
                *({name: value} for name, value in fields.items()),
                ["eq", "$key", key],  # otherwise S3 would replace ${filename} in the key
                ["content-length-range", 1, max_bytes],
            ],
            ExpiresIn=seconds,
        )
        return PostForm(signed["url"], dict(signed["fields"]))


@dataclass(frozen=True, slots=True)
class S3ListedOriginals(S3Originals):
    """ports.Originals for a function that may list the versions of objects, but not read objects."""

    def current(self, key: str) -> Upload | None:
        # The versions of the key itself come before those of longer keys, the newest first.
        page = self.client.list_object_versions(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        newest = [
            version for version in page.get("Versions", []) if version["IsLatest"] and version["Key"] == key
        ]
        return _upload_of(self.bucket, newest[0]) if newest else None


def _upload_of(bucket: str, version: "ObjectVersionTypeDef") -> Upload:
    return Upload(
        bucket=bucket,
        key=version["Key"],
        version=version["VersionId"],
        etag=version["ETag"].strip('"'),
        size_bytes=version["Size"],
        arrived=timestamp(version["LastModified"]),
    )


@dataclass(frozen=True, slots=True)
class S3Renditions:
    """ports.Renditions on a bucket of immutable objects.

    `base_url` is the public address of the bucket, if any, without a trailing slash.
    """

    bucket: str
    client: "S3Client"
    base_url: str = ""
    list_page: int = _LIST_PAGE
    sleep: Callable[[float], None] = time.sleep

    def store(self, key: str, content: bytes, media_type: str) -> None:
        for seconds in (*_CONFLICT.delays(_CONFLICT_ATTEMPTS), None):
            try:
                self.client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=content,
                    ContentType=media_type,
                    CacheControl=_IMMUTABLE,
                    IfNoneMatch="*",
                )
            except ClientError as fault:
                if _code(fault) == "PreconditionFailed":  # already stored: the same key has the same bytes
                    return
                if _code(fault) != "ConditionalRequestConflict" or seconds is None:
                    raise
                self.sleep(seconds)
            else:
                return

    def read(self, key: str) -> bytes | None:
        return _read(self.client, self.bucket, key)

    def list_stored(self, cursor: str) -> tuple[list[StoredObject], str]:
        page = self.client.list_objects_v2(Bucket=self.bucket, MaxKeys=self.list_page, StartAfter=cursor)
        stored = [
            StoredObject(content["Key"], timestamp(content["LastModified"]))
            for content in page.get("Contents", [])
        ]
        return stored, stored[-1].key if page["IsTruncated"] else ""

    def remove(self, keys: Collection[str]) -> None:
        _remove(self.client, self.bucket, keys)

    def url(self, key: str, seconds: int, download_as: str = "") -> str:
        if self.base_url and not download_as:
            return f"{self.base_url}/{quote(key)}"
        disposition = attachment(download_as) if download_as else ""
        return _presigned_get(self.client, self.bucket, key, seconds, disposition)


@dataclass(frozen=True, slots=True)
class S3Reports:
    """ports.Reports on a bucket of expiring objects."""

    bucket: str
    client: "S3Client"

    def store(self, key: str, content: bytes, media_type: str) -> None:
        self.client.put_object(
            Bucket=self.bucket, Key=key, Body=content, ContentType=media_type, CacheControl="no-store"
        )

    def read(self, key: str) -> bytes | None:
        return _read(self.client, self.bucket, key)

    def remove(self, keys: Collection[str]) -> None:
        _remove(self.client, self.bucket, keys)

    def url(self, key: str, seconds: int) -> str:
        return _presigned_get(self.client, self.bucket, key, seconds)


def _read(client: "S3Client", bucket: str, key: str) -> bytes | None:
    try:
        return client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as fault:
        # Without s3:ListBucket, S3 answers 403 for a missing key.
        if _code(fault) in _GONE | {"AccessDenied"}:
            return None
        raise


def _remove(client: "S3Client", bucket: str, keys: Collection[str]) -> None:
    for batch in batched(keys, _DELETE_BATCH, strict=False):
        response = client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
        )
        if response.get("Errors"):
            raise DeletionIncomplete([error.get("Key", "") for error in response["Errors"]])


def attachment(name: str) -> str:
    """Returns a Content-Disposition that saves a file under a name (RFC 6266)."""
    plain = "".join(character if character in _PLAIN else "_" for character in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _presigned_get(client: "S3Client", bucket: str, key: str, seconds: int, disposition: str = "") -> str:
    """Returns a presigned URL, the same for some minutes: pages and documents keep their ETag."""
    return _sign(client, bucket, key, seconds, disposition, int(time.time() // _SAME_URL_SECONDS))


@lru_cache(maxsize=4096)
def _sign(client: "S3Client", bucket: str, key: str, seconds: int, disposition: str, _period: int) -> str:
    named = {"ResponseContentDisposition": disposition} if disposition else {}
    return client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key, **named}, ExpiresIn=seconds
    )
