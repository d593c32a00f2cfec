import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from darkroom_cli.faults import Fault
from darkroom_cli.render import render


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "a b.png")
    return tmp_path / "a b.png"


def test_the_receipt_names_every_file_that_was_written(picture: Path, tmp_path: Path) -> None:
    line, exit_code = render(picture, tmp_path / "out", None)

    receipt = json.loads(line)
    sizes = {rendition["file"]: rendition["size_bytes"] for rendition in receipt["renditions"]}
    assert exit_code == 0
    assert receipt["status"] == "rendered"
    assert sizes == {file.name: file.stat().st_size for file in (tmp_path / "out").iterdir()}
    assert "a b-100.jpg" in sizes
    assert "\n" not in line


def test_a_file_that_is_no_picture_is_rejected_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("not a picture")

    line, exit_code = render(tmp_path / "notes.jpg", tmp_path / "out", None)

    rejection = json.loads(line)
    assert exit_code == 65
    assert (rejection["status"], rejection["reason"]) == ("rejected", "unsupported_format")
    assert rejection.keys() == {"status", "reason", "sentence", "limit", "actual"}


def test_a_file_over_the_profiles_limit_is_rejected_before_it_is_read(picture: Path, tmp_path: Path) -> None:
    profile = tmp_path / "small.json"
    main = {"widths": [100], "formats": {"jpeg": {"quality": 75}}}
    profile.write_text(json.dumps({"name": "small", "ladders": {"main": main}, "limits": {"max_bytes": 10}}))

    line, exit_code = render(picture, tmp_path / "out", profile)

    assert exit_code == 65
    assert json.loads(line)["reason"] == "too_large"


def test_a_missing_picture_is_a_fault_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="Cannot read") as fault:
        render(tmp_path / "none.jpg", tmp_path / "out", None)

    assert fault.value.exit_code == 66


def test_every_fault_of_a_profile_is_listed(picture: Path, tmp_path: Path) -> None:
    profile = tmp_path / "bad.json"
    profile.write_text('{"name": "bad", "ladders": {"main": {"widths": [0], "formats": {"gif": 1}}}}')

    with pytest.raises(Fault, match=r"(?s)widths.*formats") as fault:
        render(picture, tmp_path / "out", profile)

    assert fault.value.exit_code == 78


def test_rendering_one_file_loads_neither_aws_nor_the_local_stack() -> None:
    slow = {"boto3", "aiohttp", "rich", "typer", "pydantic"}
    loaded = f"import sys, darkroom_cli.entry, darkroom_cli.render; print(*{slow} & sys.modules.keys())"

    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == ""


def test_the_command_prints_the_receipt_or_one_sentence_and_ends_with_the_code(
    picture: Path, tmp_path: Path
) -> None:
    def command(source: Path) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", "from darkroom_cli.entry import main; main()", "render", str(source)]
        profile = ["--profile", "squoosh"]
        return subprocess.run([*line, str(tmp_path / "out"), *profile], capture_output=True, text=True)

    good, missing = command(picture), command(tmp_path / "none.jpg")

    assert (good.returncode, json.loads(good.stdout)["profile"]) == (0, "squoosh")
    assert (missing.returncode, missing.stdout) == (66, "")
    assert missing.stderr.startswith("darkroom: Cannot read ")
    assert missing.stderr.endswith("none.jpg: No such file or directory.\n")
