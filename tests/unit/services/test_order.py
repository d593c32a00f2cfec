"""S3's current version is the latest in the ledger, for any order of events (design: rule 1)."""

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
from darkroom.services.keys import Keys
from darkroom.services.parking import Parking
from darkroom.services.reconciling import Reconciler, Worker
from tests.builders import UPLOADS, a_reconciler, a_rendering
from tests.fakes import FakeLedger, FakeOriginals, FakeRenditions

KEY = "image.png"
PICTURE = picture_id_of(UPLOADS, KEY)


@dataclass
class Bucket(FakeOriginals):
    """One key of a versioned bucket, with its events."""

    stack: list[tuple[str, bool]] = field(default_factory=list)  # (version, is a delete marker)
    events: list[Upload | Removal] = field(default_factory=list)

    def _next(self) -> tuple[str, str]:
        number = len(self.events) + 1
        return f"v{number}", f"{number:04X}"

    def put(self) -> str:
        version, arrived = self._next()
        self.objects[KEY, version] = version.encode()
        self.stack.append((version, False))
        self.events.append(Upload(UPLOADS, KEY, version, arrived=arrived))
        return version

    def delete(self) -> str:
        version, _ = self._next()
        self.stack.append((version, True))
        self.events.append(Removal(UPLOADS, KEY, version, marker=True))
        return version

    def destroy(self, version: str) -> None:
        self.stack = [item for item in self.stack if item[0] != version]
        self.objects.pop((KEY, version), None)
        self.events.append(Removal(UPLOADS, KEY, version, marker=False))

    def destroy_at(self, index: int) -> None:
        if self.stack:
            self.destroy(self.stack[index][0])

    def current(self, key: str) -> Upload | None:
        version, marker = self.stack[-1] if self.stack else ("", True)
        return None if marker else Upload(UPLOADS, KEY, version)


@dataclass
class Setup:
    bucket: Bucket = field(default_factory=Bucket)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    ledger: FakeLedger = field(default_factory=FakeLedger)

    @property
    def reconciler(self) -> Reconciler:
        return a_reconciler(self.bucket, self.renditions, self.ledger)

    @property
    def keys(self) -> Keys:
        return Keys(self.bucket, self.ledger)

    def put(self) -> str:
        """Puts a version, and applies its event at once."""
        version = self.bucket.put()
        self.apply(self.bucket.events[-1])
        return version

    def delete(self) -> str:
        """Puts a delete marker, and applies its event at once."""
        marker = self.bucket.delete()
        self.apply(self.bucket.events[-1])
        return marker

    def restore(self) -> None:
        """Deletes a picture and restores it in the bucket; the event of that is not applied yet."""
        self.put()
        self.bucket.destroy(self.delete())

    def apply(self, *events: Upload | Removal) -> None:
        for event in events:
            self.reconciler.apply(event, Worker(engine))

    @property
    def shown(self) -> Entry | None:
        return shown(self.ledger.of_picture(PICTURE))

    @property
    def states(self) -> dict[str, State]:
        return {entry.upload.version: entry.state for entry in self.ledger.of_picture(PICTURE)}


def engine(content: bytes, profile: Profile) -> Rendered:
    return a_rendering()


def failing(content: bytes, profile: Profile) -> Rendered:
    raise OSError("the disk is gone")


@pytest.fixture
def setup() -> Setup:
    return Setup()


def test_a_newer_version_supersedes_an_older(setup: Setup) -> None:
    setup.put()
    setup.put()

    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_a_late_event_of_an_older_version_is_superseded_and_never_shown(setup: Setup) -> None:
    setup.bucket.put()
    setup.bucket.put()

    setup.apply(*reversed(setup.bucket.events))

    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_an_older_version_that_finishes_late_is_not_published(setup: Setup) -> None:
    setup.bucket.put()

    def superseded(content: bytes, profile: Profile) -> Rendered:
        setup.bucket.put()
        setup.apply(setup.bucket.events[-1])
        return a_rendering()

    [entry] = setup.reconciler.apply(setup.bucket.events[0], Worker(superseded))

    assert entry.state is State.SUPERSEDED
    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}
    assert setup.shown
    assert setup.renditions.objects.keys() == {*setup.shown.rendition_keys}


