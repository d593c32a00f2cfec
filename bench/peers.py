"""The encoders to compare: peers from npm, and Darkroom behind the same interface."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image

from bench.runs import Command
from darkroom.domain.profile import FormatChoice
from darkroom.domain.renditions import Format
from darkroom.imaging.quality import encode_ladder

PACKAGES: Final = {"sharp": "0.35.5", "@squoosh/lib": "0.5.3"}
_SCRIPT = Path(__file__).with_name("peers.cjs")

type Encoder = Callable[[Path, int], bytes]  # a picture's file and a quality -> a file


def install(cache: Path) -> None:
    """Installs the peers with npm, if they are not installed."""
    manifest = cache / "package.json"
    wanted = json.dumps({"name": "peers", "private": True, "dependencies": PACKAGES})
    if not (cache / "node_modules").is_dir() or not manifest.exists() or manifest.read_text() != wanted:
        manifest.write_text(wanted)
        # --force: libSquoosh declares an old version of Node.
        subprocess.run(
            ["npm", "install", "--force", "--no-audit", "--no-fund"],
            cwd=cache,
            check=True,
            capture_output=True,
        )


def node(cache: Path, *arguments: str) -> Command:
    """Returns a command line for peers.cjs, and its environment."""
    command = ["node", "--no-experimental-fetch", "--no-warnings", str(_SCRIPT), *arguments]
    return command, {**os.environ, "NODE_PATH": str(cache / "node_modules")}


def darkroom(file: Path, quality: int, wanted: Format = Format.JPEG) -> bytes:
    with Image.open(file) as stored:
        picture = stored.convert("RGB")
    (made,) = encode_ladder(FormatChoice(wanted, quality), [picture])
    return made.content


def darkroom_webp(file: Path, quality: int) -> bytes:
    return darkroom(file, quality, Format.WEBP)


def darkroom_avif(file: Path, quality: int) -> bytes:
    return darkroom(file, quality, Format.AVIF)


class Peer:
    """A peer's encoder, in a process that runs until `end`: `command`, or the npm package `name`."""

    def __init__(self, name: str, cache: Path, command: Command | None = None) -> None:
        line, environment = command or node(cache, "encode", name)
        self._out = cache / f"{name}.encoded"
        self._process = subprocess.Popen(
            line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, file: Path, quality: int) -> bytes:
        requests, responses = self._process.stdin, self._process.stdout
        if requests is None or responses is None:
            raise RuntimeError("the peer has no pipes")
        requests.write(json.dumps({"file": str(file), "quality": quality, "out": str(self._out)}) + "\n")
        requests.flush()
        if responses.readline() != "done\n":
            raise RuntimeError("the peer ended")
        return self._out.read_bytes()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
