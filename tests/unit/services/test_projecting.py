"""The views agree with the ledger however its stream arrives: late, twice, out of order, in parallel."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from copy import replace
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.entries import Entry, State
from darkroom.domain.errors import EventNotAccepted, RevisionConflict
from darkroom.domain.jobs import Job
from darkroom.domain.rows import Tally, contribution, row_of
from darkroom.ports import Commit
from darkroom.services.projecting import BatchResult, Broadcast, Change, Projection, Record, chunks, rebuild
from tests.builders import a_job, a_member, a_receipt, a_rejected_receipt, an_attempt, an_entry
from tests.fakes import FakeEventBus, FakeJobPush, FakeViews

JOB = a_job().id


@dataclass
class Setup:
    views: FakeViews = field(default_factory=FakeViews)
    event_bus: FakeEventBus = field(default_factory=FakeEventBus)
    job_push: FakeJobPush = field(default_factory=FakeJobPush)
    pauses: list[float] = field(default_factory=list)

    @property
    def broadcast(self) -> Broadcast:
        return Broadcast(
            Projection(self.views, lambda _: None),
            self.event_bus,
            self.job_push,
            self.pauses.append,
            lambda: sum(self.pauses),
        )

    def process(self, *changes: Change) -> BatchResult:
        """Processes one batch of the stream."""
        records = [Record(str(number), change) for number, change in enumerate(changes)]
        return self.broadcast.process(records)

    @property
    def tally(self) -> Tally:
        view = self.views.job(JOB)
        return view.tally if view else Tally()

    @property
    def completions(self) -> list[str]:
        return self.event_bus.ids("job.completed")


@pytest.fixture
def setup() -> Setup:
    return Setup()


def sealed(size: int) -> Job:
    return a_job(size=size, revision=2)


def rendered(number: int, **changes: Any) -> Entry:
    return a_member(number, State.RENDERED, **changes)


def test_a_terminal_member_counts_once_in_repeated_records(setup: Setup) -> None:
    for _ in range(3):
        setup.process(a_member(0), rendered(0), rendered(0))

    assert setup.tally == Tally(rendered=1, bytes_before=1000, bytes_after=640)
    assert setup.views.totals() == setup.tally


def test_a_batch_writes_the_totals_of_its_job_once(setup: Setup) -> None:
    setup.process(*(rendered(number) for number in range(40)))

    assert setup.tally.rendered == 40
    assert setup.views.job_writes[JOB] == 1


def test_announced_and_rendering_members_write_no_totals(setup: Setup) -> None:
    setup.process(a_member(0), a_member(1), a_member(1, State.RENDERING, revision=1))

    assert not setup.views.job_writes


def test_a_picture_without_a_job_has_a_view_and_no_row(setup: Setup) -> None:
    entry = an_entry()

    projected = setup.process(entry)

    assert projected.entries == (entry,)
    assert setup.views.of_picture(entry.picture_id) == [entry]
    assert setup.views.rows([entry.picture_id]) == [None]
    assert setup.views.totals().rendered == 1
    assert not projected.progress


def test_jobs_in_one_batch_are_counted_separately(setup: Setup) -> None:
    setup.process(rendered(0), rendered(0, job_id="b" * 32), an_entry())

    assert setup.tally.rendered == 1
    assert setup.views.jobs["b" * 32].tally.rendered == 1


def test_a_chunk_fits_one_transaction() -> None:
    members = [rendered(number) for number in range(130)]
    versions = [rendered(500, version=f"v{number}") for number in range(120)]
    plain = [an_entry(f"{number}.png") for number in range(200)]

    for chunk in chunks([*members, *versions, *plain, sealed(131)]):
        rows = len({entry.picture_id for entry in chunk.entries}) if chunk.job_id else 0
        assert len(chunk.entries) + rows <= 96
    assert sum(len(chunk.entries) for chunk in chunks([*members, *versions, *plain])) == 450


def test_a_late_announcement_adds_the_announced_size(setup: Setup) -> None:
    setup.process(rendered(0))
    setup.process(a_member(0))

    [row] = setup.views.rows([a_member(0).picture_id])
    assert row
    assert (row.state, row.announced_bytes, row.revision) == (State.RENDERED, 1000, 3)
    assert setup.tally.rendered == 1


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
def test_the_record_of_a_job_may_arrive_first_or_last(setup: Setup, order: list[int]) -> None:
    changes: list[Change] = [sealed(2), rendered(0), rendered(1)]

    for turn in order:
        assert not setup.completions
        setup.process(changes[turn])

    view = setup.views.job(JOB)
    assert view
    assert view.complete
    assert len(setup.completions) == 1


def test_an_open_job_is_not_complete_even_if_all_known_members_are_terminal(setup: Setup) -> None:
    setup.process(a_job(size=1), rendered(0))

    assert not setup.completions


def test_a_late_older_revision_changes_nothing(setup: Setup) -> None:
    setup.process(rendered(0, revision=4))
    before = (setup.tally, setup.views.rows([a_member(0).picture_id]))

    setup.process(a_member(0, State.FAILED, revision=3))

    assert (setup.tally, setup.views.rows([a_member(0).picture_id])) == before


def test_a_retried_failure_moves_between_counts(setup: Setup) -> None:
    setup.process(sealed(1), a_member(0, State.FAILED, revision=3))
    assert setup.tally == Tally(failed=1)

    setup.process(a_member(0, State.RENDERING, revision=4))
    assert setup.tally == Tally()

    setup.process(rendered(0, revision=5))
    assert setup.tally == Tally(rendered=1, bytes_before=1000, bytes_after=640)
    assert len(setup.completions) == len(set(setup.completions)) == 2


def test_a_member_stored_again_counts_as_its_newest_version(setup: Setup) -> None:
    first, second = (
        rendered(0, version="v1", arrived="2026-01-01"),
        rendered(0, version="v2", arrived="2026-01-02"),
    )
    setup.process(sealed(1), first)

    setup.process(replace(second, state=State.RENDERING, receipt=None, revision=1))
    assert setup.tally == Tally()

    larger = replace(second, receipt=a_receipt(size_bytes=5000))
    setup.process(larger, replace(first, state=State.SUPERSEDED, revision=3))
    assert setup.tally == Tally(rendered=1, bytes_before=5000, bytes_after=640)
    assert setup.views.totals().rendered == 2  # both versions were rendered


def test_a_record_of_one_version_keeps_the_others_in_the_row(setup: Setup) -> None:
    first, second = (
        rendered(0, version="v1", arrived="2026-01-01"),
        rendered(0, version="v2", arrived="2026-01-02"),
    )
    setup.process(first)
    setup.process(second)

    setup.process(replace(first, state=State.SUPERSEDED, revision=3))

    [row] = setup.views.rows([first.picture_id])
    assert row
    assert (row.version, row.revision, setup.tally.rendered) == ("v2", 5, 1)


def test_a_superseded_member_is_expected_until_its_newer_version_is_known(setup: Setup) -> None:
    superseded = a_member(0, State.SUPERSEDED, version="v1", arrived="2026-01-01", revision=1)

    setup.process(sealed(1), a_member(0), superseded)

    assert setup.tally == Tally()
    assert not setup.completions


def test_a_deleted_member_counts_as_deleted_and_stays_in_the_totals_of_all_time(setup: Setup) -> None:
    setup.process(sealed(1), rendered(0))

    setup.process(replace(rendered(0), state=State.DELETED, revision=3))

    assert setup.tally == Tally(deleted=1)
    assert setup.views.totals() == Tally(rendered=1, bytes_before=1000, bytes_after=640)


def test_a_member_stored_again_after_deletion_counts_as_rendered(setup: Setup) -> None:
    first = rendered(0, version="v1", arrived="2026-01-01")
    setup.process(first, replace(first, state=State.DELETED, revision=3))

    setup.process(rendered(0, version="v3", arrived="2026-01-03"))

    assert setup.tally == Tally(rendered=1, bytes_before=1000, bytes_after=640)


def test_a_member_that_never_arrived_counts_as_failed_until_it_arrives(setup: Setup) -> None:
    never = a_member(0).moved(State.FAILED)
    setup.process(sealed(1), never)

    [row] = setup.views.rows([never.picture_id])
    assert row
    assert (row.reason, row.version, setup.tally) == ("never_arrived", "", Tally(failed=1))
    assert len(setup.completions) == 1

    setup.process(rendered(0))
    assert setup.tally.failed == 0
    assert setup.tally.rendered == 1


def test_a_record_that_cannot_be_written_fails_alone() -> None:
    class Picky(FakeViews):
        def commit(self, commit: Commit) -> bool:
            if any(replaced.new.number == 3 for replaced in commit.entries):
                raise ValueError("this one can't be written")
            return super().commit(commit)

    setup = Setup(views=Picky())

    projected = setup.process(*(rendered(number) for number in range(6)))

    assert list(projected.faults) == ["3"]
    assert setup.tally.rendered == 5
    assert len(setup.event_bus.ids("upload.rendered")) == 5


def test_a_record_that_cannot_be_parsed_fails_alone(setup: Setup) -> None:
    projected = setup.broadcast.process([Record("1", rendered(0)), Record("2", fault=KeyError("receipt"))])

    assert list(projected.faults) == ["2"]
    assert setup.tally.rendered == 1


def test_a_batch_with_endless_conflicts_is_returned_for_retry() -> None:
    class Contested(FakeViews):
        def commit(self, commit: Commit) -> bool:
            return False

    projected = Setup(views=Contested()).process(rendered(0))

    assert isinstance(projected.faults["0"], RevisionConflict)


def test_an_event_keeps_its_id_in_repeated_records(setup: Setup) -> None:
    failed = a_member(0, State.FAILED, attempts=(an_attempt(None),))
    for _ in range(3):
        setup.process(a_member(0), failed)
    setup.process(rendered(0, revision=4))

    assert len(setup.event_bus.ids("upload.failed")) == 3
    assert len(set(setup.event_bus.ids("upload.failed"))) == 1
    assert set(setup.event_bus.ids("upload.rendered")).isdisjoint(setup.event_bus.ids("upload.failed"))
    [detail] = {str(event.detail) for event in setup.event_bus.sent if event.type == "upload.failed"}
    assert "'reason': 'killed'" in detail
    assert f"'correlation_id': '{failed.upload.correlation}'" in detail


def test_a_completion_event_keeps_its_id_at_each_redelivery(setup: Setup) -> None:
    batch = (sealed(2), rendered(0), rendered(1))

    for _ in range(3):
        setup.process(*batch)
    setup.process(a_member(0))

    assert len(setup.completions) == 4
    assert len(set(setup.completions)) == 1


def test_corrected_totals_change_the_id_of_the_completion(setup: Setup) -> None:
    setup.process(sealed(1), a_member(0, State.FAILED))
    setup.process(rendered(0, revision=3))

    assert len(set(setup.completions)) == 2


def test_a_refused_event_fails_only_its_record(setup: Setup) -> None:
    setup.event_bus.refused = {"upload.rejected"}

    projected = setup.process(rendered(0), a_member(1, State.REJECTED), rendered(2))

    assert list(projected.faults) == ["1"]
    assert isinstance(projected.faults["1"], EventNotAccepted)
    assert setup.tally.ended == 3  # the views are written nonetheless


def test_a_refused_completion_fails_the_records_of_its_job(setup: Setup) -> None:
    setup.event_bus.refused = {"job.completed"}

    projected = setup.process(an_entry(), rendered(0), sealed(1))

    assert list(projected.faults) == ["1", "2"]


def test_records_of_terminal_uploads_fail_while_the_event_bus_is_down() -> None:
    class Down(FakeEventBus):
        def send(self, events: object) -> list[object]:  # type: ignore[override]
            raise OSError("the bus is down")

    projected = Setup(event_bus=Down()).process(a_member(0), rendered(1))

    assert list(projected.faults) == ["1"]


def test_a_failed_removal_sends_no_event(setup: Setup) -> None:
    setup.process(an_entry(state=State.FAILED, version="removal:v2"))

    assert not setup.event_bus.sent


def test_a_batch_returns_the_changed_rows_of_each_job(setup: Setup) -> None:
    setup.process(rendered(0))

    projected = setup.process(sealed(2), rendered(0), rendered(1), an_entry())

    [progress] = projected.progress
    assert progress.job == setup.views.job(JOB)
    assert [row.number for row in progress.rows] == [1]
    job, rows = setup.job_push.pushed[-1]
    assert (job["waiting"], [row["state"] for row in rows]) == (0, ["rendered"])


def test_changes_of_a_job_are_pushed_at_most_four_times_a_second(setup: Setup) -> None:
    setup.process(sealed(3), a_member(0))
    setup.process(rendered(0), rendered(1))

    assert setup.pauses == [pytest.approx(0.25)] * 2


def test_batches_without_a_job_do_not_pause(setup: Setup) -> None:
    setup.process(an_entry())

    assert setup.pauses == []


ENDS = {
    State.RENDERED: a_receipt(),
    State.REJECTED: a_rejected_receipt(),
    State.FAILED: None,
    State.SKIPPED: None,
    State.DELETED: None,
}


def history(chance: random.Random, job: Job) -> Iterator[list[Change]]:
    """Generates the changes of each item of a job in order: put twice, retried, deleted, or missing."""
    yield [job, replace(job, revision=2)]
    for number in range(job.size):
        announcement = a_member(number, job_id=job.id)
        never = chance.random() < 0.1
        yield [announcement, *([announcement.moved(State.FAILED)] if never else [])]
        versions = 0 if never and chance.random() < 0.5 else chance.choice([1, 1, 1, 2, 3])
        for version in range(versions):
            entry = a_member(
                number,
                State.RENDERING,
                job_id=job.id,
                version=f"v{version}",
                arrived=f"2026-01-{version:02}",
                revision=1,
            )
            states = [entry]
            for _ in range(chance.choice([1, 1, 2])):
                end = chance.choice([State.RENDERED, *ENDS])
                size = chance.randrange(1000, 9000)
                receipt = replace(a_receipt(), size_bytes=size) if end is State.RENDERED else ENDS[end]
                states.append(states[-1].moved(end, receipt=receipt or states[-1].receipt))
                if chance.random() < 0.3:
                    states.append(states[-1].moved(State.RENDERING))
            last = (
                State.SUPERSEDED if version < versions - 1 else chance.choice([State.RENDERED, State.FAILED])
            )
            yield [*states, states[-1].moved(last, receipt=states[-1].receipt or a_receipt())]


def shuffled(chance: random.Random, histories: Sequence[Sequence[Change]]) -> list[Change]:
    """Merges histories into one stream: each item's changes in order, those of two items in any."""
    waiting = [list(changes) for changes in histories]
    stream: list[Change] = []
    while waiting:
        item = chance.choice(waiting)
        stream.append(item.pop(0))
        if not item:
            waiting.remove(item)
    return stream


