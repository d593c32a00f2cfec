"""Lost uploads are enqueued once, and unused renditions are removed (design: rule 2)."""

from copy import replace
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from darkroom.domain.entries import Entry, Latest, State
from darkroom.domain.jobs import Job
from darkroom.domain.keys import picture_id_of
from darkroom.domain.profile import Profile
from darkroom.domain.timestamps import now, timestamp
from darkroom.domain.uploads import Removal, Upload
from darkroom.services.jobs import Jobs
from darkroom.services.keys import Keys
from darkroom.services.notifications import notification_of, parse_queue_message
from darkroom.services.parking import Parking
from darkroom.services.reconciling import Reconciler, Worker
from darkroom.services.sweeping import ScanCursor, Sweep, stale
from tests.builders import (
    UPLOADS,
    a_receipt,
    a_reconciler,
    a_rendering,
    a_rendition,
    an_announcement,
    an_entry,
    an_upload,
)
from tests.fakes import FakeLedger, FakeOriginals, FakeQueue, FakeRenditions, FakeViews

LONG_AGO = timestamp(datetime.now(UTC) - timedelta(days=9))
PICTURE = picture_id_of(UPLOADS, "image.png")


@dataclass
class Bucket(FakeOriginals):
    """A bucket whose objects were stored at `arrived`."""

    arrived: str = LONG_AGO

    def current(self, key: str) -> Upload | None:
        found = super().current(key)
        return replace(found, arrived=self.arrived) if found else None


@dataclass
class Setup:
    originals: Bucket = field(default_factory=Bucket)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    queue: FakeQueue = field(default_factory=FakeQueue)

    @property
    def reconciler(self) -> Reconciler:
        return a_reconciler(self.originals, self.renditions, self.ledger)

    @property
    def sweep(self) -> Sweep:
        return Sweep(
            self.originals,
            self.renditions,
            self.ledger,
            self.ledger,
            self.queue,
            after_minutes=60,
            keep_hours=24,
            job_timeout_minutes=60,
        )

    def store(self, *keys: str) -> None:
        for key in keys:
            self.originals.store(key, b"pixels", "image/png")

    def enqueue_lost(self, pages: int = 100) -> list[str]:
        return list(chain.from_iterable(page.acted_on for page in self.sweep.enqueue_lost(pages)))

    def remove(self) -> set[str]:
        found = (*self.sweep.remove_superseded(), *self.sweep.remove_unused(100))
        return set(chain.from_iterable(page.acted_on for page in found))

    def make_renditions(self, *names: str) -> None:
        for name in names:
            self.renditions.store(f"{PICTURE}/{name}", b"", "image/jpeg")

    def record(self, state: State, *names: str, since: str = LONG_AGO, version: str = "v1") -> Entry:
        """Writes an entry with these renditions, in a state since `since`."""
        receipt = a_receipt(*(replace(a_rendition(), key=f"{PICTURE}/{name}") for name in names))
        entry = an_entry(state=state, revision=1, version=version, receipt=receipt)
        self.ledger.advance(replace(entry, since=since))
        if entry.is_live:
            latest = self.ledger.latest(PICTURE) or Latest(PICTURE)
            self.ledger.advance(latest.becoming(version))
        elif state is State.SUPERSEDED:
            self.ledger.superseded += replace(entry, since=since).superseded_renditions(entry.rendition_keys)
        return entry


@pytest.fixture
def setup() -> Setup:
    return Setup()


def test_a_lost_upload_is_enqueued_as_an_s3_notification(setup: Setup) -> None:
    setup.store("holiday/ü +%.png")

    assert setup.enqueue_lost() == ["holiday/ü +%.png"]

    [(message, expected_revision)] = setup.queue.sent
    assert expected_revision is None
    [change] = parse_queue_message(message, UPLOADS).changes
    found = setup.originals.current("holiday/ü +%.png")
    assert found
    assert isinstance(change, Upload)
    assert change == replace(found, request_id=change.request_id)
    assert change.request_id


def test_a_recently_swept_upload_is_not_swept_again(setup: Setup) -> None:
    setup.store("image.png")
    setup.enqueue_lost()

    assert setup.enqueue_lost() == []


