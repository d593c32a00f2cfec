"""The ports, in memory. Each passes the contract suite that its adapter passes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from darkroom.errors import UploadGone
from darkroom.model import Entry, Upload
from darkroom.ports import Named, PostForm


@dataclass
class FakeOriginals:
    bucket: str = "uploads"
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def read(self, upload: Upload) -> bytes:
        try:
            return self.objects[upload.key, upload.version]
        except KeyError as fault:
            raise UploadGone(upload.key, upload.version) from fault

    def store(self, key: str, content: bytes, media_type: str) -> str:
        version = f"v{len(self.objects) + 1}"
        self.objects[key, version] = content
        return version

    def post_form(self, key: str, media_type: str, max_bytes: int, seconds: int) -> PostForm:
        return PostForm("https://uploads.test/", {"key": key, "Content-Type": media_type})


@dataclass
class FakeRenditions:
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def store(self, key: str, content: bytes, media_type: str) -> None:
        self.objects.setdefault(key, (content, media_type))

    def read(self, key: str) -> bytes:
        return self.objects[key][0]

    def url(self, key: str, seconds: int) -> str:
        return f"https://renditions.test/{key}?seconds={seconds}"


@dataclass
class FakeLedger:
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def find(self, picture: str, version: str) -> Entry | None:
        return self.entries.get((picture, version))

    def advance(self, entry: Entry) -> bool:
        key = (entry.picture, entry.upload.version)
        standing = self.entries[key].revision if key in self.entries else 0
        if standing != entry.revision - 1:
            return False
        self.entries[key] = entry
        return True


@dataclass
class FakeViews:
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def apply(self, entry: Entry) -> bool:
        key = (entry.picture, entry.upload.version)
        if key in self.entries and self.entries[key].revision >= entry.revision:
            return False
        self.entries[key] = entry
        return True

    def of_picture(self, picture: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.picture == picture]

    def named(self, alias: str) -> Iterator[Named]:
        for entry in self._newest_first():
            if entry.alias == alias:
                yield Named(entry.picture, entry.upload.key)

    def recent(self, limit: int) -> list[Entry]:
        return self._newest_first()[:limit]

    def _newest_first(self) -> list[Entry]:
        return sorted(self.entries.values(), key=lambda entry: entry.upload.arrived, reverse=True)
