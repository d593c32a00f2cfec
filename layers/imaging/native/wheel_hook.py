"""Adds the native module to the project's wheel, for this machine's processor."""

import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
import build as native


class NativeModule(BuildHookInterface[Any]):
    """Builds the module before the wheel; an editable installation gets it from `make setup`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        machine = platform.machine()
        self._folder = TemporaryDirectory()
        module = native.build("arm64" if machine == "aarch64" else machine, Path(self._folder.name))
        build_data["force_include"][str(module)] = module.name
        build_data["pure_python"] = False
        build_data["tag"] = f"cp313-abi3-manylinux_2_34_{machine}"
