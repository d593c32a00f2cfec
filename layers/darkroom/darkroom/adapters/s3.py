"""The three buckets."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import ClientError

from darkroom.domain.errors import DeletionIncomplete, UploadGone
from darkroom.domain.keys import is_folder
from darkroom.domain.timestamps import timestamp
from darkroom.domain.uploads import NO_VERSION, Upload
from darkroom.ports import PostForm, Stored

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"}  # the last: the version is a delete marker
_DELETED_AT_ONCE = 1000  # the most that S3 takes
_LISTED_AT_ONCE = 1000  # and answers with
_IMMUTABLE = "public, max-age=31536000, immutable"


def _code(fault: ClientError) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))


@dataclass(frozen=True, slots=True)
class S3Originals:
    """ports.Originals on a versioned bucket."""

    bucket: str
    client: "S3Client"

    def read(self, upload: Upload) -> bytes:
        try:
            if upload.version == NO_VERSION:
                answer = self.client.get_object(Bucket=self.bucket, Key=upload.key)
            else:
                answer = self.client.get_object(Bucket=self.bucket, Key=upload.key, VersionId=upload.version)
        except ClientError as fault:
            if _code(fault) in _GONE:
                raise UploadGone(upload.key, upload.version) from fault
            raise
        return answer["Body"].read()

    def latest(self, key: str) -> Upload | None:
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
        )

    def list_latest(self, cursor: str) -> tuple[list[Upload], str]:
        begin = json.loads(cursor) if cursor else {}
        page = self.client.list_object_versions(Bucket=self.bucket, MaxKeys=_LISTED_AT_ONCE, **begin)
        uploads = [
            Upload(
                bucket=self.bucket,
                key=each["Key"],
                version=each["VersionId"],
                etag=each["ETag"].strip('"'),
                size_bytes=each["Size"],
                arrived=timestamp(each["LastModified"]),
            )
            for each in page.get("Versions", [])
            if each["IsLatest"] and not is_folder(each["Key"], each["Size"])
        ]
        after = {"KeyMarker": page.get("NextKeyMarker"), "VersionIdMarker": page.get("NextVersionIdMarker")}
        return uploads, json.dumps(after) if page["IsTruncated"] else ""

    def store(self, key: str, content: bytes, media_type: str) -> str:
        answer = self.client.put_object(Bucket=self.bucket, Key=key, Body=content, ContentType=media_type)
        return answer.get("VersionId", NO_VERSION)

    def post_form(self, key: str, media_type: str, max_bytes: int, seconds: int) -> PostForm:
        signed = self.client.generate_presigned_post(
            Bucket=self.bucket,
            Key=key,
            Fields={"Content-Type": media_type},
            Conditions=[
                {"Content-Type": media_type},
                ["eq", "$key", key],  # else a ${filename} in the key would be S3's to fill in
                ["content-length-range", 1, max_bytes],
            ],
            ExpiresIn=seconds,
        )
        return PostForm(signed["url"], dict(signed["fields"]))


@dataclass(frozen=True, slots=True)
class S3Renditions:
    """ports.Renditions on a bucket whose objects never change.

    `base_url` is where it is public, if anywhere, without a slash at the end.
    """

    bucket: str
    client: "S3Client"
    base_url: str = ""

    def store(self, key: str, content: bytes, media_type: str) -> None:
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
            if _code(fault) != "PreconditionFailed":  # it is there: the same key is the same bytes
                raise

    def read(self, key: str) -> bytes | None:
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as fault:
            # Who may not list a bucket is told of what is not there that it is forbidden.
            if _code(fault) in _GONE | {"AccessDenied"}:
                return None
            raise

    def list_stored(self, cursor: str) -> tuple[list[Stored], str]:
        page = self.client.list_objects_v2(Bucket=self.bucket, MaxKeys=_LISTED_AT_ONCE, StartAfter=cursor)
        stored = [Stored(each["Key"], timestamp(each["LastModified"])) for each in page.get("Contents", [])]
        return stored, stored[-1].key if page["IsTruncated"] else ""

    def remove(self, keys: Collection[str]) -> None:
        for some in batched(keys, _DELETED_AT_ONCE, strict=False):
            answer = self.client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
            )
            if answer.get("Errors"):
                raise DeletionIncomplete([each.get("Key", "") for each in answer["Errors"]])

    def url(self, key: str, seconds: int) -> str:
        if self.base_url:
            return f"{self.base_url}/{quote(key)}"
        return _presigned_get(self.client, self.bucket, key, seconds)


@dataclass(frozen=True, slots=True)
class S3Reports:
    """ports.Reports on a bucket whose objects expire."""

    bucket: str
    client: "S3Client"

    def store(self, key: str, content: bytes, media_type: str) -> None:
        self.client.put_object(
            Bucket=self.bucket, Key=key, Body=content, ContentType=media_type, CacheControl="no-store"
        )

    def url(self, key: str, seconds: int) -> str:
        return _presigned_get(self.client, self.bucket, key, seconds)


def _presigned_get(client: "S3Client", bucket: str, key: str, seconds: int) -> str:
    return client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
    )
