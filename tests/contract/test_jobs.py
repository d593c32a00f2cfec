"""The contracts of ports.JobLedger and of commits to ports.Views: the fakes and DynamoDB."""

from copy import replace

import pytest
from types_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.jobs import DynamoJobs
from darkroom.domain.entries import Entry, Latest, State
from darkroom.domain.jobs import AnnouncedUpload, IdempotentRequest
from darkroom.domain.limits import PAGE_SIZE
from darkroom.domain.rows import JobView, Tally, row_of
from darkroom.ports import Commit, JobLedger, Ledger, Replacement, Views
from darkroom.services.members import member_entries
from tests.aws import make_table
from tests.builders import UPLOADS, a_job, a_member, an_announcement
from tests.fakes import FakeLedger, FakeViews

BOTH = pytest.mark.parametrize("kind", ["fake", "dynamodb"])
CREATED = "2026-01-02T03:04:05.678Z"
FUTURE = 4_000_000_000


@pytest.fixture
def dynamodb(kind: str, request: pytest.FixtureRequest) -> DynamoDBClient | None:
    if kind == "fake":
        return None
    request.getfixturevalue("aws")
    client = dynamodb_client()
    make_table(client, "Ledger", "ledger")
    make_table(client, "Views", "views")
    return client


@pytest.fixture
def fake() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def jobs(dynamodb: DynamoDBClient | None, fake: FakeLedger) -> JobLedger:
    # One writer: moto is not atomic under threads.
    return DynamoJobs("ledger", dynamodb, read_batch=2, writers=1) if dynamodb else fake


@pytest.fixture
def ledger(dynamodb: DynamoDBClient | None, fake: FakeLedger) -> Ledger:
    return DynamoLedger("ledger", dynamodb, read_batch=2, writers=1) if dynamodb else fake


@pytest.fixture
def views(dynamodb: DynamoDBClient | None) -> Views:
    return DynamoViews("views", dynamodb, read_batch=2, writers=1) if dynamodb else FakeViews()


def announced(count: int) -> list[AnnouncedUpload]:
    return [an_announcement(f"ü {number}.png") for number in range(count)]


@BOTH
class TestJobs:
    def test_an_opened_job_is_found(self, jobs: JobLedger) -> None:
        job = a_job(size=3)

        assert jobs.find_job(job.id) is None
        jobs.open(job, announced(3))

        assert jobs.find_job(job.id) == job

    def test_a_manifest_is_read_page_by_page(self, jobs: JobLedger) -> None:
        job, members = a_job(size=PAGE_SIZE + 1), announced(PAGE_SIZE + 1)

        jobs.open(job, members)

        assert jobs.manifest(job.id, 0) == members[:PAGE_SIZE]
        assert jobs.manifest(job.id, 1) == members[PAGE_SIZE:]
        assert jobs.manifest(job.id, 2) == []

    def test_opening_a_job_is_idempotent(self, jobs: JobLedger) -> None:
        job = a_job(size=1)
        jobs.open(job, announced(1))
        sealed = jobs.seal(job)

        jobs.open(job, announced(1))

        assert jobs.find_job(job.id) == sealed

    def test_sealing_a_job_is_idempotent(self, jobs: JobLedger) -> None:
        job = a_job(size=1)
        jobs.open(job, announced(1))

        assert jobs.seal(job) == jobs.seal(job) == jobs.find_job(job.id)

        assert jobs.seal(job).sealed

    def test_announced_uploads_are_entries_of_the_ledger(self, jobs: JobLedger, ledger: Ledger) -> None:
        entries = list(member_entries(UPLOADS, a_job(size=60), 0, announced(60)))

        jobs.expect(entries)
        jobs.expect(entries)

        assert ledger.find_each([entry.upload for entry in entries]) == entries
        failed = entries[0].moved(State.FAILED)
        assert ledger.advance(failed)
        assert ledger.find(failed.picture_id, "expected") == failed

    def test_an_idempotency_key_keeps_its_first_request(self, jobs: JobLedger) -> None:
        first = IdempotentRequest("key", "digest", "job", CREATED, expires=FUTURE)
        other = replace(first, digest="other", job_id="another")

        assert jobs.remember_request(first) == first
        assert jobs.remember_request(other) == first

    def test_an_expired_idempotency_key_can_be_used_again(self, jobs: JobLedger) -> None:
        jobs.remember_request(IdempotentRequest("key", "digest", "job", CREATED, expires=1))
        other = IdempotentRequest("key", "other", "another", CREATED, expires=FUTURE)

        assert jobs.remember_request(other) == other

    def test_due_jobs_are_listed_oldest_first(self, jobs: JobLedger) -> None:
        old, older, new = (
            a_job(day * 32, created=f"2026-01-0{day}T00:00:00.000Z") for day in ("2", "1", "3")
        )
        for job in (old, older, new):
            jobs.open(job, announced(1))

        def due(limit: int) -> list[str]:
            return [job.id for job in jobs.due("2026-01-03T00:00:00.000Z", limit)]

        assert due(10) == [older.id, old.id]
        assert due(1) == [older.id]
        jobs.settle(older)
        assert due(10) == [old.id]

    def test_records_of_the_ledger_are_entries_and_jobs(self, jobs: JobLedger, ledger: Ledger) -> None:
        job = a_job(size=1)
        [entry] = member_entries(UPLOADS, job, 0, announced(1))
        jobs.remember_request(IdempotentRequest("key", "digest", job.id, CREATED, expires=FUTURE))
        jobs.open(job, announced(1))
        jobs.expect([entry])
        sealed = jobs.seal(job)
        ledger.save_cursor("uploads", "somewhere")

        records = list(ledger.records())

        assert len(records) == 2
        assert entry in records
        assert sealed in records
        assert list(ledger.all_entries()) == [entry]

    def test_latest_each_returns_items_in_the_order_of_the_keys(self, ledger: Ledger) -> None:
        first, second = a_member(0), a_member(1)
        latest = Latest(second.picture_id, "v1", 1)
        ledger.advance(latest)

        assert ledger.latest_each([first.picture_id, second.picture_id]) == [None, latest]


