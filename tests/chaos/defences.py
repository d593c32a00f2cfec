"""The defences against lost and duplicate uploads, each with its test. See test_defences.py."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cloudformation import PROJECT

_PACKAGE = "layers/darkroom/darkroom"
_COPIED = ("layers", "functions", "tests", "cli", "bench", "events", "template.yaml", "pyproject.toml")
_TIMEOUT_SECONDS = 45
_FAILED = 1  # pytest's exit code for failed tests; other codes mean that pytest could not run them


@dataclass(frozen=True, slots=True)
class Defence:
    """A line of code, its replacement without the defence, and the test for it."""

    name: str
    file: str
    line: str
    without: str
    test: str


DEFENCES = (
    Defence(
        "a transition needs the previous revision",
        "adapters/tables.py",
        '"ConditionExpression": "revision = :before"',
        '"ConditionExpression": "attribute_not_exists(none) OR revision = :before"',
        "tests/contract/test_tables.py::TestLedger::test_only_the_next_revision_is_accepted",
    ),
    Defence(
        "a view accepts only newer revisions",
        "services/projecting.py",
        "if entry.revision > _revision(views.get(_key(entry)))",
        "if True",
        "tests/contract/test_tables.py::TestViews::test_a_late_or_repeated_revision_is_ignored",
    ),
    Defence(
        "a result is published only if its version is still the latest",
        "services/keys.py",
        "self.advance(*items, unchanged=latest)",
        "self.advance(*items)",
        "tests/unit/services/test_rendering.py::test_a_key_that_changes_in_every_attempt_is_left_to_the_redelivery",
    ),
    Defence(
        "only S3's current version is rendered",
        "services/keys.py",
        "self.ledger.latest(picture_id), self.originals.current(change.key)",
        "self.ledger.latest(picture_id), self.originals.current(change.key)\n"
        "        current = change if isinstance(change, Upload) else current",
        "tests/unit/services/test_order.py::test_a_late_event_of_an_older_version_is_superseded_and_never_shown",
    ),
    Defence(
        "S3 is asked after the Latest item was read",
        "services/keys.py",
        "latest, current = self.ledger.latest(picture_id), self.originals.current(change.key)",
        "current, latest = self.originals.current(change.key), self.ledger.latest(picture_id)",
        "tests/unit/services/test_order.py::test_a_version_replaced_while_its_key_is_read_is_not_rendered",
    ),
    Defence(
        "S3 is asked again after a deletion",
        "services/reconciling.py",
        "if isinstance(steps.action, Render):",
        "if True:",
        "tests/unit/services/test_order.py::test_a_picture_restored_during_its_deletion_is_shown",
    ),
    Defence(
        "a deletion is recorded even if nothing is to be deleted",
        "services/reconciling.py",
        " if deleted else ((),):",
        ":",
        "tests/unit/services/test_order.py::test_an_attempt_that_has_not_seen_a_deletion_fails",
    ),
    Defence(
        "an object is read at the version in the event",
        "adapters/s3.py",
        "Bucket=self.bucket, Key=upload.key, VersionId=upload.version",
        "Bucket=self.bucket, Key=upload.key",
        "tests/contract/test_buckets.py::TestOriginals::test_read_returns_the_exact_version",
    ),
    Defence(
        "the version that became the latest last is shown",
        "domain/entries.py",
        "return (entry.latest_revision, ",
        "return (0, ",
        "tests/unit/domain/test_entries.py::test_the_upload_that_became_the_latest_last_is_shown",
    ),
    Defence(
        "a delete marker removes the renditions",
        "services/reconciling.py",
        "self.renditions.remove([key for entry in entries for key in entry.rendition_keys])",
        "pass",
        "tests/unit/services/test_order.py::test_a_delete_marker_removes_the_picture_and_its_renditions",
    ),
    Defence(
        "a stored rendition is never overwritten",
        "adapters/s3.py",
        'IfNoneMatch="*",',
        "",
        "tests/contract/test_buckets.py::TestRenditions::test_a_rendition_is_never_overwritten",
    ),
    Defence(
        "a redelivered upload is not rendered again",
        "domain/reconcile.py",
        "if entry and _has_ended(entry, current):",
        "if False:",
        "tests/unit/services/test_rendering.py::test_a_redelivery_of_a_concluded_upload_changes_nothing",
    ),
    Defence(
        "an upload leased by another worker waits",
        "domain/entries.py",
        "if entry and entry.lease_expires > now():",
        "if False:",
        "tests/unit/services/test_parking.py::test_a_leased_upload_is_not_rendered_by_another_worker",
    ),
    Defence(
        "a failed message is hidden longer after each attempt",
        "adapters/batches.py",
        "self._hide(record.receipt_handle, seconds)",
        "pass",
        "tests/unit/adapters/test_batches.py::test_a_failed_message_is_hidden_for_longer_after_each_attempt",
    ),
    Defence(
        "the message of a killed worker is redelivered when its lease has ended",
        "adapters/batches.py",
        'self._hide(record["receiptHandle"], seconds)',
        "pass",
        "tests/unit/adapters/test_batches.py::test_a_message_in_progress_is_hidden_until_its_invocation_ends",
    ),
    Defence(
        "retries are spread by jitter",
        "services/retries.py",
        "* (1 + jitter) / 2",
        "",
        "tests/unit/services/test_retries.py::test_jitter_spreads_over_the_upper_half_of_the_wait",
    ),
    Defence(
        "a failed record does not fail its batch",
        "services/reconciling.py",
        "faults.append(fault)",
        "raise",
        "tests/unit/services/test_rendering.py::test_one_failing_upload_does_not_block_the_others",
    ),
    Defence(
        "a picture whose child process died is retried once",
        "services/rendering.py",
        "if isinstance(fault, DecoderProcessDied) and not crash_is_final:",
        "if False:",
        "tests/unit/services/test_parking.py::test_a_picture_that_crashes_its_decoder_is_retried_once",
    ),
    Defence(
        "a picture whose child process died twice is rejected",
        "services/rendering.py",
        "and not crash_is_final:",
        "and True:",
        "tests/unit/services/test_parking.py::test_a_picture_that_crashes_its_decoder_twice_is_rejected",
    ),
    Defence(
        "pixels are decoded in a child process",
        "imaging/child.py",
        "    child = Child(lambda: iter([work()]),"
        " seconds=seconds, memory_bytes=memory_bytes, own_group=True)",
        "    return work()",
        "tests/unit/imaging/test_isolation.py::test_an_endless_loop_is_ended_at_the_deadline",
    ),
    Defence(
        "a failed attempt records its reason",
        "services/reconciling.py",
        "self._record_fault(entry, fault)",
        "pass",
        "tests/unit/services/test_parking.py::test_a_failure_has_the_reason_of_the_last_attempt",
    ),
    Defence(
        "a hanging call is interrupted",
        "services/retries.py",
        "signal.setitimer(signal.ITIMER_REAL, max(",
        "max(0, max(",
        "tests/unit/services/test_retries.py::test_a_hanging_call_is_interrupted_before_the_invocation_ends",
    ),
    Defence(
        "an upload that has ended never fails later",
        "domain/reconcile.py",
        "if entry and _has_ended(entry, current):",
        "if False:",
        "tests/unit/services/test_parking.py::test_an_upload_that_has_ended_is_not_recorded_as_failed",
    ),
    Defence(
        "a retry names a revision and takes effect once",
        "domain/reconcile.py",
        "entry.revision == expected_revision",
        "expected_revision is not None",
        "tests/unit/services/test_parking.py::test_a_retry_delivered_twice_renders_once",
    ),
    Defence(
        "a recently swept upload is not swept again",
        "services/sweeping.py",
        "return waiting and max(entry.since, entry.lease_expires) < before",
        "return waiting",
        "tests/unit/services/test_sweeping.py::test_a_recently_swept_upload_is_not_swept_again",
    ),
    Defence(
        "a failed version is recorded beside the live versions",
        "services/parking.py",
        "self.keys.advance(failed, latest)",
        "self.keys.advance(failed)",
        "tests/unit/services/test_order.py::test_a_version_replaced_while_it_is_parked_is_not_a_failure",
    ),
    Defence(
        "a version that is live again has other renditions",
        "domain/entries.py",
        "generation=self.generation + self.state.terminal",
        "generation=self.generation",
        "tests/unit/services/test_sweeping.py::test_a_version_that_is_live_again_has_other_renditions",
    ),
    Defence(
        "an attempt begins only if the Latest item is unchanged",
        "services/reconciling.py",
        "latest = self.keys.next_latest(latest, entry.picture_id, entry.upload.version)",
        "latest = self.keys.ledger.latest(entry.picture_id)\n"
        "        latest = self.keys.next_latest(latest, entry.picture_id, entry.upload.version)",
        "tests/unit/services/test_order.py::test_a_version_replaced_before_its_attempt_began_is_not_rendered",
    ),
    Defence(
        "a late removal does not remove newer renditions",
        "domain/entries.py",
        "generation=self.generation + self.state.terminal",
        "generation=self.generation",
        "tests/unit/services/test_order.py::test_a_picture_restored_during_its_deletion_is_shown",
    ),
    Defence(
        "a version that is not the current one is ended",
        "domain/reconcile.py",
        "own = None if is_own else _end_of_own(change, known.own)",
        "own = None",
        "tests/unit/services/test_sweeping.py::test_a_swept_upload_that_is_no_longer_current_is_superseded",
    ),
    Defence(
        "S3 is asked again after a failure was recorded",
        "services/parking.py",
        "recorded = written",
        "return written",
        "tests/unit/services/test_order.py::test_a_picture_restored_while_it_is_parked_is_a_failure",
    ),
    Defence(
        "a failed removal is closed after it was applied",
        "services/reconciling.py",
        "changed += self._close_failure(change)",
        "pass",
        "tests/unit/services/test_order.py::test_a_retried_removal_of_an_older_version_closes_its_failure",
    ),
    Defence(
        "the sweep enqueues lost uploads",
        "services/sweeping.py",
        "if _is_lost(entry, before):",
        "if False:",
        "tests/unit/services/test_sweeping.py::test_a_lost_upload_is_enqueued_as_an_s3_notification",
    ),
    Defence(
        "the sweep enqueues lost delete markers",
        "services/sweeping.py",
        "if failed is None:",
        "if False:",
        "tests/unit/services/test_sweeping.py::test_a_lost_delete_marker_is_enqueued_until_it_is_applied",
    ),
    Defence(
        "renditions of a destroyed upload are removed after the ledger write",
        "services/reconciling.py",
        "if steps.action == Delete():",
        "if self._remove_renditions_of_removed(change, known) or steps.action == Delete():",
        "tests/unit/services/test_order.py::test_renditions_of_a_destroyed_upload_are_removed_after_the_ledger_says_deleted",
    ),
    Defence(
        "a restored version does not name renditions that are removed",
        "domain/entries.py",
        "receipt=self.kept_receipt,",
        "receipt=self.receipt,",
        "tests/unit/services/test_order.py::test_a_restored_version_does_not_show_renditions_that_the_sweep_removes",
    ),
    Defence(
        "a restored version that fails names no renditions",
        "services/parking.py",
        "receipt=entry.kept_receipt",
        "receipt=entry.receipt",
        "tests/unit/services/test_order.py::test_a_restored_version_that_fails_names_no_renditions",
    ),
    Defence(
        "superseded renditions are recorded in the same transaction",
        "services/keys.py",
        "self.advance(*items, *batch, *records, after)",
        "self.advance(*items, *batch, after)",
        "tests/unit/services/test_sweeping.py::test_only_live_renditions_of_a_frequently_stored_key_are_kept",
    ),
    Defence(
        "a job counts the change of a member's row",
        "services/projecting.py",
        "job_delta += row.tally - (before.tally if before else Tally())",
        "job_delta += row.tally",
        "tests/unit/services/test_projecting.py::test_a_retried_failure_moves_between_counts",
    ),
    Defence(
        "a row is built from all uploads of its picture",
        "services/projecting.py",
        "if sum(revisions) != _revision(rows.get(picture_id)):",
        "if False:",
        "tests/unit/services/test_projecting.py::test_a_record_of_one_version_keeps_the_others_in_the_row",
    ),
    Defence(
        "a job completes only after all its uploads were announced",
        "domain/rows.py",
        "return self.sealed and self.waiting == 0",
        "return self.waiting == 0",
        "tests/unit/services/test_projecting.py::test_an_open_job_is_not_complete_even_if_all_known_members_are_terminal",
    ),
    Defence(
        "an event refused by EventBridge fails its record",
        "services/projecting.py",
        "faults |= self._send_events(projected_records, progress)",
        "self._send_events(projected_records, progress)",
        "tests/unit/services/test_projecting.py::test_a_refused_event_fails_only_its_record",
    ),
    Defence(
        "a record that can't be written is retried alone",
        "services/projecting.py",
        "return sum(map(self._apply, chunk.split()), ApplyResult())",
        "raise ValueError",
        "tests/unit/services/test_projecting.py::test_a_record_that_cannot_be_written_fails_alone",
    ),
    Defence(
        "only events of the uploads bucket are processed",
        "services/notifications.py",
        "if source != bucket:",
        "if False:",
        "tests/unit/services/test_notifications.py::test_foreign_messages_are_ignored_with_a_reason",
    ),
)


def copy_project(folder: Path) -> Path:
    """Copies the project into a folder, for changes to its code."""
    for name in _COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def fails_without(defence: Defence, copy: Path) -> bool:
    """Runs the test without the defence. Returns True if it fails; raises LookupError for an unknown line."""
    file = copy / _PACKAGE / defence.file
    source = file.read_text()
    if defence.line not in source:
        raise LookupError(f"{defence.file} has no line {defence.line!r}")
    file.write_text(source.replace(defence.line, defence.without, 1))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", defence.test],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": f"{copy}/layers/darkroom:{copy}", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:  # the test hangs without the defence
        return True
    finally:
        file.write_text(source)
    if done.returncode not in (0, _FAILED):
        raise LookupError(f"{defence.test} could not be run:\n{done.stdout[-2000:]}")
    return done.returncode == _FAILED