def test_an_upload_swept_long_ago_without_an_attempt_is_swept_again(setup: Setup) -> None:
    setup.store("image.png")
    setup.enqueue_lost()
    [(key, entry)] = setup.ledger.entries.items()
    setup.ledger.entries[key] = replace(entry, since=LONG_AGO)

    assert setup.enqueue_lost() == ["image.png"]


def test_a_recent_upload_is_not_lost(setup: Setup) -> None:
    setup.originals.arrived = timestamp(datetime.now(UTC))
    setup.store("image.png")

    assert setup.enqueue_lost() == []


@pytest.mark.parametrize("state", [State.RENDERED, State.REJECTED, State.FAILED, State.SKIPPED])
def test_an_upload_that_has_ended_is_not_lost(setup: Setup, state: State) -> None:
    setup.store("image.png")
    setup.record(state)

    assert setup.enqueue_lost() == []


@pytest.mark.parametrize("state", [State.SUPERSEDED, State.DELETED])
def test_a_current_version_that_was_superseded_or_deleted_is_lost(setup: Setup, state: State) -> None:
    """The event of the removal that made it current again never came."""
    setup.store("image.png")
    setup.record(state)

    assert setup.enqueue_lost() == ["image.png"]
    assert setup.enqueue_lost() == []


def test_a_lost_delete_marker_is_enqueued_until_it_is_applied(setup: Setup) -> None:
    setup.store("image.png")
    setup.reconciler.apply(an_upload(), Worker(engine))  # type: ignore[arg-type]
    setup.originals.markers["image.png"] = "v2"

    assert setup.enqueue_lost() == ["image.png"]

    [change] = parse_queue_message(setup.queue.sent[0][0], UPLOADS).changes
    setup.reconciler.apply(change, Worker(engine))  # type: ignore[arg-type]
    [entry] = setup.ledger.of_picture(PICTURE)
    assert entry.state is State.DELETED
    assert setup.enqueue_lost() == []


def test_a_failed_removal_is_left_to_an_operator(setup: Setup) -> None:
    setup.store("image.png")
    setup.reconciler.apply(an_upload(), Worker(engine))  # type: ignore[arg-type]
    setup.originals.markers["image.png"] = "v2"
    removal = Removal(UPLOADS, "image.png", "v2", marker=True)
    Parking(Keys(setup.originals, setup.ledger)).park(removal, "its message")

    assert setup.enqueue_lost() == []


def test_an_abandoned_upload_is_lost(setup: Setup) -> None:
    setup.store("image.png")
    begun = setup.record(State.RENDERING)

    assert setup.enqueue_lost() == ["image.png"]
    assert setup.enqueue_lost() == []

    swept = setup.ledger.find(begun.picture_id, "v1")
    assert swept
    assert (swept.state, swept.revision) == (State.RENDERING, begun.revision + 1)


def test_a_leased_upload_is_not_lost(setup: Setup) -> None:
    setup.store("image.png")
    begun = setup.record(State.RENDERING).begun("9999-01-01T00:00:00.000Z", 1)
    setup.ledger.advance(replace(begun, since=LONG_AGO))

    assert setup.enqueue_lost() == []


def test_a_run_scans_some_pages_and_the_next_continues(setup: Setup) -> None:
    setup.originals.page_size = 2
    setup.store(*"abcdefg")

    found = [setup.enqueue_lost(pages=2) for _ in range(3)]

    assert found == [["a", "b", "c", "d"], ["e", "f", "g"], []]


@pytest.mark.parametrize(("objects", "pages"), [(100, 10), (6_720, 10), (67_200, 100)])
def test_a_large_bucket_is_scanned_within_a_week(objects: int, pages: int) -> None:
    cursor = ScanCursor(full_scan_pages=objects)

    assert cursor.pages_per_run(10) == pages
    assert ScanCursor.read(cursor.written) == cursor


