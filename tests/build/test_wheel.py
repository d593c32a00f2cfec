"""The wheel installs the package, the command line and the native module, and no general name."""

import platform
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

from tests.cloudformation import PROJECT

UV = shutil.which("uv") or str(PROJECT / ".tools" / "uv" / "bin" / "uv")


def test_the_wheel_installs_two_packages_and_the_native_module(tmp_path: Path) -> None:
    command = [UV, "build", "--wheel", "--out-dir", str(tmp_path), str(PROJECT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr

    [wheel] = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    parts = {name.split("/")[0] for name in names if ".dist-info/" not in name}

    assert parts == {"darkroom", "darkroom_cli", "darkroom_native.abi3.so"}
    assert wheel.name.endswith(f"-cp313-abi3-manylinux_2_34_{platform.machine()}.whl")
    assert {"darkroom/domain/profile.schema.json", "darkroom/web/pages/style.css"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
