"""The verifier finds every kind of error: one broken snapshot for each."""

from dataclasses import replace

import pytest

from darkroom.domain.entries import Entry, State
from tests.builders import a_receipt, a_rejected_receipt, a_rendition, an_entry
from tests.chaos.plan import History
from tests.chaos.verify import ERRORS, Expected, Snapshot, Transition, Verdict, verify

GOOD = an_entry("good.png", version="v1", receipt=a_receipt(a_rendition(key="p1/640.jpg")))
TORN = an_entry("torn.png", State.REJECTED, version="v1")
OLD = an_entry(
    "twice.png", State.SUPERSEDED, 3, version="v1", receipt=a_receipt(a_rendition(key="p2/640.jpg"))
)
NEW = an_entry(
    "twice.png",
    version="v2",
    receipt=a_receipt(a_rendition(key="p3/640.jpg")),
)
GONE = an_entry("gone.png", State.DELETED, 4, version="v1", receipt=a_receipt(a_rendition(key="p5/640.jpg")))
REMOVAL = an_entry("gone.png", State.DELETED, 2, version="removal:v2")
ENTRIES = (GOOD, TORN, OLD, NEW, GONE, REMOVAL)
EXPECTED = {
    ("good.png", "v1"): Expected({"640.jpg": "e1"}),
    ("torn.png", "v1"): Expected(None),
    ("twice.png", "v1"): Expected({"640.jpg": "e2"}),
    ("twice.png", "v2"): Expected({"640.jpg": "e3"}),
    ("gone.png", "v1"): Expected({"640.jpg": "e5"}, History(hidden=True, returns=1)),
    ("no event.png", "v1"): Expected({"640.jpg": "e6"}, History(hidden=True)),
}


def transitions(entry: Entry, *states: State) -> tuple[Transition, ...]:
    return tuple(
        Transition(entry.picture_id, entry.upload.version, n, state) for n, state in enumerate(states, 1)
    )


CORRECT = Snapshot(
    versions=frozenset(
        {("good.png", "v1"), ("torn.png", "v1"), ("twice.png", "v1"), ("twice.png", "v2"), ("gone.png", "v1")}
    ),
    latest={"good.png": "v1", "torn.png": "v1", "twice.png": "v2"},
    ledger=ENTRIES,
    latest_ids={GOOD.picture_id: "v1", TORN.picture_id: "v1", NEW.picture_id: "v2", GONE.picture_id: ""},
    views=ENTRIES,
    renditions={"p1/640.jpg": "e1", "p2/640.jpg": "e2", "p3/640.jpg": "e3"},
    superseded_renditions=frozenset({"p2/640.jpg"}),
    pages={"gone.png": (410, 410, 404)},
    messages={"the render queue": 0},
    transitions=(
        *transitions(GOOD, State.RENDERING, State.RENDERING, State.RENDERED),
        *transitions(OLD, State.RENDERING, State.RENDERED, State.SUPERSEDED),
    ),
)


def with_entry(entry: Entry) -> Snapshot:
    """Replaces the entry of a version in ledger and views."""
    entries = tuple(entry if other.upload == entry.upload else other for other in ENTRIES)
    return replace(CORRECT, ledger=entries, views=entries)


def without(entry: Entry) -> tuple[Entry, ...]:
    return tuple(other for other in ENTRIES if other is not entry)


def with_renditions(**renditions: str) -> Snapshot:
    """Replaces or adds renditions, by prefix."""
    changed = {f"{prefix}/640.jpg": etag for prefix, etag in renditions.items()}
    return replace(CORRECT, renditions={**CORRECT.renditions, **changed})


def with_history(*states: State) -> Snapshot:
    """Replaces the transitions of the good picture."""
    return replace(CORRECT, transitions=transitions(GOOD, *states))


def returned(times: int) -> Snapshot:
    """Adds a deleted picture, concluded once and again after each of `times` returns."""
    cycle = (State.RENDERING, State.RENDERED, State.DELETED)
    return replace(CORRECT, transitions=transitions(GONE, *cycle, *cycle * times))


