import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from darkroom.domain.limits import MAX_UPLOAD_BYTES
from darkroom.services.jobs import read_announcements
from darkroom_cli.client import authentication, signer
from darkroom_cli.drop.files import Picture, announcements_of, check_files
from darkroom_cli.drop.follow import Change
from darkroom_cli.drop.progress import DropProgress
from darkroom_cli.drop.resume import ResumeFile, StartedJob, digest_of
from darkroom_cli.drop.summary import Outcome, report
from darkroom_cli.faults import Fault
from darkroom_cli.results import MOST_LISTED
from darkroom_cli.stack import LocalStack, Status
from tests.builders import a_status


def a_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def a_row(state: str, number: int = 0, **more: Any) -> dict[str, Any]:
    row = {"bytes_before": 1000, "bytes_after": 250, "saved_percent": 75.0, "reason": ""}
    return {"number": number, "state": state, "version": "v1"} | row | more


def a_rejected_row(number: int = 0) -> dict[str, Any]:
    return a_row("rejected", number, reason="corrupt_image", sentence="It is damaged.")


def test_a_file_that_is_not_allowed_in_a_job_has_its_reason_only(tmp_path: Path) -> None:
    small, large = a_file(tmp_path / "small.png"), a_file(tmp_path / "large.png")
    small.write_bytes(b"a picture")
    os.truncate(large, MAX_UPLOAD_BYTES + 1)
    os.mkfifo(tmp_path / "pipe.png")

    paths = (small, large, a_file(tmp_path / "empty.png"), tmp_path / "pipe.png")
    refused, pictures = check_files({path.name: path for path in paths})

    assert [picture.name for picture in pictures] == ["small.png"]
    assert refused["empty.png"] == "not sent: The file is empty."
    assert refused["pipe.png"] == "not sent: It is not a file."
    assert refused["large.png"].startswith("not sent: Its size must be ")


def test_a_rejected_picture_has_its_reason() -> None:
    outcome = Outcome("a.jpg", row=a_rejected_row())

    assert outcome.problem == "rejected (corrupt_image): It is damaged."


def test_only_rendered_pictures_have_no_problem() -> None:
    assert Outcome("a.jpg", row=a_row("failed")).problem
    assert Outcome("a.jpg", row=a_row("rendering"), fault="not ready").problem == "not ready"
    assert not Outcome("a.jpg", row=a_row("rendered")).problem


def printed(*outcomes: Outcome, width: int = 100) -> tuple[str, bool]:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with console.file:
        all_rendered = report(outcomes, "http://here/jobs/j", console)
        return console.export_text(), all_rendered


def test_report_lists_pictures_problems_totals_and_job() -> None:
    renditions = [
        {"format": "jpeg", "width": 800, "size_bytes": 400, "ladder": "main"},
        {"format": "avif", "width": 800, "size_bytes": 250, "ladder": "main"},
        {"format": "webp", "width": 640, "size_bytes": 99, "ladder": "main"},
    ]
    text, all_rendered = printed(
        Outcome("a.jpg", row=a_row("rendered"), receipt={"renditions": renditions}),
        Outcome("b/c.jpg", row=a_rejected_row()),
        Outcome("empty.png", fault="not sent: The file is empty."),
    )

    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "a.jpg 1 KB 250 bytes 75.0% 400 bytes 250 bytes" in lines
    assert lines[-4:] == [
        "b/c.jpg: rejected (corrupt_image): It is damaged.",
        "empty.png: not sent: The file is empty.",
        "3 pictures: 1 rendered, 1 rejected, 1 not sent. 1 KB became 250 bytes: 75.0% saved.",
        "Job: http://here/jobs/j",
    ]
    assert not all_rendered


def test_report_of_one_picture_has_its_page() -> None:
    text, all_rendered = printed(Outcome("a.jpg", "http://here/pictures/p", a_row("rendered")))

    assert "http://here/pictures/p" in text
    assert "pictures:" not in text
    assert all_rendered


