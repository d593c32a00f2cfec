"""Interfaces of storage, queues and events. `adapters/` implements them with AWS, tests/fakes.py in memory.

The docstrings are the contract: tests/contract runs the same tests on every implementation.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from darkroom.domain.entries import Entry, Latest, SupersededRenditions
from darkroom.domain.jobs import AnnouncedUpload, IdempotentRequest, Job
from darkroom.domain.profile import Profile
from darkroom.domain.rows import JobView, Row, Tally
from darkroom.domain.uploads import S3Change, Upload

# Items that one DynamoDB transaction may write.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
TRANSACTION_ITEMS = 100


class PostForm(NamedTuple):
    """A presigned POST: its URL, and the form fields to send before the file."""

    url: str
    fields: dict[str, str]


class StoredObject(NamedTuple):
    """One object of the renditions bucket, and the time at which it was stored."""

    key: str
    since: str


class AliasMatch(NamedTuple):
    """An upload found by its alias."""

    picture_id: str
    key: str


class Ticket(NamedTuple):
    """Allows a client to follow one job. `expires` is in seconds since 1970."""

    job_id: str
    expires: int


class SendResult(NamedTuple):
    """The outcome of sending to many connections: those that are gone, and the faults of others."""

    gone: frozenset[str] = frozenset()
    faults: tuple[Exception, ...] = ()


class Originals(Protocol):
    """The uploads bucket."""

    @property
    def bucket(self) -> str: ...

    def read(self, upload: Upload) -> bytes:
        """Returns the bytes of that version. Raises errors.UploadGone."""

    def current(self, key: str) -> Upload | None:
        """Returns the current version of a key, None if it is deleted; with its focus, where it is needed."""

    def list_newest(self, cursor: str) -> tuple[list[S3Change], str]:
        """Returns a page of the newest versions in the order of keys, and the next cursor.

        The newest version of a deleted key is its delete marker. The cursor is empty after the last page.
        """

    def store(self, key: str, content: bytes, media_type: str, focus: str = "") -> str:
        """Stores one object, with a focus as metadata if there is one, and returns its version."""

    def mark_deleted(self, key: str) -> None:
        """Deletes an object by a delete marker; its versions are kept. Idempotent."""

    def post_form(
        self, key: str, media_type: str, max_bytes: int, seconds: int, focus: str = "", redirect: str = ""
    ) -> PostForm:
        """Returns a form to store one object of 1 to `max_bytes` bytes, valid for `seconds`.

        A focus becomes metadata of the object. S3 redirects a browser that has sent the form to the URL
        `redirect`, if there is one, and adds a query.
        """


class Renditions(Protocol):
    """The renditions bucket. Its objects are immutable."""

    def store(self, key: str, content: bytes, media_type: str) -> None:
        """Stores one object. Does nothing if the key exists."""

    def read(self, key: str) -> bytes | None:
        """Returns the bytes of an object; None if it does not exist."""

    def list_stored(self, cursor: str) -> tuple[list[StoredObject], str]:
        """Returns a page of objects in the order of keys, and the next cursor, empty after the last page."""

    def remove(self, keys: Collection[str]) -> None:
        """Deletes objects. Deleting a missing key is no error."""

    def url(self, key: str, seconds: int, download_as: str = "") -> str:
        """Returns the public URL of an object, or one presigned for `seconds` if the bucket is private.

        Repeated calls within some minutes return the same URL. With a name in `download_as` it is always
        presigned, and browsers save the file under that name instead of opening it.
        """


class Reports(Protocol):
    """The reports bucket: reports too large for a response, and files of trials, kept for a day."""

    def store(self, key: str, content: bytes, media_type: str) -> None:
        """Stores one object, or replaces it."""

    def read(self, key: str) -> bytes | None:
        """Returns the bytes of an object; None if it does not exist."""

    def remove(self, keys: Collection[str]) -> None:
        """Deletes objects. Deleting a missing key is no error."""

    def url(self, key: str, seconds: int) -> str:
        """Returns a presigned GET URL, valid for `seconds`."""


class Ledger(Protocol):
    """The write model: one Entry per upload, one Latest per key; `advance` changes them conditionally."""

    def find(self, picture_id: str, version: str) -> Entry | None:
        """Reads the entry of one upload consistently."""

    def find_each(self, uploads: Collection[Upload]) -> list[Entry | None]:
        """Reads the entries of many uploads, in their order."""

    def all_entries(self) -> Iterator[Entry]:
        """Reads the whole table: all entries, in no order."""

    def records(self) -> Iterator[Entry | Job]:
        """Reads the whole table: all entries and jobs, in no order."""

    def cursor(self, name: str) -> str:
        """Reads the named scan cursor; empty before the first page."""

    def save_cursor(self, name: str, cursor: str) -> None:
        """Writes the named scan cursor."""

    def of_picture(self, picture_id: str) -> list[Entry]:
        """Reads the entries of one key consistently, without its announcement.

        Returns all entries if there are at most 100; otherwise it may omit some.
        """

    def latest(self, picture_id: str) -> Latest | None:
        """Reads the Latest item of a key consistently."""

    def latest_each(self, picture_ids: Collection[str]) -> list[Latest | None]:
        """Reads the Latest items of many keys consistently, in their order."""

    def live_entries(self, latests: Sequence[Latest | None]) -> list[list[Entry]]:
        """Reads the entries of each key's `live_versions` consistently, except superseded or deleted ones."""

    def advance(self, *items: Entry | Latest | SupersededRenditions, unchanged: Latest | None = None) -> bool:
        """Writes all items in one transaction, each only over its previous revision.

        Revision 1 is written only if the item does not exist. Superseded renditions are recorded in the same
        transaction. Returns False, and writes nothing, if a condition fails or `unchanged` is out of date.
        """

    def superseded_renditions(self, before: str, limit: int) -> list[SupersededRenditions]:
        """Reads at most `limit` records of renditions superseded before that time."""

    def forget(self, superseded_renditions: Collection[SupersededRenditions]) -> None:
        """Deletes records of superseded renditions. Deleting a missing record is no error."""


