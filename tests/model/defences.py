"""Limits: of the proof, and of the counterexample without each defence; and the product's test of that."""

from typing import NamedTuple

from tests.model.protocol import Defence
from tests.model.world import Limits

# In `make test`, all at once less than 40 seconds.
QUICK = (
    Limits(changes=3),
    Limits(changes=2, duplicates=1, losses=1),
    Limits(changes=2, throttled=1, renewals=1),
    Limits(changes=2, throttled=1, crashes=1),
    Limits(changes=2, unanswered=1),
)
# In `make test-full` and `make model`, about 3 minutes of one core.
THOROUGH = (
    Limits(changes=3, duplicates=1),
    Limits(changes=3, losses=1),
    Limits(changes=3, throttled=1),
    Limits(changes=3, crashes=1),
    Limits(changes=2, duplicates=1, unanswered=1, crashes=1),
)


class Counterexample(NamedTuple):
    """The limits within which a protocol without the defence is wrong, and a test of the product."""

    limits: Limits
    test: str
    is_slow: bool = False


_ORDER, _PARKING, _SWEEPING, _RENDERING = (
    f"tests/unit/services/test_{name}.py::test_" for name in ("order", "parking", "sweeping", "rendering")
)
_LEDGER = "tests/contract/test_tables.py::TestLedger::test_"

COUNTEREXAMPLES = {
    Defence.S3_LAST: Counterexample(
        Limits(changes=2), f"{_ORDER}a_version_replaced_while_its_key_is_read_is_not_rendered"
    ),
    Defence.S3_ASKED: Counterexample(
        Limits(changes=2), f"{_ORDER}a_late_event_of_an_older_version_is_superseded_and_never_shown"
    ),
    Defence.ENDED_ONCE: Counterexample(
        Limits(changes=1, duplicates=1), f"{_RENDERING}a_redelivery_of_a_concluded_upload_changes_nothing"
    ),
    Defence.RETRY_ONCE: Counterexample(
        Limits(changes=1, duplicates=1, renewals=1), f"{_PARKING}a_retry_delivered_twice_renders_once"
    ),
    Defence.OWN_ENDED: Counterexample(
        Limits(changes=2, losses=1), f"{_SWEEPING}a_swept_upload_that_is_no_longer_current_is_superseded"
    ),
    Defence.LEASE: Counterexample(
        Limits(changes=1, duplicates=1), f"{_PARKING}a_leased_upload_is_not_rendered_by_another_worker"
    ),
    Defence.REVISION: Counterexample(
        Limits(changes=2, losses=1), f"{_LEDGER}only_the_next_revision_is_accepted"
    ),
    Defence.BEGIN_LATEST: Counterexample(
        Limits(changes=2), f"{_ORDER}a_version_replaced_before_its_attempt_began_is_not_rendered"
    ),
    Defence.COMMIT_LATEST: Counterexample(
        Limits(changes=2), f"{_RENDERING}a_key_that_changes_in_every_attempt_is_left_to_the_redelivery"
    ),
    Defence.GENERATION: Counterexample(
        Limits(changes=3), f"{_ORDER}a_picture_restored_during_its_deletion_is_shown"
    ),
    Defence.DELETION_RECORDED: Counterexample(
        Limits(changes=2), f"{_ORDER}an_attempt_that_has_not_seen_a_deletion_fails"
    ),
    Defence.DELETED_FILES: Counterexample(
        Limits(changes=2), f"{_ORDER}a_delete_marker_removes_the_picture_and_its_renditions"
    ),
    Defence.SECOND_LOOK: Counterexample(
        Limits(changes=3), f"{_ORDER}a_picture_restored_during_its_deletion_is_shown"
    ),
    Defence.PARK_AGAIN: Counterexample(
        Limits(changes=3, throttled=1), f"{_ORDER}a_picture_restored_while_it_is_parked_is_a_failure", True
    ),
    Defence.PARK_LATEST: Counterexample(
        Limits(changes=2, throttled=1),
        f"{_ORDER}a_version_replaced_while_it_is_parked_is_not_a_failure",
    ),
    Defence.REMOVAL_CLOSED: Counterexample(
        Limits(changes=2, throttled=1), f"{_ORDER}a_retried_removal_of_an_older_version_closes_its_failure"
    ),
    Defence.SWEPT: Counterexample(
        Limits(changes=1, losses=1), f"{_SWEEPING}a_lost_upload_is_enqueued_as_an_s3_notification"
    ),
    Defence.SWEPT_MARKERS: Counterexample(
        Limits(changes=2, losses=1), f"{_SWEEPING}a_lost_delete_marker_is_enqueued_until_it_is_applied"
    ),
}
