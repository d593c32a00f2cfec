"""What the use cases ask of the world, in our words. `adapters/` answers with AWS, the tests with fakes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from darkroom.domain.entries import Entry, Latest, SupersededRenditions
from darkroom.domain.jobs import Announced, IdempotentRequest, Job
from darkroom.domain.profile import Profile
from darkroom.domain.rows import JobView, Row, Tally
from darkroom.domain.uploads import Upload

# Items that one DynamoDB transaction may write.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
TRANSACTION_ITEMS = 100


@dataclass(frozen=True, slots=True)
class PostForm:
    """A presigned POST: where to, and the form fields that go before the file."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of the renditions bucket, and since when it is there."""

    key: str
    since: str


@dataclass(frozen=True, slots=True)
class Named:
    """An upload that was found by its alias."""

    picture_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """Lets a client follow one job, until a time: seconds since 1970."""

    job_id: str
    expires: int


@dataclass(frozen=True, slots=True)
class SendResult:
    """How messages to many sockets went: those that are no longer there, and what else was wrong."""

    gone: frozenset[str] = frozenset()
    faults: tuple[Exception, ...] = ()


class Originals(Protocol):
    """The uploads bucket."""

    @property
    def bucket(self) -> str: ...

    def read(self, upload: Upload) -> bytes:
        """The bytes of exactly that version. Raises errors.UploadGone."""

    def latest(self, key: str) -> Upload | None:
        """What S3 holds under the key now, without a sequencer; None if it is deleted."""

    def each_latest(self, cursor: str) -> tuple[list[Upload], str]:
        """Some of what stands in the bucket, each at its latest version, without a sequencer; by key.

        And a cursor to the rest, empty at the end. What is deleted is passed over.
        """

    def store(self, key: str, content: bytes, media_type: str) -> str:
        """Puts one object; answers with its version."""

    def post_form(self, key: str, media_type: str, max_bytes: int, seconds: int) -> PostForm:
        """A form that may put that key, of that type, of 1 to `max_bytes` bytes, for `seconds`."""


class Renditions(Protocol):
    """The renditions bucket. What stands in it never changes."""

    def store(self, key: str, content: bytes, media_type: str) -> None:
        """Puts one immutable object; a no-op when the key is there."""

    def read(self, key: str) -> bytes | None:
        """Its bytes; None if it is not there: its picture was deleted a moment ago, say."""

    def each(self, cursor: str) -> tuple[list[Stored], str]:
        """Some of what stands in the bucket, by key; and a cursor to the rest, empty at the end."""

    def remove(self, keys: Collection[str]) -> None:
        """Deletes objects; those that are not there are passed over."""

    def url(self, key: str, seconds: int) -> str:
        """Where one can be fetched: for ever where the bucket is public, else presigned for `seconds`."""


class Reports(Protocol):
    """The reports bucket: what an answer could not carry, for a day."""

    def store(self, key: str, content: bytes, media_type: str) -> None: ...

    def url(self, key: str, seconds: int) -> str:
        """A presigned GET that lives for `seconds`: a report is for whoever has its job's id."""


class Ledger(Protocol):
    """The write model: one entry per upload, one latest per key; both moved by conditional writes only."""

    def find(self, picture_id: str, version: str) -> Entry | None:
        """The entry of one upload as it stands now, read consistently."""

    def find_each(self, uploads: Collection[Upload]) -> list[Entry | None]:
        """The entries of many uploads, in their order."""

    def every(self) -> Iterator[Entry]:
        """All entries, in no order: the whole table is read."""

    def records(self) -> Iterator[Entry | Job]:
        """All that the views are made of, in no order: the whole table is read."""

    def cursor(self, name: str) -> str:
        """How far a walk of that name has come; empty at its beginning."""

    def save_cursor(self, name: str, cursor: str) -> None:
        """Notes how far it has come."""

    def of_picture(self, picture_id: str) -> list[Entry]:
        """The entries of uploads under one key, read consistently; not what is only expected.

        All of them, unless they are more than a hundred: then some.
        """

    def latest(self, picture_id: str) -> Latest | None:
        """What the events of that key have told so far, read consistently."""

    def latest_each(self, pictures: Collection[str]) -> list[Latest | None]:
        """What the events of many keys have told, in their order; read consistently."""

    def current_entries(self, latests: Sequence[Latest | None]) -> list[list[Entry]]:
        """Of each key those entries that stand, as far as what is latest names them."""

    def advance(self, *moves: Entry | Latest | SupersededRenditions, unchanged: Latest | None = None) -> bool:
        """Writes every move in one transaction, each on the condition that its revision is one higher.

        Revision 1 is written only where nothing is stored. Superseded renditions are recorded in the same
        transaction. Returns False, and writes nothing, if a condition fails or `unchanged` is out of date.
        """

    def superseded_renditions(self, before: str, limit: int) -> list[SupersededRenditions]:
        """Some of what was discarded before then and is not forgotten, at most so many."""

    def forget(self, superseded_renditions: Collection[SupersededRenditions]) -> None:
        """Takes notes of what was discarded away; a no-op for those that are not there."""