class JobLedger(Protocol):
    """The write model of jobs. Every write is idempotent."""

    def remember_request(self, idempotent_request: IdempotentRequest) -> IdempotentRequest:
        """Stores a request unless an unexpired one with its key exists; returns the stored one."""

    def open(self, job: Job, manifest: Sequence[AnnouncedUpload]) -> None:
        """Stores a job's manifest, makes the job findable by `due`, then stores the job unless it exists."""

    def find_job(self, job_id: str) -> Job | None:
        """Reads a job consistently."""

    def manifest(self, job_id: str, page: int) -> list[AnnouncedUpload]:
        """Reads one manifest page of PAGE_SIZE members; returns an empty list after the last page."""

    def expect(self, entries: Collection[Entry]) -> None:
        """Writes entries of announced uploads in bulk, without conditions."""

    def seal(self, job: Job) -> Job:
        """Seals a job and returns the stored job. The caller has already written all members' entries."""

    def due(self, before: str, limit: int) -> list[Job]:
        """Reads at most `limit` jobs created before that time and not settled yet, oldest first.

        Only their ids and creation times are read.
        """

    def settle(self, job: Job) -> None:
        """Marks a job as settled: `due` no longer returns it."""


class Replacement[T](NamedTuple):
    """A new item, and the revision it replaces; 0 if there was none."""

    new: T
    before: int


class Commit(NamedTuple):
    """One transaction on the views: at most 96 entries and rows together, of at most one job.

    `job` replaces the projected job. `job_delta` is added to the job's totals, `delta` to those of all
    time.
    """

    entries: tuple[Replacement[Entry], ...]
    rows: tuple[Replacement[Row], ...] = ()
    job_id: str = ""
    job: Replacement[Job] | None = None
    job_delta: Tally = Tally()
    delta: Tally = Tally()