def commit(*entries: Entry, expected_revision: int = 0, **changes: object) -> Commit:
    ordinary = Commit(
        entries=tuple(Replacement(entry, expected_revision) for entry in entries),
        rows=tuple(Replacement(row_of([entry]), expected_revision) for entry in entries),
        job_id=entries[0].job_id if entries else "",
        job_delta=sum((row_of([entry]).tally for entry in entries), Tally()),
        delta=Tally(rendered=len(entries), bytes_before=1000, bytes_after=600),
    )
    return replace(ordinary, **changes)  # type: ignore[arg-type]


@BOTH
class TestCommits:
    def test_a_commit_writes_entries_rows_and_totals(self, views: Views) -> None:
        members = [a_member(number, State.RENDERED) for number in range(3)]

        assert views.commit(commit(*members))

        unknown = a_member(9)
        pictures = [unknown.picture_id, *(member.picture_id for member in reversed(members))]
        assert views.rows(pictures) == [None, *(row_of([member]) for member in reversed(members))]
        job = views.job(members[0].job_id)
        assert job
        assert (job.tally.rendered, job.revision, job.sealed) == (3, 1, False)
        assert views.totals() == Tally(rendered=3, bytes_before=1000, bytes_after=600)
        keys = [(unknown.picture_id, "v1"), (members[1].picture_id, "v1")]
        assert views.find_each(keys) == [None, members[1]]

    def test_of_picture_returns_no_rows(self, views: Views) -> None:
        member = a_member(0, State.RENDERED)

        views.commit(commit(member))

        assert views.of_picture(member.picture_id) == [member]

    def test_a_commit_with_an_outdated_revision_writes_nothing(self, views: Views) -> None:
        current, other = a_member(0, State.RENDERED), a_member(1, State.RENDERED)
        views.commit(commit(current))
        before = (views.job(current.job_id), views.totals())

        assert not views.commit(commit(other, replace(current, revision=3)))
        assert not views.commit(commit(other, expected_revision=1))
        moved = replace(current, revision=3)
        stale_row = replace(commit(moved, expected_revision=current.revision), rows=commit(moved).rows)
        assert not views.commit(stale_row)

        assert views.of_picture(current.picture_id) == [current]
        assert views.rows([other.picture_id]) == [None]
        assert (views.job(current.job_id), views.totals()) == before
        assert views.commit(commit(moved, expected_revision=current.revision))

    def test_a_job_record_replaces_the_previous_revision(self, views: Views) -> None:
        opened = a_job(size=5)
        sealed = replace(opened, revision=2)
        alone = Commit(entries=(), job_id=opened.id)

        assert views.commit(replace(alone, job=Replacement(opened, 0)))
        assert not views.commit(replace(alone, job=Replacement(sealed, 0)))
        assert views.commit(replace(alone, job=Replacement(sealed, 1)))

        assert views.job(opened.id) == JobView(opened.id, 5, opened.created, 2, Tally(), 2)

    def test_totals_of_a_job_can_precede_its_record(self, views: Views) -> None:
        member, job = a_member(0, State.RENDERED), a_job(size=1)
        views.commit(commit(member))

        assert views.commit(Commit(entries=(), job_id=job.id, job=Replacement(job, 0)))

        view = views.job(job.id)
        assert view
        assert (view.size, view.tally.rendered, view.revision) == (1, 1, 2)

    def test_totals_can_decrease(self, views: Views) -> None:
        member = a_member(0, State.RENDERED)
        views.commit(commit(member))
        again = commit(
            replace(member, revision=3),
            expected_revision=2,
            job_delta=Tally(rendered=-1),
            delta=Tally(rendered=-1),
        )

        assert views.commit(again)

        view = views.job(member.job_id)
        assert view
        assert (view.tally.rendered, views.totals().rendered) == (0, 0)

    def test_an_unchanged_job_is_not_written(self, views: Views) -> None:
        views.commit(commit(a_member(0)))

        assert views.job(a_member(0).job_id) is None

    def test_a_commit_takes_48_members_and_a_job_record(self, views: Views) -> None:
        members = [a_member(number, State.RENDERED) for number in range(48)]

        assert views.commit(commit(*members, job=Replacement(a_job(size=48, revision=2), 0)))

        view = views.job(members[0].job_id)
        assert view
        assert view.complete

    def test_expected_members_of_a_job_are_not_listed_as_recent(self, views: Views) -> None:
        views.commit(commit(a_member(0)))
        views.commit(commit(a_member(1, State.RENDERED)))

        assert [entry.number for entry in views.recent(5)[0]] == [1]

    def test_members_that_never_arrived_are_not_listed_as_failed(self, views: Views) -> None:
        never = a_member(0).moved(State.FAILED)

        views.commit(commit(never))

        assert views.failed() == ([], "")