def test_long_reports_list_the_first_pictures_and_count_all() -> None:
    text, _ = printed(*(Outcome(f"{number}.jpg", row=a_row("rendered")) for number in range(3000)))

    assert text.count(".jpg") == MOST_LISTED
    assert "and 2,950 more pictures" in text
    assert "3,000 pictures: 3,000 rendered." in text


def test_larger_results_are_reported_as_larger() -> None:
    text, _ = printed(*(Outcome(f"{n}.png", row=a_row("rendered", bytes_after=2500)) for n in range(2)))

    assert "2 KB became 5 KB: 150.0% larger." in text


def test_control_characters_in_names_are_escaped() -> None:
    text, _ = printed(Outcome("\x1b[2J.jpg", row=a_rejected_row()))

    assert "\x1b" not in text


def progress_of(tmp_path: Path, count: int = 2) -> DropProgress:
    files = [a_file(tmp_path / f"{number}.jpg") for number in range(count)]
    return DropProgress([Picture.of(file.name, file) for file in files])


def test_drop_is_complete_when_all_pictures_ended_or_were_not_sent(tmp_path: Path) -> None:
    progress = progress_of(tmp_path)
    progress.update(Change({}, (a_row("rendering", 0),)))
    progress.add_fault(1, "S3 answered 400")
    assert not progress.complete

    progress.update(Change({}, (a_rejected_row(0),)))

    assert progress.complete
    assert progress.states == "1 not sent, 1 rejected"


def test_the_states_of_a_drop_name_pictures_that_are_being_retried(tmp_path: Path) -> None:
    progress = progress_of(tmp_path, 3)
    retried = a_row("rendering", 1, sentence="The last attempt failed. It is being retried.")

    progress.update(Change({}, (a_row("rendering", 0), retried, a_rejected_row(2))))

    assert progress.states == "1 being retried, 1 rejected, 1 rendering"


def test_a_picture_timed_out_before_arrival_is_still_awaited(tmp_path: Path) -> None:
    progress = progress_of(tmp_path, 1)
    progress.update(Change({}, (a_row("failed", 0, version="", reason="never_arrived"),)))
    assert not progress.complete

    progress.update(Change({}, (a_row("rendered", 0),)))

    assert progress.complete


def resume_file(tmp_path: Path, *paths: Path, stack: str = "darkroom") -> ResumeFile:
    local_stack = LocalStack(tmp_path, 8000, 4566)
    return ResumeFile.of(
        local_stack, a_status(stack=stack), paths, {"XDG_STATE_HOME": str(tmp_path / "state")}
    )


