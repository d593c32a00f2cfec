import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from darkroom_cli.client import authentication, signer
from darkroom_cli.drop.files import Picture, names_for
from darkroom_cli.drop.follow import Change
from darkroom_cli.drop.progress import DropProgress
from darkroom_cli.drop.resume import ResumeFile, digest_of
from darkroom_cli.drop.summary import MOST_LISTED, Outcome, report
from darkroom_cli.faults import Fault
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


def test_a_file_goes_by_its_name(tmp_path: Path) -> None:
    beach = a_file(tmp_path / "holiday" / "beach 1.jpg")

    assert names_for([beach]) == {"beach 1.jpg": beach}


def test_a_folder_goes_by_its_name_with_all_that_is_in_it(tmp_path: Path) -> None:
    beach, reef = a_file(tmp_path / "holiday/beach.jpg"), a_file(tmp_path / "holiday/dive/reef.png")

    assert names_for([tmp_path / "holiday"]) == {"holiday/beach.jpg": beach, "holiday/dive/reef.png": reef}


def test_hidden_files_and_folders_stay_behind(tmp_path: Path) -> None:
    a_file(tmp_path / "holiday/.DS_Store")
    a_file(tmp_path / "holiday/.trash/old.jpg")

    assert names_for([tmp_path / "holiday"]) == {}


def test_a_folder_below_a_hidden_one_may_be_named_itself(tmp_path: Path) -> None:
    old = a_file(tmp_path / ".trash/old/beach.jpg")

    assert names_for([old.parent]) == {"old/beach.jpg": old}


def test_pictures_that_meet_in_one_name_are_all_kept(tmp_path: Path) -> None:
    first, second, third = (a_file(tmp_path / year / "beach.jpg") for year in ("2023", "2024", "2025"))

    assert names_for([first, second, third]) == {
        "beach.jpg": first,
        "2/beach.jpg": second,
        "3/beach.jpg": third,
    }


def test_a_picture_named_twice_goes_once(tmp_path: Path) -> None:
    beach = a_file(tmp_path / "beach.jpg")

    assert names_for([beach, beach]) == {"beach.jpg": beach}


def test_a_path_that_leads_nowhere_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="does not exist") as fault:
        names_for([tmp_path / "nowhere"])

    assert fault.value.exit_code == 2


def test_a_rejected_picture_says_why() -> None:
    outcome = Outcome("a.jpg", row=a_rejected_row())

    assert outcome.problem == "rejected (corrupt_image): It is damaged."


def test_failed_and_missing_pictures_are_trouble_and_rendered_ones_are_not() -> None:
    assert Outcome("a.jpg", row=a_row("failed")).problem
    assert Outcome("a.jpg", row=a_row("rendering"), fault="not ready").problem == "not ready"
    assert not Outcome("a.jpg", row=a_row("rendered")).problem


def printed(*outcomes: Outcome, width: int = 100) -> tuple[str, bool]:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with console.file:
        all_rendered = report(outcomes, "http://here/jobs/j", console)
        return console.export_text(), all_rendered


def test_the_report_has_a_line_for_each_then_the_troubles_the_totals_and_the_job() -> None:
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
    assert "a.jpg 1 KB 250 bytes 75.0% 400 bytes - 250 bytes" in lines
    assert lines[-4:] == [
        "b/c.jpg: rejected (corrupt_image): It is damaged.",
        "empty.png: not sent: The file is empty.",
        "3 pictures: 1 rendered, 1 rejected, 1 not sent. 1 KB became 250 bytes: 75.0% saved.",
        "Job: http://here/jobs/j",
    ]
    assert not all_rendered


def test_one_picture_is_reported_with_its_own_page() -> None:
    text, all_rendered = printed(Outcome("a.jpg", "http://here/pictures/p", a_row("rendered")))

    assert "http://here/pictures/p" in text
    assert "pictures:" not in text
    assert all_rendered


def test_of_thousands_the_first_are_listed_and_all_are_counted() -> None:
    text, _ = printed(*(Outcome(f"{number}.jpg", row=a_row("rendered")) for number in range(3000)))

    assert text.count(".jpg") == MOST_LISTED
    assert "and 2950 more pictures" in text
    assert "3000 pictures: 3000 rendered." in text