class JobLedger(Protocol):
    """The write model of jobs. Whatever writes here may be called again, and then changes nothing."""

    def remember_request(self, idempotent_request: IdempotentRequest) -> IdempotentRequest:
        """Notes a request, unless one stands that has not expired; answers with the one that stands."""

    def open(self, job: Job, manifest: Sequence[Announced]) -> None:
        """Notes who will be in a job, and that it falls due one day; then the job, unless it is there."""

    def find_job(self, job_id: str) -> Job | None:
        """A job's record, read consistently."""

    def manifest(self, job_id: str, page: int) -> list[Announced]:
        """Some members of a job, PAGE_SIZE at a time; none past the last page."""

    def expect(self, entries: Collection[Entry]) -> None:
        """Writes announcements, many at once, over nothing or over themselves."""

    def seal(self, job: Job) -> Job:
        """Says that all members are expected; the job as it stands then."""

    def due(self, before: str, limit: int) -> list[Job]:
        """Some jobs that were created before then and are not settled, oldest first.

        Only their ids and times are told.
        """

    def settle(self, job: Job) -> None:
        """Takes a job off the list of those that fall due."""


@dataclass(frozen=True, slots=True)
class Replaced[T]:
    """Something new, and the revision that it takes the place of; 0: there was nothing."""

    new: T
    before: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction writes into the views: at most 96 entries and rows together, of one job at most.

    `record` takes the place of a job's record, `job_delta` is added to what that job has, `delta` to the
    totals of all time.
    """

    entries: tuple[Replaced[Entry], ...]
    rows: tuple[Replaced[Row], ...] = ()
    job_id: str = ""
    record: Replaced[Job] | None = None
    job_delta: Tally = Tally()  # noqa: RUF009 - frozen
    delta: Tally = Tally()  # noqa: RUF009


class Views(Protocol):
    """The read model."""

    def commit(self, commit: Commit) -> bool:
        """Writes all of it or nothing; False if another revision stands in one's place."""

    def find_each(self, uploads: Collection[tuple[str, str]]) -> list[Entry | None]:
        """The entries of many uploads, by picture and version, in their order; read consistently."""

    def rows(self, pictures: Collection[str]) -> list[Row | None]:
        """The rows of many members, in their order; read consistently."""

    def job(self, job_id: str) -> JobView | None:
        """A job's totals, read consistently."""

    def totals(self) -> Tally:
        """What was ever rendered, and its bytes before and after."""

    def of_picture(self, picture_id: str) -> list[Entry]:
        """All entries of one picture, read consistently."""

    def named(self, alias: str) -> Iterator[Named]:
        """The uploads whose alias it is, newest first."""

    def recent(self, limit: int, cursor: str = "") -> tuple[list[Entry], str]:
        """The newest entries of all, at most `limit`; and a cursor to older ones, empty at the end.

        Raises errors.BadRequest for what is no cursor of this list.
        """

    def failed(self, cursor: str = "") -> tuple[list[Entry], str]:
        """Some of the uploads that were given up, longest ago first; and a cursor to the rest, or nothing.

        Raises errors.BadRequest for what is no cursor of this list.
        """


class Queue(Protocol):
    """A queue whose messages are hidden while somebody works on them."""

    def send(self, body: str, expected_revision: int | None = None) -> None:
        """One message; an upload that ended at revision `over` shall be begun again."""

    def hide(self, receipt: str, seconds: int) -> None:
        """Hides a message that was received for so long from now; at most 12 hours."""


class Profiles(Protocol):
    """Where the profile in force comes from. It may be another one at any time."""

    def current(self) -> Profile:
        """The active profile, possibly some seconds old. Raises errors.ProfileUnavailable."""


class Channels(Protocol):
    """Who follows which job, and the tickets that let them in. All of it expires by itself."""

    def issue(self, code: str, ticket: Ticket) -> None:
        """Notes a ticket under a code that nobody guesses."""

    def redeem(self, code: str) -> Ticket | None:
        """The ticket, for the first who shows it; for anybody later None. It may have expired."""

    def join(self, job_id: str, connection: str, expires: int) -> None:
        """From here on the connection follows the job, until then at the longest; a no-op if it does."""

    def leave(self, job_id: str, connection: str) -> None:
        """It follows that job no more; a no-op if it did not."""

    def leave_all(self, connection: str) -> None:
        """It follows no job any more."""

    def followers(self, job_id: str) -> list[str]:
        """The connections that follow a job, read consistently."""


class Sockets(Protocol):
    """The open connections of the WebSocket API."""

    def send(self, connection: str, text: str) -> bool:
        """One message to one connection; False if it is gone."""

    def send_each(self, connections: Collection[str], texts: Sequence[str]) -> SendResult:
        """All messages, in their order, to each of the connections, side by side and in bounded time.

        Never raises: a connection that fails or is too slow hinders no other.
        """

    def close(self, connection: str) -> None:
        """Ends a connection; a no-op if it is gone."""


class Channel(Protocol):
    """Where those who follow a job are told of it."""

    def push(self, job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """The job as it is now, and the rows that have changed, as documents. Never raises."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event for whoever listens. The same thing, told again, has the same id in its detail."""

    type: str
    detail: dict[str, Any]


class EventBus(Protocol):
    """Where events go for whoever listens."""

    def send(self, announcements: Sequence[Event]) -> list[Event]:
        """Sends events; answers with those that were not taken."""


@dataclass(frozen=True, slots=True)
class Written:
    """A document as it stands, and how often it was written so far."""

    document: str
    version: int


class TokenDocument(Protocol):
    """The one place where it is written who may come in (access.parse_tokens)."""

    def read(self) -> Written | None:
        """The latest document, or None if there never was one. Raises errors.TokensUnavailable."""

    def write(self, document: str, expected_version: int) -> bool:
        """Writes it over that version; `expected_version` 0: only if there is none.

        False if another one stands there now, or stood there until this one took its place.
        """