@pytest.mark.parametrize("written", ["", "prefix/1.jpg", '{"KeyMarker": "a", "VersionIdMarker": "b"}'])
def test_a_cursor_in_another_form_starts_a_new_scan(written: str) -> None:
    assert ScanCursor.read(written) == ScanCursor()


def test_a_finished_scan_records_its_number_of_pages(setup: Setup) -> None:
    setup.originals.page_size = 2
    setup.store(*"abcde")

    setup.enqueue_lost()

    assert ScanCursor.read(setup.ledger.cursor("uploads")) == ScanCursor("", 0, 3)


def test_a_scan_can_be_restarted(setup: Setup) -> None:
    setup.store(*"abcdef")
    setup.ledger.save_cursor("uploads", ScanCursor("d", 2).written)

    setup.sweep.restart()

    assert setup.enqueue_lost() == list("abcdef")


def engine(content: bytes, profile: Profile) -> object:
    return a_rendering()


def test_a_late_event_of_a_swept_upload_changes_nothing(setup: Setup) -> None:
    setup.store("image.png")
    setup.enqueue_lost()
    reconciler = setup.reconciler
    [change] = parse_queue_message(setup.queue.sent[0][0], UPLOADS).changes

    [entry] = reconciler.apply(change, Worker(engine))  # type: ignore[arg-type]
    [after] = reconciler.apply(an_upload(), Worker(engine))  # type: ignore[arg-type]

    assert entry.state is State.RENDERED
    assert (after.state, after.receipt) == (State.RENDERED, entry.receipt)


def test_a_swept_upload_that_is_no_longer_current_is_superseded(setup: Setup) -> None:
    setup.store("image.png")
    setup.enqueue_lost()
    setup.store("image.png")
    reconciler = setup.reconciler
    [change] = parse_queue_message(setup.queue.sent[0][0], UPLOADS).changes

    [entry] = reconciler.apply(change, Worker(engine))  # type: ignore[arg-type]

    assert entry.state is State.SUPERSEDED


def test_an_upload_deleted_while_it_is_swept_stays_deleted(setup: Setup) -> None:
    setup.store("image.png")

    class Slow(FakeQueue):
        """Sends a message that is processed at once, after the upload was deleted."""

        def send(self, body: str, expected_revision: int | None = None) -> None:
            setup.originals.markers["image.png"] = "m2"
            for change in parse_queue_message(body, UPLOADS).changes:
                setup.reconciler.apply(change, Worker(engine))  # type: ignore[arg-type]

    setup.queue = Slow()
    setup.enqueue_lost()

    assert [entry.state for entry in setup.ledger.of_picture(PICTURE)] == [State.DELETED]


def test_renditions_named_by_a_receipt_are_kept(setup: Setup) -> None:
    setup.make_renditions("a", "b")
    setup.record(State.RENDERED, "a", "b")

    assert setup.remove() == set()


def test_renditions_named_by_no_receipt_are_removed(setup: Setup) -> None:
    setup.make_renditions("a", "orphan")
    setup.record(State.RENDERED, "a")

    assert setup.remove() == {f"{PICTURE}/orphan"}
    assert list(setup.renditions.objects) == [f"{PICTURE}/a"]


def test_unnamed_renditions_are_kept_during_a_rendering(setup: Setup) -> None:
    setup.make_renditions("a")
    setup.record(State.RENDERING)

    assert setup.remove() == set()


def test_a_recent_file_is_kept(setup: Setup) -> None:
    setup.renditions.since = timestamp(datetime.now(UTC))
    setup.make_renditions("a")

    assert setup.remove() == set()


def test_superseded_renditions_are_kept_for_a_while_and_then_removed(setup: Setup) -> None:
    setup.make_renditions("old", "older", "new")
    setup.record(State.RENDERED, "new", version="v3", since=timestamp(datetime.now(UTC)))
    setup.record(State.SUPERSEDED, "old", version="v2", since=timestamp(datetime.now(UTC)))
    setup.record(State.SUPERSEDED, "older", version="v1", since=LONG_AGO)

    assert setup.remove() == {f"{PICTURE}/older"}


