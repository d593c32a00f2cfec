"""Profiles: the widths, formats, quality and limits of renditions, parsed from one JSON document.

Both this module and AppConfig validate documents with profile.schema.json. Every flaw is reported.
"""

import hashlib
import json
import pathlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Any

from darkroom.domain.errors import BadProfile, Flaw, RejectedPicture
from darkroom.domain.focus import AUTO, CENTRE, Focus
from darkroom.domain.renditions import MAIN, Format

# importlib.resources would add 5 ms to a cold start.
_HERE = pathlib.Path(__file__).parent


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """One format of a ladder with either a quality or a target; PNG has a target.

    `quality` is the encoder's own setting, from 1 to 100, the same for every picture. `target` is a
    SSIMULACRA2 score; each picture gets the lowest quality that reaches it (70 good, 80 very good, 90
    visually lossless).
    """

    format: Format
    quality: int | None = None
    target: float | None = None


class Fit(StrEnum):
    """Values of CSS `object-fit` (CSS Images 3)."""

    CONTAIN = "contain"
    COVER = "cover"


@dataclass(frozen=True, slots=True)
class Crop:
    """For each width, a box with the aspect ratio `ratio` (width : height).

    `contain` scales the picture down to fit the box; `cover` fills the box and cuts off the rest. `focus` is
    the point kept nearest to the centre, as shares of width and height from the top left; with `auto`, the
    box is placed around faces, or else around what stands out.
    """

    fit: Fit
    ratio: tuple[int, int]
    focus: Focus = CENTRE


