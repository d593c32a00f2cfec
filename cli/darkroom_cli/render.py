"""`darkroom render`: renders one local file without AWS. Imports no more than it needs."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from darkroom.domain.errors import BadProfile, RejectedPicture
from darkroom.domain.profile import Profile, built_in, parse_profile
from darkroom.domain.receipts import Receipt, Rejection, Rendered
from darkroom.domain.renditions import Rendition
from darkroom.domain.serialization import serialize_receipt
from darkroom.domain.timestamps import now
from darkroom.imaging import ENGINE, render_isolated
from darkroom.services.rendering import budget
from darkroom_cli.faults import Fault

# sysexits.h
DATA_ERROR, NO_INPUT, CANNOT_CREATE, BAD_CONFIGURATION = 65, 66, 73, 78
# The render function's settings in template.yaml, for the same limits and the same result.
MEMORY_MB, TIMEOUT_SECONDS = 3008, 60
MB_PER_PROCESSOR = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
# Mean number of processors in use for one picture: docs/performance.md, "Both processors".
PROCESSORS_USED = 1.62


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="darkroom render",
        description="Render one local file without AWS, and print its receipt as one line of JSON.",
    )
    parser.add_argument("source", metavar="IN", type=Path, help="the picture")
    parser.add_argument("folder", metavar="OUTDIR", type=Path, help="folder for its renditions")
    parser.add_argument("--profile", type=Path, help="JSON file of a profile, or name of a built-in one")
    arguments = parser.parse_args(sys.argv[2:])
    try:
        line, exit_code = render(arguments.source, arguments.folder, arguments.profile)
    except Fault as fault:
        print(f"darkroom: {fault}", file=sys.stderr)  # noqa: T201
        sys.exit(fault.exit_code)
    print(line)  # noqa: T201
    sys.exit(exit_code)


def render(source: Path, folder: Path, profile_file: Path | None) -> tuple[str, int]:
    """Writes each rendition as `{stem}-{name}`; returns the line to print and the exit code. Raises Fault."""
    profile = _profile(profile_file)
    memory, seconds = budget(MEMORY_MB, TIMEOUT_SECONDS * 1000)
    try:
        content = _read(source, profile)
        rendered = render_isolated(content, profile, memory_bytes=memory, seconds=seconds)
    except RejectedPicture as fault:
        rejection = Rejection(fault.reason, fault.sentence, fault.limit, fault.actual)
        return json.dumps({"status": "rejected"} | asdict(rejection)), DATA_ERROR
    return json.dumps(_receipt(rendered, profile, _write(rendered, source.stem, folder))), 0


def _profile(file: Path | None) -> Profile:
    """Returns the profile in the file, the built-in one of that name, or the default. Raises Fault."""
    try:
        if file is None or not file.exists():
            return built_in(str(file) if file else "default")
        return parse_profile(file.read_text())
    except (BadProfile, OSError, UnicodeDecodeError) as fault:
        faults = map(str, fault.flaws) if isinstance(fault, BadProfile) else [str(fault)]
        raise Fault("The profile is not valid:\n  " + "\n  ".join(faults), BAD_CONFIGURATION) from fault


def _read(source: Path, profile: Profile) -> bytes:
    """Returns the file's bytes. Raises Fault, and RejectedPicture if the file is empty or too large."""
    try:
        profile.check_size(source.stat().st_size)
        return source.read_bytes()
    except OSError as fault:
        raise Fault(f"Cannot read {source}: {fault.strerror}.", NO_INPUT) from fault


def _write(rendered: Rendered, stem: str, folder: Path) -> tuple[Rendition, ...]:
    renditions = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for rendition in rendered.renditions:
            name = f"{stem}-{rendition.name}"
            (folder / name).write_bytes(rendition.data)
            renditions.append(rendition.stored_as(name))
    except OSError as fault:
        raise Fault(f"Cannot write to {folder}: {fault.strerror}.", CANNOT_CREATE) from fault
    return tuple(renditions)


def _receipt(rendered: Rendered, profile: Profile, renditions: tuple[Rendition, ...]) -> dict[str, object]:
    blank = Receipt(profile.name, profile.hash, ENGINE, now(), rendered.original.size_bytes)
    document = serialize_receipt(blank.with_result(rendered, renditions))
    del document["rejection"]
    document["renditions"] = [
        {"file" if name == "key" else name: value for name, value in rendition.items()}
        for rendition in document["renditions"]
    ]
    return {"status": "rendered", **document}
