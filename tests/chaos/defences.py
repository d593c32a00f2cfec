"""What protects against loss, and which test misses it when it is gone. See test_defences.py."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cloudformation import PROJECT

_PACKAGE = "layers/darkroom/darkroom"
_COPIED = ("layers", "functions", "tests", "cli", "bench", "events", "template.yaml", "pyproject.toml")
_PATIENCE_SECONDS = 45
_FAILED = 1  # pytest: some tests failed; any other code means that it could not run them


@dataclass(frozen=True, slots=True)
class Defence:
    """What protects, the line that does it, what stands there without it, and the test that misses it."""

    name: str
    file: str
    line: str
    without: str
    test: str


DEFENCES = (
    Defence(
        "a transition needs the revision before it",
        "adapters/dynamodb.py",
        '"ConditionExpression": "revision = :before"',
        '"ConditionExpression": "attribute_not_exists(none) OR revision = :before"',
        "tests/contract/test_tables.py::TestLedger::test_no_other_revision_is_taken",
    ),
    Defence(
        "a view takes newer revisions alone",
        "services/projecting.py",
        "if entry.revision > _revision(state.views.get(_key(entry)))",
        "if True",
        "tests/contract/test_tables.py::TestViews::test_a_revision_that_comes_late_or_twice_is_passed_over",
    ),
    Defence(
        "an outcome is published only while its version is latest",
        "services/reconciling.py",
        "published = self.ledger.advance(concluded, *replaced, unchanged=written)",
        "published = self.ledger.advance(concluded, *replaced)",
        "tests/unit/services/test_order.py::test_an_older_version_that_finishes_late_is_not_published",
    ),
    Defence(
        "an older version that comes late is not begun",
        "services/reconciling.py",
        "if not self._is_newest(upload, latest):",
        "if False:",
        "tests/unit/services/test_order.py::test_an_older_version_that_comes_late_is_superseded_and_never_shown",
    ),
    Defence(
        "an object is read at the version that the event names",
        "adapters/s3.py",
        "Bucket=self.bucket, Key=upload.key, VersionId=upload.version)",
        "Bucket=self.bucket, Key=upload.key)",
        "tests/contract/test_buckets.py::TestOriginals::test_each_version_is_read_as_it_was_stored",
    ),
    Defence(
        "sequencers of two lengths compare as S3 means it",
        "domain/uploads.py",
        'return sequencer.ljust(64, "0")',
        'return sequencer.rjust(64, "0")',
        "tests/unit/domain/test_entries.py"
        "::test_the_newest_upload_of_a_key_is_shown_and_sequencers_of_unequal_length_compare_by_value",
    ),
    Defence(
        "a delete marker takes the renditions along",
        "services/reconciling.py",
        "self.renditions.remove([key for entry in entries for key in entry.rendition_keys])",
        "pass",
        "tests/unit/services/test_order.py::test_a_delete_marker_hides_the_picture_and_takes_its_renditions_along",
    ),
    Defence(
        "a rendition that stands is never written over",
        "adapters/s3.py",
        'IfNoneMatch="*",',
        "",
        "tests/contract/test_buckets.py::TestRenditions::test_a_rendition_never_changes",
    ),
    Defence(
        "what is done is not done again",
        "services/reconciling.py",
        "if not _is_news(upload, latest):\n                return entry",
        "if False:\n                return entry",
        "tests/unit/services/test_rendering.py::test_a_redelivery_of_what_is_done_changes_nothing",
    ),
    Defence(
        "what another worker has waits",
        "domain/entries.py",
        "if entry and entry.lease_expires > now():",
        "if False:",
        "tests/unit/services/test_parking.py"
        "::test_while_another_worker_has_it_an_upload_is_not_rendered_a_second_time",
    ),
    Defence(
        "failures are put off, the longer the oftener",
        "adapters/batches.py",
        "self._queue.hide(record.receipt_handle, seconds)",
        "pass",
        "tests/unit/adapters/test_batches.py::test_a_failed_message_is_put_off_by_how_often_it_was_received",
    ),
    Defence(
        "failures are spread by chance",
        "services/retries.py",
        "* (1 + jitter) / 2",
        "",
        "tests/unit/services/test_retries.py::test_jitter_spreads_over_the_upper_half_of_the_wait",
    ),
    Defence(
        "one record's fault is not its neighbours'",
        "services/reconciling.py",
        "faults.append(fault)",
        "raise",
        "tests/unit/services/test_rendering.py::test_one_upload_that_fails_does_not_starve_its_neighbours",
    ),
    Defence(
        "a dead child has a second chance",
        "services/rendering.py",
        "if isinstance(fault, DecoderProcessDied) and not crashed_before:",
        "if False:",
        "tests/unit/services/test_parking.py::test_a_picture_that_kills_its_child_has_a_second_chance",
    ),
    Defence(
        "a child that dies twice is the picture's fault",
        "services/rendering.py",
        "and not crashed_before:",
        "and True:",
        "tests/unit/services/test_parking.py::test_a_picture_that_kills_its_child_twice_is_rejected",
    ),
    Defence(
        "pixels are worked on in a child process",
        "imaging/child.py",
        "    child = Child(lambda: iter([work()]), seconds=seconds, memory_bytes=memory_bytes, leads=True)",
        "    return work()",
        "tests/unit/imaging/test_isolation.py::test_an_endless_loop_is_ended_at_the_deadline",
    ),
    Defence(
        "an attempt that fails says how",
        "services/reconciling.py",
        "self._record_fault(begun, fault)",
        "pass",
        "tests/unit/services/test_parking.py::test_the_last_attempt_tells_why",
    ),
    Defence(
        "a call that hangs is interrupted",
        "services/retries.py",
        "signal.setitimer(signal.ITIMER_REAL, max(",
        "max(0, max(",
        "tests/unit/services/test_retries.py::test_a_call_that_hangs_is_interrupted_before_the_invocation_ends",
    ),
    Defence(
        "what has ended is never parked",
        "services/parking.py",
        "if entry and entry.state.terminal:",
        "if False:",
        "tests/unit/services/test_parking.py::test_an_upload_that_has_ended_stays_as_it_is",
    ),
    Defence(
        "a retry is over one revision, and so counts once",
        "services/reconciling.py",
        "entry.state.terminal and entry.revision != expected_revision",
        "entry.state.terminal and expected_revision is None",
        "tests/unit/services/test_parking.py::test_a_retry_that_comes_twice_renders_once",
    ),
    Defence(
        "what was swept lately is not swept again",
        "services/sweeping.py",
        "return waiting and max(entry.since, entry.lease_expires) < before",
        "return waiting",
        "tests/unit/services/test_sweeping.py::test_what_was_swept_lately_is_not_swept_again",
    ),
    Defence(
        "a swept message holds only while its version is S3's latest",
        "services/reconciling.py",
        "return current is not None and current.version == upload.version",
        "return True",
        "tests/unit/services/test_sweeping.py::test_a_swept_upload_that_is_not_latest_any_more_is_superseded",
    ),
    Defence(
        "a failure stands beside what does",
        "services/parking.py",
        "after = [] if superseded or version in known.current_versions else [known.with_current(version)]",
        "after: list[Latest] = []",
        "tests/unit/services/test_order.py::test_a_version_that_nobody_could_begin_with_gives_way_to_a_newer_one",
    ),
    Defence(
        "what was discarded and is shown again is kept",
        "services/sweeping.py",
        "if key not in current_keys]",
        "]",
        "tests/unit/services/test_sweeping.py::test_what_was_discarded_and_is_shown_again_is_kept",
    ),
    Defence(
        "what gives way is noted in the same move",
        "services/reconciling.py",
        "*older, *replaced, *superseded, after)",
        "*older, after)",
        "tests/unit/services/test_sweeping.py::test_a_key_that_is_put_all_the_time_keeps_no_renditions_for_longer",
    ),
    Defence(
        "a rendering that took a removed file for written writes it again",
        "services/sweeping.py",
        "self._render_again(picture_id, set(orphans))",
        "pass",
        "tests/unit/services/test_sweeping.py::test_a_rendering_that_took_a_removed_file_for_written_writes_it_again",
    ),
    Defence(
        "a member counts by what its row was before",
        "services/projecting.py",
        "job_delta += row.tally - (before.tally if before else Tally())",
        "job_delta += row.tally",
        "tests/unit/services/test_projecting.py::test_what_has_failed_and_is_retried_moves_from_one_count_to_the_other",
    ),
    Defence(
        "a row is made of all of its picture's uploads",
        "services/projecting.py",
        "if sum(known) != _revision(rows.get(picture_id)):",
        "if False:",
        "tests/unit/services/test_projecting.py::test_a_version_that_is_told_alone_leaves_the_others_in_the_row",
    ),
    Defence(
        "a job completes when all of its members are announced",
        "domain/rows.py",
        "return self.sealed and self.waiting == 0",
        "return self.waiting == 0",
        "tests/unit/services/test_projecting.py::test_an_open_job_is_not_complete_though_all_that_is_known_has_ended",
    ),
    Defence(
        "an event that is not taken fails its record",
        "services/projecting.py",
        "faults |= self._send_events(projected, progress)",
        "self._send_events(projected, progress)",
        "tests/unit/services/test_projecting.py::test_an_event_that_is_not_taken_fails_its_record_and_no_other",
    ),
    Defence(
        "a record that can't be written is tried by itself",
        "services/projecting.py",
        "return sum(map(self._apply, chunk.split()), Applied())",
        "raise ValueError",
        "tests/unit/services/test_projecting.py::test_a_record_that_can_not_be_written_is_reported_alone",
    ),
    Defence(
        "only the uploads bucket is listened to",
        "services/notifications.py",
        "if source != bucket:",
        "if False:",
        "tests/unit/services/test_notifications.py::test_strangers_are_ignored_with_a_reason",
    ),
)


def copy_project(folder: Path) -> Path:
    """A copy whose code can be broken."""
    for name in _COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def missed(defence: Defence, copy: Path) -> bool:
    """Whether the test fails without the defence. Raises LookupError when the defence is not found."""
    file = copy / _PACKAGE / defence.file
    whole = file.read_text()
    if defence.line not in whole:
        raise LookupError(f"{defence.file} has no line {defence.line!r}")
    file.write_text(whole.replace(defence.line, defence.without, 1))
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", defence.test],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": f"{copy}/layers/darkroom:{copy}", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:  # what nothing interrupts any more
        return True
    finally:
        file.write_text(whole)
    if ended.returncode not in (0, _FAILED):
        raise LookupError(f"{defence.test} could not be run:\n{ended.stdout[-2000:]}")
    return ended.returncode == _FAILED
