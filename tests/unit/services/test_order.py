"""S3's latest version is the truth, in whatever order its events come (design: rule 1)."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.entries import Entry, State, shown
from darkroom.domain.errors import LeaseHeld, RevisionConflict
from darkroom.domain.keys import picture_id_of
from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.uploads import Removal, Upload
from darkroom.services.parking import Parking
from darkroom.services.reconciling import Reconciler, Worker
from tests.builders import UPLOADS, a_reconciler, a_rendering
from tests.fakes import FakeLedger, FakeOriginals, FakeRenditions

KEY = "image.png"
PICTURE = picture_id_of(UPLOADS, KEY)


@dataclass
class Bucket(FakeOriginals):
    """One key of a versioned bucket, with the events that its owner is told."""

    stack: list[tuple[str, bool]] = field(default_factory=list)  # version, and whether it is a delete marker
    events: list[Upload | Removal] = field(default_factory=list)

    def _next(self) -> tuple[str, str]:
        number = len(self.events) + 1
        return f"v{number}", f"{number:04X}"

    def put(self) -> str:
        version, sequencer = self._next()
        self.objects[KEY, version] = version.encode()
        self.stack.append((version, False))
        self.events.append(Upload(UPLOADS, KEY, version, sequencer=sequencer, arrived=sequencer))
        return version

    def delete(self) -> str:
        version, sequencer = self._next()
        self.stack.append((version, True))
        self.events.append(Removal(UPLOADS, KEY, version, sequencer, marker=True))
        return version

    def destroy(self, version: str) -> None:
        self.stack = [each for each in self.stack if each[0] != version]
        self.objects.pop((KEY, version), None)
        self.events.append(Removal(UPLOADS, KEY, version, self._next()[1], marker=False))

    def destroy_one(self, index: int) -> None:
        if self.stack:
            self.destroy(self.stack[index][0])

    def latest(self, key: str) -> Upload | None:
        version, marker = self.stack[-1] if self.stack else ("", True)
        return None if marker else Upload(UPLOADS, KEY, version)


@dataclass
class House:
    bucket: Bucket = field(default_factory=Bucket)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    ledger: FakeLedger = field(default_factory=FakeLedger)

    @property
    def reconciler(self) -> Reconciler:
        return a_reconciler(self.bucket, self.renditions, self.ledger)

    def brings_back(self) -> None:
        """A picture was deleted, and is on top again: its marker is destroyed, which nobody has heard yet."""
        self.bucket.put()
        marker = self.bucket.delete()
        self.hears(*self.bucket.events)
        self.bucket.destroy(marker)

    def hears(self, *events: Upload | Removal) -> None:
        for event in events:
            self.reconciler.apply(event, Worker(engine))

    @property
    def shown(self) -> Entry | None:
        return shown(self.ledger.of_picture(PICTURE))

    @property
    def states(self) -> dict[str, State]:
        return {each.upload.version: each.state for each in self.ledger.of_picture(PICTURE)}


def engine(content: bytes, profile: Profile) -> Rendered:
    return a_rendering()


def failing(content: bytes, profile: Profile) -> Rendered:
    raise OSError("the disk is gone")


@pytest.fixture
def house() -> House:
    return House()


def test_a_newer_version_supersedes_an_older(house: House) -> None:
    house.bucket.put()
    house.bucket.put()

    house.hears(*house.bucket.events)

    assert house.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_an_older_version_that_comes_late_is_superseded_and_never_shown(house: House) -> None:
    house.bucket.put()
    house.bucket.put()

    house.hears(*reversed(house.bucket.events))

    assert house.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_an_older_version_that_finishes_late_is_not_published(house: House) -> None:
    house.bucket.put()
    house.bucket.put()
    first, second = house.bucket.events

    def overtaken(content: bytes, profile: Profile) -> Rendered:
        house.hears(second)
        return a_rendering()

    [entry] = house.reconciler.apply(first, Worker(overtaken))

    assert entry.state is State.SUPERSEDED
    assert house.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_a_delete_marker_hides_the_picture_and_takes_its_renditions_along(house: House) -> None:
    house.bucket.put()
    house.bucket.delete()

    house.hears(*house.bucket.events)

    assert house.states == {"v1": State.DELETED}
    assert not house.renditions.objects


def test_a_picture_that_is_put_again_after_its_deletion_is_shown(house: House) -> None:
    house.bucket.put()
    house.bucket.delete()
    house.bucket.put()

    house.hears(*house.bucket.events)

    assert house.shown
    assert (house.shown.upload.version, house.shown.state) == ("v3", State.RENDERED)


def test_a_delete_that_is_heard_before_its_put_leaves_nothing_shown(house: House) -> None:
    house.bucket.put()
    house.bucket.delete()

    house.hears(*reversed(house.bucket.events))

    assert house.shown is None
    assert not house.renditions.objects


def test_when_the_latest_version_is_destroyed_the_one_before_is_back(house: House) -> None:
    house.bucket.put()
    second = house.bucket.put()
    house.hears(*house.bucket.events)

    house.bucket.destroy(second)
    house.hears(house.bucket.events[-1])

    assert house.states == {"v1": State.RENDERED, "v2": State.DELETED}


def test_when_an_old_version_is_destroyed_the_latest_stays(house: House) -> None:
    first = house.bucket.put()
    house.bucket.put()
    house.hears(*house.bucket.events)

    house.bucket.destroy(first)
    house.hears(house.bucket.events[-1])

    assert house.states == {"v1": State.DELETED, "v2": State.RENDERED}


def test_when_the_delete_marker_is_destroyed_the_picture_is_back(house: House) -> None:
    house.brings_back()
    house.hears(house.bucket.events[-1])

    assert house.states == {"v1": State.RENDERED}
    assert house.renditions.objects


def test_a_picture_that_is_back_shows_nothing_until_its_renditions_are(house: House) -> None:
    house.brings_back()

    with pytest.raises(OSError, match="disk"):
        house.reconciler.apply(house.bucket.events[-1], Worker(failing))

    assert house.shown
    assert not house.shown.settled


def test_a_delete_while_a_picture_is_rendered_wins(house: House) -> None:
    house.bucket.put()
    house.bucket.delete()
    put, delete = house.bucket.events

    def deleted_meanwhile(content: bytes, profile: Profile) -> Rendered:
        house.hears(delete)
        return a_rendering()

    with pytest.raises(RevisionConflict):
        house.reconciler.apply(put, Worker(deleted_meanwhile))
    house.hears(put)

    assert house.states == {"v1": State.DELETED}


@dataclass
class Meanwhile:
    """A port of which one method, the first time that it is asked for, finds that something has happened."""

    port: Any
    method: str
    happens: Callable[[], object]
    happened: bool = False

    def __getattr__(self, name: str) -> Any:
        if name == self.method and not self.happened:
            self.happened = True
            self.happens()
        return getattr(self.port, name)


@pytest.mark.parametrize(("port", "method"), [("ledger", "of_picture"), ("renditions", "remove")])
def test_a_picture_that_comes_back_while_it_is_deleted_is_shown(house: House, port: str, method: str) -> None:
    house.bucket.put()
    marker = house.bucket.delete()
    put, delete = house.bucket.events
    house.hears(put)

    def comes_back() -> None:
        house.bucket.destroy(marker)
        house.hears(house.bucket.events[-1])

    meanwhile: Any = Meanwhile(getattr(house, port), method, comes_back)
    replace(house.reconciler, **{port: meanwhile}).apply(delete, Worker(engine))

    assert_all_is_as_s3_says(house)


def test_a_picture_that_is_rendered_anew_while_its_files_are_deleted_has_them_in_the_end(
    house: House,
) -> None:
    house.bucket.put()
    marker = house.bucket.delete()
    put, delete = house.bucket.events
    house.hears(put)
    stored, removed = Event(), Event()

    class Slow(FakeLedger):
        """Takes its time to publish what is rendered."""

        def advance(self, *moves: Any, unchanged: Any = None) -> bool:
            if any(isinstance(move, Entry) and move.state is State.RENDERED for move in moves):
                stored.set()
                assert removed.wait(10)
            return super().advance(*moves, unchanged=unchanged)

    slow = replace(house.reconciler, ledger=Slow(house.ledger.entries, house.ledger.latests))

    with ThreadPoolExecutor() as pool:

        def comes_back() -> None:
            house.bucket.destroy(marker)
            pool.submit(slow.apply, house.bucket.events[-1], Worker(engine, lease_expires="9999"))
            assert stored.wait(10)

        meanwhile: Any = Meanwhile(house.renditions, "remove", comes_back)
        with pytest.raises(LeaseHeld):
            replace(house.reconciler, renditions=meanwhile).apply(delete, Worker(engine))
        removed.set()
    house.hears(house.bucket.events[-1], delete)

    assert_all_is_as_s3_says(house)


OPERATIONS = st.lists(st.sampled_from(["put", "delete", "destroy newest", "destroy oldest"]), max_size=8)


@given(OPERATIONS, st.randoms(use_true_random=False))
def test_events_in_any_order_and_number_end_as_s3_says(operations: list[str], dice) -> None:  # type: ignore[no-untyped-def]
    house = House()
    for operation in ["put", *operations]:
        if operation == "put":
            house.bucket.put()
        elif operation == "delete":
            house.bucket.delete()
        elif house.bucket.stack:
            house.bucket.destroy(house.bucket.stack[-1 if operation == "destroy newest" else 0][0])
    events = [event for event in house.bucket.events for _ in range(dice.randint(1, 3))]
    dice.shuffle(events)

    house.hears(*events)

    assert_all_is_as_s3_says(house)


# What else may happen than that events come in another order.


def test_a_removal_whose_picture_could_not_be_rendered_is_taken_up_by_its_redelivery(house: House) -> None:
    house.brings_back()

    with pytest.raises(OSError, match="disk"):
        house.reconciler.apply(house.bucket.events[-1], Worker(failing))
    house.hears(house.bucket.events[-1])

    assert house.states == {"v1": State.RENDERED}


def test_a_picture_that_is_back_is_rendered_anew_like_any_other(house: House) -> None:
    house.bucket.put()
    second = house.bucket.put()
    house.bucket.destroy(second)
    house.hears(*house.bucket.events)
    entry = house.ledger.find(PICTURE, "v1")
    assert entry

    house.reconciler.apply(entry.upload, Worker(engine), expected_revision=entry.revision)

    assert house.states == {"v1": State.RENDERED, "v2": State.DELETED}


def test_an_older_version_that_is_retried_does_not_win_over_a_newer_that_was_swept(
    house: House,
) -> None:
    house.bucket.put()
    [older] = house.bucket.events
    with pytest.raises(OSError, match="disk"):
        house.reconciler.apply(older, Worker(failing))
    house.bucket.put()
    swept = house.bucket.latest(KEY)
    assert swept
    house.hears(swept)

    house.hears(older)

    assert house.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_the_late_event_of_what_was_swept_does_not_win_over_a_newer_that_is_being_rendered(
    house: House,
) -> None:
    house.bucket.put()
    first = house.bucket.latest(KEY)
    assert first
    house.hears(first)
    house.bucket.put()
    second = house.bucket.latest(KEY)
    assert second

    def late(content: bytes, profile: Profile) -> Rendered:
        house.hears(house.bucket.events[0])
        return a_rendering()

    house.reconciler.apply(second, Worker(late))

    assert house.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_a_delete_marker_that_says_no_sequencer_is_heard(house: House) -> None:
    house.bucket.put()
    house.bucket.delete()
    put, marker = house.bucket.events
    assert isinstance(marker, Removal)

    house.hears(put, replace(marker, sequencer=""))

    assert house.states == {"v1": State.DELETED}


def test_a_key_of_many_versions_is_deleted_like_any_other(house: House) -> None:
    for _ in range(120):
        house.bucket.put()
    house.hears(*house.bucket.events)
    house.bucket.delete()

    house.hears(house.bucket.events[-1])

    assert house.shown
    assert house.shown.state is State.DELETED


def test_what_a_newer_version_takes_the_place_of_is_found_without_reading_all_that_the_key_ever_had(
    house: House,
) -> None:
    for _ in range(50):
        house.bucket.put()
    *older, newest = house.bucket.events
    house.hears(*older)
    reads = Reads(house.ledger)

    replace(house.reconciler, ledger=reads).apply(newest, Worker(engine))

    assert reads.entries_read <= 6
    assert list(house.states.values()).count(State.RENDERED) == 1


def test_a_version_that_nobody_could_begin_with_gives_way_to_a_newer_one(house: House) -> None:
    house.bucket.put()
    house.bucket.put()
    first, second = house.bucket.events
    Parking(house.ledger).park(first, "its message")

    house.hears(second)

    assert house.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


@pytest.mark.parametrize("later", ["put", "delete"])
def test_an_older_version_that_nobody_could_begin_with_does_not_win_over_what_is_parked_beside_it(
    house: House, later: str
) -> None:
    house.bucket.put()
    getattr(house.bucket, later)()
    older, newer = house.bucket.events
    failed_entry = Parking(house.ledger).park(older, "its message")
    Parking(house.ledger).park(newer, "its message")
    assert failed_entry

    house.reconciler.apply(older, Worker(engine), expected_revision=failed_entry.revision)

    beside = "v2" if later == "put" else "removal:v2"
    assert house.states == {"v1": State.SUPERSEDED, beside: State.FAILED}


def test_what_was_swept_while_a_delete_marker_hid_it_is_back_when_the_marker_is_destroyed(
    house: House,
) -> None:
    house.bucket.put()
    swept = house.bucket.latest(KEY)
    assert swept
    with pytest.raises(OSError, match="disk"):
        house.reconciler.apply(house.bucket.events[-1], Worker(failing))
    marker = house.bucket.delete()
    house.hears(swept)

    house.bucket.destroy(marker)
    house.hears(house.bucket.events[-1])

    assert house.states == {"v1": State.RENDERED}


@pytest.mark.parametrize("later", ["put", "delete"])
def test_an_older_version_that_is_rendered_anew_does_not_clear_away_what_is_parked_beside_it(
    house: House, later: str
) -> None:
    house.bucket.put()
    house.hears(*house.bucket.events)
    getattr(house.bucket, later)()
    Parking(house.ledger).park(house.bucket.events[-1], "its message")
    entry = house.ledger.find(PICTURE, "v1")
    assert entry

    house.reconciler.apply(entry.upload, Worker(engine), expected_revision=entry.revision)

    beside = "v2" if later == "put" else "removal:v2"
    assert house.states == {"v1": State.RENDERED, beside: State.FAILED}


def test_a_key_that_is_overwritten_faster_than_it_is_rendered_remembers_no_more_than_it_must(
    house: House,
) -> None:
    def overtaken(content: bytes, profile: Profile) -> Rendered:
        house.bucket.put()
        with suppress(OSError):
            house.reconciler.apply(house.bucket.events[-1], Worker(failing))
        return a_rendering()

    house.bucket.put()
    for _ in range(100):
        house.reconciler.apply(house.bucket.events[-1], Worker(overtaken))

    assert list(house.states.values()).count(State.SUPERSEDED) == 100
    assert len(house.ledger.latests[PICTURE].current_versions) < 25


class Reads(FakeLedger):
    """A ledger that counts the entries that are read of it."""

    def __init__(self, ledger: FakeLedger) -> None:
        super().__init__(ledger.entries, ledger.latests)
        self.entries_read = 0

    def find(self, picture_id: str, version: str) -> Entry | None:
        self.entries_read += 1
        return super().find(picture_id, version)

    def of_picture(self, picture_id: str) -> list[Entry]:
        found = super().of_picture(picture_id)
        self.entries_read += len(found)
        return found


@dataclass
class Weather:
    """A queue with a will of its own: faults, duplicates, losses, failures that are parked and retried."""

    dice: Any
    house: House = field(default_factory=House)
    waiting: list[tuple[Upload | Removal, int | None, int]] = field(default_factory=list)
    failed_entry: dict[str, Upload | Removal] = field(default_factory=dict)
    told: int = 0

    @property
    def unsettled(self) -> bool:
        failed = any(entry.state is State.FAILED for entry in self.house.ledger.of_picture(PICTURE))
        on_top = self.house.bucket.latest(KEY)
        lost = on_top and not self.house.ledger.find(PICTURE, on_top.version)
        return bool(self.waiting or failed or lost)

    def tells(self) -> None:
        """Puts into the queue what the bucket has said since; some twice, and of the puts some never."""
        for event in self.house.bucket.events[self.told :]:
            if not isinstance(event, Upload) or self.dice.random() > 0.2:
                self.waiting += [(event, None, 0)] * self.dice.choice([1, 1, 2])
        self.told = len(self.house.bucket.events)

    def sweeps(self) -> None:
        on_top = self.house.bucket.latest(KEY)
        if on_top and not self.house.ledger.find(PICTURE, on_top.version):
            self.waiting.append((on_top, None, 0))

    def renews(self) -> None:
        for entry in self.house.ledger.of_picture(PICTURE):
            if entry.state is State.RENDERED:
                self.waiting.append((entry.upload, entry.revision, 0))

    def retries(self) -> None:
        """As an operator would: all that is listed as failed."""
        for entry in self.house.ledger.of_picture(PICTURE):
            if entry.state is State.FAILED:
                self.waiting.append((self.failed_entry[entry.upload.version], entry.revision, 0))

    def delivers(self) -> None:
        """One of the messages, if there is any; one that has failed twice is parked."""
        if not self.waiting:
            return
        change, expected_revision, failures = self.waiting.pop(self.dice.randrange(len(self.waiting)))
        try:
            self.house.reconciler.apply(change, Worker(self.engine), expected_revision)
        except (OSError, RevisionConflict):
            if failures < 1:
                self.waiting.append((change, expected_revision, failures + 1))
            elif failed_entry := Parking(self.house.ledger).park(change, "its message"):
                self.failed_entry[failed_entry.upload.version] = change

    def engine(self, content: bytes, profile: Profile) -> Rendered:
        return failing(content, profile) if self.dice.random() < 0.3 else engine(content, profile)


def what_may_happen(weather: Weather) -> dict[str, Callable[[], object]]:
    """By its weight, from likely to seldom."""
    bucket, dice = weather.house.bucket, weather.dice
    return {
        "deliver": weather.delivers,
        "put": bucket.put,
        "delete": bucket.delete,
        "destroy": lambda: bucket.destroy_one(dice.choice([0, -1])),
        "sweep": weather.sweeps,
        "renew": weather.renews,
        "retry": weather.retries,
    }


@settings(max_examples=400)
@given(st.integers(0, 2**32))
def test_whatever_happens_meanwhile_all_ends_as_s3_says(seed: int) -> None:
    weather = Weather(random.Random(seed))  # noqa: S311 - a history, not a secret
    house, happenings = weather.house, what_may_happen(weather)
    names = ["put", *weather.dice.choices([*happenings], [6, 4, 2, 2, 1, 1, 1], k=weather.dice.randrange(24))]
    for name in names:
        happenings[name]()
        weather.tells()
    while weather.unsettled:  # what was lost is found, and what failed is retried, sooner or later
        while weather.waiting:
            weather.delivers()
        weather.sweeps()
        weather.retries()

    assert_all_is_as_s3_says(house)
    assert [entry for entry in house.ledger.of_picture(PICTURE) if not entry.state.terminal] == []


def assert_all_is_as_s3_says(house: House) -> None:
    latest, entry = house.bucket.latest(KEY), house.shown
    alive = entry if entry and entry.state is not State.DELETED else None
    assert (alive.upload.version if alive else None) == (latest.version if latest else None)
    if alive:
        assert alive.state is State.RENDERED
        assert set(alive.rendition_keys) <= house.renditions.objects.keys()
