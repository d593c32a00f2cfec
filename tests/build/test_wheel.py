"""The wheel installs the package and the command line, and nothing under a general name."""

import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

from tests.cloudformation import PROJECT

UV = shutil.which("uv") or str(PROJECT / ".tools" / "uv" / "bin" / "uv")


def test_the_wheel_installs_two_packages(tmp_path: Path) -> None:
    command = [UV, "build", "--wheel", "--out-dir", str(tmp_path), str(PROJECT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr

    [wheel] = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names}

    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"darkroom", "darkroom_cli"}
    assert {"darkroom/domain/profile.schema.json", "darkroom/web/pages/style.css"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