def test_superseded_renditions_are_removed_without_listing_the_bucket(setup: Setup) -> None:
    setup.make_renditions("old", "new", "orphan")
    setup.record(State.RENDERED, "new", version="v2")
    setup.record(State.SUPERSEDED, "old", version="v1")

    found = [page.acted_on for page in setup.sweep.remove_superseded()]

    assert found == [(f"{PICTURE}/old",)]
    assert f"{PICTURE}/orphan" in setup.renditions.objects
    assert not setup.ledger.superseded


def test_a_version_that_is_live_again_has_other_renditions(setup: Setup) -> None:
    setup.store("image.png")
    [first] = setup.reconciler.apply(an_upload(), Worker(engine))  # type: ignore[arg-type]
    setup.store("image.png")
    setup.reconciler.apply(an_upload(version="v2"), Worker(engine))  # type: ignore[arg-type]
    del setup.originals.objects["image.png", "v2"]
    removal = Removal(UPLOADS, "image.png", "v2", marker=False)
    *_, restored = setup.reconciler.apply(removal, Worker(engine))  # type: ignore[arg-type]
    setup.ledger.superseded = [replace(record, since=LONG_AGO) for record in setup.ledger.superseded]

    assert setup.remove() == {*first.rendition_keys}

    assert restored.upload.version == "v1"
    assert setup.renditions.objects.keys() == {*restored.rendition_keys}


def test_only_live_renditions_of_a_frequently_stored_key_are_kept(setup: Setup) -> None:
    reconciler = setup.reconciler
    for number in range(5):
        setup.store("image.png")
        reconciler.apply(an_upload(version=f"v{number + 1}"), Worker(engine))  # type: ignore[arg-type]
    setup.ledger.superseded = [replace(record, since=LONG_AGO) for record in setup.ledger.superseded]
    [current] = setup.ledger.live_entries([setup.ledger.latest(PICTURE)])

    setup.remove()

    assert setup.renditions.objects.keys() == {*current[0].rendition_keys}


def test_renditions_of_a_previous_engine_are_superseded_by_new_ones(setup: Setup) -> None:
    setup.store("image.png")
    reconciler = setup.reconciler
    [before] = reconciler.apply(an_upload(), Worker(engine))  # type: ignore[arg-type]
    reconciler = a_reconciler(setup.originals, setup.renditions, setup.ledger, engine_version="engine 2")

    [after] = reconciler.apply(an_upload(), Worker(engine), before.revision)  # type: ignore[arg-type]

    [superseded_renditions] = setup.ledger.superseded
    assert {*superseded_renditions.keys} == {*before.rendition_keys}
    assert not {*superseded_renditions.keys} & {*after.rendition_keys}


def test_renditions_of_a_replaced_receipt_are_kept_for_a_while(setup: Setup) -> None:
    setup.make_renditions("by the old profile", "new")
    setup.record(State.RENDERED, "new", since=timestamp(datetime.now(UTC)))

    assert setup.remove() == set()


def test_renditions_left_by_a_deletion_are_removed_at_once(setup: Setup) -> None:
    setup.make_renditions("a")
    setup.record(State.DELETED, "a", since=timestamp(datetime.now(UTC)))

    assert setup.remove() == {f"{PICTURE}/a"}


def test_a_result_of_another_profile_or_engine_is_stale() -> None:
    fresh = an_entry("fresh.png", receipt=a_receipt(profile_hash="now", engine="engine 2"))
    older = an_entry("older.png", receipt=a_receipt(profile_hash="now", engine="engine 1"))
    other = an_entry("other.png", State.REJECTED, receipt=a_receipt(profile_hash="then", engine="engine 2"))
    gone = an_entry("gone.png", State.DELETED, receipt=a_receipt(profile_hash="then"))

    assert list(stale(iter([fresh, older, other, gone]), "now", "engine 2")) == [older, other]


