"""A short version of every chaos run, on its own stack."""

from collections.abc import Iterator

import pytest

from darkroom.domain.profile import built_in
from tests.chaos.pictures import outcomes
from tests.chaos.plan import Step
from tests.chaos.runs import SHORT, Result, all_runs, perform, pictures_of
from tests.chaos.stage import Stage, prepared
from tests.e2e.conftest import a_stack

# Every defence has a quick test too, see defences.py.
pytestmark = pytest.mark.full

# Longer than a cold start plus a rendering, so that no message is redelivered during its rendering;
# shorter than the template's 60 s, because every kill waits for it.
VISIBILITY_SECONDS = 20
TIMEOUT_SECONDS = 300
RUNS = {run.name: run for run in all_runs(SHORT, seed=20_26)}
# Runs that wait for the visibility timeout are executed together.
GROUPS = (("undisturbed",), ("exhausted", "kills", "steps", "races"), ("faults",))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with a_stack() as stack, prepared(stack, VISIBILITY_SECONDS) as stage:
        yield stage


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> dict[str, Result]:
    # Before the stage starts its threads, because the engine forks.
    expected = outcomes(pictures_of(tuple(RUNS.values())), built_in("default"))
    stage: Stage = request.getfixturevalue("stage")
    results = {}
    for group in GROUPS:
        for result in perform(stage, tuple(RUNS[name] for name in group), expected, TIMEOUT_SECONDS):
            results[result.run.name] = result
    assert set(stage.proxy.kills.done) == set(Step)
    assert stage.proxy.injected
    assert results["exhausted"].failed
    return results


@pytest.mark.parametrize("name", [name for group in GROUPS for name in group])
def test_a_run_ends_without_errors(results: dict[str, Result], name: str) -> None:
    assert results[name].verdict.findings == ()
    assert results[name].disallowed == ()
