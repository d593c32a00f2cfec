"""The contracts of ports.Ledger and ports.Views: the fakes and DynamoDB."""

from collections import Counter
from copy import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.adapters.items import item_of, to_wire
from darkroom.adapters.tables import key_of
from darkroom.domain.entries import Entry, Latest, State, SupersededRenditions
from darkroom.domain.errors import BadRequest
from darkroom.domain.jobs import Job
from darkroom.domain.uploads import Removal
from darkroom.ports import AliasMatch, Ledger, Views
from darkroom.services.projecting import Projection
from tests.aws import make_table
from tests.builders import an_entry, an_upload
from tests.fakes import FakeLedger, FakeViews

BOTH = pytest.mark.parametrize("kind", ["fake", "dynamodb"])


@pytest.fixture
def ledger(kind: str, request: pytest.FixtureRequest) -> Ledger:
    if kind == "fake":
        return FakeLedger()
    request.getfixturevalue("aws")
    client = dynamodb_client()
    make_table(client, "Ledger", "ledger")
    return DynamoLedger("ledger", client, read_batch=2)


@pytest.fixture
def views(kind: str, request: pytest.FixtureRequest) -> Views:
    if kind == "fake":
        return FakeViews()
    request.getfixturevalue("aws")
    client = dynamodb_client()
    make_table(client, "Views", "views")
    return DynamoViews("views", client, failed_page=2)


def project(views: Views, *changes: Entry | Job) -> None:
    assert not Projection(views).apply(changes).faults


@pytest.mark.usefixtures("aws")
def test_unprocessed_keys_are_requested_again_after_a_delay() -> None:
    delays: list[float] = []
    client, first, second = dynamodb_client(), an_entry("a.png"), an_entry("b.png")
    items = {entry.picture_id: to_wire(item_of(entry)) for entry in (first, second)}
    keys = {picture_id: key_of(picture_id, "v1") for picture_id in items}

    def request_items(*pictures: str) -> dict[str, Any]:
        return {"ledger": {"Keys": [keys[picture_id] for picture_id in pictures], "ConsistentRead": True}}

    with Stubber(client) as stub:
        for requested, returned, unprocessed in (
            ((first.picture_id, second.picture_id), (), (first.picture_id, second.picture_id)),
            ((first.picture_id, second.picture_id), (second.picture_id,), (first.picture_id,)),
            ((first.picture_id,), (first.picture_id,), ()),
        ):
            stub.add_response(
                "batch_get_item",
                {
                    "Responses": {"ledger": [items[picture_id] for picture_id in returned]},
                    "UnprocessedKeys": request_items(*unprocessed) if unprocessed else {},
                },
                {"RequestItems": request_items(*requested)},
            )
        found = DynamoLedger("ledger", client, sleep=delays.append).find_each([first.upload, second.upload])

    assert found == [first, second]
    assert len(delays) == 2


def cancelled(stub: Stubber, *codes: str) -> None:
    """Adds the response to a transaction that was cancelled for these reasons."""
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        http_status_code=400,
        modeled_fields={"CancellationReasons": [{"Code": code} for code in codes]},
    )


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("code", "first_wait"),
    [("TransactionConflict", 0.1), ("ThrottlingError", 0.5), ("ProvisionedThroughputExceeded", 0.5)],
)
def test_a_transaction_cancelled_by_a_passing_fault_is_repeated(code: str, first_wait: float) -> None:
    """botocore retries throttling of a whole call, and not of a write inside a transaction."""
    delays: list[float] = []
    client = dynamodb_client()

    with Stubber(client) as stub:
        cancelled(stub, "None", code)
        cancelled(stub, code, "None")
        stub.add_response("transact_write_items", {})
        assert DynamoLedger("ledger", client, sleep=delays.append).advance(an_entry(revision=1))

    assert [first_wait / 2 <= delays[0] <= first_wait, first_wait <= delays[1] <= 2 * first_wait] == [
        True
    ] * 2


@pytest.mark.usefixtures("aws")
def test_a_failed_condition_is_not_repeated_though_another_write_was_throttled() -> None:
    client = dynamodb_client()

    with Stubber(client) as stub:
        cancelled(stub, "ThrottlingError", "ConditionalCheckFailed")
        assert not DynamoLedger("ledger", client).advance(an_entry(revision=1))


