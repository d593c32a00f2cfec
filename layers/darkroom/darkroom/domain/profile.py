"""Profiles: what to make of an upload. One JSON document, checked whole, every fault reported.

What a document may say stands in profile.schema.json alone: this module and AppConfig check by the same file.
"""

import hashlib
import json
import pathlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from darkroom.domain.errors import BadProfile, Flaw, RejectedPicture
from darkroom.domain.renditions import MAIN, Format

# Not importlib.resources, which costs every start 5 ms.
_HERE = pathlib.Path(__file__).parent


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """One format of a ladder, and how good it is to be: exactly one of the two is given.

    `quality` is the encoder's own, 1 to 100, the same for every picture; `target` is a SSIMULACRA2 score
    that each picture is to reach with the lowest quality that does (70 good, 80 very good, 90 lossless to
    the eye).
    """

    format: Format
    quality: int | None = None
    target: float | None = None


class Fit(StrEnum):
    """How a picture meets a box of another shape: CSS Images 3, object-fit."""

    CONTAIN = "contain"
    COVER = "cover"


@dataclass(frozen=True, slots=True)
class Crop:
    """A box for each width, `ratio` (width : height) its shape.

    `contain` keeps the whole picture and makes it fit in the box, `cover` fills the box and cuts off the
    rest. `focus` is the point that stays as near to the middle as it can: shares of width and height from
    the top left.
    """

    fit: Fit
    ratio: tuple[int, int]
    focus: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Ladder:
    """A set of widths, each made in every format.

    `widths` in pixels, narrowest first; a picture is never enlarged to reach one. `background` shows
    through where a format has no alpha. With `animation` what moves is made as an animated WebP, if WebP
    is among the formats.
    """

    name: str
    widths: tuple[int, ...]
    formats: tuple[FormatChoice, ...]
    background: str = "#ffffff"
    animation: bool = True
    crop: Crop | None = None

    def choice(self, wanted: Format) -> FormatChoice | None:
        return next((choice for choice in self.formats if choice.format is wanted), None)


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond which a picture is rejected, or in the case of AVIF left out.

    `max_pixels` counts width x height of the original. `max_frames` and `max_animation_pixels` (frames x
    width x height of the original) hold where an animation is made. `avif_seconds` is the time that all
    AVIF renditions of one picture may take together.
    """

    max_bytes: int = 100_000_000
    max_pixels: int = 50_000_000
    max_frames: int = 512
    max_animation_pixels: int = 100_000_000
    avif_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What to make of an upload. The first of `ladders` is named main: it is what the web shows.

    `linear_light` resizes by the amount of light: truer where fine bright and dark detail meet, slower.
    `repack` makes JPEG files some 3 % smaller for a third more time. `reference` adds one rendition of high
    quality, the widest size that is shown, to compare the others with.
    """

    name: str
    ladders: tuple[Ladder, ...]
    limits: Limits = field(default_factory=Limits)
    linear_light: bool = False
    repack: bool = True
    reference: bool = False

    def admit(self, size_bytes: int) -> None:
        """Raises RejectedPicture for an original without any bytes, or of more than `limits.max_bytes`."""
        if size_bytes == 0:
            raise RejectedPicture("empty_file", "The file is empty.")
        limit = self.limits.max_bytes
        if size_bytes > limit:
            raise RejectedPicture(
                "too_large",
                f"The file is {size_bytes / 1e6:.1f} MB; the limit is {limit / 1e6:g} MB.",
                limit=limit,
                actual=size_bytes,
            )

    @property
    def hash(self) -> str:
        """16 hex digits that change whenever the profile does."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def parse_profile(document: str | bytes) -> Profile:
    """A profile from its JSON: rules of its own, or the name of a built-in profile and nothing else.

    Raises BadProfile with every flaw, each with the path to what is wrong.
    """
    try:
        raw = json.loads(document)
    except (ValueError, RecursionError) as fault:  # the latter: thousands of brackets
        raise BadProfile([Flaw(f"not JSON: {fault}")]) from fault
    flaws = list(_flaws(raw, profile_schema(), ()))
    if flaws:
        raise BadProfile(flaws)
    return built_in(raw["built_in"]) if "built_in" in raw else _profile(raw)


def built_in(name: str) -> Profile:
    """One of the profiles that come with Darkroom. Raises BadProfile if there is none of that name."""
    source = _HERE / "profiles" / f"{name}.json"
    if not re.fullmatch(r"[a-z]+", name) or not source.is_file():
        raise BadProfile([Flaw(f"there is no built-in profile named {name!r}")])
    return parse_profile(source.read_text())


@cache
def profile_schema() -> dict[str, Any]:
    """The rules for a profile: JSON Schema, of draft 04 what `_flaws` knows."""
    schema: dict[str, Any] = json.loads((_HERE / "profile.schema.json").read_text())
    return schema


def _profile(raw: dict[str, Any]) -> Profile:
    main = raw["ladders"][MAIN]
    ladders = {MAIN: main} | raw["ladders"]
    switches = {name: raw[name] for name in ("linear_light", "repack", "reference") if name in raw}
    return Profile(
        name=raw["name"],
        ladders=tuple(_ladder(name, ladder) for name, ladder in ladders.items()),
        limits=Limits(**raw.get("limits", {})),
        **switches,
    )


def _ladder(name: str, raw: dict[str, Any]) -> Ladder:
    crop = raw.get("crop")
    return Ladder(
        name=name,
        widths=tuple(sorted(set(raw["widths"]))),
        formats=tuple(FormatChoice(Format(kind), **choice) for kind, choice in raw["formats"].items()),
        background=raw.get("background", "#ffffff").lower(),
        animation=raw.get("animation", True),
        crop=crop and _crop(crop),
    )


def _crop(raw: dict[str, Any]) -> Crop:
    width, height = raw["ratio"]
    across, down = raw.get("focus", (0.5, 0.5))
    return Crop(Fit(raw["fit"]), (width, height), (across, down))


# --- The part of JSON Schema, draft 04, that the rules are written in

type Path = tuple[str | int, ...]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def _flaws(value: object, schema: dict[str, Any], path: Path) -> Iterator[Flaw]:
    """Every way in which a value breaks its rules; a rule's own words say what was expected."""
    rule = _rule(value, schema)
    if not _fits(value, rule):
        yield Flaw(f"must be {rule['description']}, not {_shortened(value)}", path)
    elif isinstance(value, dict):
        yield from _flaws_of_members(value, rule, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flaws(item, rule["items"], (*path, index))


def _rule(value: object, schema: dict[str, Any]) -> dict[str, Any]:
    """The rule that a schema holds a value to.

    Of several that is the first all of whose required members are there, so that what is said of a wrong
    value is said of what was meant; else the last.
    """
    if "$ref" in schema:
        return _rule(value, profile_schema()["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    if "oneOf" in schema:
        rules = [_rule(value, each) for each in schema["oneOf"]]
        meant = (rule for rule in rules if isinstance(value, dict) and value.keys() >= {*rule["required"]})
        return next(meant, rules[-1])
    return schema


def _fits(value: object, schema: dict[str, Any]) -> bool:
    """Whether a value is of the right type and size itself, whatever is in it."""
    wanted = schema["type"]
    # To Python True is a number.
    if not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean"):
        return False
    if isinstance(value, str):
        return (
            len(value) >= schema.get("minLength", 0)
            and bool(re.fullmatch(schema.get("pattern", "(.|\n)*"), value))
            and value in schema.get("enum", [value])
        )
    if isinstance(value, list):
        return bool(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)))
    if isinstance(value, dict):
        return bool(schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)))
    if isinstance(value, int | float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _flaws_of_members(value: dict[str, Any], schema: dict[str, Any], path: Path) -> Iterator[Flaw]:
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield Flaw("missing", (*path, name))
    for name, member in value.items():
        rules = [known[name]] if name in known else [r for p, r in patterns.items() if re.fullmatch(p, name)]
        if not rules:
            yield Flaw(f"no such {'name is possible' if patterns else 'setting'}", (*path, name))
        for rule in rules:
            yield from _flaws(member, rule, (*path, name))


def _shortened(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
