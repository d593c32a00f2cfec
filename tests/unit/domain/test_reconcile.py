"""What a change requires, by what is known of its key. tests/model checks that it always ends as S3 says."""

from copy import replace

import pytest

from darkroom.domain.entries import Entry, Latest, State
from darkroom.domain.reconcile import Delete, Known, Nothing, Render, Settle, Steps, decide
from darkroom.domain.uploads import NO_VERSION, Removal, S3Change, Upload
from tests.builders import UPLOADS, an_entry, an_upload

RESULTS = [State.RENDERED, State.REJECTED, State.SKIPPED]
CURRENT = an_upload(version="v2")
PUT, OLDER_PUT, UNNAMED_PUT = (an_upload(version=version) for version in ("v2", "v1", NO_VERSION))
MARKED = Removal(UPLOADS, "image.png", "v3", marker=True)
DESTROYED = Removal(UPLOADS, "image.png", "v1", marker=False)
SETTLED = Latest(CURRENT.picture_id, "v2", 5, ("v2",))


def entry(state: State | None, version: str = "v2") -> Entry | None:
    return an_entry(state=state, version=version) if state else None


def known(
    state: State | None,
    *,
    own: State | None = None,
    latest: Latest | None = SETTLED,
    current: Upload | None = CURRENT,
) -> Known:
    return Known(latest, current, entry(state), entry(own, "v1"))


@pytest.mark.parametrize("change", [PUT, OLDER_PUT, UNNAMED_PUT, MARKED, DESTROYED])
def test_a_key_without_a_current_version_is_deleted(change: S3Change) -> None:
    assert decide(change, known(None, current=None)) == Steps(Delete())


@pytest.mark.parametrize("change", [PUT, UNNAMED_PUT, MARKED, DESTROYED])
@pytest.mark.parametrize(
    "state", [None, State.EXPECTED, State.RENDERING, State.SUPERSEDED, State.DELETED], ids=str
)
def test_a_current_version_without_an_outcome_is_rendered(change: S3Change, state: State | None) -> None:
    assert decide(change, known(state)) == Steps(Render(CURRENT, entry(state)))


@pytest.mark.parametrize("change", [PUT, UNNAMED_PUT, MARKED, DESTROYED])
@pytest.mark.parametrize("state", [*RESULTS, State.FAILED])
def test_a_current_version_with_an_outcome_is_left_alone(change: S3Change, state: State) -> None:
    assert decide(change, known(state)) == Steps(Nothing())


@pytest.mark.parametrize("state", RESULTS)
@pytest.mark.parametrize(
    "latest", [None, replace(SETTLED, version=""), replace(SETTLED, live_versions=("v1", "v2"))], ids=str
)
def test_a_result_that_is_not_the_only_live_version_becomes_it(state: State, latest: Latest | None) -> None:
    in_ledger = known(state, latest=latest)
    assert in_ledger.entry

    assert decide(PUT, in_ledger) == Steps(Settle(in_ledger.entry))


def test_a_failure_supersedes_no_other_version() -> None:
    beside = known(State.FAILED, latest=replace(SETTLED, live_versions=("v1", "v2")))

    assert decide(PUT, beside) == Steps(Nothing())


@pytest.mark.parametrize("state", [None, State.RENDERING, State.SUPERSEDED, State.DELETED], ids=str)
def test_an_older_upload_leaves_the_current_version_to_its_own_event(state: State | None) -> None:
    assert decide(OLDER_PUT, known(state)).action == Nothing()


@pytest.mark.parametrize(
    ("own", "end"),
    [
        (State.EXPECTED, State.SUPERSEDED),
        (State.RENDERING, State.SUPERSEDED),
        (State.FAILED, State.SUPERSEDED),
        # Shown until the current version has a result, which then supersedes it.
        *((state, None) for state in RESULTS),
        (State.SUPERSEDED, None),
        (State.DELETED, None),
    ],
)
def test_an_older_upload_ends_as_superseded(own: State, end: State | None) -> None:
    assert decide(OLDER_PUT, known(None, own=own)) == Steps(Nothing(), end)


@pytest.mark.parametrize("own", State)
def test_a_permanently_deleted_version_ends_as_deleted(own: State) -> None:
    end = None if own is State.DELETED else State.DELETED

    assert decide(DESTROYED, known(State.RENDERED, own=own)) == Steps(Nothing(), end)


@pytest.mark.parametrize("change", [PUT, UNNAMED_PUT])
@pytest.mark.parametrize("state", [*RESULTS, State.FAILED])
def test_an_upload_is_rendered_again_on_request_once(change: Upload, state: State) -> None:
    in_ledger = known(state)
    assert in_ledger.entry
    revision = in_ledger.entry.revision

    assert decide(change, in_ledger, revision) == Steps(Render(CURRENT, in_ledger.entry))
    assert decide(change, in_ledger, revision - 1) == Steps(Nothing())


@pytest.mark.parametrize("state", [*RESULTS, State.FAILED])
def test_a_retried_removal_renders_only_a_restored_version_that_failed(state: State) -> None:
    in_ledger = known(state)
    assert in_ledger.entry

    action = decide(MARKED, in_ledger, in_ledger.entry.revision).action

    assert action == (Render(CURRENT, in_ledger.entry) if state is State.FAILED else Nothing())


def test_new_content_in_a_bucket_without_versioning_is_rendered() -> None:
    stored = an_entry(version=NO_VERSION, etag="old")
    latest = Latest(stored.picture_id, NO_VERSION, 2, (NO_VERSION,))
    same, new = (an_upload(version=NO_VERSION, etag=etag) for etag in ("old", "new"))

    assert decide(same, Known(latest, same, stored, None)) == Steps(Nothing())
    assert decide(new, Known(latest, new, stored, None)) == Steps(Render(new, stored))
