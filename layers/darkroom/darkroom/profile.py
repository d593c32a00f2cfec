"""Profiles: what to make of an upload. One JSON document, checked whole, every fault reported."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from darkroom.errors import BadProfile, RejectedPicture
from darkroom.model import Format

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """One format of the ladder and its encoder's quality, 1 to 100."""

    format: Format
    quality: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What to make of an upload.

    `widths` in pixels, narrowest first; a picture is never enlarged to reach one. `background` shows
    through where a format has no alpha. `max_pixels` counts width x height of the original.
    `avif_seconds` is the time that all AVIF renditions of one picture may take together.
    """

    name: str
    widths: tuple[int, ...]
    formats: tuple[FormatChoice, ...]
    background: str = "#ffffff"
    max_pixels: int = 50_000_000
    max_bytes: int = 100_000_000
    avif_seconds: float = 20.0

    def admit(self, size_bytes: int) -> None:
        """Raises RejectedPicture for an original of more than `max_bytes`."""
        if size_bytes > self.max_bytes:
            raise RejectedPicture(
                "too_large",
                f"It has {size_bytes / 1e6:.1f} MB; the limit is {self.max_bytes / 1e6:g} MB.",
                limit=self.max_bytes,
                actual=size_bytes,
            )

    @property
    def hash(self) -> str:
        """16 hex digits that change whenever the profile does."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def parse_profile(document: str) -> Profile:
    """A profile from its JSON. Raises BadProfile with every fault."""
    try:
        raw = json.loads(document)
    except ValueError as fault:
        raise BadProfile([f"not JSON: {fault}"]) from fault
    if not isinstance(raw, dict):
        raise BadProfile(["a profile is a JSON object"])
    return _checked(raw)


def built_in(name: str) -> Profile:
    """One of the profiles that come with Darkroom. Raises BadProfile if there is none of that name."""
    source = files("darkroom") / "profiles" / f"{name}.json"
    if not re.fullmatch(r"[a-z]+", name) or not source.is_file():
        raise BadProfile([f"there is no built-in profile named {name!r}"])
    return parse_profile(source.read_text())


def _checked(raw: dict[str, Any]) -> Profile:
    faults: list[str] = []

    def expect(fine: bool, fault: str) -> None:
        if not fine:
            faults.append(fault)

    def whole(value: object, low: int, high: int) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    known = {"name", "widths", "formats", "background", "max_pixels", "max_bytes", "avif_seconds"}
    faults += [f"{field}: no such setting" for field in sorted(raw.keys() - known)]
    faults += [f"{field}: missing" for field in ("name", "widths", "formats") if field not in raw]

    name, widths, formats = raw.get("name", "-"), raw.get("widths", [1]), raw.get("formats", {"jpeg": 75})
    background = raw.get("background", "#ffffff")
    max_pixels, max_bytes = raw.get("max_pixels", 50_000_000), raw.get("max_bytes", 100_000_000)
    avif_seconds = raw.get("avif_seconds", 20.0)

    expect(isinstance(name, str) and bool(name), "name: must be a text")
    expect(
        isinstance(widths, list) and bool(widths) and all(whole(width, 1, 16_383) for width in widths),
        "widths: must be a list of whole numbers from 1 to 16383 (the widest WebP)",
    )
    expect(
        isinstance(formats, dict)
        and bool(formats)
        and all(kind in set(Format) and whole(quality, 1, 100) for kind, quality in formats.items()),
        "formats: must give jpeg, webp or avif a quality from 1 to 100",
    )
    expect(
        isinstance(background, str) and bool(_COLOUR.fullmatch(background)),
        "background: must be like #ffffff",
    )
    expect(whole(max_pixels, 1, 1_000_000_000), "max_pixels: must be a whole number from 1 to 1000000000")
    expect(whole(max_bytes, 1, 1_000_000_000), "max_bytes: must be a whole number from 1 to 1000000000")
    expect(
        isinstance(avif_seconds, int | float)
        and not isinstance(avif_seconds, bool)
        and 0 <= avif_seconds <= 600,
        "avif_seconds: must be a number from 0 to 600",
    )
    if faults:
        raise BadProfile(faults)
    return Profile(
        name=name,
        widths=tuple(sorted(set(widths))),
        formats=tuple(FormatChoice(Format(kind), quality) for kind, quality in formats.items()),
        background=background.lower(),
        max_pixels=max_pixels,
        max_bytes=max_bytes,
        avif_seconds=float(avif_seconds),
    )
