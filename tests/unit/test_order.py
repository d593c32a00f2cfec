"""S3's latest version is the truth, in whatever order its events come (design: rule 1)."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import Contended
from darkroom.model import Entry, Removal, Rendered, State, Upload, picture_id, shown
from darkroom.profile import Profile
from darkroom.rendering import Darkroom, Worker
from tests.builders import UPLOADS, a_rendering
from tests.fakes import FakeLedger, FakeOriginals, FakeProfiles, FakeRenditions

KEY = "image.png"
PICTURE = picture_id(UPLOADS, KEY)


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

    def latest(self, key: str) -> Upload | None:
        version, marker = self.stack[-1] if self.stack else ("", True)
        return None if marker else Upload(UPLOADS, KEY, version)


@dataclass
class House:
    bucket: Bucket = field(default_factory=Bucket)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    ledger: FakeLedger = field(default_factory=FakeLedger)

    def hears(self, *events: Upload | Removal) -> None:
        darkroom = Darkroom(self.bucket, self.renditions, self.ledger, FakeProfiles(), "engine 1")
        for event in events:
            darkroom.apply(event, Worker(engine))

    @property
    def shown(self) -> Entry | None:
        return shown(self.ledger.of_picture(PICTURE))

    @property
    def states(self) -> dict[str, State]:
        return {each.upload.version: each.state for each in self.ledger.of_picture(PICTURE)}


def engine(content: bytes, profile: Profile) -> Rendered:
    return a_rendering()


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
    darkroom = Darkroom(house.bucket, house.renditions, house.ledger, FakeProfiles(), "engine 1")

    def overtaken(content: bytes, profile: Profile) -> Rendered:
        house.hears(second)
        return a_rendering()

    [entry] = darkroom.apply(first, Worker(overtaken))

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
    house.bucket.put()
    marker = house.bucket.delete()
    house.hears(*house.bucket.events)

    house.bucket.destroy(marker)
    house.hears(house.bucket.events[-1])

    assert house.states == {"v1": State.RENDERED}
    assert house.renditions.objects


def test_a_delete_while_a_picture_is_rendered_wins(house: House) -> None:
    house.bucket.put()
    house.bucket.delete()
    put, delete = house.bucket.events
    darkroom = Darkroom(house.bucket, house.renditions, house.ledger, FakeProfiles(), "engine 1")

    def deleted_meanwhile(content: bytes, profile: Profile) -> Rendered:
        house.hears(delete)
        return a_rendering()

    with pytest.raises(Contended):
        darkroom.apply(put, Worker(deleted_meanwhile))
    house.hears(put)

    assert house.states == {"v1": State.DELETED}


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

    latest, entry = house.bucket.latest(KEY), house.shown
    alive = entry if entry and entry.state is not State.DELETED else None
    assert (alive.upload.version if alive else None) == (latest.version if latest else None)
    if alive:
        assert alive.state is State.RENDERED
        assert set(alive.rendition_keys) <= house.renditions.objects.keys()
