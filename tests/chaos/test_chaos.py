"""A short run of every kind of chaos, on a stack of its own."""

from collections.abc import Iterator

import pytest

from darkroom.domain.profile import built_in
from tests.chaos.pictures import outcomes
from tests.chaos.plan import Step
from tests.chaos.runs import SHORT, Result, kinds, perform, pictures_of
from tests.chaos.stage import Stage, staged
from tests.e2e.conftest import a_stack

# What each rule here is held by has a quick test too: see defences.py.
pytestmark = pytest.mark.full

# More than a cold start and a rendering may take, so that nothing comes again that is still being worked on;
# much less than the template's minute, for which every kill would have to wait.
VISIBILITY_SECONDS = 20
PATIENCE_SECONDS = 300
KINDS = {kind.name: kind for kind in kinds(SHORT, seed=20_26)}
# What waits for the same time-out waits together.
GROUPS = (("undisturbed",), ("parked", "kills", "steps", "races"), ("faults",))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with a_stack() as stack, staged(stack, VISIBILITY_SECONDS) as stage:
        yield stage


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> dict[str, Result]:
    # Before the stage, whose threads must not be there when the engine forks.
    wanted = outcomes(pictures_of(tuple(KINDS.values())), built_in("default"))
    stage: Stage = request.getfixturevalue("stage")
    results = {}
    for group in GROUPS:
        for result in perform(stage, tuple(KINDS[name] for name in group), wanted, PATIENCE_SECONDS):
            results[result.kind.name] = result
    assert set(stage.proxy.killed) == set(Step)
    assert stage.proxy.injected
    assert results["parked"].parked
    return results


@pytest.mark.parametrize("name", [name for group in GROUPS for name in group])
def test_nothing_is_lost_double_stale_orphaned_stuck_or_without_reason(
    results: dict[str, Result], name: str
) -> None:
    assert results[name].verdict.findings == ()
