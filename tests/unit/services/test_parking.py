"""Failed uploads are listed with a reason, and can be retried or skipped (design: rule 4)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.domain.entries import Entry, Failure, Latest, Outcome, State, shown
from darkroom.domain.errors import DeadlineExceeded, DecoderProcessDied, LeaseHeld
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.timestamps import timestamp
from darkroom.domain.uploads import NO_VERSION, Removal, Upload
from darkroom.services.keys import Keys
from darkroom.services.parking import Failures, Parking
from darkroom.services.reconciling import Worker
from tests.builders import UPLOADS, a_member, a_reconciler, a_rendering, an_entry, an_upload
from tests.fakes import FakeLedger, FakeOriginals, FakeQueue, FakeRenditions, FakeViews

TOMORROW = timestamp(datetime.now(UTC) + timedelta(days=1))
MESSAGE = '{"Records": ["as S3 wrote it"]}'

type Engine = Callable[[bytes, Profile], Rendered]


def working(content: bytes, profile: Profile) -> Rendered:
    return a_rendering()


def failing(content: bytes, profile: Profile) -> Rendered:
    raise OSError("the disk is gone")


def late(content: bytes, profile: Profile) -> Rendered:
    raise DeadlineExceeded("the invocation's time is up")


def deadly(content: bytes, profile: Profile) -> Rendered:
    raise DecoderProcessDied("crashed", "The decoder crashed on this picture.")


class Killed(BaseException):
    """The process of the worker ends at once, without any clean-up."""


def killed(content: bytes, profile: Profile) -> Rendered:
    raise Killed


@dataclass
class Setup:
    originals: FakeOriginals = field(default_factory=FakeOriginals)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    views: FakeViews = field(default_factory=FakeViews)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.originals.store("image.png", b"pixels", "image/png")

    def attempt(
        self, *engines: Engine, change: Upload | Removal | None = None, expected_revision: int | None = None
    ) -> None:
        reconciler = a_reconciler(self.originals, FakeRenditions(), self.ledger)
        for engine in engines:
            with suppress(Exception, Killed):  # like the queue, which retries
                reconciler.apply(change or an_upload(), Worker(engine), expected_revision)
        for entry in self.ledger.entries.values():
            self.views.apply(entry)

    def park(self, change: Upload | Removal | None = None) -> Entry | None:
        entry = Parking(Keys(self.originals, self.ledger)).park(change or an_upload(), MESSAGE)
        if entry:
            self.views.apply(entry)
        return entry

    @property
    def failures(self) -> Failures:
        return Failures(self.ledger, self.views, self.queue)

    @property
    def entry(self) -> Entry:
        found = self.ledger.find(an_upload().picture_id, "v1")
        assert found
        return found


@pytest.fixture
def setup() -> Setup:
    return Setup()


@pytest.mark.parametrize(
    ("engine", "reason", "sentence"),
    [
        (failing, "exception", "OSError: the disk is gone"),
        (late, "timeout", "DeadlineExceeded: the invocation's time is up"),
        (killed, "killed", "The worker was killed before it finished."),
    ],
)
def test_a_failure_has_the_reason_of_the_last_attempt(
    setup: Setup, engine: Engine, reason: str, sentence: str
) -> None:
    setup.attempt(failing, failing, engine)

    setup.park()

    assert setup.entry.failure == Failure(reason, sentence)
    assert len(setup.entry.attempts) == 3


def test_a_failure_without_an_attempt_is_not_begun(setup: Setup) -> None:
    setup.park()

    assert setup.entry.failure
    assert setup.entry.failure.reason == "not_begun"


def test_an_attempt_is_recorded_before_it_starts(setup: Setup) -> None:
    seen: list[Entry] = []

    def observe(content: bytes, profile: Profile) -> Rendered:
        seen.append(setup.entry)
        return a_rendering()

    setup.attempt(observe)

    assert [(entry.state, entry.attempts[-1].outcome) for entry in seen] == [(State.RENDERING, None)]
    assert setup.entry.attempts[-1].outcome is Outcome.CONCLUDED


def test_an_entry_keeps_at_most_twenty_attempts(setup: Setup) -> None:
    setup.attempt(*[failing] * 100)

    assert len(setup.entry.attempts) == 20


def test_a_picture_that_crashes_its_decoder_is_retried_once(setup: Setup) -> None:
    setup.attempt(deadly, working)

    assert setup.entry.state is State.RENDERED


def test_a_picture_that_crashes_its_decoder_twice_is_rejected(setup: Setup) -> None:
    setup.attempt(deadly, failing, deadly)

    assert setup.entry.state is State.REJECTED
    assert setup.entry.rejection
    assert setup.entry.rejection.reason == "crashed"


def test_a_picture_whose_worker_was_killed_is_never_rejected(setup: Setup) -> None:
    setup.attempt(*[killed] * 10)
    setup.park()

    assert (setup.entry.state, setup.entry.failure and setup.entry.failure.reason) == (State.FAILED, "killed")


@pytest.mark.parametrize("state", [State.RENDERED, State.REJECTED, State.SKIPPED, State.FAILED])
def test_an_upload_that_has_ended_is_not_recorded_as_failed(setup: Setup, state: State) -> None:
    entry = replace(an_entry(state=state), revision=1)
    setup.ledger.advance(entry, Latest(entry.picture_id).becoming("v1"))

    assert setup.park() is None
    assert setup.entry.state is state


def test_an_upload_that_was_deleted_is_not_recorded_as_failed(setup: Setup) -> None:
    setup.attempt(failing)
    setup.originals.markers["image.png"] = "v2"

    setup.park()

    assert setup.entry.state is State.DELETED
    assert setup.park() is None


def test_an_upload_with_a_newer_version_is_superseded_not_failed(setup: Setup) -> None:
    setup.attempt(failing)
    setup.originals.store("image.png", b"newer", "image/png")
    setup.attempt(working, change=an_upload(version="v2"))

    setup.park()

    assert setup.entry.state is State.SUPERSEDED


def test_a_leased_upload_is_not_recorded_as_failed(setup: Setup) -> None:
    setup.ledger.advance(Entry(an_upload(), State.RENDERING, 0).begun(TOMORROW, 1))

    with pytest.raises(LeaseHeld):
        setup.park()


def test_a_leased_upload_is_not_rendered_by_another_worker(setup: Setup) -> None:
    setup.ledger.advance(Entry(an_upload(), State.RENDERING, 0).begun(TOMORROW, 1))
    reconciler = a_reconciler(setup.originals, FakeRenditions(), setup.ledger)

    with pytest.raises(LeaseHeld):
        reconciler.apply(an_upload(), Worker(working))


def test_a_retry_sends_the_original_message_and_renders_the_upload(setup: Setup) -> None:
    setup.attempt(failing)
    setup.park()

    [failed_entry] = setup.failures.list_all()
    setup.failures.retry(failed_entry)

    assert setup.queue.sent == [(MESSAGE, failed_entry.revision)]
    setup.attempt(working, expected_revision=failed_entry.revision)
    assert setup.entry.state is State.RENDERED
    assert list(setup.failures.list_all()) == []


def test_a_retry_delivered_twice_renders_once(setup: Setup) -> None:
    setup.attempt(failing)
    setup.park()
    revision = setup.entry.revision
    setup.attempt(working, expected_revision=revision)
    rendered = setup.entry

    setup.attempt(failing, expected_revision=revision)

    assert setup.entry == rendered


def test_an_old_message_does_not_render_a_failed_upload(setup: Setup) -> None:
    setup.attempt(failing)
    setup.park()

    setup.attempt(working)

    assert setup.entry.state is State.FAILED


def test_retrying_a_failure_whose_original_is_gone_ends_as_deleted(setup: Setup) -> None:
    setup.park()
    setup.originals.objects.clear()

    setup.attempt(working, expected_revision=setup.entry.revision)

    assert setup.entry.state is State.DELETED


def test_a_retry_that_fails_again_is_listed_as_one_failure(setup: Setup) -> None:
    setup.attempt(failing)
    setup.park()
    setup.attempt(killed, expected_revision=setup.entry.revision)

    setup.park()

    [failed_entry] = setup.failures.list_all()
    assert failed_entry.failure
    assert failed_entry.failure.reason == "killed"
    assert failed_entry.message == MESSAGE


def test_a_skipped_upload_is_no_longer_a_failure(setup: Setup) -> None:
    setup.attempt(failing)
    failed_entry = setup.park()
    assert failed_entry

    assert setup.failures.skip(failed_entry)
    assert not setup.failures.skip(failed_entry)

    assert setup.entry.state is State.SKIPPED
    setup.attempt(working, expected_revision=failed_entry.revision)
    assert setup.entry.state is State.SKIPPED


def test_all_pages_of_failures_are_listed(setup: Setup) -> None:
    for number in range(7):
        setup.originals.store(f"{number}.png", b"pixels", "image/png")
        setup.park(an_upload(f"{number}.png", f"v{number + 2}"))

    assert {entry.upload.key for entry in setup.failures.list_all()} == {
        f"{number}.png" for number in range(7)
    }


def test_a_failure_is_found_by_its_id_until_it_is_resolved(setup: Setup) -> None:
    failed_entry = setup.park()
    assert failed_entry

    assert setup.failures.find(failed_entry.id) == failed_entry
    setup.failures.skip(failed_entry)
    assert setup.failures.find(failed_entry.id) is None
    assert setup.failures.find("nonsense") is None


@pytest.mark.parametrize(
    "entry_id", [".v1", "x" * 2049 + ".v1", f"{'5f' * 16}.{'v' * 1025}", f"{'5f' * 16}."]
)
def test_no_failure_has_an_id_that_the_ledger_cannot_hold(setup: Setup, entry_id: str) -> None:
    class Refusing(FakeLedger):
        def find(self, picture_id: str, version: str) -> Entry | None:
            raise AssertionError("DynamoDB would refuse this request")

    setup.ledger = Refusing()
    assert setup.failures.find(entry_id) is None


REMOVAL = Removal(UPLOADS, "image.png", "v2", marker=True)


def test_a_failed_removal_is_a_separate_failure_and_never_shown(setup: Setup) -> None:
    setup.attempt(working)
    setup.originals.markers["image.png"] = "v2"

    setup.park(REMOVAL)

    [failed_entry] = setup.failures.list_all()
    assert failed_entry.is_removal
    assert setup.entry.state is State.RENDERED
    assert shown(setup.ledger.of_picture(failed_entry.picture_id)) == setup.entry


def test_a_retried_removal_closes_its_failure(setup: Setup) -> None:
    setup.attempt(working)
    setup.originals.markers["image.png"] = "v2"
    failed_entry = setup.park(REMOVAL)
    assert failed_entry

    setup.failures.retry(failed_entry)

    assert setup.queue.sent == [(MESSAGE, None)]
    setup.attempt(working, change=REMOVAL)

    assert setup.entry.state is State.DELETED
    assert list(setup.failures.list_all()) == []


def test_a_message_without_a_version_renders_the_current_one_and_closes_its_failure(setup: Setup) -> None:
    unnamed = an_upload(version=NO_VERSION)
    failed_entry = setup.park(unnamed)
    assert failed_entry

    setup.attempt(working, change=unnamed, expected_revision=failed_entry.revision)

    assert setup.entry.state is State.RENDERED
    assert list(setup.failures.list_all()) == []


def test_a_crash_before_the_last_concluded_attempt_does_not_count(setup: Setup) -> None:
    setup.attempt(deadly, working)

    setup.attempt(deadly, working, expected_revision=setup.entry.revision)

    assert setup.entry.state is State.RENDERED


def test_a_removal_that_failed_on_the_restored_version_has_its_reason(setup: Setup) -> None:
    setup.originals.store("image.png", b"newer", "image/png")
    destroyed = Removal(UPLOADS, "image.png", "v2", marker=False)
    del setup.originals.objects["image.png", "v2"]
    setup.attempt(failing, change=destroyed)

    failed_entry = setup.park(destroyed)

    assert failed_entry
    assert failed_entry.failure == Failure("exception", "OSError: the disk is gone")


def test_a_member_that_failed_before_its_first_attempt_belongs_to_its_job(setup: Setup) -> None:
    member = a_member(2)
    setup.ledger.expect([member])
    setup.originals.objects[member.upload.key, "v1"] = b"pixels"

    failed_entry = Parking(Keys(setup.originals, setup.ledger)).park(
        an_upload(member.upload.key), "its message"
    )

    assert failed_entry
    assert (failed_entry.state, failed_entry.job_id, failed_entry.number) == (State.FAILED, member.job_id, 2)


def test_an_upload_that_never_arrived_cannot_be_retried(setup: Setup) -> None:
    never = a_member(2).moved(State.FAILED)
    setup.ledger.expect([a_member(2)])
    setup.ledger.advance(never)

    assert setup.failures.find(never.id) is None