@pytest.mark.usefixtures("aws")
def test_a_transaction_that_stays_throttled_fails_after_five_attempts() -> None:
    delays: list[float] = []
    client = dynamodb_client()

    with Stubber(client) as stub:
        for _ in range(5):
            cancelled(stub, "ThrottlingError")
        with pytest.raises(client.exceptions.TransactionCanceledException):
            DynamoLedger("ledger", client, sleep=delays.append).advance(an_entry(revision=1))

    assert len(delays) == 4


@BOTH
class TestLedger:
    @pytest.mark.parametrize("state", [State.RENDERED, State.REJECTED, State.RENDERING])
    def test_find_returns_the_stored_entry(self, ledger: Ledger, state: State) -> None:
        entry = an_entry("ü +%?.png", state, revision=1)

        assert ledger.advance(entry)

        assert ledger.find(entry.picture_id, entry.upload.version) == entry

    def test_find_returns_none_for_an_unknown_entry(self, ledger: Ledger) -> None:
        assert ledger.find("picture", "version") is None

    def test_revisions_advance_one_by_one(self, ledger: Ledger) -> None:
        first = an_entry(state=State.RENDERING, revision=1)
        second = an_entry(state=State.RENDERED, revision=2)

        assert ledger.advance(first)
        assert ledger.advance(second)

        assert ledger.find(first.picture_id, "v1") == second

    @pytest.mark.parametrize("revision", [1, 2, 4])
    def test_only_the_next_revision_is_accepted(self, ledger: Ledger, revision: int) -> None:
        ledger.advance(an_entry(state=State.RENDERING, revision=1))
        current = an_entry(state=State.RENDERING, revision=2)
        ledger.advance(current)

        assert not ledger.advance(an_entry(state=State.RENDERED, revision=revision))

        assert ledger.find(current.picture_id, "v1") == current

    def test_a_later_revision_needs_a_previous_one(self, ledger: Ledger) -> None:
        assert not ledger.advance(an_entry(revision=2))

    def test_moves_are_written_all_or_none(self, ledger: Ledger) -> None:
        first, latest = an_entry(revision=1), Latest(an_entry().picture_id, "v1", 1)
        assert ledger.advance(first, latest)

        newer = replace(latest, version="v2", revision=2)
        assert not ledger.advance(an_entry(version="v2", revision=1), replace(newer, revision=1))
        assert not ledger.advance(an_entry(version="v2", revision=2), newer)

        assert ledger.find(first.picture_id, "v2") is None
        assert ledger.latest(first.picture_id) == latest
        assert ledger.advance(an_entry(version="v2", revision=1), newer)

    def test_a_move_can_depend_on_an_unchanged_latest(self, ledger: Ledger) -> None:
        latest = Latest(an_entry().picture_id, "v1", 1)
        newer = replace(latest, version="v2", revision=2)
        ledger.advance(latest)
        ledger.advance(newer)

        assert not ledger.advance(an_entry(revision=1), unchanged=latest)
        assert ledger.advance(an_entry(revision=1), unchanged=newer)

    def test_of_picture_returns_only_its_uploads(self, ledger: Ledger) -> None:
        entries = [an_entry(version=version, revision=1) for version in ("v1", "v2")]
        expected = an_entry(state=State.EXPECTED, version="expected", revision=1)
        moves: list[Entry | Latest] = [
            *entries,
            expected,
            an_entry("other.png", revision=1),
            Latest(expected.picture_id, "v2", 1),
        ]
        for move in moves:
            ledger.advance(move)

        assert sorted(ledger.of_picture(expected.picture_id), key=lambda e: e.upload.version) == entries

    def test_live_entries_leaves_out_superseded_and_deleted_ones(self, ledger: Ledger) -> None:
        states = {"v1": State.SUPERSEDED, "v2": State.DELETED, "v3": State.RENDERED, "v4": State.FAILED}
        entries = [an_entry(state=state, version=v, revision=1) for v, state in states.items()]
        for entry in entries:
            ledger.advance(entry)
        latest = Latest(entries[0].picture_id, "v4", 1, (*states, "never written"))

        assert ledger.live_entries([None, latest]) == [[], entries[2:]]

    def test_superseded_renditions_are_listed_until_forgotten(self, ledger: Ledger) -> None:
        recorded = [
            SupersededRenditions(
                an_entry(f"{n}.png").picture_id, "v.1", f"2026-01-0{n}T00:00:00.000Z", (f"{n}/a", f"{n}/b")
            )
            for n in range(1, 6)
        ]
        assert ledger.advance(an_entry(revision=1), *recorded)

        superseded = ledger.superseded_renditions("2026-01-04T00:00:00.000Z", 10)

        assert sorted(superseded, key=lambda renditions: renditions.since) == recorded[:3]
        assert len(ledger.superseded_renditions("2026-02-01T00:00:00.000Z", 2)) == 2
        ledger.forget(superseded[:2])
        ledger.forget(superseded[:2])
        assert ledger.superseded_renditions("2026-01-04T00:00:00.000Z", 10) == superseded[2:]

    def test_a_refused_move_records_no_superseded_renditions(self, ledger: Ledger) -> None:
        note = SupersededRenditions("0" * 32, "v1", "2026-01-01T00:00:00.000Z", ("a",))

        assert not ledger.advance(an_entry(revision=2), note)

        assert ledger.superseded_renditions("2026-02-01T00:00:00.000Z", 10) == []

    def test_latest_contains_the_live_versions(self, ledger: Ledger) -> None:
        latest = Latest("picture", "v1", 1, ("v1", "v2"))

        ledger.advance(latest)

        assert ledger.latest("picture") == latest
        assert ledger.latest_each(["picture"]) == [latest]

    def test_find_each_returns_entries_in_the_requested_order(self, ledger: Ledger) -> None:
        entries = [an_entry(f"{number}.png", revision=1) for number in range(5)]
        for entry in entries:
            ledger.advance(entry)
        unknown = an_entry("unknown.png").upload

        found = ledger.find_each([unknown, *(entry.upload for entry in reversed(entries)), unknown])

        assert found == [None, *reversed(entries), None]
        assert ledger.find_each([]) == []

    def test_every_returns_all_entries_and_nothing_else(self, ledger: Ledger) -> None:
        entries = [an_entry(f"{number}.png", revision=1) for number in range(3)]
        for entry in entries:
            ledger.advance(entry, Latest(entry.picture_id, "v1", 1))
        ledger.save_cursor("uploads", "somewhere")

        assert sorted(ledger.all_entries(), key=lambda entry: entry.upload.key) == entries

    def test_scan_cursors_are_stored_by_name(self, ledger: Ledger) -> None:
        assert ledger.cursor("uploads") == ""

        ledger.save_cursor("uploads", "here")
        ledger.save_cursor("renditions", "there")

        assert (ledger.cursor("uploads"), ledger.cursor("renditions")) == ("here", "there")

    def test_versions_of_one_key_are_separate_entries(self, ledger: Ledger) -> None:
        one, two = an_entry(version="v1", revision=1), an_entry(version="v2", revision=1)

        assert ledger.advance(one)
        assert ledger.advance(two)

        assert ledger.find(one.picture_id, "v1") == one


