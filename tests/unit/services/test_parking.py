"""What the queue gives up is visible with its reason, and can be tried again or let go (design: rule 4)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.domain.entries import Entry, Failure, Outcome, State, shown
from darkroom.domain.errors import DeadlineExceeded, DecoderProcessDied, LeaseHeld
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.timestamps import timestamp
from darkroom.domain.uploads import NO_VERSION, Removal, Upload
from darkroom.services.parking import Failures, Parking
from darkroom.services.rendering import Renderer, Worker
from tests.builders import UPLOADS, a_member, a_rendering, an_entry, an_upload
from tests.fakes import FakeLedger, FakeOriginals, FakeProfiles, FakeQueue, FakeRenditions, FakeViews

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
    """The worker's process ends at once: nothing after it runs."""


def killed(content: bytes, profile: Profile) -> Rendered:
    raise Killed


@dataclass
class House:
    originals: FakeOriginals = field(default_factory=FakeOriginals)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    views: FakeViews = field(default_factory=FakeViews)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def __post_init__(self) -> None:
        self.originals.store("image.png", b"pixels", "image/png")

    def attempts(
        self, *engines: Engine, change: Upload | Removal | None = None, expected_revision: int | None = None
    ) -> None:
        darkroom = Renderer(self.originals, FakeRenditions(), self.ledger, FakeProfiles(), "engine 1")
        for engine in engines:
            with suppress(Exception, Killed):  # as the queue, which tries again
                darkroom.apply(change or an_upload(), Worker(engine), expected_revision)
        for entry in self.ledger.entries.values():
            self.views.apply(entry)

    def parks(self, change: Upload | Removal | None = None) -> Entry | None:
        entry = Parking(self.ledger).park(change or an_upload(), MESSAGE)
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
def house() -> House:
    return House()


# the reason


@pytest.mark.parametrize(
    ("engine", "reason", "sentence"),
    [
        (failing, "exception", "OSError: the disk is gone"),
        (late, "timeout", "DeadlineExceeded: the invocation's time is up"),
        (killed, "killed", "Its worker was ended before it was done."),
    ],
)
def test_the_last_attempt_tells_why(house: House, engine: Engine, reason: str, sentence: str) -> None:
    house.attempts(failing, failing, engine)

    house.parks()

    assert house.entry.failure == Failure(reason, sentence)
    assert len(house.entry.attempts) == 3


def test_what_no_worker_could_begin_with_says_so(house: House) -> None:
    house.parks()

    assert house.entry.failure
    assert house.entry.failure.reason == "not_begun"


def test_an_attempt_is_noted_before_it_starts(house: House) -> None:
    seen: list[Entry] = []

    def looking(content: bytes, profile: Profile) -> Rendered:
        seen.append(house.entry)
        return a_rendering()

    house.attempts(looking)

    assert [(each.state, each.attempts[-1].outcome) for each in seen] == [(State.RENDERING, None)]
    assert house.entry.attempts[-1].outcome is Outcome.CONCLUDED


def test_no_entry_grows_without_end(house: House) -> None:
    house.attempts(*[failing] * 100)

    assert len(house.entry.attempts) == 20


# whose fault it is


def test_a_picture_that_kills_its_child_has_a_second_chance(house: House) -> None:
    house.attempts(deadly, working)

    assert house.entry.state is State.RENDERED


def test_a_picture_that_kills_its_child_twice_is_rejected(house: House) -> None:
    house.attempts(deadly, failing, deadly)

    assert house.entry.state is State.REJECTED
    assert house.entry.rejection
    assert house.entry.rejection.reason == "crashed"


def test_a_picture_whose_worker_was_killed_is_never_rejected(house: House) -> None:
    house.attempts(*[killed] * 10)
    house.parks()

    assert (house.entry.state, house.entry.failure and house.entry.failure.reason) == (State.FAILED, "killed")


# what is parked, and what is not


@pytest.mark.parametrize(
    "state", [State.RENDERED, State.REJECTED, State.SKIPPED, State.SUPERSEDED, State.DELETED, State.FAILED]
)
def test_an_upload_that_has_ended_stays_as_it_is(house: House, state: State) -> None:
    house.ledger.advance(replace(an_entry(state=state), revision=1))

    assert house.parks() is None
    assert house.entry.state is state


def test_an_upload_that_a_newer_one_has_overtaken_is_superseded(house: House) -> None:
    house.attempts(failing)
    house.originals.store("image.png", b"newer", "image/png")
    house.attempts(working, change=an_upload(version="v2", sequencer="1055AED6DCD90281E5"))

    house.parks()

    assert house.entry.state is State.SUPERSEDED


def test_while_another_worker_has_it_an_upload_is_not_parked(house: House) -> None:
    house.ledger.advance(Entry(an_upload(), State.RENDERING, 0).begun(TOMORROW))

    with pytest.raises(LeaseHeld):
        house.parks()


def test_while_another_worker_has_it_an_upload_is_not_rendered_a_second_time(house: House) -> None:
    house.ledger.advance(Entry(an_upload(), State.RENDERING, 0).begun(TOMORROW))
    darkroom = Renderer(house.originals, FakeRenditions(), house.ledger, FakeProfiles(), "engine 1")

    with pytest.raises(LeaseHeld):
        darkroom.apply(an_upload(), Worker(working))


# retry and skip


