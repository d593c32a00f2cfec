"""Adds the native module and the command line's packages to the project's wheel.

The module is built for Linux only, for this machine's processor. DARKROOM_WHEEL names another one, or `any`
for a wheel without it: `make wheel` builds all three.
"""

import os
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
import build as native

_PROJECT = Path(__file__).parents[3]
_TAGS = {"x86_64": "x86_64", "arm64": "aarch64"}


class NativeModule(BuildHookInterface[Any]):
    """Builds the module before the wheel; an editable installation gets it from `make setup`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        # Not in pyproject.toml: in uv.lock they would conflict with the packages of other groups.
        build_data["dependencies"] = list(self.metadata.config["dependency-groups"]["cli"])
        architecture = os.environ.get("DARKROOM_WHEEL") or _this_machine()
        if architecture == "any":
            return
        for name in ("requirements.txt", "libjxl.txt"):  # the engine, in its tested versions
            build_data["dependencies"] += (_PROJECT / "layers" / "imaging" / name).read_text().splitlines()
        self._folder = TemporaryDirectory()
        module = native.build(architecture, Path(self._folder.name))
        build_data["force_include"][str(module)] = module.name
        build_data["pure_python"] = False
        # The least glibc for both the module and Pillow's wheel.
        build_data["tag"] = f"cp313-abi3-manylinux_2_34_{_TAGS[architecture]}"


def _this_machine() -> str:
    if sys.platform != "linux":
        return "any"
    return "arm64" if platform.machine() == "aarch64" else platform.machine()
