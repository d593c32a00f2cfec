import pytest

from darkroom.domain.entries import Outcome, State
from darkroom.domain.rows import row_of
from tests.builders import a_member, an_attempt

CONCLUDED, FAILED = an_attempt(), an_attempt(Outcome.EXCEPTION, "OSError: the disk is gone")
RUNNING = an_attempt(None)
KILLED = RUNNING  # once another attempt follows


@pytest.mark.parametrize("attempts", [(FAILED,), (FAILED, RUNNING), (KILLED, RUNNING), (CONCLUDED, FAILED)])
def test_the_row_of_a_retried_upload_says_so(attempts: tuple[object, ...]) -> None:
    row = row_of([a_member(state=State.RENDERING, attempts=attempts)])

    assert (row.reason, row.sentence) == ("", "The last attempt failed. It is being retried.")


@pytest.mark.parametrize("attempts", [(), (RUNNING,), (CONCLUDED, RUNNING), (FAILED, CONCLUDED, RUNNING)])
def test_the_row_of_another_unfinished_upload_has_no_sentence(attempts: tuple[object, ...]) -> None:
    assert row_of([a_member(state=State.RENDERING, attempts=attempts)]).sentence == ""


def test_the_row_of_a_retried_upload_that_was_rendered_has_no_sentence() -> None:
    assert row_of([a_member(state=State.RENDERED, attempts=(FAILED, CONCLUDED))]).sentence == ""