def test_same_command_and_stack_find_the_started_job(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    pictures = [Picture.of("a.jpg", a_file(folder / "a.jpg"))]
    file = resume_file(tmp_path, folder)

    started = StartedJob(StartedJob.of(pictures).files, "key", "job")
    file.write(started)

    assert resume_file(tmp_path, folder).read() == started
    assert started.files == digest_of(pictures)
    assert file.path.is_relative_to(tmp_path / "state" / "darkroom")
    assert file.path.stat().st_mode & 0o077 == 0
    assert resume_file(tmp_path, folder, stack="other").read() is None
    assert resume_file(tmp_path, tmp_path).read() is None


def test_a_deleted_or_damaged_resume_file_starts_a_new_job(tmp_path: Path) -> None:
    file = resume_file(tmp_path, tmp_path)
    file.write(StartedJob.of([]))
    file.path.write_text("{")
    assert file.read() is None

    assert StartedJob.of([]).key != StartedJob.of([]).key
    file.delete()
    file.delete()
    assert file.read() is None


def test_resume_files_of_a_local_stack_are_in_its_folder(tmp_path: Path) -> None:
    local_stack = LocalStack(tmp_path, 8000, 4566)

    file = ResumeFile.of(local_stack, a_status(aws_endpoint=local_stack.aws_endpoint), [tmp_path], {})

    assert file.path.is_relative_to(local_stack.folder)


def test_changed_files_make_a_new_job(tmp_path: Path) -> None:
    file = a_file(tmp_path / "a.jpg")
    before = Picture.of("a.jpg", file)
    os.utime(file, ns=(0, before.changed_ns + 1))

    assert digest_of([before]) != digest_of([Picture.of("a.jpg", file)])
    assert not before.unchanged


def test_folders_are_announced_where_names_meet(tmp_path: Path) -> None:
    names = ("trip/a.jpg", "trip/dive/a.jpg", "trip/b.jpg")
    pictures = [Picture.of(name, a_file(tmp_path / name)) for name in names]

    assert [(upload["name"], upload.get("folder")) for upload in announcements_of(pictures)] == [
        ("a.jpg", "trip"),
        ("a.jpg", "trip/dive"),
        ("b.jpg", None),
    ]


def test_a_focus_is_announced_and_another_one_makes_a_new_job(tmp_path: Path) -> None:
    file = a_file(tmp_path / "a.jpg")
    file.write_bytes(b"a picture")
    [without], [auto], [point] = (
        check_files({"a.jpg": file}, focus)[1] for focus in (None, "auto", (0.31, 0.4))
    )

    assert "focus" not in without.announcement
    announced = json.dumps({"uploads": [auto.announcement, point.announcement]}).encode()
    assert [upload.focus for upload in read_announcements(announced)] == ["auto", "0.31,0.4"]
    assert len({digest_of([picture]) for picture in (without, auto, point)}) == 3
    assert point.unchanged


def headers_for(status: Status, **environment: str) -> dict[str, str]:
    return dict(authentication(status, environment)("GET", "https://a.example/", {"Accept": "x"}, b""))


def test_token_from_the_environment_is_sent() -> None:
    status = a_status(auth="token")

    headers = headers_for(status, DARKROOM_TOKEN=" secret\n")

    assert headers == {"Accept": "x", "Authorization": "Bearer secret"}


def test_a_missing_token_is_a_fault_with_the_remedy() -> None:
    with pytest.raises(Fault, match="create one with `darkroom token new --stack NAME`"):
        headers_for(a_status(auth="token"))


def test_an_open_stack_receives_no_authentication() -> None:
    assert headers_for(a_status(auth="open")) == {"Accept": "x"}


def test_requests_with_iam_are_signed_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    headers = headers_for(a_status(auth="iam", region="eu-central-1"), DARKROOM_TOKEN="secret")

    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")


def test_signatures_cover_the_api_and_the_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")

    headers = signer("eu-central-1")("POST", "https://a.example/jobs", {"Idempotency-Key": "k"}, b"{}")

    assert headers["Idempotency-Key"] == "k"
    assert headers["X-Amz-Security-Token"] == "token"
    authorization = headers["Authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/execute-api/aws4_request" in authorization
    assert "SignedHeaders=host;idempotency-key;x-amz-date;x-amz-security-token" in authorization


def test_the_json_of_an_outcome_has_its_state_reason_and_receipt() -> None:
    rendered = Outcome("a.jpg", "http://x/pictures/1", a_row("rendered"), {"saved_bytes": 1}).document
    rejected = Outcome("b.jpg", "http://x/pictures/2", a_rejected_row()).document
    unsent = Outcome("c.jpg", fault="not sent: The file is empty.").document

    assert (rendered["state"], rendered["receipt"]) == ("rendered", {"saved_bytes": 1})
    assert (rejected["state"], rejected["reason"], rejected["sentence"]) == (
        "rejected",
        "corrupt_image",
        "It is damaged.",
    )
    assert (unsent["state"], unsent["sentence"]) == ("not sent", "not sent: The file is empty.")


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80, 200])
def test_the_name_column_stays_legible_on_every_terminal(width: int) -> None:
    name = "IMG_20240607_081500.jpg"
    receipt = {
        "renditions": [
            {"format": kind, "width": 800, "size_bytes": 400_000, "ladder": "main"}
            for kind in ("jpeg", "webp", "avif")
        ]
    }
    text, _ = printed(Outcome(name, row=a_row("rendered"), receipt=receipt), Outcome("b.jpg"), width=width)

    parts = [line.split()[0] for line in text.splitlines() if line.strip()]
    assert name in "".join(parts[:8])
    assert name[:12] in parts[2]
    assert "75.0%" in text
