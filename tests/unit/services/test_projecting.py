"""The views say what the ledger says, however its stream is told: late, twice, out of order, side by side."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
from darkroom.services.projecting import Broadcast, Change, Projected, Projection, Record, chunks, rebuild
from tests.builders import a_job, a_member, a_receipt, a_rejected_receipt, an_attempt, an_entry
from tests.fakes import FakeAnnouncements, FakeChannel, FakeViews

JOB = a_job().id


@dataclass
class House:
    views: FakeViews = field(default_factory=FakeViews)
    announcements: FakeAnnouncements = field(default_factory=FakeAnnouncements)
    channel: FakeChannel = field(default_factory=FakeChannel)
    rested: list[float] = field(default_factory=list)

    @property
    def broadcast(self) -> Broadcast:
        return Broadcast(
            Projection(self.views, lambda _: None),
            self.announcements,
            self.channel,
            self.rested.append,
            lambda: sum(self.rested),
        )

    def hears(self, *changes: Change) -> Projected:
        """One batch of the stream."""
        return self.broadcast.process([Record(str(number), each) for number, each in enumerate(changes)])

    @property
    def tally(self) -> Tally:
        view = self.views.job(JOB)
        return view.tally if view else Tally()

    @property
    def completions(self) -> list[str]:
        return self.announcements.ids("job.completed")


@pytest.fixture
def house() -> House:
    return House()


def sealed(size: int) -> Job:
    return a_job(size=size, revision=2)


def rendered(number: int, **changes: Any) -> Entry:
    return a_member(number, State.RENDERED, **changes)


# One batch


def test_a_member_that_has_ended_counts_once_however_often_it_is_told(house: House) -> None:
    for _ in range(3):
        house.hears(a_member(0), rendered(0), rendered(0))

    assert house.tally == Tally(rendered=1, bytes_before=1000, bytes_after=640)
    assert house.views.totals() == house.tally


def test_a_batch_is_one_write_of_its_jobs_totals(house: House) -> None:
    house.hears(*(rendered(number) for number in range(40)))

    assert house.tally.rendered == 40
    assert house.views.job_writes[JOB] == 1


def test_what_is_only_announced_or_rendering_writes_no_totals(house: House) -> None:
    house.hears(a_member(0), a_member(1), a_member(1, State.RENDERING, revision=1))

    assert not house.views.job_writes


def test_a_picture_without_a_job_has_a_view_and_no_row(house: House) -> None:
    entry = an_entry()

    projected = house.hears(entry)

    assert projected.applied == (entry,)
    assert house.views.of_picture(entry.picture_id) == [entry]
    assert house.views.rows([entry.picture_id]) == [None]
    assert house.views.totals().rendered == 1
    assert not projected.progress


def test_jobs_in_one_batch_are_counted_each_for_itself(house: House) -> None:
    house.hears(rendered(0), rendered(0, job_id="b" * 32), an_entry())

    assert house.tally.rendered == 1
    assert house.views.jobs["b" * 32].tally.rendered == 1


def test_a_chunk_is_no_more_than_a_transaction_takes() -> None:
    members = [rendered(number) for number in range(130)]
    versions = [rendered(500, version=f"v{number}") for number in range(120)]
    plain = [an_entry(f"{number}.png") for number in range(200)]

    for chunk in chunks([*members, *versions, *plain, sealed(131)]):
        rows = len({entry.picture_id for entry in chunk.entries}) if chunk.job_id else 0
        assert len(chunk.entries) + rows <= 96
    assert sum(len(chunk.entries) for chunk in chunks([*members, *versions, *plain])) == 450


# In another order


def test_a_version_that_is_told_before_its_announcement_keeps_what_was_announced(house: House) -> None:
    house.hears(rendered(0))
    house.hears(a_member(0))

    [row] = house.views.rows([a_member(0).picture_id])
    assert row
    assert (row.state, row.announced_bytes, row.revision) == (State.RENDERED, 1000, 3)
    assert house.tally.rendered == 1


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
def test_a_jobs_record_may_come_first_or_last(house: House, order: list[int]) -> None:
    changes: list[Change] = [sealed(2), rendered(0), rendered(1)]

    for turn in order:
        assert not house.completions
        house.hears(changes[turn])

    view = house.views.job(JOB)
    assert view
    assert view.complete
    assert len(house.completions) == 1


def test_an_open_job_is_not_complete_though_all_that_is_known_has_ended(house: House) -> None:
    house.hears(a_job(size=1), rendered(0))

    assert not house.completions


def test_an_older_revision_that_comes_late_changes_nothing(house: House) -> None:
    house.hears(rendered(0, revision=4))
    before = (house.tally, house.views.rows([a_member(0).picture_id]))

    house.hears(a_member(0, State.FAILED, revision=3))

    assert (house.tally, house.views.rows([a_member(0).picture_id])) == before


# An end that is not the last


def test_what_has_failed_and_is_retried_moves_from_one_count_to_the_other(house: House) -> None:
    house.hears(sealed(1), a_member(0, State.FAILED, revision=3))
    assert house.tally == Tally(failed=1)

    house.hears(a_member(0, State.RENDERING, revision=4))
    assert house.tally == Tally()

    house.hears(rendered(0, revision=5))
    assert house.tally == Tally(rendered=1, bytes_before=1000, bytes_after=640)
    assert len(house.completions) == len(set(house.completions)) == 2


def test_a_member_that_is_put_again_counts_as_its_newest_version(house: House) -> None:
    first, second = rendered(0, version="v1", sequencer="01"), rendered(0, version="v2", sequencer="02")
    house.hears(sealed(1), first)

    house.hears(replace(second, state=State.RENDERING, receipt=None, revision=1))
    assert house.tally == Tally()

    larger = replace(second, receipt=a_receipt(size_bytes=5000))
    house.hears(larger, replace(first, state=State.SUPERSEDED, revision=3))
    assert house.tally == Tally(rendered=1, bytes_before=5000, bytes_after=640)
    assert house.views.totals().rendered == 2  # both were rendered


def test_a_version_that_is_told_alone_leaves_the_others_in_the_row(house: House) -> None:
    first, second = rendered(0, version="v1", sequencer="01"), rendered(0, version="v2", sequencer="02")
    house.hears(first)
    house.hears(second)

    house.hears(replace(first, state=State.SUPERSEDED, revision=3))

    [row] = house.views.rows([first.picture_id])
    assert row
    assert (row.version, row.revision, house.tally.rendered) == ("v2", 5, 1)


def test_while_it_is_not_known_what_took_its_place_a_superseded_member_is_waited_for(house: House) -> None:
    superseded = a_member(0, State.SUPERSEDED, version="v1", sequencer="01", revision=1)

    house.hears(sealed(1), a_member(0), superseded)

    assert house.tally == Tally()
    assert not house.completions


def test_a_deleted_member_counts_as_deleted_and_what_was_saved_stays_counted(house: House) -> None:
    house.hears(sealed(1), rendered(0))

    house.hears(replace(rendered(0), state=State.DELETED, revision=3))

    assert house.tally == Tally(deleted=1)
    assert house.views.totals() == Tally(rendered=1, bytes_before=1000, bytes_after=640)


def test_what_is_put_again_after_its_deletion_counts_as_rendered(house: House) -> None:
    first = rendered(0, version="v1", sequencer="01")
    house.hears(first, replace(first, state=State.DELETED, revision=3))

    house.hears(rendered(0, version="v3", sequencer="03"))

    assert house.tally == Tally(rendered=1, bytes_before=1000, bytes_after=640)


def test_what_never_arrived_counts_as_failed_until_it_arrives_after_all(house: House) -> None:
    never = a_member(0).moved(State.FAILED)
    house.hears(sealed(1), never)

    [row] = house.views.rows([never.picture_id])
    assert row
    assert (row.reason, row.version, house.tally) == ("never_arrived", "", Tally(failed=1))
    assert len(house.completions) == 1

    house.hears(rendered(0))
    assert house.tally.failed == 0
    assert house.tally.rendered == 1


# Faults


def test_a_record_that_can_not_be_written_is_reported_alone() -> None:
    class Picky(FakeViews):
        def commit(self, commit: Commit) -> bool:
            if any(each.new.number == 3 for each in commit.entries):
                raise ValueError("this one can't be written")
            return super().commit(commit)

    house = House(views=Picky())

    projected = house.hears(*(rendered(number) for number in range(6)))

    assert list(projected.faults) == ["3"]
    assert house.tally.rendered == 5
    assert len(house.announcements.ids("upload.rendered")) == 5


def test_a_record_that_can_not_be_read_is_reported_alone(house: House) -> None:
    projected = house.broadcast.process([Record("1", rendered(0)), Record("2", fault=KeyError("receipt"))])

    assert list(projected.faults) == ["2"]
    assert house.tally.rendered == 1


def test_a_batch_whose_items_are_changed_by_others_again_and_again_is_handed_back() -> None:
    class Contested(FakeViews):
        def commit(self, commit: Commit) -> bool:
            return False

    projected = House(views=Contested()).hears(rendered(0))

    assert isinstance(projected.faults["0"], RevisionConflict)


# Word of it


def test_each_end_is_announced_under_one_id_however_often_its_record_comes(house: House) -> None:
    failed = a_member(0, State.FAILED, attempts=(an_attempt(None),))
    for _ in range(3):
        house.hears(a_member(0), failed)
    house.hears(rendered(0, revision=4))

    assert len(house.announcements.ids("upload.failed")) == 3
    assert len(set(house.announcements.ids("upload.failed"))) == 1
    assert set(house.announcements.ids("upload.rendered")).isdisjoint(
        house.announcements.ids("upload.failed")
    )
    [detail] = {str(each.detail) for each in house.announcements.told if each.type == "upload.failed"}
    assert "'reason': 'killed'" in detail
    assert f"'correlation_id': '{failed.upload.correlation}'" in detail


def test_a_completion_is_announced_at_each_redelivery_under_one_id(house: House) -> None:
    batch = (sealed(2), rendered(0), rendered(1))

    for _ in range(3):
        house.hears(*batch)
    house.hears(a_member(0))

    assert len(house.completions) == 4
    assert len(set(house.completions)) == 1


def test_totals_that_were_corrected_complete_a_job_under_another_id(house: House) -> None:
    house.hears(sealed(1), a_member(0, State.FAILED))
    house.hears(rendered(0, revision=3))

    assert len(set(house.completions)) == 2


def test_an_event_that_is_not_taken_fails_its_record_and_no_other(house: House) -> None:
    house.announcements.refused = {"upload.rejected"}

    projected = house.hears(rendered(0), a_member(1, State.REJECTED), rendered(2))

    assert list(projected.faults) == ["1"]
    assert isinstance(projected.faults["1"], EventNotAccepted)
    assert house.tally.ended == 3  # the views are right all the same


def test_a_completion_that_is_not_taken_fails_the_records_of_its_job(house: House) -> None:
    house.announcements.refused = {"job.completed"}

    projected = house.hears(an_entry(), rendered(0), sealed(1))

    assert list(projected.faults) == ["1", "2"]


def test_when_nobody_brings_events_what_has_ended_comes_again() -> None:
    class Down(FakeAnnouncements):
        def send(self, announcements: object) -> list[object]:  # type: ignore[override]
            raise OSError("the bus is down")

    projected = House(announcements=Down()).hears(a_member(0), rendered(1))

    assert list(projected.faults) == ["1"]


def test_a_removal_that_was_given_up_is_no_upload(house: House) -> None:
    house.hears(an_entry(state=State.FAILED, version="removal:v2"))

    assert not house.announcements.told


def test_a_batch_tells_what_has_changed_of_each_job(house: House) -> None:
    house.hears(rendered(0))

    projected = house.hears(sealed(2), rendered(0), rendered(1), an_entry())

    [progress] = projected.progress
    assert progress.job == house.views.job(JOB)
    assert [row.number for row in progress.rows] == [1]
    job, rows = house.channel.pushed[-1]
    assert (job["waiting"], [row["state"] for row in rows]) == (0, ["rendered"])


# The pace


def test_changes_of_a_job_are_told_ten_times_a_second_at_most(house: House) -> None:
    house.hears(sealed(3), a_member(0))
    house.hears(rendered(0), rendered(1))

    assert house.rested == [pytest.approx(0.1)] * 2


def test_nobody_waits_for_pictures_without_a_job(house: House) -> None:
    house.hears(an_entry())

    assert house.rested == []


# All of it


ENDS = {
    State.RENDERED: a_receipt(),
    State.REJECTED: a_rejected_receipt(),
    State.FAILED: None,
    State.SKIPPED: None,
    State.DELETED: None,
}


def history(chance: random.Random, job: Job) -> Iterator[list[Change]]:
    """What happens to each item of a job, in its order: put twice, retried, deleted, or never there."""
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
                sequencer=f"{version:02}",
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
    """One stream of many items: each one's changes in their order, two items' in any."""
    waiting = [list(each) for each in histories]
    told: list[Change] = []
    while waiting:
        item = chance.choice(waiting)
        told.append(item.pop(0))
        if not item:
            waiting.remove(item)
    return told


def expected_tally(histories: Sequence[Sequence[Change]]) -> Tally:
    """The totals of a job, counted from where its ledger stands in the end."""
    members: dict[str, list[Entry]] = {}
    for changes in histories:
        last = changes[-1]
        if isinstance(last, Entry):
            members.setdefault(last.picture_id, []).append(last)
    return sum((row_of(entries).tally for entries in members.values()), Tally())


def in_batches(
    chance: random.Random, told: Sequence[Change], take: Callable[[Sequence[Change]], object]
) -> None:
    """Tells a stream in batches of any size, some again at once, some again much later."""
    late: list[Sequence[Change]] = []
    begin = 0
    while begin < len(told):
        end = begin + chance.randrange(1, 12)
        batch = told[begin:end]
        for _ in range(chance.choice([1, 1, 2])):
            take(batch)
        if chance.random() < 0.3:
            late.append(batch)
        begin = end
    for batch in late:
        take(batch)


def assert_views_are_as_the_ledger(views: FakeViews, histories: Sequence[Sequence[Change]], job: Job) -> None:
    view = views.job(job.id)
    assert view
    assert view.tally == expected_tally(histories)
    assert (view.size, view.sealed) == (job.size, True)
    last = [changes[-1] for changes in histories]
    assert views.totals() == sum((contribution(e) for e in last if isinstance(e, Entry)), Tally())
    built_anew = FakeViews()
    list(rebuild(built_anew, reversed(last)))
    assert views.all_rows == built_anew.all_rows
    assert views.entries == built_anew.entries
    assert views.totals() == built_anew.totals()
    anew = built_anew.job(job.id)
    assert anew
    assert replace(anew, revision=0) == replace(view, revision=0)


@given(st.integers(0, 2**32))
def test_whatever_the_history_totals_are_those_of_the_ledger_and_rebuild_gives_the_same(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history, not a secret
    house, job = House(), a_job(size=chance.randrange(1, 8))
    histories = list(history(chance, job))
    ended: set[str] = set()

    def take(batch: Sequence[Change]) -> None:
        ended.update(each.picture_id for each in batch if isinstance(each, Entry) and each.state.terminal)
        before = len(house.completions)
        house.hears(*batch)
        if len(house.completions) > before:  # never before each of its members has come to an end once
            assert len(ended) == job.size

    in_batches(chance, shuffled(chance, histories), take)

    assert_views_are_as_the_ledger(house.views, histories, job)
    view = house.views.job(job.id)
    assert view
    if view.complete:
        assert house.completions[-1] == view.completion


@pytest.mark.parametrize("seed", range(5))
def test_batches_that_run_beside_one_another_give_the_same(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history, not a secret
    house, job = House(), a_job(size=60)
    histories = list(history(chance, job))
    told = shuffled(chance, histories)
    batches = [*batched(told, 25, strict=False)] * 2
    chance.shuffle(batches)
    faults: list[Exception] = []

    def work(some: Sequence[Sequence[Change]]) -> None:
        waiting = list(some)
        while waiting:  # as Lambda does: what failed comes again
            batch = waiting.pop(0)
            try:
                if house.hears(*batch).faults:
                    waiting.append(batch)
            except Exception as fault:  # noqa: BLE001 - it crosses to the test's own thread
                faults.append(fault)

    threads = [threading.Thread(target=work, args=(batches[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not faults
    assert_views_are_as_the_ledger(house.views, histories, job)


def test_rebuilding_over_views_that_stand_writes_nothing(house: House) -> None:
    changes: list[Change] = [sealed(2), a_member(0), rendered(0), rendered(1)]
    house.hears(*changes)
    before = house.views.job(JOB)

    assert list(rebuild(house.views, changes)) == [(4, 0)]

    assert house.views.job(JOB) == before
    assert house.views.totals().rendered == 2
