"""One picture through the engine, as a whole process: python -m tools.bench.once PROFILE FILE FOLDER."""

import sys
from pathlib import Path

from darkroom.imaging.pipeline import render
from darkroom.profile import parse_profile

if __name__ == "__main__":
    profile, file, folder = (Path(argument) for argument in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for rendition in render(file.read_bytes(), parse_profile(profile.read_text())).renditions:
        (folder / rendition.name).write_bytes(rendition.data)
