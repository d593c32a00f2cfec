"""A right log is accepted; for every rule, a wrong one is not, and the first wrong step is named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from darkroom.domain.entries import Latest, State
from tests.chaos.log import EntryStep, Item, S3Step, Step, read, write
from tests.chaos.trace import Replay, check

PICTURE, KEY = "p1", "album/1.png"
LEASED, FREE, LATER = "2026-01-01T00:00:10.000Z", "2026-01-01T00:00:05.000Z", "2026-01-01T00:00:11.000Z"


def s3(kind: str, version: str) -> S3Step:
    return S3Step(PICTURE, KEY, kind, version)


def latest(revision: int, version: str, *live: str) -> Latest:
    return Latest(PICTURE, version, revision, live)


def entry(version: str, revision: int, state: State, generation: int = 0, **changes: Any) -> EntryStep:
    """Builds an entry at FREE; a result has the receipt of its generation, another state none."""
    if state in (State.RENDERED, State.REJECTED):
        changes.setdefault("receipt", f"receipt {generation}")
    return replace(EntryStep(PICTURE, version, revision, state, FREE, generation=generation), **changes)


def begun(
    version: str, revision: int, latest_revision: int, generation: int = 0, **changes: Any
) -> EntryStep:
    changes = {"lease_expires": LEASED, "latest_revision": latest_revision} | changes
    return entry(version, revision, State.RENDERING, generation, **changes)


def published(version: str, revision: int, latest_revision: int, generation: int = 0) -> EntryStep:
    return entry(version, revision, State.RENDERED, generation, latest_revision=latest_revision)


RENDERED: tuple[Step, ...] = (
    s3("put", "v1"),
    begun("v1", 1, 1),
    latest(1, "v1", "v1"),
    published("v1", 2, 1),
)
SUPERSEDED_V1 = entry("v1", 3, State.SUPERSEDED, receipt="receipt 0")
REPLACED: tuple[Step, ...] = (
    *RENDERED,
    s3("put", "v2"),
    begun("v2", 1, 2),
    latest(2, "v2", "v1", "v2"),
    published("v2", 2, 2),
    SUPERSEDED_V1,
    latest(3, "v2", "v2"),
)
DELETED: tuple[Step, ...] = (
    *REPLACED,
    s3("marker", "m3"),
    latest(4, ""),
    entry("v2", 3, State.DELETED, receipt="receipt 0"),
    entry("v1", 4, State.DELETED, receipt="receipt 0"),
)
RESTORED: tuple[Step, ...] = (
    *DELETED,
    entry("removal:m3", 1, State.FAILED),
    s3("destroyed", "m3"),
    begun("v2", 4, 5, 1),
    latest(5, "v2", "v2"),
    entry("v2", 5, State.RENDERING, 1, latest_revision=5),  # an attempt has failed
    entry("v2", 6, State.FAILED, 1, latest_revision=6),
    latest(6, "v2", "v2"),
    begun("v2", 7, 7, 2),
    latest(7, "v2", "v2"),
    entry("v2", 8, State.REJECTED, 2, latest_revision=7),
)


def test_a_right_log_is_accepted_and_its_transactions_are_named() -> None:
    replay = check(RESTORED)

    assert replay.disallowed == []
    assert [name for _, name in replay.names] == [
        "begins to render v1",
        "publishes v1",
        "begins to render v2",
        "publishes v2",
        "deletes the key",
        "records the removal as failed",
        "begins to render v2",
        "records that an attempt at v2 has failed",
        "records v2 as failed",
        "begins to render v2",
        "publishes v2",
    ]


def test_an_attempt_may_begin_after_the_lease_of_another_one() -> None:
    again = (begun("v1", 2, 2, since=LATER), latest(2, "v1", "v1"))

    assert check((*RENDERED[:3], *again)).disallowed == []


def test_a_deletion_misses_an_entry_added_meanwhile_and_then_closes_failed_removals() -> None:
    added = entry("v2", 1, State.SUPERSEDED)
    s3_steps = (s3("put", "v2"), s3("put", "v3"), s3("destroyed", "v3"), s3("marker", "m4"))
    deletion = (
        latest(2, ""),
        entry("v1", 3, State.DELETED, receipt="receipt 0"),
        entry("removal:m4", 2, State.DELETED),
    )

    replay = check((*RENDERED, *s3_steps, entry("removal:m4", 1, State.FAILED), added, *deletion))

    assert replay.disallowed == []
    assert replay.names[-2:] == [(KEY, "deletes the key"), (KEY, "closes the failed removal")]


def test_a_deletion_may_find_a_version_put_after_it_had_asked_s3() -> None:
    steps = (s3("put", "v1"), s3("destroyed", "v1"), s3("put", "v2"), s3("put", "v3"))
    deletion = (latest(1, ""), entry("v2", 2, State.DELETED))

    assert check((*steps, entry("v2", 1, State.SUPERSEDED), *deletion)).disallowed == []


NO_TRANSACTION = "the model has no such transaction"
PUBLISHED_V1 = (
    f"v1, revision 2, state rendering -> rendered, lease until {LEASED} -> none, receipt of none -> receipt 0"
)
WRONG: dict[str, tuple[tuple[Step, ...], str, str]] = {
    "a skipped revision": (
        (*RENDERED, published("v1", 4, 1)),
        "v1, revision 4, unchanged",
        "a revision is skipped or repeated",
    ),
    "a repeated revision": (
        (*RENDERED, RENDERED[-1]),
        "v1, revision 2, unchanged",
        "a revision is skipped or repeated",
    ),
    "a result without an attempt": (
        (s3("put", "v1"), entry("v1", 1, State.RENDERED)),
        "v1, revision 1, state none -> rendered, receipt of none -> receipt 0",
        NO_TRANSACTION,
    ),
    "an attempt without a Latest item": (
        (s3("put", "v1"), begun("v1", 1, 1), published("v1", 2, 1)),
        f"v1, revision 1, state none -> rendering, lease until none -> {LEASED}",
        NO_TRANSACTION,
    ),
    "an attempt while another one has the lease": (
        (*RENDERED[:3], begun("v1", 2, 2), latest(2, "v1", "v1")),
        "the Latest item, revision 2, unchanged",  # after an entry as the sweep writes it
        NO_TRANSACTION,
    ),
    "an attempt at an older version": (
        (*REPLACED, begun("v1", 4, 4, 1), latest(4, "v1", "v2", "v1")),
        "the Latest item, revision 4, version v2 -> v1, live v2 -> v2 v1",
        "S3 had another current version than v1 at every moment since that of the Latest item before",
    ),
    "an attempt at a version that S3 never had": (
        (s3("put", "v1"), begun("v2", 1, 1), latest(1, "v2", "v2"), s3("put", "v2")),
        f"v2, revision 1, state none -> rendering, lease until none -> {LEASED}",
        "S3 never had this version",
    ),
    "an upload that begins again in the same generation": (
        (*RENDERED, begun("v1", 3, 2, receipt="receipt 0"), latest(2, "v1", "v1")),
        f"v1, revision 3, state rendered -> rendering, lease until none -> {LEASED}",
        NO_TRANSACTION,
    ),
    "a generation that rises without a new attempt": (
        (*RENDERED, s3("put", "v2"), replace(SUPERSEDED_V1, generation=1)),
        "v1, revision 3, state rendered -> superseded, generation 0 -> 1",
        NO_TRANSACTION,
    ),
    "a result after the Latest item has changed": (
        (
            *RENDERED[:3],
            s3("put", "v2"),
            *REPLACED[5:7],
            published("v1", 2, 1),
            entry("v2", 2, State.SUPERSEDED),
            latest(3, "v1", "v1"),
        ),
        PUBLISHED_V1,
        "the Latest item has changed since the attempt began",
    ),
    "a result that leaves an older version live": (
        (*REPLACED[:-2], latest(3, "v2", "v2")),
        PUBLISHED_V1.replace("v1", "v2"),
        NO_TRANSACTION,
    ),
    "a superseded version without another one": (
        (*RENDERED, SUPERSEDED_V1),
        "v1, revision 3, state rendered -> superseded",
        "no other version has been S3's current one since",
    ),
    "a deleted version that is S3's current one": (
        (*RENDERED, entry("v1", 3, State.DELETED, receipt="receipt 0")),
        "v1, revision 3, state rendered -> deleted",
        "S3 has had a current version since, and has this one still",
    ),
    "a deleted key with a current version": (
        (*RENDERED, latest(2, ""), entry("v1", 3, State.DELETED, receipt="receipt 0")),
        "the Latest item, revision 2, version v1 -> none, live v1 -> none",
        "S3 had a current version at every moment since that of the Latest item before",
    ),
    "a deleted key that keeps a version": (
        (*REPLACED, s3("marker", "m3"), latest(4, ""), entry("v1", 4, State.DELETED, receipt="receipt 0")),
        "the Latest item, revision 4, version v2 -> none, live v2 -> none",
        NO_TRANSACTION,
    ),
    "a rendered version that fails": (
        (*RENDERED, entry("v1", 3, State.FAILED, receipt="receipt 0")),
        "v1, revision 3, state rendered -> failed",
        NO_TRANSACTION,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_first_wrong_step_is_named(name: str) -> None:
    steps, step, why = WRONG[name]

    assert check((*steps, entry("v9", 9, State.FAILED))).disallowed == [f"{KEY}: {step}: {why}"]


def test_two_transactions_are_not_accepted_as_one() -> None:
    replay = Replay()
    replay.change(s3("put", "v1"))
    both: list[Item] = [step for step in RENDERED[1:] if not isinstance(step, S3Step)]

    replay.transaction(both)

    assert len(replay.disallowed) == 1


def test_one_transaction_is_not_accepted_as_two() -> None:
    replay = Replay()
    replay.change(s3("put", "v1"))

    replay.transaction([begun("v1", 1, 1)])
    replay.transaction([latest(1, "v1", "v1")])

    assert len(replay.disallowed) == 1


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(RESTORED, tmp_path / "logs" / "run.jsonl")

    assert tuple(read(tmp_path / "logs" / "run.jsonl")) == RESTORED
