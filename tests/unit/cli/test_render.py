import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from darkroom.domain.profile import built_in
from darkroom.domain.renditions import Format
from darkroom_cli.faults import Fault
from darkroom_cli.render.command import Options, render
from darkroom_cli.render.display import time_left
from darkroom_cli.render.folder import RECORD, OutputFolder
from darkroom_cli.render.options import chosen_profile
from darkroom_cli.render.workers import Workers

SMALL = chosen_profile("squoosh", None, ["20"], None)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return a_picture(tmp_path / "a b.png")


def a_picture(path: Path, side: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.radial_gradient("L").resize((side, side)).convert("RGB").save(path, "PNG")
    return path


class Rendering:
    """One run into the folder `out`, and its output by source name."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], folder: Path, *paths: Path, **options: object
    ) -> None:
        chosen = {"profile": SMALL, "as_json": True, **options}
        self.exit_code = render(paths, folder, Options(**chosen))  # type: ignore[arg-type]
        self.output = capsys.readouterr().out
        if chosen["as_json"]:
            lines = [json.loads(line) for line in self.output.splitlines()]
            self.receipts = {Path(line["source"]).name: line for line in lines}

    def status(self, name: str = "a b.png") -> str:
        return str(self.receipts[name]["status"])

    def files(self, name: str = "a b.png") -> list[str]:
        return [rendition["file"] for rendition in self.receipts[name]["renditions"]]


def test_receipt_lists_every_written_file(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Rendering(capsys, tmp_path / "out", picture, profile=built_in("default"))

    receipt = done.receipts["a b.png"]
    sizes = {rendition["file"]: rendition["size_bytes"] for rendition in receipt["renditions"]}
    written = [file for file in (tmp_path / "out").iterdir() if file.name != RECORD]
    assert (done.exit_code, done.status()) == (0, "rendered")
    assert sizes == {file.name: file.stat().st_size for file in written}
    assert "a b-40.jpg" in sizes


def test_files_other_than_pictures_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.jpg").write_text("not a picture")

    done = Rendering(capsys, tmp_path / "out", tmp_path / "notes.jpg")

    assert done.exit_code == 65
    assert done.receipts["notes.jpg"]["reason"] == "unsupported_format"


@pytest.mark.parametrize("again", [False, True])
def test_a_picture_without_a_rendition_has_its_reason(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, again: bool
) -> None:
    options = Options(chosen_profile("fast", ["png"], ["40"], None), with_pages=True)
    if again:
        render([picture], tmp_path / "out", options)
        capsys.readouterr()

    assert render([picture], tmp_path / "out", options) == 65

    reason = "No PNG: for an opaque photograph, JPEG takes far fewer bytes."
    shown = capsys.readouterr().out
    assert f"{picture.name}: no rendition: {reason}\n" in shown
    assert shown.endswith("1 picture: 1 no rendition.\n")
    assert [file.name for file in (tmp_path / "out").iterdir()] == [".darkroom.jsonl"]


def test_files_over_the_size_limit_are_rejected(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "small.json"
    main = {"widths": [100], "formats": {"jpeg": {"quality": 75}}}
    profile.write_text(json.dumps({"name": "small", "ladders": {"main": main}, "limits": {"max_bytes": 10}}))

    done = Rendering(
        capsys, tmp_path / "out", picture, profile=chosen_profile(str(profile), None, None, None)
    )

    assert done.exit_code == 65
    assert done.receipts["a b.png"]["reason"] == "too_large"


def test_a_missing_picture_exits_with_no_input(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="does not exist") as fault:
        render([tmp_path / "none.jpg"], tmp_path / "out", Options(SMALL))

    assert fault.value.exit_code == 66


def test_a_folder_that_cannot_be_made_exits_with_cannot_create(picture: Path) -> None:
    with pytest.raises(Fault, match="Cannot write to") as fault:
        render([picture], picture / "out", Options(SMALL))

    assert fault.value.exit_code == 73


def test_an_unreadable_file_does_not_stop_the_others(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "lost.jpg").symlink_to("nowhere")

    done = Rendering(capsys, tmp_path / "out", tmp_path / "album", picture)

    assert (done.exit_code, done.status()) == (66, "rendered")


def test_the_tree_of_a_folder_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_picture(tmp_path / "album/dive/reef.png")

    done = Rendering(capsys, tmp_path / "out", tmp_path / "album")

    assert done.files("reef.png") == ["album/dive/reef-20.jpg"]
    assert (tmp_path / "out/album/dive/reef-20.jpg").exists()


def test_the_folder_for_the_renditions_is_not_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_picture(tmp_path / "album/a.png")
    for _ in range(2):
        done = Rendering(capsys, tmp_path / "album/out", tmp_path / "album")

    assert done.receipts.keys() == {"a.png"}


def test_pictures_of_equal_names_get_distinct_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [a_picture(tmp_path / name, side) for side, name in enumerate(("a.png", "a.gif", "b/a.png"), 30)]

    for _ in range(2):  # the same command again gives the same names
        receipts = Rendering(capsys, tmp_path / "out", *paths, as_json=False)

    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == [RECORD, "a-2-20.jpg", "a-20.jpg", "a-3-20.jpg"]
    assert "3 pictures: 3 up to date." in receipts.output


def test_foreign_files_are_never_overwritten(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "out" / "a b-20.jpg"
    foreign.parent.mkdir()
    foreign.write_text("mine")

    first = Rendering(capsys, tmp_path / "out", picture)
    again = Rendering(capsys, tmp_path / "out", picture)

    assert foreign.read_text() == "mine"
    assert first.files() == again.files() == ["a b-2-20.jpg"]
    assert again.status() == "up_to_date"


def test_a_rendition_that_someone_changed_is_kept(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [name] = Rendering(capsys, tmp_path / "out", picture).files()
    (tmp_path / "out" / name).write_text("edited")

    done = Rendering(capsys, tmp_path / "out", picture)

    assert (tmp_path / "out" / name).read_text() == "edited"
    assert done.files() == ["a b-2-20.jpg"]


def test_force_overwrites_and_renders_again(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [name] = Rendering(capsys, tmp_path / "out", picture).files()
    (tmp_path / "out" / name).write_text("edited")

    done = Rendering(capsys, tmp_path / "out", picture, force=True)

    assert (done.status(), done.files()) == ("rendered", [name])
    assert (tmp_path / "out" / name).read_bytes()[:2] == b"\xff\xd8"


def test_what_is_up_to_date_is_skipped(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again = (Rendering(capsys, tmp_path / "out", picture) for _ in range(2))

    assert (first.status(), again.status()) == ("rendered", "up_to_date")
    assert again.receipts["a b.png"]["renditions"] == first.receipts["a b.png"]["renditions"]


def test_a_change_of_picture_profile_or_files_renders_again(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [name] = Rendering(capsys, tmp_path / "out", picture).files()
    a_picture(picture, 50)
    assert Rendering(capsys, tmp_path / "out", picture).status() == "rendered"

    other = chosen_profile("squoosh", None, ["20"], 80)
    assert Rendering(capsys, tmp_path / "out", picture, profile=other).status() == "rendered"

    (tmp_path / "out" / name).unlink()
    assert Rendering(capsys, tmp_path / "out", picture, profile=other).status() == "rendered"


def test_another_engine_renders_again(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Rendering(capsys, tmp_path / "out", picture)
    monkeypatch.setattr("darkroom.imaging.ENGINE", "another")

    assert Rendering(capsys, tmp_path / "out", picture).status() == "rendered"


def test_a_picture_that_moved_is_up_to_date(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Rendering(capsys, tmp_path / "out", picture)
    moved = picture.rename(a_picture(tmp_path / "moved" / "x.png").with_name(picture.name))

    assert Rendering(capsys, tmp_path / "out", moved).status() == "up_to_date"


def test_a_torn_record_costs_one_rendering(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Rendering(capsys, tmp_path / "out", picture)
    record = tmp_path / "out" / RECORD
    record.write_bytes(record.read_bytes()[:-20])

    assert Rendering(capsys, tmp_path / "out", picture).status() == "rendered"


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "\N{KATAKANA LETTER A}" * 83 + ".png"])
def test_names_of_255_bytes_are_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    done = Rendering(capsys, tmp_path / "out", a_picture(tmp_path / name))

    [file] = done.files(name)
    assert done.exit_code == 0
    assert name.startswith(file.removesuffix("-20.jpg"))


def test_long_names_with_a_common_beginning_stay_distinct(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [a_picture(tmp_path / f"{'x' * 230}{number}.png", 30 + number) for number in range(2)]

    done = Rendering(capsys, tmp_path / "out", *paths)

    assert len({done.files(path.name)[0] for path in paths}) == 2


def test_lines_table_and_totals_are_printed_without_a_terminal(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Rendering(capsys, tmp_path / "out", picture, as_json=False).output

    assert output.startswith("a b.png: ")
    assert " Name " in output
    assert "1 picture: 1 rendered. " in output
    assert "\x1b" not in output


def test_formats_widths_and_target_replace_those_of_the_profile() -> None:
    profile = chosen_profile("default", ["avif,webp"], ["640", "320"], 80)

    [ladder] = profile.ladders
    assert ladder.widths == (320, 640)
    assert {choice.format: choice.target for choice in ladder.formats} == {Format.AVIF: 80, Format.WEBP: 80}
    assert not profile.reference


def test_a_format_that_a_profile_lacks_has_a_target() -> None:
    profile = chosen_profile("fast", ["webp"], None, None)

    assert [choice.target for choice in profile.ladders[0].formats] == [75]


def test_a_target_alone_keeps_everything_else() -> None:
    profile, default = chosen_profile("default", None, None, 60), built_in("default")

    assert profile.ladders[0].widths == default.ladders[0].widths
    assert profile.reference


@pytest.mark.parametrize(
    ("formats", "widths", "target", "message"),
    [
        (["gif"], None, None, "--format takes jpeg, png, webp, avif, jxl; not 'gif'."),
        (None, ["0"], None, "--width: must be a whole number from 1 to 16383 (the widest WebP), not 0"),
        (None, ["wide"], None, "--width takes numbers of pixels, like 640 or 640,1280; not 'wide'."),
        (None, None, 200, "--target: must be a SSIMULACRA2 score from 30 to 95, not 200"),
    ],
)
def test_options_out_of_range_are_faults(
    formats: list[str] | None, widths: list[str] | None, target: float | None, message: str
) -> None:
    with pytest.raises(Fault) as fault:
        chosen_profile("default", formats, widths, target)

    assert (str(fault.value), fault.value.exit_code) == (message, 2)


@pytest.mark.parametrize(
    ("rendered", "waiting", "seconds", "shown"),
    [
        (0, 200, 30, ""),
        (2, 5, 6, ", 20/min, 0:00:15 left"),
        (100, 7200, 50, ", 2.0/s, 1:00:00 left"),
        (3, 0, 3, ", 1.0/s, 0:00:00 left"),
    ],
)
def test_the_time_left_is_that_of_the_mean_rate(
    rendered: int, waiting: int, seconds: float, shown: str
) -> None:
    assert time_left(rendered, waiting, seconds) == shown


def test_a_profile_that_is_none_is_named() -> None:
    with pytest.raises(Fault) as fault:
        chosen_profile("nonesuch", None, None, None)

    message = "nonesuch is neither a file nor one of default, fast, squoosh, thumbnails."
    assert (str(fault.value), fault.value.exit_code) == (message, 78)


def test_jpg_is_jpeg() -> None:
    assert chosen_profile("fast", ["JPG"], None, None) == chosen_profile("fast", ["jpeg"], None, None)


def test_all_errors_of_a_profile_are_listed(tmp_path: Path) -> None:
    profile = tmp_path / "bad.json"
    profile.write_text('{"name": "bad", "ladders": {"main": {"widths": [0], "formats": {"gif": 1}}}}')

    with pytest.raises(Fault, match=r"(?s)widths.*formats") as fault:
        chosen_profile(str(profile), None, None, None)

    assert fault.value.exit_code == 78


COMMAND = (sys.executable, "-c", "from darkroom_cli.app import main; main()", "render")


def test_standard_input_is_rendered(picture: Path, tmp_path: Path) -> None:
    line = [*COMMAND, "-", str(tmp_path / "out"), "--profile", "squoosh", "--json"]
    done = subprocess.run(line, input=picture.read_bytes(), capture_output=True, check=True)

    assert json.loads(done.stdout)["source"] == "-"
    assert (tmp_path / "out" / "stdin-40.jpg").exists()


def test_a_named_pipe_is_rendered(picture: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, picture.read_bytes())
    os.close(writing)
    line = [*COMMAND, f"/dev/fd/{reading}", str(tmp_path / "out"), "--profile", "squoosh"]
    subprocess.run(line, pass_fds=[reading], capture_output=True, check=True)
    os.close(reading)

    assert (tmp_path / "out" / "stdin-40.jpg").exists()


def test_the_last_argument_is_the_folder(picture: Path) -> None:
    done = subprocess.run([*COMMAND, str(picture)], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "darkroom: Give the pictures and, last, the folder for their renditions.\n"


def test_an_empty_argument_is_not_the_current_folder(picture: Path) -> None:
    done = subprocess.run([*COMMAND, str(picture), ""], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (2, "darkroom: An argument is empty.\n")


def test_without_any_readable_picture_only_the_reason_is_printed(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("nowhere")
    line = [*COMMAND, str(tmp_path / "link.png"), str(tmp_path / "out")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (66, "")
    assert done.stderr == "link.png: can't be read: the symbolic link leads nowhere\n"


def descendants(process_id: int) -> list[int]:
    """The ids of a process's children, and of theirs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process_id and fields[0] != "Z":
            found += [int(path.parent.name), *descendants(int(path.parent.name))]
    return found


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_an_interruption_ends_all_processes_with_one_line(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    for index in range(8):
        a_picture(tmp_path / f"album/{index}.png", 1500)
    # A shell starts its background jobs with SIGINT ignored, nohup with SIGHUP, and they pass that on.
    handled = "signal.signal(signal.SIGINT, signal.default_int_handler); signal.signal(1, signal.SIG_DFL)"
    program = f"import signal; {handled}; {COMMAND[2]}"
    line = [*COMMAND[:2], program, "render", str(tmp_path / "album"), str(tmp_path / "out")]
    # A group of its own, to which a terminal's Ctrl-C goes.
    process = subprocess.Popen(
        line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, process_group=0
    )
    while not (running := descendants(process.pid)) or len(running) < 2:
        time.sleep(0.01)
        assert process.poll() is None

    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == exit_code
    assert errors.startswith("darkroom: Interrupted: ")
    assert errors.count("\n") == 1
    assert [pid for pid in running if Path(f"/proc/{pid}").exists()] == []


def square(number: int) -> int:
    if number == 13:
        os._exit(1)
    return number * number


def test_workers_perform_all_tasks_even_if_one_dies() -> None:
    def tasks() -> Iterator[int]:
        yield from (1, 2, 13, 3, 4)

    with Workers(2, square) as workers:
        results = dict(finished for finished in workers.run(tasks()) if finished)

    assert results == {1: 1, 2: 4, 13: None, 3: 9, 4: 16}


def loaded_by(code: str) -> set[str]:
    """The slow packages that code imports in a new process."""
    slow = "{'boto3', 'aiohttp', 'rich', 'PIL', 'jinja2', 'asyncio', 'darkroom.imaging'}"
    script = (
        f"import sys\ntry:\n    {code}\nfinally:\n    print(*{slow} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("argument", ["--help", "--version", "render --help"])
def test_help_and_version_start_without_slow_packages(argument: str) -> None:
    code = f"sys.argv[1:] = {argument.split()}; from darkroom_cli.app import main; main()"

    assert loaded_by(code) == set()


def test_render_imports_neither_boto3_nor_aiohttp() -> None:
    assert (
        loaded_by("import darkroom_cli.render.command") & {"boto3", "aiohttp", "asyncio", "jinja2"} == set()
    )


def test_another_run_into_the_same_folder_is_refused(picture: Path, tmp_path: Path) -> None:
    output = OutputFolder(tmp_path / "out", force=False)
    try:
        with pytest.raises(Fault, match="Another `darkroom render`"):
            render([picture], tmp_path / "out", Options(SMALL))
    finally:
        output.close()