def test_a_delete_marker_removes_the_picture_and_its_renditions(setup: Setup) -> None:
    setup.put()
    assert setup.renditions.objects

    setup.delete()

    assert setup.states == {"v1": State.DELETED}
    assert not setup.renditions.objects


def test_a_picture_stored_again_after_deletion_is_shown(setup: Setup) -> None:
    setup.put()
    setup.delete()
    setup.put()

    assert setup.shown
    assert (setup.shown.upload.version, setup.shown.state) == ("v3", State.RENDERED)


def test_a_picture_deleted_before_its_event_came_ends_as_deleted(setup: Setup) -> None:
    setup.bucket.put()
    setup.bucket.delete()

    setup.apply(*reversed(setup.bucket.events))

    assert setup.states == {"v1": State.DELETED}
    assert not setup.renditions.objects


def test_deleting_the_latest_version_restores_the_previous_one(setup: Setup) -> None:
    setup.put()
    second = setup.put()

    setup.bucket.destroy(second)
    setup.apply(setup.bucket.events[-1])

    assert setup.states == {"v1": State.RENDERED, "v2": State.DELETED}


def test_deleting_an_old_version_keeps_the_latest(setup: Setup) -> None:
    first = setup.put()
    setup.put()

    setup.bucket.destroy(first)
    setup.apply(setup.bucket.events[-1])

    assert setup.states == {"v1": State.DELETED, "v2": State.RENDERED}


def test_deleting_the_delete_marker_restores_the_picture(setup: Setup) -> None:
    setup.restore()
    setup.apply(setup.bucket.events[-1])

    assert setup.states == {"v1": State.RENDERED}
    assert setup.renditions.objects


def test_a_restored_picture_has_no_result_until_it_is_rendered(setup: Setup) -> None:
    setup.restore()

    with pytest.raises(OSError, match="disk"):
        setup.reconciler.apply(setup.bucket.events[-1], Worker(failing))

    assert setup.shown
    assert not setup.shown.has_result


def test_a_restored_version_does_not_show_renditions_that_the_sweep_removes(setup: Setup) -> None:
    setup.bucket.put()
    setup.apply(setup.bucket.events[-1])
    second = setup.bucket.put()
    setup.apply(setup.bucket.events[-1])
    setup.bucket.destroy(second)

    with pytest.raises(OSError, match="disk"):
        setup.reconciler.apply(setup.bucket.events[-1], Worker(failing))

    assert setup.shown
    assert setup.shown.upload.version == "v1"
    assert not setup.shown.has_result


@pytest.mark.parametrize("change", ["put", "delete"])
def test_a_restored_version_that_fails_names_no_renditions(setup: Setup, change: str) -> None:
    setup.bucket.put()
    setup.apply(setup.bucket.events[-1])
    newer = getattr(setup.bucket, change)()
    setup.apply(setup.bucket.events[-1])
    setup.bucket.destroy(newer)

    Parking(setup.keys).park(Upload(UPLOADS, KEY, "v1"), "its message")

    assert setup.shown
    assert (setup.shown.state, setup.shown.to_show) == (State.FAILED, None)


def test_a_deletion_during_a_rendering_wins(setup: Setup) -> None:
    setup.bucket.put()

    def deleted_meanwhile(content: bytes, profile: Profile) -> Rendered:
        setup.bucket.delete()
        setup.apply(setup.bucket.events[-1])
        return a_rendering()

    setup.reconciler.apply(setup.bucket.events[0], Worker(deleted_meanwhile))

    assert setup.states == {"v1": State.DELETED}
    assert not setup.renditions.objects


@dataclass
class Meanwhile:
    """Runs `action` before the first call of one method of a port."""

    port: Any
    method: str
    action: Callable[[], object]
    done: bool = False

    def __getattr__(self, name: str) -> Any:
        if name == self.method and not self.done:
            self.done = True
            self.action()
        return getattr(self.port, name)


@pytest.mark.parametrize(("port", "method"), [("ledger", "of_picture"), ("renditions", "remove")])
def test_a_picture_restored_during_its_deletion_is_shown(setup: Setup, port: str, method: str) -> None:
    setup.put()
    marker = setup.bucket.delete()
    delete = setup.bucket.events[-1]

    def restore() -> None:
        setup.bucket.destroy(marker)
        setup.apply(setup.bucket.events[-1])

    meanwhile: Any = Meanwhile(getattr(setup, port), method, restore)
    interrupted: Any = {
        "ledger": {"keys": replace(setup.keys, ledger=meanwhile)},
        "renditions": {"renditions": meanwhile},
    }
    replace(setup.reconciler, **interrupted[port]).apply(delete, Worker(engine))

    assert_agrees_with_s3(setup)


