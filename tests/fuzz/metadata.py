"""Fuzzes the readers of metadata: any bytes must give harmless rights, and a rendition must keep them.

    uv run --with atheris python tests/fuzz/metadata.py -max_total_time=600

Takes libFuzzer's options. See header.py.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT / "layers" / "darkroom"), str(PROJECT), str(PROJECT / "cli")]

atheris = import_module("atheris")
with atheris.instrument_imports(include=["darkroom.imaging.sniff", "darkroom.imaging.rights"]):
    from darkroom.imaging.rights import Rights, description, packet, rights_in
    from darkroom.imaging.sniff.metadata import Metadata, find_metadata

from tests.fuzz.seeded import fuzz  # noqa: E402 - after what is to be instrumented
from tests.unit.imaging import test_rights as drawn  # noqa: E402


def one_input(content: bytes) -> None:
    found = find_metadata(content)
    check(rights_in(found))
    # Mutations seldom reach the readers of texts through a whole file.
    check(rights_in(Metadata(xmp=content, iim=content)))


def check(rights: Rights) -> None:
    made = packet([description(rights)])
    assert len(made) < 6000
    assert rights_in(Metadata(xmp=made)) == rights
    assert not any(byte < ord(" ") for byte in made)


def seeds() -> Iterator[bytes]:
    """Yields a small picture of every kind with rights, or with content credentials."""
    yield from (draw() for draw, _ in drawn.SOURCES.values())
    yield from (draw() for draw in drawn.WITH_CREDENTIALS.values())
    yield drawn.XMP
    yield drawn.IIM


if __name__ == "__main__":
    fuzz(one_input, seeds(), sys.argv)
