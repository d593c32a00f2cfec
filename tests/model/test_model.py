"""The model is right in every state within its limits, and wrong without any of its defences."""

import subprocess
import sys

import pytest

from tests.chaos.defences import DEFENCES
from tests.cloudformation import PROJECT
from tests.model.checker import check, counterexample
from tests.model.defences import COUNTEREXAMPLES, QUICK, THOROUGH
from tests.model.history import describe
from tests.model.ledger import Entry, Transaction, explain
from tests.model.model import Model
from tests.model.protocol import Defence
from tests.model.world import Limits, World


def _examples() -> list[object]:
    marks = {True: [pytest.mark.full], False: []}
    return [
        pytest.param(defence, id=defence.name, marks=marks[COUNTEREXAMPLES[defence].is_slow])
        for defence in Defence
    ]


@pytest.mark.parametrize("limits", QUICK, ids=str)
def test_every_state_within_small_limits_is_right(limits: Limits) -> None:
    _assert_right(limits)


@pytest.mark.full
@pytest.mark.parametrize("limits", THOROUGH, ids=str)
def test_every_state_within_larger_limits_is_right(limits: Limits) -> None:
    _assert_right(limits)


def _assert_right(limits: Limits) -> None:
    model = Model(limits)
    result = check(model)
    if result.wrong:
        pytest.fail(describe(model, result.history, result.wrong), pytrace=False)


@pytest.mark.parametrize("defence", _examples())
def test_without_a_defence_a_history_goes_wrong(defence: Defence) -> None:
    model = Model(COUNTEREXAMPLES[defence].limits, frozenset({defence}), reduces=False)

    result = counterexample(model)

    assert result.wrong
    assert describe(model, result.history, result.wrong).endswith(result.wrong)


@pytest.mark.parametrize("defence", Defence, ids=lambda defence: defence.name)
def test_every_defence_has_a_test_of_the_product(defence: Defence) -> None:
    """The table of chaos/defences.py is run against the product: each test fails without its line."""
    assert COUNTEREXAMPLES[defence].test in {known.test for known in DEFENCES}


@pytest.mark.parametrize("limits", [Limits(changes=2, duplicates=1), Limits(changes=2, crashes=1)], ids=str)
def test_states_left_out_hide_no_world(limits: Limits) -> None:
    """In the worlds of the full model that are quiet, nothing differs from those of the reduced one."""
    full, reduced = Model(limits, reduces=False), Model(limits)
    check(full)
    check(reduced)

    assert _quiet(reduced) == _quiet(full)


def _quiet(model: Model) -> set[World]:
    return {world for world in model.worlds if world.is_quiet}


def test_every_transaction_of_the_protocol_is_explained() -> None:
    """`explain`, which the chaos runs are compared with, knows every transaction of the model."""
    model = Model(Limits(changes=2, throttled=1, renewals=1))
    check(model)
    outcomes = [outcome for outcome in model.transactions if outcome[1].latest != outcome[0].latest]

    assert outcomes
    assert [_explained(*outcome) for outcome in outcomes if not _explained(*outcome)] == []


def _explained(before: World, after: World) -> Transaction | None:
    unknown = {entry.version for entry in after.entries} - {entry.version for entry in before.entries}
    entries = (*before.entries, *map(Entry, sorted(unknown)))
    return explain((before.latest, entries), (after.latest, after.entries))


def test_the_command_prints_a_counterexample() -> None:
    command = [sys.executable, "-m", "tests.model", "--without", "LEASE"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert "1. v1 is stored in S3." in done.stdout
    assert done.stdout.rstrip().endswith("=> Two workers render v1 at the same time.")