def test_a_picture_rendered_again_during_its_deletion_ends_with_its_files(
    setup: Setup,
) -> None:
    setup.put()
    marker = setup.bucket.delete()
    delete = setup.bucket.events[-1]
    stored, removed = Event(), Event()

    class Slow(FakeLedger):
        """Publishes only after `removed` is set."""

        def advance(self, *moves: Any, unchanged: Any = None) -> bool:
            if any(isinstance(move, Entry) and move.state is State.RENDERED for move in moves):
                stored.set()
                assert removed.wait(10)
            return super().advance(*moves, unchanged=unchanged)

    slow = replace(
        setup.reconciler, keys=replace(setup.keys, ledger=Slow(setup.ledger.entries, setup.ledger.latests))
    )

    with ThreadPoolExecutor() as pool:

        def restore() -> None:
            setup.bucket.destroy(marker)
            pool.submit(slow.apply, setup.bucket.events[-1], Worker(engine, lease_expires="9999"))
            assert stored.wait(10)

        meanwhile: Any = Meanwhile(setup.renditions, "remove", restore)
        with pytest.raises(LeaseHeld):
            replace(setup.reconciler, renditions=meanwhile).apply(delete, Worker(engine))
        removed.set()
    setup.apply(setup.bucket.events[-1], delete)

    assert_agrees_with_s3(setup)


def test_a_version_superseded_while_a_removal_restores_it_is_rendered(setup: Setup) -> None:
    setup.bucket.put()
    second = setup.bucket.put()
    late, newer = setup.bucket.events
    setup.apply(newer)
    setup.bucket.destroy(second)
    removal = setup.bucket.events[-1]

    class Interrupted(FakeLedger):
        """Applies the late event of the first version after its entry was not found."""

        def find(self, picture_id: str, version: str) -> Entry | None:
            found = super().find(picture_id, version)
            if version == "v1" and found is None:
                setup.apply(late)
            return found

    interrupted = Interrupted(setup.ledger.entries, setup.ledger.latests)
    replace(setup.reconciler, keys=replace(setup.keys, ledger=interrupted)).apply(removal, Worker(engine))

    assert setup.states == {"v1": State.RENDERED, "v2": State.DELETED}


def interrupted(setup: Setup, method: str, action: Callable[[], object]) -> Reconciler:
    """Returns a reconciler that runs `action` before its first call of one method of the ledger."""
    ledger: Any = Meanwhile(setup.ledger, method, action)
    return replace(setup.reconciler, keys=replace(setup.keys, ledger=ledger))


def test_a_version_replaced_while_its_key_is_read_is_not_rendered(setup: Setup) -> None:
    setup.bucket.put()

    def replace_it() -> None:
        setup.bucket.put()
        setup.apply(setup.bucket.events[-1])

    interrupted(setup, "latest", replace_it).apply(setup.bucket.events[0], Worker(engine))

    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_a_version_replaced_before_its_attempt_began_is_not_rendered(setup: Setup) -> None:
    setup.bucket.put()
    rendered = []

    def recording(content: bytes, profile: Profile) -> Rendered:
        rendered.append(content)
        return a_rendering()

    def replace_it() -> None:
        setup.bucket.put()
        setup.reconciler.apply(setup.bucket.events[-1], Worker(recording))

    interrupted(setup, "find", replace_it).apply(setup.bucket.events[0], Worker(recording))

    assert rendered == [b"v2"]
    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_a_retried_removal_of_an_older_version_closes_its_failure(setup: Setup) -> None:
    setup.bucket.put()
    setup.bucket.put()
    setup.apply(*setup.bucket.events)
    setup.bucket.destroy("v1")
    Parking(setup.keys).park(setup.bucket.events[-1], "its message")

    setup.apply(setup.bucket.events[-1])

    assert setup.states == {"v1": State.DELETED, "v2": State.RENDERED, "removal:v1": State.DELETED}


