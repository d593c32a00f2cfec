"""In-memory implementations of the ports. Each passes the same contract tests as its adapter."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import replace
from dataclasses import dataclass, field
from itertools import batched
from threading import Lock
from typing import Any

from darkroom.domain.entries import Entry, Latest, State, SupersededRenditions
from darkroom.domain.errors import BadRequest, ProfileUnavailable, TokensUnavailable, UploadGone
from darkroom.domain.jobs import AnnouncedUpload, IdempotentRequest, Job
from darkroom.domain.limits import PAGE_SIZE
from darkroom.domain.profile import Profile, built_in
from darkroom.domain.rows import JobView, Row, Tally
from darkroom.domain.uploads import Removal, S3Change, Upload
from darkroom.ports import (
    AliasMatch,
    Commit,
    Event,
    PostForm,
    SendResult,
    StoredDocument,
    StoredObject,
    Ticket,
)


@dataclass
class FakeOriginals:
    bucket: str = "uploads"
    page_size: int = 2
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    markers: dict[str, str] = field(default_factory=dict)  # delete markers of deleted keys
    focuses: dict[tuple[str, str], str] = field(default_factory=dict)

    def read(self, upload: Upload) -> bytes:
        try:
            return self.objects[upload.key, upload.version]
        except KeyError as fault:
            raise UploadGone(upload.key, upload.version) from fault

    def current(self, key: str) -> Upload | None:
        version = next((version for name, version in reversed(self.objects) if name == key), None)
        if version is None or key in self.markers:
            return None
        focus = self.focuses.get((key, version), "")
        return Upload(self.bucket, key, version, size_bytes=len(self.objects[key, version]), focus=focus)

    def list_newest(self, cursor: str) -> tuple[list[S3Change], str]:
        keys = sorted(key for key in {key for key, _ in self.objects} | self.markers.keys() if key > cursor)
        page = keys[: self.page_size]
        newest = [
            Removal(self.bucket, key, self.markers[key], marker=True)
            if key in self.markers
            else self.current(key)
            for key in page
        ]
        return [change for change in newest if change], page[-1] if len(keys) > len(page) else ""

    def store(self, key: str, content: bytes, media_type: str, focus: str = "") -> str:
        version = f"v{len(self.objects) + 1}"
        self.objects[key, version] = content
        self.markers.pop(key, None)
        self.focuses[key, version] = focus
        return version

    def mark_deleted(self, key: str) -> None:
        self.markers[key] = f"m{len(self.markers) + 1}"

    def post_form(
        self, key: str, media_type: str, max_bytes: int, seconds: int, focus: str = "", redirect: str = ""
    ) -> PostForm:
        own = {"x-amz-meta-focus": focus, "redirect": redirect}
        given = {name: value for name, value in own.items() if value}
        return PostForm("https://uploads.test/", {"key": key, "Content-Type": media_type, **given})


@dataclass
class FakeRenditions:
    page_size: int = 2
    since: str = "2026-01-02T03:04:06.000Z"
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def store(self, key: str, content: bytes, media_type: str) -> None:
        self.objects.setdefault(key, (content, media_type))

    def read(self, key: str) -> bytes | None:
        return self.objects[key][0] if key in self.objects else None

    def list_stored(self, cursor: str) -> tuple[list[StoredObject], str]:
        keys = sorted(key for key in self.objects if key > cursor)
        page = keys[: self.page_size]
        return [StoredObject(key, self.since) for key in page], page[-1] if len(keys) > len(page) else ""

    def remove(self, keys: Collection[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def url(self, key: str, seconds: int, download_as: str = "") -> str:
        return f"https://renditions.test/{key}?seconds={seconds}" + (
            f"&as={download_as}" if download_as else ""
        )


@dataclass
class FakeReports:
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def store(self, key: str, content: bytes, media_type: str) -> None:
        self.objects[key] = (content, media_type)

    def read(self, key: str) -> bytes | None:
        return self.objects[key][0] if key in self.objects else None

    def remove(self, keys: Collection[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def url(self, key: str, seconds: int) -> str:
        return f"https://reports.test/{key}?seconds={seconds}"


@dataclass
class FakeLedger:
    """The ledger and its jobs: one fake, since both are in one table."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    latests: dict[str, Latest] = field(default_factory=dict)
    superseded: list[SupersededRenditions] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    manifests: dict[str, list[list[AnnouncedUpload]]] = field(default_factory=dict)
    unsettled: dict[str, Job] = field(default_factory=dict)
    requests: dict[str, IdempotentRequest] = field(default_factory=dict)

    def find(self, picture_id: str, version: str) -> Entry | None:
        return self.entries.get((picture_id, version))

    def find_each(self, uploads: Collection[Upload]) -> list[Entry | None]:
        return [self.find(upload.picture_id, upload.version) for upload in uploads]

    def all_entries(self) -> Iterator[Entry]:
        yield from list(self.entries.values())

    def records(self) -> Iterator[Entry | Job]:
        yield from self.all_entries()
        yield from list(self.jobs.values())

    def cursor(self, name: str) -> str:
        return self.cursors.get(name, "")

    def save_cursor(self, name: str, cursor: str) -> None:
        self.cursors[name] = cursor

    def of_picture(self, picture_id: str) -> list[Entry]:
        entries = (entry for entry in self.entries.values() if entry.picture_id == picture_id)
        return [entry for entry in entries if not entry.is_announcement]

    def latest(self, picture_id: str) -> Latest | None:
        return self.latests.get(picture_id)

    def latest_each(self, picture_ids: Collection[str]) -> list[Latest | None]:
        return [self.latest(picture_id) for picture_id in picture_ids]

    def live_entries(self, latests: Sequence[Latest | None]) -> list[list[Entry]]:
        return [self._live_entries(latest) if latest else [] for latest in latests]

    def _live_entries(self, latest: Latest) -> list[Entry]:
        entries = (self.find(latest.picture_id, version) for version in latest.live_versions)
        return [entry for entry in entries if entry and entry.is_live]

    def advance(self, *items: Entry | Latest | SupersededRenditions, unchanged: Latest | None = None) -> bool:
        if unchanged and self.latest(unchanged.picture_id) != unchanged:
            return False
        for item in items:
            if isinstance(item, SupersededRenditions):
                continue
            before = (
                self.find(item.picture_id, item.upload.version)
                if isinstance(item, Entry)
                else self.latest(item.picture_id)
            )
            if (before.revision if before else 0) != item.revision - 1:
                return False
        for item in items:
            if isinstance(item, Entry):
                self.entries[item.picture_id, item.upload.version] = item
            elif isinstance(item, Latest):
                self.latests[item.picture_id] = item
            else:
                self.superseded.append(item)
        return True

    def superseded_renditions(self, before: str, limit: int) -> list[SupersededRenditions]:
        return [record for record in self.superseded if record.since < before][:limit]

    def forget(self, superseded_renditions: Collection[SupersededRenditions]) -> None:
        self.superseded = [record for record in self.superseded if record not in superseded_renditions]

    def remember_request(self, idempotent_request: IdempotentRequest) -> IdempotentRequest:
        stored = self.requests.get(idempotent_request.key_hash)
        if stored is None or stored.expires < time.time():
            self.requests[idempotent_request.key_hash] = idempotent_request
        return self.requests[idempotent_request.key_hash]

    def open(self, job: Job, manifest: Sequence[AnnouncedUpload]) -> None:
        self.unsettled[job.id] = replace(job, size=0, revision=1)
        self.manifests[job.id] = [list(page) for page in batched(manifest, PAGE_SIZE, strict=False)]
        self.jobs.setdefault(job.id, job)

    def find_job(self, job_id: str) -> Job | None:
        return self.jobs.get(job_id)

    def manifest(self, job_id: str, page: int) -> list[AnnouncedUpload]:
        return dict(enumerate(self.manifests.get(job_id, []))).get(page, [])

    def expect(self, entries: Collection[Entry]) -> None:
        for entry in entries:
            self.entries[entry.picture_id, entry.upload.version] = entry

    def seal(self, job: Job) -> Job:
        self.jobs[job.id] = replace(job, revision=2)
        return self.jobs[job.id]

    def due(self, before: str, limit: int) -> list[Job]:
        unsettled = sorted(self.unsettled.values(), key=lambda job: (job.created, job.id))
        return [job for job in unsettled if job.created < before][:limit]

    def settle(self, job: Job) -> None:
        self.unsettled.pop(job.id, None)