def expected_tally(histories: Sequence[Sequence[Change]]) -> Tally:
    """Computes the totals of a job from the final state of its ledger."""
    members: dict[str, list[Entry]] = {}
    for changes in histories:
        last = changes[-1]
        if isinstance(last, Entry):
            members.setdefault(last.picture_id, []).append(last)
    return sum((row_of(entries).tally for entries in members.values()), Tally())


def in_batches(
    chance: random.Random, stream: Sequence[Change], take: Callable[[Sequence[Change]], object]
) -> None:
    """Delivers a stream in batches of random size, some repeated at once, some much later."""
    late: list[Sequence[Change]] = []
    begin = 0
    while begin < len(stream):
        end = begin + chance.randrange(1, 12)
        batch = stream[begin:end]
        for _ in range(chance.choice([1, 1, 2])):
            take(batch)
        if chance.random() < 0.3:
            late.append(batch)
        begin = end
    for batch in late:
        take(batch)


def assert_views_agree_with_ledger(views: FakeViews, histories: Sequence[Sequence[Change]], job: Job) -> None:
    view = views.job(job.id)
    assert view
    assert view.tally == expected_tally(histories)
    assert (view.size, view.sealed) == (job.size, True)
    last = [changes[-1] for changes in histories]
    assert views.totals() == sum((contribution(e) for e in last if isinstance(e, Entry)), Tally())
    rebuilt = FakeViews()
    list(rebuild(rebuilt, reversed(last)))
    assert views.all_rows == rebuilt.all_rows
    assert views.entries == rebuilt.entries
    assert views.totals() == rebuilt.totals()
    rebuilt_job = rebuilt.job(job.id)
    assert rebuilt_job
    assert replace(rebuilt_job, revision=0) == replace(view, revision=0)