def test_a_removal_stays_a_failure_until_the_renditions_are_removed(setup: Setup) -> None:
    setup.bucket.put()
    setup.apply(setup.bucket.events[-1])
    setup.bucket.delete()
    [*_, removal] = setup.bucket.events
    Parking(setup.keys).park(removal, "its message")

    def crash() -> None:
        raise OSError("the disk is gone")

    crashing: Any = Meanwhile(setup.renditions, "remove", crash)
    with pytest.raises(OSError, match="disk"):
        replace(setup.reconciler, renditions=crashing).apply(removal, Worker(engine))

    assert setup.states == {"v1": State.DELETED, "removal:v2": State.FAILED}


def test_a_version_replaced_while_it_is_parked_is_not_a_failure(setup: Setup) -> None:
    setup.bucket.put()

    def replace_it() -> None:
        setup.bucket.put()
        setup.apply(setup.bucket.events[-1])

    ledger: Any = Meanwhile(setup.ledger, "find", replace_it)
    with pytest.raises(RevisionConflict):
        Parking(replace(setup.keys, ledger=ledger)).park(setup.bucket.events[0], "its message")

    assert setup.states == {"v2": State.RENDERED}


def test_a_picture_restored_while_it_is_parked_is_a_failure(setup: Setup) -> None:
    setup.bucket.put()
    marker = setup.bucket.delete()

    def restore() -> None:
        setup.bucket.destroy(marker)
        setup.apply(*setup.bucket.events[1:])

    ledger: Any = Meanwhile(setup.ledger, "find", restore)
    Parking(replace(setup.keys, ledger=ledger)).park(setup.bucket.events[0], "its message")

    assert setup.states["v1"] is State.FAILED


def test_an_attempt_that_has_not_seen_a_deletion_fails(setup: Setup) -> None:
    setup.bucket.put()

    def delete() -> None:
        setup.bucket.delete()
        setup.apply(setup.bucket.events[-1])

    interrupted(setup, "find", delete).apply(setup.bucket.events[0], Worker(engine))

    assert setup.states == {"v1": State.DELETED}


def test_renditions_of_a_destroyed_upload_are_removed_after_the_ledger_says_deleted(setup: Setup) -> None:
    first = setup.bucket.put()
    setup.apply(*setup.bucket.events)
    setup.bucket.destroy(first)
    states = []

    meanwhile: Any = Meanwhile(setup.renditions, "remove", lambda: states.append(setup.states))
    replace(setup.reconciler, renditions=meanwhile).apply(setup.bucket.events[-1], Worker(engine))

    assert states == [{"v1": State.DELETED}]


OPERATIONS = st.lists(st.sampled_from(["put", "delete", "destroy newest", "destroy oldest"]), max_size=8)


@given(OPERATIONS, st.randoms(use_true_random=False))
def test_events_in_any_order_and_number_end_in_agreement_with_s3(operations: list[str], dice) -> None:  # type: ignore[no-untyped-def]
    setup = Setup()
    for operation in ["put", *operations]:
        if operation == "put":
            setup.bucket.put()
        elif operation == "delete":
            setup.bucket.delete()
        elif setup.bucket.stack:
            setup.bucket.destroy(setup.bucket.stack[-1 if operation == "destroy newest" else 0][0])
    events = [event for event in setup.bucket.events for _ in range(dice.randint(1, 3))]
    dice.shuffle(events)

    setup.apply(*events)

    assert_agrees_with_s3(setup)


def test_a_redelivered_removal_renders_a_restored_picture_that_failed_before(setup: Setup) -> None:
    setup.restore()

    with pytest.raises(OSError, match="disk"):
        setup.reconciler.apply(setup.bucket.events[-1], Worker(failing))
    setup.apply(setup.bucket.events[-1])

    assert setup.states == {"v1": State.RENDERED}


def test_a_restored_picture_can_be_rendered_again(setup: Setup) -> None:
    setup.put()
    setup.bucket.destroy(setup.put())
    setup.apply(setup.bucket.events[-1])
    entry = setup.ledger.find(PICTURE, "v1")
    assert entry

    setup.reconciler.apply(entry.upload, Worker(engine), expected_revision=entry.revision)

    assert setup.states == {"v1": State.RENDERED, "v2": State.DELETED}