def test_pictures_that_grew_are_not_called_saved() -> None:
    text, _ = printed(*(Outcome(f"{n}.png", row=a_row("rendered", bytes_after=2500)) for n in range(2)))

    assert "2 KB became 5 KB: 150.0% larger." in text


def test_a_name_can_not_steer_the_terminal() -> None:
    text, _ = printed(Outcome("\x1b[2J.jpg", row=a_rejected_row()))

    assert "\x1b" not in text


def progress_of(tmp_path: Path, count: int = 2) -> DropProgress:
    files = [a_file(tmp_path / f"{number}.jpg") for number in range(count)]
    return DropProgress([Picture.of(file.name, file) for file in files])


def test_a_drop_is_over_when_each_has_come_to_an_end_or_was_not_sent(tmp_path: Path) -> None:
    progress = progress_of(tmp_path)
    progress.update(Change({}, (a_row("rendering", 0),)))
    progress.add_fault(1, "S3 answered 400")
    assert not progress.complete

    progress.update(Change({}, (a_rejected_row(0),)))

    assert progress.complete
    assert progress.states == "1 not sent, 1 rejected"


def test_what_was_given_up_as_never_arrived_is_waited_for_when_it_is_sent_after_all(tmp_path: Path) -> None:
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


def test_the_same_command_on_the_same_stack_remembers_its_job(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    pictures = [Picture.of("a.jpg", a_file(folder / "a.jpg"))]
    file = resume_file(tmp_path, folder)

    started = file.created(file.start(pictures), "job")

    assert resume_file(tmp_path, folder).read() == started
    assert started.job_id == "job"
    assert started.files == digest_of(pictures)
    assert file.path.is_relative_to(tmp_path / "state" / "darkroom")
    assert file.path.stat().st_mode & 0o077 == 0
    assert resume_file(tmp_path, folder, stack="other").read() is None
    assert resume_file(tmp_path, tmp_path).read() is None


def test_what_is_forgotten_or_damaged_is_begun_anew(tmp_path: Path) -> None:
    file = resume_file(tmp_path, tmp_path)
    first = file.start([])
    file.path.write_text("{")
    assert file.read() is None

    assert file.start([]).key != first.key
    file.delete()
    file.delete()
    assert file.read() is None


def test_a_local_stack_keeps_what_is_remembered_in_its_own_folder(tmp_path: Path) -> None:
    local_stack = LocalStack(tmp_path, 8000, 4566)

    file = ResumeFile.of(local_stack, a_status(aws_endpoint=local_stack.aws_endpoint), [tmp_path], {})

    assert file.path.is_relative_to(local_stack.folder)


def test_files_that_change_are_another_job(tmp_path: Path) -> None:
    file = a_file(tmp_path / "a.jpg")
    before = Picture.of("a.jpg", file)
    os.utime(file, ns=(0, before.changed_ns + 1))

    assert digest_of([before]) != digest_of([Picture.of("a.jpg", file)])
    assert not before.unchanged


def headers_for(status: Status, **environment: str) -> dict[str, str]:
    return dict(authentication(status, environment)("GET", "https://a.example/", {"Accept": "x"}, b""))


def test_a_stack_that_asks_for_a_token_is_shown_the_one_that_is_set() -> None:
    status = a_status(auth="token")

    headers = headers_for(status, DARKROOM_TOKEN=" secret\n")

    assert headers == {"Accept": "x", "Authorization": "Bearer secret"}


def test_without_one_it_is_said_where_it_comes_from() -> None:
    with pytest.raises(Fault, match="create one with `darkroom token new --stack NAME`"):
        headers_for(a_status(auth="token"))


def test_an_open_stack_is_shown_nothing() -> None:
    assert headers_for(a_status(auth="open")) == {"Accept": "x"}


def test_a_stack_that_asks_for_signatures_is_shown_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    headers = headers_for(a_status(auth="iam", region="eu-central-1"), DARKROOM_TOKEN="secret")

    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")


def test_a_request_to_the_cloud_is_signed_for_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
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