@dataclass(frozen=True, slots=True)
class Ladder:
    """A set of widths, each rendered in every format.

    `widths` are in pixels, narrowest first; a picture is never enlarged. `background` replaces transparency
    in formats without alpha. With `animation`, animations become animated WebP if WebP is among the formats.
    Without `opaque_webp`, WebP is only made of animations, of graphics and of pictures with transparency.
    """

    name: str
    widths: tuple[int, ...]
    formats: tuple[FormatChoice, ...]
    background: str = "#ffffff"
    animation: bool = True
    crop: Crop | None = None
    opaque_webp: bool = True

    @property
    def is_cut(self) -> bool:
        """True if parts of a picture may be cut off."""
        return self.crop is not None and self.crop.fit is Fit.COVER

    def with_focus(self, focus: Focus) -> "Ladder":
        """Returns the ladder with another focus, if it fills a box."""
        return replace(self, crop=replace(self.crop, focus=focus)) if self.crop and self.is_cut else self

    def choice(self, wanted: Format) -> FormatChoice | None:
        return next((choice for choice in self.formats if choice.format is wanted), None)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits beyond which a picture is rejected, or AVIF is left out.

    `max_pixels` counts width x height of the original. `max_frames` and `max_animation_pixels` (frames x
    width x height of the original) apply to animations. `avif_seconds` is the time for the widest AVIF
    renditions of one picture, and for all others.
    """

    max_bytes: int = 100_000_000
    max_pixels: int = 50_000_000
    max_frames: int = 512
    max_animation_pixels: int = 100_000_000
    avif_seconds: float = 20.0


class Metadata(StrEnum):
    """The metadata of an original to keep in its renditions."""

    NONE = "none"
    RIGHTS = "rights"


class Hdr(StrEnum):
    """The treatment of a gain map, which brightens a JPEG on HDR screens."""

    REDUCE = "reduce"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings for rendering an upload. The first of `ladders` is named main and shown on the web.

    `linear_light` resizes in linear light, which is slower, but more accurate for fine bright and dark
    details. `repack` makes small JPEG files up to 1% smaller, and takes more time. `libjpeg` encodes JPEG as
    Squoosh does, instead of by our own encoder. `avif_effort`, 1 to 3, is the time for AVIF relative to the
    usual time: more takes fewer bytes. `reference` adds one rendition of high quality at the widest
    size, for comparison. `lossless` adds a JPEG XL of a JPEG original, from which the JPEG can be restored.
    `metadata` keeps the statements of rights, or nothing. `hdr` keeps gain maps in JPEG files, or removes
    them.
    """

    name: str
    ladders: tuple[Ladder, ...]
    limits: Limits = field(default_factory=Limits)
    linear_light: bool = False
    repack: bool = True
    libjpeg: bool = False
    avif_effort: int = 1
    reference: bool = False
    lossless: bool = False
    metadata: Metadata = Metadata.NONE
    hdr: Hdr = Hdr.REDUCE

    def check_size(self, size_bytes: int) -> None:
        """Raises RejectedPicture for an empty original, or one larger than `limits.max_bytes`."""
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

    def with_focus(self, focus: Focus) -> "Profile":
        """Returns the profile with this focus in every ladder that fills a box."""
        return replace(self, ladders=tuple(ladder.with_focus(focus) for ladder in self.ladders))

    @property
    def hash(self) -> str:
        """16 hex digits of the SHA-256 of the profile."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def parse_profile(document: str | bytes) -> Profile:
    """Parses a JSON document: all settings of a profile, or the name of a built-in profile.

    Raises BadProfile with every flaw and its path.
    """
    try:
        raw = json.loads(document)
    except (ValueError, RecursionError) as fault:  # RecursionError: thousands of nested brackets
        raise BadProfile([Flaw(f"not JSON: {fault}")]) from fault
    flaws = list(_flaws(raw, profile_schema(), ()))
    if flaws:
        raise BadProfile(flaws)
    return built_in(raw["built_in"]) if "built_in" in raw else _profile(raw)


def profile_texts() -> dict[str, str]:
    """Returns the documents of the built-in profiles, by name."""
    return {source.stem: source.read_text() for source in sorted((_HERE / "profiles").glob("*.json"))}


def built_in(name: str) -> Profile:
    """Returns a built-in profile. Raises BadProfile for any other name."""
    text = profile_texts().get(name)
    if text is None:
        raise BadProfile([Flaw(f"there is no built-in profile named {name!r}")])
    return parse_profile(text)


@cache
def profile_schema() -> dict[str, Any]:
    """Returns the JSON Schema of profiles. It uses only the part of draft 04 that `_flaws` implements."""
    schema: dict[str, Any] = json.loads((_HERE / "profile.schema.json").read_text())
    return schema


def _profile(raw: dict[str, Any]) -> Profile:
    main = raw["ladders"][MAIN]
    ladders = {MAIN: main} | raw["ladders"]
    names = ("linear_light", "repack", "libjpeg", "avif_effort", "reference", "lossless")
    switches = {name: raw[name] for name in names if name in raw}
    return Profile(
        name=raw["name"],
        ladders=tuple(_ladder(name, ladder) for name, ladder in ladders.items()),
        limits=Limits(**raw.get("limits", {})),
        metadata=Metadata(raw.get("metadata", Metadata.NONE)),
        hdr=Hdr(raw.get("hdr", Hdr.REDUCE)),
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
        opaque_webp=raw.get("opaque_webp", True),
        crop=crop and _crop(crop),
    )


def _crop(raw: dict[str, Any]) -> Crop:
    width, height = raw["ratio"]
    focus = raw.get("focus", CENTRE)
    return Crop(Fit(raw["fit"]), (width, height), AUTO if focus == AUTO else (focus[0], focus[1]))


type Path = tuple[str | int, ...]

# For each type of JSON Schema: the Python type, and the names of the limits for its length or value.
_TYPES: dict[str, tuple[Any, str, str]] = {
    "object": (dict, "minProperties", "maxProperties"),
    "array": (list, "minItems", "maxItems"),
    "string": (str, "minLength", "maxLength"),
    "boolean": (bool, "minimum", "maximum"),
    "integer": (int, "minimum", "maximum"),
    "number": ((int, float), "minimum", "maximum"),
}


def _flaws(value: object, schema: dict[str, Any], path: Path) -> Iterator[Flaw]:
    """Finds every flaw of a value; a rule's `description` states the expected value."""
    rule = _rule(value, schema)
    if not _fits(value, rule):
        yield Flaw(f"must be {rule['description']}, not {_shortened(value)}", path)
    elif isinstance(value, dict):
        yield from _flaws_of_members(value, rule, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flaws(item, rule["items"], (*path, index))


def _rule(value: object, schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the rule of a schema for a value.

    For `oneOf`, returns the first alternative of the value's type whose required members are all in it, else
    the last alternative. So the flaws are those of the alternative that the author meant.
    """
    if "$ref" in schema:
        return _rule(value, profile_schema()["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    if "oneOf" in schema:
        rules = [_rule(value, alternative) for alternative in schema["oneOf"]]
        return next((rule for rule in rules if _may_be_meant(value, rule)), rules[-1])
    return schema


def _may_be_meant(value: object, rule: dict[str, Any]) -> bool:
    if isinstance(value, dict):
        return value.keys() >= {*rule.get("required", ())}
    return isinstance(value, _TYPES[rule["type"]][0])


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    """Checks the type and size of a value, without its members."""
    kind, minimum, maximum = _TYPES[schema["type"]]
    # bool is a subclass of int.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        return False
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        return False
    size = value if isinstance(value, int | float) else len(value)
    in_range = schema.get(minimum, size) <= size <= schema.get(maximum, size)
    return bool(in_range) and value in schema.get("enum", [value])


def _flaws_of_members(value: dict[str, Any], schema: dict[str, Any], path: Path) -> Iterator[Flaw]:
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield Flaw("missing", (*path, name))
    for name, member in value.items():
        rules = [known[name]] if name in known else [r for p, r in patterns.items() if re.fullmatch(p, name)]
        if not rules:
            yield Flaw("not a valid name" if patterns else "no such setting", (*path, name))
        for rule in rules:
            yield from _flaws(member, rule, (*path, name))


def _shortened(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
