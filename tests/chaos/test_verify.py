"""The verifier can fail: for each word a snapshot that is broken in that way alone."""

from dataclasses import replace

import pytest

from darkroom.domain.entries import Entry, State
from tests.builders import a_receipt, a_rejected_receipt, a_rendition, an_entry
from tests.chaos.plan import Fate
from tests.chaos.verify import WORDS, Due, Move, Snapshot, Verdict, verify

GOOD = an_entry("good.png", version="v1", receipt=a_receipt(a_rendition(key="p1/640.jpg")))
TORN = an_entry("torn.png", State.REJECTED, version="v1")
OLD = an_entry(
    "twice.png", State.SUPERSEDED, 3, version="v1", receipt=a_receipt(a_rendition(key="p2/640.jpg"))
)
NEW = an_entry(
    "twice.png",
    version="v2",
    sequencer="0055AED6DCD90281E6",
    receipt=a_receipt(a_rendition(key="p3/640.jpg")),
)
GONE = an_entry("gone.png", State.DELETED, 4, version="v1", receipt=a_receipt(a_rendition(key="p5/640.jpg")))
REMOVAL = an_entry("gone.png", State.DELETED, 2, version="removal:v2")
ENTRIES = (GOOD, TORN, OLD, NEW, GONE, REMOVAL)
DUE = {
    ("good.png", "v1"): Due({"640.jpg": "e1"}),
    ("torn.png", "v1"): Due(None),
    ("twice.png", "v1"): Due({"640.jpg": "e2"}),
    ("twice.png", "v2"): Due({"640.jpg": "e3"}),
    ("gone.png", "v1"): Due({"640.jpg": "e5"}, Fate(hidden=True, returns=1)),
    ("never heard.png", "v1"): Due({"640.jpg": "e6"}, Fate(hidden=True)),
}


def moves(entry: Entry, *states: State) -> tuple[Move, ...]:
    return tuple(Move(entry.picture_id, entry.upload.version, n, state) for n, state in enumerate(states, 1))


SOUND = Snapshot(
    versions=frozenset(
        {("good.png", "v1"), ("torn.png", "v1"), ("twice.png", "v1"), ("twice.png", "v2"), ("gone.png", "v1")}
    ),
    latest={"good.png": "v1", "torn.png": "v1", "twice.png": "v2"},
    ledger=ENTRIES,
    on_top={GOOD.picture_id: "v1", TORN.picture_id: "v1", NEW.picture_id: "v2", GONE.picture_id: ""},
    views=ENTRIES,
    renditions={"p1/640.jpg": "e1", "p2/640.jpg": "e2", "p3/640.jpg": "e3"},
    superseded_renditions=frozenset({"p2/640.jpg"}),
    pages={"gone.png": (410, 410, 404)},
    messages={"the render queue": 0},
    moves=(
        *moves(GOOD, State.RENDERING, State.RENDERING, State.RENDERED),
        *moves(OLD, State.RENDERING, State.RENDERED, State.SUPERSEDED),
    ),
)


def but(entry: Entry) -> Snapshot:
    """The sound one with another entry of that version, in ledger and views."""
    entries = tuple(entry if each.upload == entry.upload else each for each in ENTRIES)
    return replace(SOUND, ledger=entries, views=entries)


def without(entry: Entry) -> tuple[Entry, ...]:
    return tuple(each for each in ENTRIES if each is not entry)


def storing(**renditions: str) -> Snapshot:
    """The sound one with other bytes, or more."""
    changed = {f"{prefix}/640.jpg": etag for prefix, etag in renditions.items()}
    return replace(SOUND, renditions={**SOUND.renditions, **changed})


def after(*states: State) -> Snapshot:
    """The sound one with another history of the good picture."""
    return replace(SOUND, moves=moves(GOOD, *states))


def back(times: int) -> Snapshot:
    """The sound one with a deleted picture that was concluded, and once more whenever it came back."""
    again = (State.RENDERING, State.RENDERED, State.DELETED)
    return replace(SOUND, moves=moves(GONE, *again, *again * times))