@BOTH
class TestViews:
    def test_a_newer_revision_replaces_an_older_one(self, views: Views) -> None:
        older = an_entry(state=State.RENDERING, revision=1)
        newer = an_entry(state=State.RENDERED, revision=2)

        project(views, older)
        project(views, newer)

        assert views.of_picture(newer.picture_id) == [newer]

    def test_a_late_or_repeated_revision_is_ignored(self, views: Views) -> None:
        newer = an_entry(revision=2)
        project(views, newer)

        project(views, newer)
        project(views, an_entry(state=State.RENDERING, revision=1))

        assert views.of_picture(newer.picture_id) == [newer]

    def test_of_picture_returns_all_versions(self, views: Views) -> None:
        for version in ("v1", "v2"):
            project(views, an_entry(version=version))
        project(views, an_entry("other.png"))

        entries = views.of_picture(an_entry().picture_id)

        assert sorted(entry.upload.version for entry in entries) == ["v1", "v2"]

    def test_an_alias_lists_its_pictures_newest_first(self, views: Views) -> None:
        entries = [
            an_entry(key, arrived=f"2026-01-0{day}T00:00:00.000Z")
            for day, key in enumerate(("a/x.png", "b/x.gif", "c/x.jpg"), start=1)
        ]
        for entry in (entries[1], entries[0], entries[2], an_entry("y.png")):
            project(views, entry)

        assert list(views.named("x.jpg")) == [
            AliasMatch(e.picture_id, e.upload.key) for e in reversed(entries)
        ]
        assert list(views.named("z.jpg")) == []

    def test_recent_returns_the_newest_entries(self, views: Views) -> None:
        entries = [an_entry(f"{day}.png", arrived=f"2026-01-{day:02}T00:00:00.000Z") for day in range(1, 13)]
        for entry in entries:
            project(views, entry)

        assert views.recent(5)[0] == entries[:-6:-1]

    def test_recent_pages_contain_each_entry_once(self, views: Views) -> None:
        entries = [an_entry(f"{n}.png", arrived=f"2026-01-{n // 3 + 1:02}T00:00:00.000Z") for n in range(14)]
        project(views, *entries)

        listed, cursor = views.recent(3)
        while cursor:
            page, cursor = views.recent(3, cursor)
            assert 0 < len(page) <= 3
            listed += page

        assert sorted(entry.picture_id for entry in listed) == sorted(entry.picture_id for entry in entries)
        assert [entry.upload.arrived for entry in listed] == [e.upload.arrived for e in reversed(entries)]

    def test_a_full_last_page_has_no_cursor(self, views: Views) -> None:
        for number in range(3):
            project(views, an_entry(f"{number}.png"))

        assert views.recent(3)[1] == ""

    def test_expected_uploads_are_projected(self, views: Views) -> None:
        expected = Entry(an_upload(version="expected"), State.EXPECTED, revision=1)  # without `since`

        project(views, expected)

        assert [view.upload for view in views.of_picture(expected.picture_id)] == [expected.upload]

    def test_a_failed_removal_has_no_alias(self, views: Views) -> None:
        removal = Removal("uploads", "x.png", "v1", marker=True)
        project(views, an_entry("x.png", State.FAILED, version=removal.failed_as))

        assert list(views.named("x.jpg")) == []

    @pytest.mark.parametrize("end", [State.FAILED, State.DELETED])
    def test_an_announcement_that_never_arrived_loses_its_alias(self, views: Views, end: State) -> None:
        came = an_entry("a/x.png", arrived="2026-01-01T00:00:00.000Z")
        announced = an_entry("b/x.png", State.EXPECTED, 1, version="expected", attempts=())
        project(views, came, announced)
        assert [named.key for named in views.named("x.jpg")] == ["b/x.png", "a/x.png"]

        project(views, announced.moved(end))

        assert [named.key for named in views.named("x.jpg")] == ["a/x.png"]

    @pytest.mark.parametrize(
        "cursor",
        ["nonsense", "[]", "WyIiXQ", "\u00fc", "=", "W10=", "WyJhIiwiYiJd", "WyJcdWQ4MDAiLCJiIiwiYyJd"],
    )
    def test_an_invalid_cursor_is_refused(self, views: Views, cursor: str) -> None:
        with pytest.raises(BadRequest):
            views.failed(cursor)
        with pytest.raises(BadRequest):
            views.recent(5, cursor)

    def test_failures_are_listed_oldest_first(self, views: Views) -> None:
        failed = [
            replace(an_entry(f"{day}.png", State.FAILED), since=f"2026-01-{day:02}T00:00:00.000Z")
            for day in range(1, 6)
        ]
        for entry in (*reversed(failed), an_entry("fine.png")):
            project(views, entry)
        project(views, replace(failed[2], state=State.SKIPPED, revision=3))

        listed, cursor = views.failed()
        while cursor:
            more, cursor = views.failed(cursor)
            listed += more

        assert listed == [*failed[:2], *failed[3:]]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("partition", ["alias", "recent_shard", "failed_shard"])
def test_index_writes_are_spread_over_shards(partition: str) -> None:
    client = dynamodb_client()
    make_table(client, "Views", "views")

    project(DynamoViews("views", client), *(an_entry(f"{n}/image.png", State.FAILED) for n in range(100)))

    items = [item for item in client.scan(TableName="views")["Items"] if partition in item]
    writes = Counter(item[partition]["S"] for item in items)
    assert sum(writes.values()) == 100
    assert max(writes.values()) < 50


@pytest.mark.usefixtures("aws")
def test_a_receipt_of_400_renditions_fits_an_item() -> None:
    client = dynamodb_client()
    make_table(client, "Ledger", "ledger")
    entry = an_entry(revision=1)
    assert entry.receipt
    entry = replace(entry, receipt=replace(entry.receipt, renditions=entry.receipt.renditions * 200))

    assert DynamoLedger("ledger", client).advance(entry)