@dataclass
class FakeViews:
    """`job_writes` counts the writes to each job's totals."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    failed_page_size: int = 2
    all_rows: dict[str, Row] = field(default_factory=dict)
    jobs: dict[str, JobView] = field(default_factory=dict)
    total: Tally = field(default_factory=Tally)
    job_writes: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def apply(self, entry: Entry) -> None:
        """Projects an entry directly, for the set-up of a test."""
        self.entries[entry.picture_id, entry.upload.version] = entry

    def commit(self, commit: Commit) -> bool:
        with self.lock:
            if not self._is_unchanged(commit):
                return False
            for entry in commit.entries:
                self.entries[entry.new.picture_id, entry.new.upload.version] = entry.new
            for row in commit.rows:
                self.all_rows[row.new.picture_id] = row.new
            if commit.job or commit.job_delta != Tally():
                view = self.jobs.get(commit.job_id, JobView(commit.job_id))
                view = view.with_job(commit.job.new) if commit.job else view
                self.jobs[commit.job_id] = replace(
                    view, tally=view.tally + commit.job_delta, revision=view.revision + 1
                )
                self.job_writes[commit.job_id] += 1
            self.total += commit.delta
            return True

    def _is_unchanged(self, commit: Commit) -> bool:
        """True if nothing has changed since it was read."""
        views = (self.entries.get((view.new.picture_id, view.new.upload.version)) for view in commit.entries)
        rows = (self.all_rows.get(row.new.picture_id) for row in commit.rows)
        revisions = [stored.revision if stored else 0 for stored in (*views, *rows)]
        expected = [*(view.before for view in commit.entries), *(row.before for row in commit.rows)]
        if commit.job:
            revisions.append(self.jobs.get(commit.job_id, JobView(commit.job_id)).job_revision)
            expected.append(commit.job.before)
        return revisions == expected

    def find_each(self, uploads: Collection[tuple[str, str]]) -> list[Entry | None]:
        return [self.entries.get(key) for key in uploads]

    def rows(self, picture_ids: Collection[str]) -> list[Row | None]:
        return [self.all_rows.get(picture_id) for picture_id in picture_ids]

    def job(self, job_id: str) -> JobView | None:
        return self.jobs.get(job_id)

    def totals(self) -> Tally:
        return self.total

    def of_picture(self, picture_id: str) -> list[Entry]:
        return [entry for entry in list(self.entries.values()) if entry.picture_id == picture_id]

    def named(self, alias: str) -> Iterator[AliasMatch]:
        for entry in self._newest_first():
            never_arrived = entry.is_announcement and entry.state.terminal
            if entry.alias == alias and not entry.is_removal and not never_arrived:
                yield AliasMatch(entry.picture_id, entry.upload.key)

    def recent(self, limit: int, cursor: str = "") -> tuple[list[Entry], str]:
        # The announcements of a job would push everything else off the home page.
        entries = [entry for entry in self._newest_first() if not (entry.is_announcement and entry.job_id)]
        return _page(entries, limit, cursor)

    def failed(self, cursor: str = "") -> tuple[list[Entry], str]:
        failed = sorted(
            (
                entry
                for entry in self.entries.values()
                if entry.state is State.FAILED and not entry.is_announcement
            ),
            key=lambda entry: entry.since,
        )
        return _page(failed, self.failed_page_size, cursor)

    def _newest_first(self) -> list[Entry]:
        return sorted(self.entries.values(), key=lambda entry: entry.upload.arrived, reverse=True)


def _page(entries: list[Entry], limit: int, cursor: str) -> tuple[list[Entry], str]:
    if cursor and not cursor.isdigit():
        raise BadRequest("Invalid cursor.")
    begin = int(cursor or 0)
    end = begin + limit
    return entries[begin:end], str(end) if end < len(entries) else ""


@dataclass
class FakeProfiles:
    """The live profile; None if it cannot be loaded."""

    profile: Profile | None = field(default_factory=lambda: built_in("default"))

    def current(self) -> Profile:
        if self.profile is None:
            raise ProfileUnavailable("no profile could be loaded")
        return self.profile


@dataclass
class FakeQueue:
    """Records sent messages with their expected revision, and visibility timeouts by receipt."""

    sent: list[tuple[str, int | None]] = field(default_factory=list)
    hidden: list[tuple[str, int]] = field(default_factory=list)

    def send(self, body: str, expected_revision: int | None = None) -> None:
        self.sent.append((body, expected_revision))

    def hide(self, receipt_handle: str, seconds: int) -> None:
        self.hidden.append((receipt_handle, seconds))


@dataclass
class FakeChannels:
    tickets: dict[str, Ticket] = field(default_factory=dict)
    joined: dict[tuple[str, str], int] = field(default_factory=dict)

    def issue(self, code: str, ticket: Ticket) -> None:
        self.tickets[code] = ticket

    def redeem(self, code: str) -> Ticket | None:
        return self.tickets.pop(code, None)

    def join(self, job_id: str, connection_id: str, expires: int) -> None:
        self.joined[job_id, connection_id] = expires

    def leave(self, job_id: str, connection_id: str) -> None:
        self.joined.pop((job_id, connection_id), None)

    def leave_all(self, connection_id: str) -> None:
        self.joined = {key: expires for key, expires in self.joined.items() if key[1] != connection_id}

    def followers(self, job_id: str) -> list[str]:
        return sorted(connection_id for followed_id, connection_id in self.joined if followed_id == job_id)


@dataclass
class FakeSockets:
    """The texts sent to each open connection. Those in `broken` raise a fault and are not gone."""

    sent: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def send(self, connection_id: str, text: str) -> bool:
        if connection_id in self.broken:
            raise ConnectionError(connection_id)
        if connection_id not in self.sent:
            return False
        self.sent[connection_id].append(text)
        return True

    def send_each(self, connection_ids: Collection[str], texts: Sequence[str]) -> SendResult:
        gone, faults = set(), []
        for connection_id in connection_ids:
            try:
                if not all(self.send(connection_id, text) for text in texts):
                    gone.add(connection_id)
            except ConnectionError as fault:
                faults.append(fault)
        return SendResult(frozenset(gone), tuple(faults))

    def close(self, connection_id: str) -> None:
        self.sent.pop(connection_id, None)


@dataclass
class FakeJobPush:
    """Records pushes."""

    pushed: list[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = field(default_factory=list)

    def push(self, job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        self.pushed.append((job, rows))


@dataclass
class FakeEventBus:
    """Records sent events in order. Events of the types in `refused` are not accepted."""

    sent: list[Event] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def send(self, events: Sequence[Event]) -> list[Event]:
        self.sent += (event for event in events if event.type not in self.refused)
        return [event for event in events if event.type in self.refused]

    def ids(self, event_type: str) -> list[str]:
        """Returns the ids of the sent events of one type."""
        return [event.detail["id"] for event in self.sent if event.type == event_type]


@dataclass
class FakeTokenDocument:
    """Counts reads. While `broken`, each read raises."""

    written: StoredDocument | None = None
    broken: bool = False
    read_count: int = 0

    def read(self) -> StoredDocument | None:
        self.read_count += 1
        if self.broken:
            raise TokensUnavailable("cannot be read")
        return self.written

    def write(self, document: str, expected_version: int) -> bool:
        stored = self.written or StoredDocument(document, 0)
        if stored.version != expected_version:
            return stored.document == document
        self.written = StoredDocument(document, expected_version + 1)
        return True