ALIEN = an_entry("good.png", State.SUPERSEDED, version="v9", receipt=None)
BEHIND = replace(GOOD, revision=1)
TWICE = moves(GOOD, State.RENDERING) * 2
AHEAD = moves(GOOD, State.RENDERING, State.RENDERED)[1:]
BROKEN = {
    "not in the ledger": ("lost", replace(SOUND, ledger=without(GOOD))),
    "no view": ("lost", replace(SOUND, views=without(GOOD))),
    "good, and failed": ("lost", but(replace(GOOD, state=State.FAILED, receipt=a_rejected_receipt()))),
    "newest, and superseded": ("lost", but(replace(NEW, state=State.SUPERSEDED))),
    "a rendition gone": ("lost", replace(SOUND, renditions={"p2/640.jpg": "e2", "p3/640.jpg": "e3"})),
    "other bytes": ("double", storing(p1="e2")),
    "concluded twice": ("double", after(State.RENDERED, State.RENDERING, State.RENDERED)),
    "a revision written twice": ("double", replace(SOUND, moves=TWICE)),
    "a revision left out": ("double", replace(SOUND, moves=AHEAD)),
    "a view behind the ledger": ("stale", replace(SOUND, views=(*without(GOOD), BEHIND))),
    "an older version stands": ("stale", but(replace(OLD, state=State.RENDERED))),
    "an older version on top": ("stale", replace(SOUND, on_top={**SOUND.on_top, NEW.picture_id: "v1"})),
    "never in S3": ("stale", replace(SOUND, ledger=(*ENTRIES, ALIEN), views=(*ENTRIES, ALIEN))),
    "deleted, and stands": ("stale", but(replace(GONE, state=State.RENDERED))),
    "deleted, and on top": ("stale", replace(SOUND, on_top={**SOUND.on_top, GONE.picture_id: "v1"})),
    "deleted, and has a page": ("stale", replace(SOUND, pages={"gone.png": (410, 410, 302)})),
    "a version that stays is deleted": ("stale", but(replace(OLD, state=State.DELETED))),
    "S3 has nothing more": ("stale", replace(SOUND, latest={"torn.png": "v1", "twice.png": "v2"})),
    "S3 has the older one again": ("stale", replace(SOUND, latest={**SOUND.latest, "twice.png": "v1"})),
    "not deleted, and is": ("lost", replace(SOUND, latest={**SOUND.latest, "gone.png": "v1"})),
    "a removal has failed": ("lost", but(replace(REMOVAL, state=State.FAILED))),
    "a removal is not seen": ("lost", replace(SOUND, views=without(REMOVAL))),
    "a removal has not ended": ("stuck", but(replace(REMOVAL, state=State.RENDERING))),
    "concluded oftener than it came back": ("double", back(2)),
    "named by no receipt": ("orphan", storing(p4="e4")),
    "of what was deleted": ("orphan", storing(p5="e5")),
    "of what was superseded, and not discarded": (
        "orphan",
        replace(SOUND, superseded_renditions=frozenset()),
    ),
    "never ended": ("stuck", but(replace(GOOD, state=State.RENDERING))),
    "a message left": ("stuck", replace(SOUND, messages={"the dead letters": 1})),
    "rejected for no reason": ("unreasoned", but(replace(TORN, receipt=None))),
    "poison rendered": ("unreasoned", but(replace(TORN, state=State.RENDERED, receipt=a_receipt()))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_word_is_said_of_what_is_broken_that_way(name: str) -> None:
    word, broken = BROKEN[name]

    assert word in {said for said, _ in verify(broken, DUE).findings}


@pytest.mark.parametrize("sound", [SOUND, back(1)])
def test_nothing_is_said_of_what_is_sound(sound: Snapshot) -> None:
    assert verify(sound, DUE).findings == ()


def test_every_word_can_be_said() -> None:
    assert {word for word, _ in BROKEN.values()} == set(WORDS)


def test_a_verdict_is_one_line_of_all_words() -> None:
    verdict = Verdict((("lost", "this"), ("lost", "that"), ("stuck", "one")))

    assert str(verdict) == "lost 2 double 0 stale 0 orphan 0 stuck 1 unreasoned 0"
    assert set(str(Verdict()).split()) == {*WORDS, "0"}