ALIEN = an_entry("good.png", State.SUPERSEDED, version="v9", receipt=None)
BEHIND = replace(GOOD, revision=1)
TWICE = transitions(GOOD, State.RENDERING) * 2
AHEAD = transitions(GOOD, State.RENDERING, State.RENDERED)[1:]
BROKEN = {
    "not in the ledger": ("lost", replace(CORRECT, ledger=without(GOOD))),
    "no view": ("lost", replace(CORRECT, views=without(GOOD))),
    "good, but failed": ("lost", with_entry(replace(GOOD, state=State.FAILED, receipt=a_rejected_receipt()))),
    "newest, but superseded": ("lost", with_entry(replace(NEW, state=State.SUPERSEDED))),
    "a rendition is missing": ("lost", replace(CORRECT, renditions={"p2/640.jpg": "e2", "p3/640.jpg": "e3"})),
    "other bytes": ("duplicate", with_renditions(p1="e2")),
    "concluded twice": ("duplicate", with_history(State.RENDERED, State.RENDERING, State.RENDERED)),
    "a revision written twice": ("duplicate", replace(CORRECT, transitions=TWICE)),
    "a revision is skipped": ("duplicate", replace(CORRECT, transitions=AHEAD)),
    "a view behind the ledger": ("stale", replace(CORRECT, views=(*without(GOOD), BEHIND))),
    "an older version is current": ("stale", with_entry(replace(OLD, state=State.RENDERED))),
    "an older version is latest": (
        "stale",
        replace(CORRECT, latest_ids={**CORRECT.latest_ids, NEW.picture_id: "v1"}),
    ),
    "never in S3": ("stale", replace(CORRECT, ledger=(*ENTRIES, ALIEN), views=(*ENTRIES, ALIEN))),
    "deleted, but rendered": ("stale", with_entry(replace(GONE, state=State.RENDERED))),
    "deleted, but latest": (
        "stale",
        replace(CORRECT, latest_ids={**CORRECT.latest_ids, GONE.picture_id: "v1"}),
    ),
    "deleted, but has a page": ("stale", replace(CORRECT, pages={"gone.png": (410, 410, 302)})),
    "an existing version is deleted": ("stale", with_entry(replace(OLD, state=State.DELETED))),
    "the key is empty in S3": ("stale", replace(CORRECT, latest={"torn.png": "v1", "twice.png": "v2"})),
    "the older version is current in S3": (
        "stale",
        replace(CORRECT, latest={**CORRECT.latest, "twice.png": "v1"}),
    ),
    "deleted, but in S3": ("lost", replace(CORRECT, latest={**CORRECT.latest, "gone.png": "v1"})),
    "a removal has failed": ("lost", with_entry(replace(REMOVAL, state=State.FAILED))),
    "a removal has no view": ("lost", replace(CORRECT, views=without(REMOVAL))),
    "a removal has not ended": ("stuck", with_entry(replace(REMOVAL, state=State.RENDERING))),
    "concluded more often than it returned": ("duplicate", returned(2)),
    "a rendition without a receipt": ("orphan", with_renditions(p4="e4")),
    "a rendition of a deleted upload": ("orphan", with_renditions(p5="e5")),
    "a superseded rendition that is not listed": (
        "orphan",
        replace(CORRECT, superseded_renditions=frozenset()),
    ),
    "never ended": ("stuck", with_entry(replace(GOOD, state=State.RENDERING))),
    "a message is left": ("stuck", replace(CORRECT, messages={"the dead letters": 1})),
    "rejected without a reason": ("unexplained", with_entry(replace(TORN, receipt=None))),
    "an unusable picture is rendered": (
        "unexplained",
        with_entry(replace(TORN, state=State.RENDERED, receipt=a_receipt())),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_broken_snapshot_is_reported(name: str) -> None:
    error, broken = BROKEN[name]

    assert error in {found for found, _ in verify(broken, EXPECTED).findings}


@pytest.mark.parametrize("snapshot", [CORRECT, returned(1)])
def test_a_correct_snapshot_has_no_findings(snapshot: Snapshot) -> None:
    assert verify(snapshot, EXPECTED).findings == ()


def test_every_kind_of_error_is_tested() -> None:
    assert {error for error, _ in BROKEN.values()} == set(ERRORS)


def test_a_verdict_is_one_line_with_all_counts() -> None:
    verdict = Verdict((("lost", "this"), ("lost", "that"), ("stuck", "one")))

    assert str(verdict) == "lost 2 duplicate 0 stale 0 orphan 0 stuck 1 unexplained 0"
    assert set(str(Verdict()).split()) == {*ERRORS, "0"}
