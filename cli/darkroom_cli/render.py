"""`darkroom render`: the engine on one local file. No AWS, and nothing imported that it does not need."""

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
from darkroom_cli.stack import Fault

# sysexits.h
DATA_ERROR, NO_INPUT, CANNOT_CREATE, BAD_CONFIGURATION = 65, 66, 73, 78
# What template.yaml gives the render function, so that both come to the same answer.
MEMORY_MB, TIMEOUT_SECONDS = 3008, 60
MB_PER_PROCESSOR = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
# All formats and widths of one picture keep so many busy: docs/performance.md, "Both processors".
PROCESSORS_USED = 1.62


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="darkroom render",
        description="Render one local file without AWS, and print its receipt as one line of JSON.",
    )
    parser.add_argument("source", metavar="IN", type=Path, help="a picture")
    parser.add_argument("folder", metavar="OUTDIR", type=Path, help="where its renditions go")
    parser.add_argument("--profile", type=Path, help="a profile's JSON file, or the name of a built-in one")
    asked = parser.parse_args(sys.argv[2:])
    try:
        line, exit_code = render(asked.source, asked.folder, asked.profile)
    except Fault as fault:
        print(f"darkroom: {fault}", file=sys.stderr)  # noqa: T201
        sys.exit(fault.exit_code)
    print(line)  # noqa: T201
    sys.exit(exit_code)


def render(source: Path, folder: Path, profile_file: Path | None) -> tuple[str, int]:
    """Writes `{stem}-{name of the rendition}` into the folder; the line to print last, and the exit code.

    Raises Fault.
    """
    profile = _profile(profile_file)
    limits = budget(MEMORY_MB, TIMEOUT_SECONDS * 1000)
    try:
        content = _read(source, profile)
        rendered = render_isolated(content, profile, memory_bytes=limits.memory_bytes, seconds=limits.seconds)
    except RejectedPicture as fault:
        rejection = Rejection(fault.reason, fault.sentence, fault.limit, fault.actual)
        return json.dumps({"status": "rejected"} | asdict(rejection)), DATA_ERROR
    return json.dumps(_receipt(rendered, profile, _write(rendered, source.stem, folder))), 0


def _profile(file: Path | None) -> Profile:
    """The file's profile, or the built-in one of that name, or the default. Raises Fault."""
    try:
        if file is None or not file.exists():
            return built_in(str(file) if file else "default")
        return parse_profile(file.read_text())
    except (BadProfile, OSError, UnicodeDecodeError) as fault:
        faults = map(str, fault.flaws) if isinstance(fault, BadProfile) else [str(fault)]
        raise Fault("The profile can't be used:\n  " + "\n  ".join(faults), BAD_CONFIGURATION) from fault


def _read(source: Path, profile: Profile) -> bytes:
    """The file's bytes. Raises Fault, or RejectedPicture before a byte too many is in memory."""
    try:
        profile.admit(source.stat().st_size)  # before a byte of it is in memory
        return source.read_bytes()
    except OSError as fault:
        raise Fault(f"{source} can't be read: {fault.strerror}.", NO_INPUT) from fault


def _write(rendered: Rendered, stem: str, folder: Path) -> tuple[Rendition, ...]:
    renditions = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in rendered.renditions:
            name = f"{stem}-{one.name}"
            (folder / name).write_bytes(one.data)
            renditions.append(one.stored_as(name))
    except OSError as fault:
        raise Fault(f"{folder} can't be written to: {fault.strerror}.", CANNOT_CREATE) from fault
    return tuple(renditions)


def _receipt(rendered: Rendered, profile: Profile, renditions: tuple[Rendition, ...]) -> dict[str, object]:
    receipt = Receipt(
        profile=profile.name,
        profile_hash=profile.hash,
        engine=ENGINE,
        at=now(),
        size_bytes=rendered.original.size_bytes,
        original=rendered.original,
        renditions=renditions,
        decisions=rendered.decisions,
        milliseconds=rendered.milliseconds,
        placeholder=rendered.placeholder,
        colour=rendered.colour,
    )
    document = serialize_receipt(receipt)
    del document["rejection"]
    document["renditions"] = [
        {"file" if name == "key" else name: value for name, value in each.items()}
        for each in document["renditions"]
    ]
    return {"status": "rendered", **document}