def test_a_retried_older_version_does_not_replace_a_swept_newer_one(
    setup: Setup,
) -> None:
    setup.bucket.put()
    [older] = setup.bucket.events
    with pytest.raises(OSError, match="disk"):
        setup.reconciler.apply(older, Worker(failing))
    setup.bucket.put()
    swept = setup.bucket.current(KEY)
    assert swept
    setup.apply(swept)

    setup.apply(older)

    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_a_late_event_of_a_swept_version_does_not_replace_a_newer_one_in_progress(
    setup: Setup,
) -> None:
    setup.bucket.put()
    first = setup.bucket.current(KEY)
    assert first
    setup.apply(first)
    setup.bucket.put()
    second = setup.bucket.current(KEY)
    assert second

    def late(content: bytes, profile: Profile) -> Rendered:
        setup.apply(setup.bucket.events[0])
        return a_rendering()

    setup.reconciler.apply(second, Worker(late))

    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


def test_a_key_with_many_versions_is_deleted(setup: Setup) -> None:
    for _ in range(120):
        setup.put()

    setup.delete()

    assert setup.shown
    assert setup.shown.state is State.DELETED


def test_superseded_versions_are_found_without_reading_every_version_of_the_key(
    setup: Setup,
) -> None:
    for _ in range(49):
        setup.put()
    setup.bucket.put()
    reads = CountingLedger(setup.ledger)

    counting = replace(setup.reconciler, keys=replace(setup.keys, ledger=reads))
    counting.apply(setup.bucket.events[-1], Worker(engine))

    assert reads.entries_read <= 6
    assert list(setup.states.values()).count(State.RENDERED) == 1


def test_a_version_that_failed_before_its_first_attempt_is_superseded_by_a_newer_one(setup: Setup) -> None:
    setup.bucket.put()
    Parking(setup.keys).park(setup.bucket.events[-1], "its message")
    setup.bucket.put()

    setup.apply(setup.bucket.events[-1])

    assert setup.states == {"v1": State.SUPERSEDED, "v2": State.RENDERED}


@pytest.mark.parametrize(
    ("later", "states"),
    [
        ("put", {"v1": State.SUPERSEDED, "v2": State.FAILED}),
        ("delete", {"v1": State.DELETED, "removal:v2": State.DELETED}),
    ],
)
def test_a_retried_older_failure_ends_as_s3_says(setup: Setup, later: str, states: dict[str, State]) -> None:
    setup.bucket.put()
    failed_entry = Parking(setup.keys).park(setup.bucket.events[0], "its message")
    assert failed_entry
    getattr(setup.bucket, later)()
    older, newer = setup.bucket.events
    Parking(setup.keys).park(newer, "its message")

    setup.reconciler.apply(older, Worker(engine), expected_revision=failed_entry.revision)

    assert setup.states == states


def test_a_version_swept_while_deleted_is_restored_with_its_delete_marker(
    setup: Setup,
) -> None:
    setup.bucket.put()
    swept = setup.bucket.current(KEY)
    assert swept
    with pytest.raises(OSError, match="disk"):
        setup.reconciler.apply(setup.bucket.events[-1], Worker(failing))
    marker = setup.bucket.delete()
    setup.apply(swept)

    setup.bucket.destroy(marker)
    setup.apply(setup.bucket.events[-1])

    assert setup.states == {"v1": State.RENDERED}


def test_rendering_an_older_version_again_keeps_a_newer_failure(setup: Setup) -> None:
    setup.put()
    setup.bucket.put()
    Parking(setup.keys).park(setup.bucket.events[-1], "its message")
    entry = setup.ledger.find(PICTURE, "v1")
    assert entry

    setup.reconciler.apply(entry.upload, Worker(engine), expected_revision=entry.revision)

    assert setup.states == {"v1": State.RENDERED, "v2": State.FAILED}


def test_the_live_versions_of_a_constantly_overwritten_key_are_bounded(
    setup: Setup,
) -> None:
    def superseded(content: bytes, profile: Profile) -> Rendered:
        setup.bucket.put()
        with suppress(OSError):
            setup.reconciler.apply(setup.bucket.events[-1], Worker(failing))
        return a_rendering()

    setup.bucket.put()
    for _ in range(100):
        setup.reconciler.apply(setup.bucket.events[-1], Worker(superseded))

    assert list(setup.states.values()).count(State.SUPERSEDED) == 100
    assert len(setup.ledger.latests[PICTURE].live_versions) < 25