@given(st.integers(0, 2**32))
def test_totals_of_any_history_equal_those_of_the_ledger_and_of_a_rebuild(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    setup, job = Setup(), a_job(size=chance.randrange(1, 8))
    histories = list(history(chance, job))
    ended: set[str] = set()

    def take(batch: Sequence[Change]) -> None:
        ended.update(
            change.picture_id for change in batch if isinstance(change, Entry) and change.state.terminal
        )
        before = len(setup.completions)
        setup.process(*batch)
        if len(setup.completions) > before:  # only after each member was terminal once
            assert len(ended) == job.size

    in_batches(chance, shuffled(chance, histories), take)

    assert_views_agree_with_ledger(setup.views, histories, job)
    view = setup.views.job(job.id)
    assert view
    if view.complete:
        assert setup.completions[-1] == view.completion


@pytest.mark.parametrize("seed", range(5))
def test_parallel_batches_give_the_same_views(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    setup, job = Setup(), a_job(size=60)
    histories = list(history(chance, job))
    stream = shuffled(chance, histories)
    batches = [*batched(stream, 25, strict=False)] * 2
    chance.shuffle(batches)
    faults: list[Exception] = []

    def work(batches: Sequence[Sequence[Change]]) -> None:
        waiting = list(batches)
        while waiting:  # like Lambda, which retries failed batches
            batch = waiting.pop(0)
            try:
                if setup.process(*batch).faults:
                    waiting.append(batch)
            except Exception as fault:  # noqa: BLE001 - passed on to the test's thread
                faults.append(fault)

    threads = [threading.Thread(target=work, args=(batches[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not faults
    assert_views_agree_with_ledger(setup.views, histories, job)


def test_rebuilding_current_views_writes_nothing(setup: Setup) -> None:
    changes: list[Change] = [sealed(2), a_member(0), rendered(0), rendered(1)]
    setup.process(*changes)
    before = setup.views.job(JOB)

    assert list(rebuild(setup.views, changes)) == [(4, 0)]

    assert setup.views.job(JOB) == before
    assert setup.views.totals().rendered == 2