class Views(Protocol):
    """The read model."""

    def commit(self, commit: Commit) -> bool:
        """Writes everything or nothing. Returns False if a replaced revision is out of date."""

    def find_each(self, keys: Collection[tuple[str, str]]) -> list[Entry | None]:
        """Reads the entries of many (picture id, version) pairs consistently, in their order."""

    def rows(self, picture_ids: Collection[str]) -> list[Row | None]:
        """Reads the rows of many members consistently, in their order."""

    def job(self, job_id: str) -> JobView | None:
        """Reads the view of a job consistently."""

    def totals(self) -> Tally:
        """Reads the totals of all time."""

    def of_picture(self, picture_id: str) -> list[Entry]:
        """Reads all entries of one picture consistently."""

    def named(self, alias: str) -> Iterator[AliasMatch]:
        """Reads the uploads with this alias, newest first."""

    def recent(self, limit: int, cursor: str = "") -> tuple[list[Entry], str]:
        """Reads at most `limit` entries, newest first, and the next cursor, empty after the last page.

        Raises errors.BadRequest for an invalid cursor.
        """

    def failed(self, cursor: str = "") -> tuple[list[Entry], str]:
        """Reads a page of failed uploads, oldest first, and the next cursor, empty after the last page.

        Raises errors.BadRequest for an invalid cursor.
        """


class Queue(Protocol):
    """An SQS queue."""

    def send(self, body: str, expected_revision: int | None = None) -> None:
        """Sends one message.

        With `expected_revision`, a terminal upload is rendered again if it is still at that revision.
        """

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Sets the visibility timeout of a received message, at most 12 hours from now."""


class Profiles(Protocol):
    """The source of the live profile, which may change at any time."""

    def current(self) -> Profile:
        """Returns the live profile, possibly some seconds old. Raises errors.ProfileUnavailable."""


class Channels(Protocol):
    """Connections that follow jobs, and the tickets for them. Every item expires by itself."""

    def issue(self, code: str, ticket: Ticket) -> None:
        """Stores a ticket under a random code."""

    def redeem(self, code: str) -> Ticket | None:
        """Returns and deletes a ticket, which may have expired; None if it was redeemed before."""

    def join(self, job_id: str, connection_id: str, expires: int) -> None:
        """Makes a connection follow a job until `expires`. Idempotent."""

    def leave(self, job_id: str, connection_id: str) -> None:
        """Makes a connection stop following a job. Idempotent."""

    def leave_all(self, connection_id: str) -> None:
        """Makes a connection stop following every job."""

    def followers(self, job_id: str) -> list[str]:
        """Reads the followers of a job consistently."""


class Sockets(Protocol):
    """The open connections of the WebSocket API."""

    def send(self, connection_id: str, text: str) -> bool:
        """Sends one message to one connection. Returns False if the connection is gone."""

    def send_each(self, connection_ids: Collection[str], texts: Sequence[str]) -> SendResult:
        """Sends all messages to every connection, in their order.

        Connections are served in parallel and in bounded time. Never raises: a connection that fails or is
        too slow does not delay the others.
        """

    def close(self, connection_id: str) -> None:
        """Closes a connection. Closing one that is gone is no error."""


class JobPush(Protocol):
    """Pushes changes of jobs to their followers."""

    def push(self, job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Pushes a serialized job and its changed rows. Never raises."""


class Event(NamedTuple):
    """One event. The same event sent again has the same id in its detail."""

    type: str
    detail: dict[str, Any]


class EventBus(Protocol):
    """The event bus."""

    def send(self, events: Sequence[Event]) -> list[Event]:
        """Sends events; returns those that were not accepted."""


class StoredDocument(NamedTuple):
    """A stored document, and the number of times it has been written."""

    document: str
    version: int


class TokenDocument(Protocol):
    """The stored document of tokens: see `tokens.parse_tokens`."""

    def read(self) -> StoredDocument | None:
        """Returns the document; None if none was written yet. Raises errors.TokensUnavailable."""

    def write(self, document: str, expected_version: int) -> bool:
        """Replaces `expected_version` of the document; with 0, writes only if there is no document.

        Returns False if another writer wrote at the same time. False does not mean that nothing was written:
        this call may have replaced the other writer's document.
        """