class CountingLedger(FakeLedger):
    """Counts the entries read from the ledger."""

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
class Chaos:
    """A queue with faults, duplicates, losses, and failures parked and retried."""

    dice: Any
    setup: Setup = field(default_factory=Setup)
    waiting: list[tuple[Upload | Removal, int | None, int]] = field(default_factory=list)
    failed_entry: dict[str, Upload | Removal] = field(default_factory=dict)
    events_sent: int = 0

    @property
    def unsettled(self) -> bool:
        failed = any(entry.state is State.FAILED for entry in self.setup.ledger.of_picture(PICTURE))
        current = self.setup.bucket.current(KEY)
        lost = current and not self.setup.ledger.find(PICTURE, current.version)
        return bool(self.waiting or failed or lost)

    def send_events(self) -> None:
        """Enqueues new events of the bucket, some twice; a fifth of the puts is lost."""
        for event in self.setup.bucket.events[self.events_sent :]:
            if not isinstance(event, Upload) or self.dice.random() > 0.2:
                self.waiting += [(event, None, 0)] * self.dice.choice([1, 1, 2])
        self.events_sent = len(self.setup.bucket.events)

    def sweep(self) -> None:
        current = self.setup.bucket.current(KEY)
        if current and not self.setup.ledger.find(PICTURE, current.version):
            self.waiting.append((current, None, 0))

    def render_again(self) -> None:
        for entry in self.setup.ledger.of_picture(PICTURE):
            if entry.state is State.RENDERED:
                self.waiting.append((entry.upload, entry.revision, 0))

    def retry(self) -> None:
        """Retries every failed upload, as an operator would."""
        for entry in self.setup.ledger.of_picture(PICTURE):
            if entry.state is State.FAILED:
                self.waiting.append((self.failed_entry[entry.upload.version], entry.revision, 0))

    def deliver(self) -> None:
        """Delivers a random message, if there is any; one that has failed twice is parked."""
        if not self.waiting:
            return
        change, expected_revision, failures = self.waiting.pop(self.dice.randrange(len(self.waiting)))
        try:
            self.setup.reconciler.apply(change, Worker(self.engine), expected_revision)
        except (OSError, RevisionConflict):
            if failures < 1:
                self.waiting.append((change, expected_revision, failures + 1))
            elif failed_entry := Parking(self.setup.keys).park(change, "its message"):
                self.failed_entry[failed_entry.upload.version] = change

    def engine(self, content: bytes, profile: Profile) -> Rendered:
        return failing(content, profile) if self.dice.random() < 0.3 else engine(content, profile)


def operations_of(chaos: Chaos) -> dict[str, Callable[[], object]]:
    """Returns the operations, most likely first."""
    bucket, dice = chaos.setup.bucket, chaos.dice
    return {
        "deliver": chaos.deliver,
        "put": bucket.put,
        "delete": bucket.delete,
        "destroy": lambda: bucket.destroy_at(dice.choice([0, -1])),
        "sweep": chaos.sweep,
        "renew": chaos.render_again,
        "retry": chaos.retry,
    }


@settings(max_examples=400)
@given(st.integers(0, 2**32))
def test_any_history_ends_in_agreement_with_s3(seed: int) -> None:
    chaos = Chaos(random.Random(seed))  # noqa: S311 - not a secret
    setup, operations = chaos.setup, operations_of(chaos)
    names = ["put", *chaos.dice.choices([*operations], [6, 4, 2, 2, 1, 1, 1], k=chaos.dice.randrange(24))]
    for name in names:
        operations[name]()
        chaos.send_events()
    while chaos.unsettled:  # lost uploads are swept, and failed ones retried
        while chaos.waiting:
            chaos.deliver()
        chaos.sweep()
        chaos.retry()

    assert_agrees_with_s3(setup)
    assert [entry for entry in setup.ledger.of_picture(PICTURE) if not entry.state.terminal] == []


def assert_agrees_with_s3(setup: Setup) -> None:
    latest, entry = setup.bucket.current(KEY), setup.shown
    alive = entry if entry and entry.state is not State.DELETED else None
    assert (alive.upload.version if alive else None) == (latest.version if latest else None)
    if alive:
        assert alive.state is State.RENDERED
        assert set(alive.rendition_keys) <= setup.renditions.objects.keys()
