"""A storage whose files are pictures of a Darkroom stack."""

import mimetypes
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from darkroom_django.stack import DarkroomError, call, send_form, stack_url


@deconstructible
class DarkroomStorage(Storage):
    """Uploads each file directly to S3. The stored name is `{picture's id}/{file name}`.

    The picture is rendered some seconds later. `url` leads to the best rendition; originals are never served,
    so `open` isn't possible.
    """

    def _save(self, name: str, content: "File[Any]") -> str:
        file_name = name.rpartition("/")[2]
        data = content.read()
        if not data:
            raise DarkroomError(f"{file_name}: The file is empty.")
        media_type = mimetypes.guess_type(file_name)[0] or "application/octet-stream"
        upload = {"name": file_name, "size": len(data), "type": media_type}
        [row] = call("jobs", "POST", {"uploads": [upload]})["rows"]
        send_form(row["post"]["url"], row["post"]["fields"], data)
        return f"{row['picture']}/{file_name}"

    def _open(self, name: str, mode: str = "rb") -> "ContentFile[bytes]":
        raise NotImplementedError("Darkroom never serves originals. Use url, or the template tag darkroom.")

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        # Every upload is a new picture, so names can't meet.
        return name

    def exists(self, name: str) -> bool:
        try:
            return bool(call(f"pictures/{_id(name)}")["status"] != "deleted")
        except DarkroomError:
            return False

    def delete(self, name: str) -> None:
        call(f"pictures/{_id(name)}", "DELETE")

    def size(self, name: str) -> int:
        return int(call(f"pictures/{_id(name)}")["size_bytes"])

    def url(self, name: str | None) -> str:
        return f"{stack_url()}/pictures/{_id(name or '')}"


def _id(name: str) -> str:
    return name.partition("/")[0]
