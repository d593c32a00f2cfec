"""Isolation of the decoder: crashes, endless loops and memory limits in the child process."""

import faulthandler
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.renditions import Format
from darkroom.imaging import render, render_isolated
from darkroom.imaging.child import Child, ChildFailed, ChildTimedOut, isolated
from tests.unit.imaging.pictures import a_profile, cornered, encoded

ENOUGH_BYTES = 1_500_000_000


def endless() -> int:
    while True:
        pass


def greedy() -> int:
    return len([bytes(100_000_000) for _ in range(1000)])


def rejecting() -> int:
    raise RejectedPicture(
        "too_many_pixels", "The picture has 2 megapixels; the limit is 1.", limit=1.0, actual=2.0
    )


def ending(status: int) -> int:
    os._exit(status)


def killing(number: signal.Signals) -> int:
    # Without pytest's report of a fatal signal.
    faulthandler.disable()
    os.kill(os.getpid(), number)
    return 0


def test_rendering_in_a_child_gives_the_same_result() -> None:
    content = encoded(cornered(300, 200), "JPEG")
    profile = a_profile(100, 300, formats=(Format.JPEG, Format.WEBP, Format.AVIF))

    apart = render_isolated(content, profile, memory_bytes=ENOUGH_BYTES, seconds=60)
    here = render(content, profile)
    assert replace(apart, milliseconds={}, peak_mb={}) == replace(here, milliseconds={}, peak_mb={})


@pytest.mark.parametrize(("profile", "codecs"), [("default", {"Jpeg", "WebP", "Avif"}), ("fast", {"WebP"})])
def test_the_codecs_of_a_profile_are_imported_before_the_fork(profile: str, codecs: set[str]) -> None:
    program = (
        "import sys; from darkroom.domain.profile import built_in; from darkroom.imaging import decoding;"
        f"decoding.import_codecs(built_in({profile!r})); print(*sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    found = {name for name in printed.split() if name.endswith("ImagePlugin")}
    assert found == {f"PIL.{codec}ImagePlugin" for codec in codecs}


def test_a_plain_photograph_needs_no_rare_module() -> None:
    program = (
        "import sys; from darkroom.domain.profile import built_in; from darkroom.imaging import render;"
        "render(sys.stdin.buffer.read(), built_in('fast')); print(*sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        input=encoded(cornered(300, 200), "JPEG"),
        capture_output=True,
        check=True,
    ).stdout

    rare = {
        "darkroom.imaging.sniff.gain_map",
        "mozjpeg_lossless_optimization",
        "PIL.ImageMath",
    }
    assert not rare & {*printed.decode().split()}


def test_a_rejection_in_the_child_keeps_its_evidence() -> None:
    with pytest.raises(RejectedPicture) as caught:
        isolated(rejecting, memory_bytes=ENOUGH_BYTES, seconds=30)

    refused = caught.value
    assert (refused.reason, refused.limit, refused.actual) == ("too_many_pixels", 1.0, 2.0)


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (lambda: ending(0), "crashed"),
        (lambda: ending(1), "crashed"),
        (lambda: killing(signal.SIGSEGV), "crashed"),
        (lambda: killing(signal.SIGABRT), "crashed"),
        (lambda: killing(signal.SIGKILL), "too_expensive"),
        (greedy, "too_expensive"),
    ],
    ids=["exit 0", "exit 1", "segmentation fault", "abort", "killed for its memory", "memory"],
)
def test_the_death_of_the_child_rejects_the_picture(work: object, reason: str) -> None:
    with pytest.raises(RejectedPicture) as caught:
        isolated(work, memory_bytes=ENOUGH_BYTES, seconds=30)  # type: ignore[arg-type]

    assert caught.value.reason == reason


def test_an_endless_loop_is_ended_at_the_deadline() -> None:
    with pytest.raises(RejectedPicture) as caught:
        isolated(endless, memory_bytes=ENOUGH_BYTES, seconds=0.3)

    assert (caught.value.reason, caught.value.limit) == ("timed_out", 0.3)


@pytest.mark.parametrize("parent", ["in time", "late"])
def test_processes_forked_by_the_child_end_with_it(parent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held, inherited = os.pipe()
    set_group = os.setpgid
    if parent == "late":  # the child forks before its parent continues
        monkeypatch.setattr(os, "setpgid", lambda pid, group: None if pid else set_group(pid, group))

    def forks() -> int:
        if os.fork() == 0:
            endless()
        return endless()

    with pytest.raises(RejectedPicture):
        isolated(forks, memory_bytes=ENOUGH_BYTES, seconds=0.3)

    # The pipe's end is read only when no process has its other end open.
    os.close(inherited)
    assert select.select([held], [], [], 30)[0], "a process is still alive"
    assert os.read(held, 1) == b""
    os.close(held)


def test_a_crash_is_noticed_while_a_grandchild_is_alive() -> None:
    def forks_and_crashes() -> int:
        if os.fork() == 0:
            endless()
        return killing(signal.SIGSEGV)

    with pytest.raises(RejectedPicture) as caught:
        isolated(forks_and_crashes, memory_bytes=ENOUGH_BYTES, seconds=30)

    assert caught.value.reason == "crashed"  # it would be timed_out if the parent had waited for the deadline


def test_an_unexpected_error_is_no_rejection() -> None:
    with pytest.raises(ChildFailed, match="ZeroDivisionError"):
        isolated(lambda: 1 // 0, memory_bytes=ENOUGH_BYTES, seconds=30)


def test_results_before_the_deadline_are_kept() -> None:
    def interrupted() -> Iterator[int]:
        yield 1
        yield 2
        os.kill(os.getpid(), signal.SIGALRM)  # the signal of the child's own deadline

    child = Child(interrupted, seconds=60)
    results = child.results()
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(ChildTimedOut):
        next(results)
    assert child.end() == -signal.SIGALRM


def test_a_child_ends_itself_at_its_deadline() -> None:
    child = Child(lambda: iter([endless()]), seconds=0.1)

    # The child ends by itself: this waits for the process, not for a result.
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)

    with pytest.raises(ChildTimedOut):
        next(child.results())
    child.end()


def test_a_lower_inherited_memory_limit_is_kept() -> None:
    def within_a_lower_limit() -> int:
        resource.setrlimit(resource.RLIMIT_AS, (ENOUGH_BYTES // 2, ENOUGH_BYTES // 2))
        return isolated(lambda: 7, memory_bytes=ENOUGH_BYTES, seconds=30)

    assert isolated(within_a_lower_limit, memory_bytes=ENOUGH_BYTES, seconds=30) == 7


def test_a_result_larger_than_a_pipe_arrives_complete() -> None:
    large = os.urandom(5_000_000)

    assert isolated(lambda: large, memory_bytes=ENOUGH_BYTES, seconds=30) == large


def test_output_of_the_child_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    def prints() -> int:
        return os.write(1, b"forged\n") + os.write(2, b"forged\n")

    isolated(prints, memory_bytes=ENOUGH_BYTES, seconds=30)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_interruption_during_the_fork_ends_the_child_without_a_message(number: str) -> None:
    program = f"""
import os, signal, sys, time
from darkroom.imaging.child import Child

def leave(*_):
    sys.exit(3)

signal.signal(signal.{number}, leave)
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.{number}))
try:
    Child(lambda: iter([time.sleep(60)]), seconds=60)
finally:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("no child is left")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (3, "no child is left\n", "")
