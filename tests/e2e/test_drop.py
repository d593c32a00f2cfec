"""`darkroom drop` of a folder: interrupted, then resumed by the same command."""

import json
import re
import secrets
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from darkroom.adapters.dynamodb import DynamoLedger
from darkroom.domain.entries import Outcome
from darkroom_cli.stack import LocalStack
from tests.chaos.workers import Workers
from tests.cloudformation import PROJECT
from tests.e2e.conftest import DARKROOM, Stack, fetch, wait_for
from tests.pictures import a_photograph, a_small_png

PICTURES = 40
PADDING = b"\0" * 1_000_000  # a PNG may have trailing bytes; these slow the upload down


def versions(stack: Stack) -> Counter[str]:
    """Counts the versions of each key in the bucket."""
    pages = stack.client("s3").get_paginator("list_object_versions")
    return Counter(
        version["Key"]
        for page in pages.paginate(Bucket=stack.status["uploads_bucket"])
        for version in page.get("Versions", [])
    )


def album(folder: Path) -> Path:
    """Creates a folder of pictures, one of them damaged, one hidden, one in a subfolder."""
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden.png").write_bytes(a_small_png())
    for number in range(PICTURES - 2):
        (folder / f"{number:02}.png").write_bytes(a_small_png(number) + PADDING)
    (folder / "deep" / "00.png").write_bytes(a_small_png(77) + PADDING)
    (folder / "broken.png").write_bytes(a_small_png()[:200] + PADDING)
    return folder


def interrupt_drop(stack: Stack, folder: Path) -> str:
    """Drops a folder and interrupts the command after its first uploads; returns its output.

    The command runs in slices of time and is stopped in between: however busy the machine is, it can't upload
    everything before the test has seen the first upload.
    """
    before = versions(stack)
    with (folder.parent / "output").open("w+") as output, (folder.parent / "errors").open("w+") as errors:
        running = subprocess.Popen(
            # A shell starts background commands, perhaps this test run, with SIGINT ignored.
            ["env", "--default-signal=INT", DARKROOM, "drop", folder, *stack.options],
            cwd=PROJECT, env=stack.environment, stdout=output, stderr=errors, text=True,
        )  # fmt: skip
        wait_for(lambda: "/jobs/" in Path(output.name).read_text(), "the job")
        running.send_signal(signal.SIGSTOP)
        while not versions(stack) - before:
            assert running.poll() is None, Path(errors.name).read_text()
            running.send_signal(signal.SIGCONT)
            time.sleep(0.05)
            running.send_signal(signal.SIGSTOP)
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGCONT)
        assert running.wait(180) == 130, Path(errors.name).read_text()
        assert "Run the same command again" in Path(errors.name).read_text()
        return Path(output.name).read_text()


def test_an_interrupted_drop_is_resumed_without_uploading_twice(stack: Stack, tmp_path: Path) -> None:
    folder, before = album(tmp_path / "album"), versions(stack)
    output = interrupt_drop(stack, folder)
    assert 0 < (versions(stack) - before).total() < PICTURES

    done = stack.darkroom("drop", folder)

    assert done.returncode == 1, done.stdout + done.stderr
    sent = versions(stack) - before
    assert Counter(sent.values()) == {1: PICTURES}
    assert {key.rpartition("/")[2] for key in sent} == {path.name for path in folder.rglob("[!.]*.png")}
    [job] = set(re.findall(r"https?://\S+/jobs/[0-9a-f]{32}", output + done.stdout))
    assert "Resuming job" in done.stdout
    for name in ("album/00.png", "album/deep/00.png", "album/37.png"):
        assert re.search(rf"^ *{name} .* \d+(\.\d)?%", done.stdout, re.MULTILINE)
    assert "album/broken.png: rejected (corrupt_image)" in done.stdout
    assert f"{PICTURES} pictures: {PICTURES - 1} rendered, 1 rejected." in done.stdout
    document = fetch(job, "application/json").json
    assert (document["state"], document["size"]) == ("complete", PICTURES)
    assert document["counts"]["rendered"] == PICTURES - 1


def test_dropping_a_complete_folder_again_starts_a_new_job(stack: Stack, tmp_path: Path) -> None:
    picture = tmp_path / "once more.png"
    picture.write_bytes(a_small_png(5))

    first, second = stack.darkroom("drop", picture), stack.darkroom("drop", picture)

    assert (first.returncode, second.returncode) == (0, 0)
    jobs = [re.findall(r"/jobs/([0-9a-f]{32})", done.stdout)[0] for done in (first, second)]
    assert jobs[0] != jobs[1]


@pytest.mark.full  # waits until the lease of the killed worker has ended
@pytest.mark.local("the test kills a worker")
def test_a_drop_outlasts_the_death_of_a_worker(second_stack: Stack, tmp_path: Path) -> None:
    stack, status = second_stack, second_stack.status
    picture = tmp_path / "large.jpg"
    picture.write_bytes(a_photograph(6000, 4000))
    emulator = LocalStack.of(stack.environment).ministack.holder()
    assert emulator
    workers = Workers(emulator, status["render_function"])
    ledger = DynamoLedger(status["ledger_table"], stack.client("dynamodb"))
    arguments: list[str | Path] = [DARKROOM, "drop", picture, "--timeout", "150"]

    def attempts() -> list[Outcome | None]:
        entries = [entry for entry in ledger.all_entries() if entry.upload.key.endswith("/large.jpg")]
        return [attempt.outcome for entry in entries for attempt in entry.attempts]

    with subprocess.Popen(
        arguments, cwd=PROJECT, env=stack.environment, stdout=subprocess.PIPE, text=True
    ) as dropping:
        wait_for(attempts, "an attempt to render the picture")
        assert attempts() == [None]
        killed = [workers.kill(worker) for worker in workers.ids()]
        output, _ = dropping.communicate(timeout=300)

    assert any(killed)
    assert attempts() == [None, Outcome.CONCLUDED]
    assert dropping.returncode == 0, output


@pytest.mark.local("the command line finds the local stack")
def test_a_dropped_picture_is_listed_downloaded_and_deleted(stack: Stack, tmp_path: Path) -> None:
    name = f"shell-{secrets.token_hex(4)}.jpg"
    (tmp_path / name).write_bytes(a_photograph(600, 400))
    dropped = stack.darkroom("drop", tmp_path / name, "--json")
    [result] = map(json.loads, dropped.stdout.splitlines())
    assert (result["name"], result["state"]) == (name, "rendered")

    listed = stack.darkroom("ls", name, "--json")
    got = stack.darkroom("get", name, "--to", tmp_path, "--format", "jpeg")
    removed = stack.darkroom("rm", name, "--yes")

    assert json.loads(listed.stdout)["id"] == result["page"].rpartition("/")[2]
    assert Path(got.stdout.strip()).read_bytes()[:2] == b"\xff\xd8"
    assert removed.stdout == "Deleted 1 picture.\n"
    wait_for(lambda: fetch(result["page"]).status == 410, "the deletion")