def test_a_retry_says_the_original_message_and_the_upload_is_rendered(house: House) -> None:
    house.attempts(failing)
    house.parks()

    [failed_entry] = house.failures.each()
    house.failures.retry(failed_entry)

    assert house.queue.sent == [(MESSAGE, failed_entry.revision)]
    house.attempts(working, expected_revision=failed_entry.revision)
    assert house.entry.state is State.RENDERED
    assert list(house.failures.each()) == []


def test_a_retry_that_comes_twice_renders_once(house: House) -> None:
    house.attempts(failing)
    house.parks()
    revision = house.entry.revision
    house.attempts(working, expected_revision=revision)
    rendered = house.entry

    house.attempts(failing, expected_revision=revision)

    assert house.entry == rendered


def test_a_message_of_before_does_not_revive_what_was_parked(house: House) -> None:
    house.attempts(failing)
    house.parks()

    house.attempts(working)

    assert house.entry.state is State.FAILED


def test_what_was_never_begun_and_is_gone_from_s3_ends_as_deleted_when_it_is_retried(house: House) -> None:
    house.parks()
    house.originals.objects.clear()

    house.attempts(working, expected_revision=house.entry.revision)

    assert house.entry.state is State.DELETED


def test_what_fails_again_is_parked_again_as_one_failure(house: House) -> None:
    house.attempts(failing)
    house.parks()
    house.attempts(killed, expected_revision=house.entry.revision)

    house.parks()

    [failed_entry] = house.failures.each()
    assert failed_entry.failure
    assert failed_entry.failure.reason == "killed"
    assert failed_entry.message == MESSAGE


def test_what_is_skipped_is_no_failure_any_more(house: House) -> None:
    house.attempts(failing)
    failed_entry = house.parks()
    assert failed_entry

    assert house.failures.skip(failed_entry)
    assert not house.failures.skip(failed_entry)

    assert house.entry.state is State.SKIPPED
    house.attempts(working, expected_revision=failed_entry.revision)
    assert house.entry.state is State.SKIPPED


def test_all_failures_are_listed_however_many_there_are(house: House) -> None:
    for number in range(7):
        house.parks(an_upload(f"{number}.png"))

    assert {each.upload.key for each in house.failures.each()} == {f"{number}.png" for number in range(7)}


def test_a_failure_is_found_by_its_id_for_as_long_as_it_is_one(house: House) -> None:
    failed_entry = house.parks()
    assert failed_entry

    assert house.failures.find(failed_entry.id) == failed_entry
    house.failures.skip(failed_entry)
    assert house.failures.find(failed_entry.id) is None
    assert house.failures.find("nonsense") is None


# removals


REMOVAL = Removal(UPLOADS, "image.png", "v2", sequencer="1055AED6DCD90281E5", marker=True)


def test_a_removal_that_was_given_up_is_a_failure_of_its_own_and_is_never_shown(house: House) -> None:
    house.attempts(working)

    house.parks(REMOVAL)

    [failed_entry] = house.failures.each()
    assert failed_entry.is_removal
    assert house.entry.state is State.RENDERED
    assert shown(house.ledger.of_picture(failed_entry.picture_id)) == house.entry


def test_a_removal_that_is_retried_closes_its_failure(house: House) -> None:
    house.attempts(working)
    failed_entry = house.parks(REMOVAL)
    assert failed_entry
    house.originals.objects.clear()

    house.attempts(working, change=REMOVAL, expected_revision=failed_entry.revision)

    assert house.entry.state is State.DELETED
    assert list(house.failures.each()) == []


def test_a_message_that_names_no_version_is_about_s3s_latest_and_closes_its_failure(house: House) -> None:
    unnamed = an_upload(version=NO_VERSION)
    failed_entry = house.parks(unnamed)
    assert failed_entry

    house.attempts(working, change=unnamed, expected_revision=failed_entry.revision)

    assert house.entry.state is State.RENDERED
    assert list(house.failures.each()) == []


def test_a_child_that_died_before_the_last_conclusion_is_not_held_against_a_picture(house: House) -> None:
    house.attempts(deadly, working)

    house.attempts(deadly, working, expected_revision=house.entry.revision)

    assert house.entry.state is State.RENDERED


def test_a_removal_that_failed_on_what_it_brought_back_says_why(house: House) -> None:
    house.originals.store("image.png", b"newer", "image/png")
    destroyed = Removal(UPLOADS, "image.png", "v2", "1055AED6DCD90281E5", marker=False)
    del house.originals.objects["image.png", "v2"]
    house.attempts(failing, change=destroyed)

    failed_entry = house.parks(destroyed)

    assert failed_entry
    assert failed_entry.failure == Failure("exception", "OSError: the disk is gone")


def test_a_member_that_nobody_could_begin_with_fails_in_its_job(house: House) -> None:
    member = a_member(2)
    house.ledger.expect([member])

    failed_entry = Parking(house.ledger).park(an_upload(member.upload.key), "its message")

    assert failed_entry
    assert (failed_entry.state, failed_entry.job_id, failed_entry.number) == (State.FAILED, member.job_id, 2)


def test_what_never_arrived_is_no_failure_that_can_be_retried(house: House) -> None:
    never = a_member(2).moved(State.FAILED)
    house.ledger.expect([a_member(2)])
    house.ledger.advance(never)

    assert house.failures.find(never.id) is None