def test_a_stale_result_is_rendered_again_once_and_shown_until_then(setup: Setup) -> None:
    setup.store("image.png")
    reconciler = setup.reconciler
    [before] = reconciler.apply(an_upload(), Worker(engine))  # type: ignore[arg-type]
    reconciler = a_reconciler(setup.originals, setup.renditions, setup.ledger, engine_version="engine 2")
    [change] = parse_queue_message(notification_of(before.upload), UPLOADS).changes

    def observe(content: bytes, profile: Profile) -> object:
        begun = setup.ledger.find(PICTURE, "v1")
        assert begun
        assert (begun.state, begun.receipt) == (State.RENDERING, before.receipt)
        return a_rendering()

    [entry] = reconciler.apply(change, Worker(observe), before.revision)  # type: ignore[arg-type]
    [again] = reconciler.apply(change, Worker(observe), before.revision)  # type: ignore[arg-type]

    assert entry.receipt
    assert entry.receipt.engine == "engine 2"
    assert again == entry


@dataclass
class OldJob(Setup):
    """With a job created long ago."""

    size: int = 3
    created: str = LONG_AGO

    def __post_init__(self) -> None:
        self.job = Jobs(self.originals.bucket, self.ledger, FakeViews())
        view = self.job.create([an_announcement(f"{number}.png") for number in range(self.size)])
        job = self.ledger.jobs[view.id]
        self.ledger.jobs[view.id] = replace(job, created=self.created)
        self.ledger.unsettled[view.id] = replace(job, created=self.created, size=0)

    @property
    def members(self) -> list[Entry]:
        return [entry for entry in self.ledger.entries.values() if entry.is_announcement]

    @property
    def states(self) -> list[str]:
        return [entry.state.value for entry in self.members]

    def settle(self) -> int:
        return sum(len(page.acted_on) for page in self.sweep.settle_jobs())

    def arrive(self, number: int, version: str = "v1") -> None:
        """Writes the Latest item of a member; without a version, the member was deleted since."""
        self.ledger.advance(Latest(self.members[number].picture_id, version, 1))


def test_uploads_that_never_arrived_fail_after_the_job_timeout() -> None:
    setup = OldJob()
    setup.arrive(1)

    assert setup.settle() == 2

    assert setup.states == ["failed", "expected", "failed"]
    assert setup.members[0].failure
    assert setup.members[0].failure.reason == "never_arrived"


def test_a_job_is_settled_once() -> None:
    setup = OldJob()

    assert [setup.settle(), setup.settle()] == [3, 0]

    assert not setup.ledger.unsettled


def test_all_old_jobs_are_settled() -> None:
    setup = OldJob()
    for number in range(25):
        setup.ledger.unsettled[f"{number}"] = Job(f"{number}", 0, LONG_AGO)

    setup.settle()

    assert not setup.ledger.unsettled


def test_a_recent_job_is_not_settled() -> None:
    setup = OldJob(created=now())

    assert setup.settle() == 0

    assert setup.states == ["expected"] * 3


def test_a_member_deleted_before_its_event_ends_as_deleted() -> None:
    setup = OldJob()
    setup.arrive(0, version="")

    setup.settle()

    assert setup.states == ["deleted", "failed", "failed"]


def test_a_job_whose_settling_crashed_falls_due_again() -> None:
    setup = OldJob(size=250)

    next(setup.sweep.settle_jobs())

    assert setup.states.count("failed") == 100
    assert setup.settle() == 150


def test_members_ended_by_another_sweep_do_not_block_the_others() -> None:
    setup = OldJob()
    moved = setup.members[1].moved(State.FAILED)

    class Superseded(FakeLedger):
        def advance(self, *moves: Any, **conditions: Any) -> bool:
            self.entries[moved.picture_id, moved.upload.version] = moved
            return super().advance(*moves, **conditions)

    setup.ledger = Superseded(**{item.name: getattr(setup.ledger, item.name) for item in fields(FakeLedger)})

    assert setup.settle() == 2

    assert setup.states == ["failed"] * 3


def test_a_swept_upload_belongs_to_its_job() -> None:
    setup = OldJob()
    member = setup.members[0]
    setup.originals.store(member.upload.key, b"pixels", "image/png")

    assert setup.enqueue_lost() == [member.upload.key]

    [recorded] = setup.ledger.of_picture(member.picture_id)
    assert (recorded.job_id, recorded.number) == (member.job_id, 0)
