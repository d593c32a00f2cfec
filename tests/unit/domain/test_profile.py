import json
from typing import Any

import pytest

from darkroom.domain.errors import BadProfile
from darkroom.domain.focus import AUTO, Focus, focus_text, parse_focus
from darkroom.domain.profile import (
    Crop,
    Fit,
    Hdr,
    Limits,
    Metadata,
    Profile,
    built_in,
    parse_profile,
    profile_schema,
)
from darkroom.domain.renditions import Format
from tests.cloudformation import PROJECT

LADDER = {"widths": [640, 100], "formats": {"jpeg": {"quality": 75}, "avif": {"target": 80}}}
PACKAGE = PROJECT / "layers" / "darkroom" / "darkroom" / "domain"
GOOD = {"name": "mine", "ladders": {"main": LADDER}}


def parse(**changes: object) -> Profile:
    return parse_profile(json.dumps(GOOD | changes))


def parse_main(**changes: object) -> Profile:
    """Parses the good profile with changes in its main ladder."""
    return parse(ladders={"main": LADDER | changes})


def faults_of(document: object) -> list[str]:
    with pytest.raises(BadProfile) as caught:
        parse_profile(json.dumps(document))
    return [str(flaw) for flaw in caught.value.flaws]


def test_a_ladder_has_widths_and_a_quality_or_target_per_format() -> None:
    [main] = parse().ladders

    assert (main.name, main.widths) == ("main", (100, 640))
    assert [(choice.format, choice.quality, choice.target) for choice in main.formats] == [
        (Format.JPEG, 75, None),
        (Format.AVIF, None, 80),
    ]


def test_omitted_settings_have_defaults() -> None:
    profile = parse()

    assert profile.limits == Limits(100_000_000, 50_000_000, 512, 100_000_000, 20.0)
    assert (profile.linear_light, profile.repack, profile.reference) == (False, True, False)
    assert (profile.metadata, profile.hdr) == (Metadata.NONE, Hdr.REDUCE)
    assert (profile.avif_effort, parse(avif_effort=3).avif_effort) == (1, 3)
    [main] = profile.ladders
    assert (main.background, main.animation, main.opaque_webp, main.crop) == ("#ffffff", True, True, None)


def test_a_profile_can_keep_rights() -> None:
    assert parse(metadata="rights").metadata is Metadata.RIGHTS
    assert parse(metadata="none") == parse()
    assert parse(metadata="rights").hash != parse().hash
    assert faults_of(GOOD | {"metadata": "all"}) == ['metadata: must be "none" or "rights", not "all"']


def test_a_profile_can_keep_gain_maps() -> None:
    assert parse(hdr="keep").hdr is Hdr.KEEP
    assert parse(hdr="reduce") == parse()
    assert faults_of(GOOD | {"hdr": True}) == ['hdr: must be "reduce" or "keep", not true']


def test_the_main_ladder_comes_first() -> None:
    profile = parse(ladders={"small": LADDER, "main": LADDER})

    assert [ladder.name for ladder in profile.ladders] == ["main", "small"]


def test_a_crop_has_a_fit_a_ratio_and_a_focus_centred_by_default() -> None:
    [main] = parse_main(crop={"fit": "cover", "ratio": [16, 9]}).ladders
    [other] = parse_main(crop={"fit": "contain", "ratio": [1, 1], "focus": [0, 0.3]}).ladders

    assert main.crop == Crop(Fit.COVER, (16, 9), (0.5, 0.5))
    assert other.crop == Crop(Fit.CONTAIN, (1, 1), (0, 0.3))


@pytest.mark.parametrize("name", ["default", "fast", "thumbnails", "squoosh"])
def test_the_built_in_profiles_are_valid(name: str) -> None:
    assert built_in(name).name == name


def test_the_squoosh_profile_matches_the_original_squoosh_service() -> None:
    [main] = built_in("squoosh").ladders

    assert main.widths == (100,)
    assert [(choice.format, choice.quality) for choice in main.formats] == [(Format.JPEG, 75)]


@pytest.mark.parametrize("name", ["nonesuch", "../default", ""])
def test_other_names_are_not_built_in(name: str) -> None:
    with pytest.raises(BadProfile, match="no built-in profile"):
        built_in(name)


@pytest.mark.parametrize("name", ["default", "fast", "thumbnails", "squoosh"])
def test_a_document_naming_a_built_in_profile_equals_that_profile(name: str) -> None:
    named = parse_profile(json.dumps({"built_in": name}))

    assert (named, named.hash) == (built_in(name), built_in(name).hash)


def test_every_built_in_profile_can_be_named_and_no_other() -> None:
    names = profile_schema()["definitions"]["named"]["properties"]["built_in"]["enum"]

    assert names == sorted(path.stem for path in (PACKAGE / "profiles").glob("*.json"))
    [fault] = faults_of({"built_in": "nonesuch"})
    assert fault.endswith(': "default", "fast", "squoosh" or "thumbnails", not "nonesuch"')


@pytest.mark.parametrize(
    ("document", "flaws"),
    [
        ({"built_in": "../default"}, ["built_in: must be the name of a built-in profile"]),
        ({"built_in": 7}, ["built_in: must be the name of a built-in profile"]),
        ({"built_in": "fast", "name": "mine"}, ["name: no such setting"]),
        ({"built_in": "fast"} | GOOD, ["name: no such setting", "ladders: no such setting"]),
    ],
)
def test_a_document_naming_a_profile_has_no_other_settings(
    document: dict[str, object], flaws: list[str]
) -> None:
    found = faults_of(document)

    assert [text[: len(flaw)] for text, flaw in zip(found, flaws, strict=True)] == flaws


def test_any_change_changes_the_hash() -> None:
    assert len({parse().hash, parse_main(widths=[100]).hash, parse_main(background="#000000").hash}) == 3
    assert parse().hash == parse().hash


@pytest.mark.parametrize(
    ("ladder", "fault"),
    [
        ({"widths": []}, "ladders.main.widths: must be a list of one to sixteen widths in pixels, not []"),
        (
            {"widths": [100, 640, 0]},
            "ladders.main.widths[2]: must be a whole number from 1 to 16383 (the widest WebP), not 0",
        ),
        ({"widths": [99_999]}, "ladders.main.widths[0]: must be a whole number from 1 to 16383"),
        ({"widths": [640.5]}, "ladders.main.widths[0]: must be a whole number"),
        ({"widths": [True]}, "ladders.main.widths[0]: must be a whole number"),
        (
            {"widths": "640"},
            'ladders.main.widths: must be a list of one to sixteen widths in pixels, not "640"',
        ),
        (
            {"formats": {}},
            "ladders.main.formats: must be an object of at least one of jpeg, png, webp, avif and jxl",
        ),
        ({"formats": {"gif": {"quality": 75}}}, "ladders.main.formats.gif: no such setting"),
        ({"formats": {"jpeg": 75}}, "ladders.main.formats.jpeg: must be either"),
        ({"formats": {"jpeg": {}}}, "ladders.main.formats.jpeg: must be either"),
        ({"formats": {"jpeg": {"quality": 75, "target": 70}}}, "ladders.main.formats.jpeg: must be either"),
        (
            {"formats": {"jpeg": {"quality": 101}}},
            "ladders.main.formats.jpeg.quality: must be a whole number from 1 to 100, not 101",
        ),
        ({"formats": {"jpeg": {"target": 99}}}, "ladders.main.formats.jpeg.target: must be a SSIMULACRA2"),
        ({"formats": {"png": {}}}, "ladders.main.formats.png.target: missing"),
        ({"formats": {"png": {"target": 20}}}, "ladders.main.formats.png.target: must be a SSIMULACRA2"),
        ({"formats": {"jpeg": {"target": float("nan")}}}, "ladders.main.formats.jpeg.target: must be"),
        ({"background": "white"}, 'ladders.main.background: must be a colour like "#ffffff", not "white"'),
        ({"background": "#ffffff\n"}, "ladders.main.background: must be a colour"),
        ({"animation": 1}, "ladders.main.animation: must be true or false, not 1"),
        ({"crop": {"fit": "fill", "ratio": [1, 1]}}, 'ladders.main.crop.fit: must be "contain" or "cover"'),
        ({"crop": {"fit": "cover"}}, "ladders.main.crop.ratio: missing"),
        ({"crop": {"fit": "cover", "ratio": [1]}}, "ladders.main.crop.ratio: must be width and height"),
        ({"crop": {"fit": "cover", "ratio": [1, 0]}}, "ladders.main.crop.ratio[1]: must be a whole number"),
        (
            {"crop": {"fit": "cover", "ratio": [1, 1], "focus": "x"}},
            'ladders.main.crop.focus: must be "auto", or shares of width and height like [0.5, 0.3], not "x"',
        ),
        (
            {"crop": {"fit": "cover", "ratio": [1, 1], "focus": 0.5}},
            'ladders.main.crop.focus: must be "auto", or shares of width and height like [0.5, 0.3], not 0.5',
        ),
        (
            {"crop": {"fit": "cover", "ratio": [1, 1], "focus": [0.5, 1.5]}},
            "ladders.main.crop.focus[1]: must be a number from 0 to 1, not 1.5",
        ),
        ({"heights": [1]}, "ladders.main.heights: no such setting"),
    ],
)
def test_a_flaw_in_a_ladder_has_its_path(ladder: dict[str, object], fault: str) -> None:
    [found] = faults_of({"name": "mine", "ladders": {"main": LADDER | ladder}})
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": ""}, "name: must be a text that is not empty"),
        ({"colour": "red"}, "colour: no such setting"),
        ({"ladders": {}}, "ladders: must be an object of one to eight ladders"),
        ({"ladders": {"small": LADDER}}, "ladders.main: missing"),
        ({"ladders": {"main": LADDER, "reference": LADDER}}, "ladders.reference: not a valid name"),
        ({"ladders": {"main": LADDER, "lossless": LADDER}}, "ladders.lossless: not a valid name"),
        ({"ladders": {"main": LADDER, "../up": LADDER}}, "ladders.../up: not a valid name"),
        ({"limits": {"max_pixels": 0}}, "limits.max_pixels: must be a whole number from 1"),
        ({"limits": {"max_bytes": -1}}, "limits.max_bytes: must be a whole number from 1"),
        ({"limits": {"max_frames": 1.5}}, "limits.max_frames: must be a whole number from 1"),
        (
            {"limits": {"avif_seconds": "soon"}},
            "limits.avif_seconds: must be a number of seconds from 0 to 600",
        ),
        ({"repack": "yes"}, 'repack: must be true or false, not "yes"'),
    ],
)
def test_a_flaw_outside_ladders_has_its_path(changes: dict[str, object], fault: str) -> None:
    [found] = faults_of(GOOD | changes)
    assert found.startswith(fault)


def test_every_fault_is_reported_at_once() -> None:
    broken = {
        "ladders": {"main": {"widths": [1, 0], "formats": {"gif": 1}}, "B": {}},
        "limits": {"max_bytes": 0},
        "extra": 1,
    }

    assert sorted(fault.partition(":")[0] for fault in faults_of(broken)) == [
        "extra",
        "ladders.B",
        "ladders.main.formats.gif",
        "ladders.main.widths[1]",
        "limits.max_bytes",
        "name",
    ]


@pytest.mark.parametrize("document", ["", "{", "[]", "7", "null", "[" * 100_000, b"\xff", b"{}\0"])
def test_a_document_that_is_no_profile_is_refused(document: str | bytes) -> None:
    with pytest.raises(BadProfile):
        parse_profile(document)


def test_a_long_invalid_value_is_shortened() -> None:
    [fault] = faults_of(GOOD | {"name": ["x" * 1000]})

    assert len(fault) < 120


# The keywords implemented by profile.py. AppConfig's validator supports all, and must reach the same result.
KEYWORDS = {
    "type",
    "required",
    "properties",
    "patternProperties",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "minLength",
    "pattern",
    "enum",
    "description",
}


def rules(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns a rule and all nested rules."""
    below = [*schema.get("properties", {}).values(), *schema.get("patternProperties", {}).values()]
    below += [schema["items"]] if "items" in schema else []
    below += schema.get("oneOf", [])
    return [schema, *(nested for child in below for nested in rules(child))]


def test_the_schema_uses_only_implemented_keywords() -> None:
    schema = profile_schema()
    assert schema.keys() == {"$schema", "title", "oneOf", "definitions"}
    assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"
    # The required member tells the alternatives apart.
    assert schema["oneOf"] == [{"$ref": "#/definitions/named"}, {"$ref": "#/definitions/profile"}]
    assert schema["definitions"]["named"]["required"] == ["built_in"]
    assert "built_in" not in schema["definitions"]["profile"]["properties"]

    for rule in [rule for root in schema["definitions"].values() for rule in rules(root)]:
        if "$ref" in rule:
            assert rule.keys() == {"$ref"}
            assert rule["$ref"].removeprefix("#/definitions/") in schema["definitions"]
            continue
        if "oneOf" in rule:
            # The types tell the alternatives apart.
            assert rule.keys() == {"oneOf"}
            assert len({alternative["type"] for alternative in rule["oneOf"]}) == len(rule["oneOf"])
            continue
        assert rule.keys() <= KEYWORDS
        assert rule["description"]
        # No object takes undescribed members.
        assert rule["type"] != "object" or rule["additionalProperties"] is False


def test_a_focus_can_be_found_automatically() -> None:
    [ladder] = parse_main(crop={"fit": "cover", "ratio": [1, 1], "focus": "auto"}).ladders

    assert ladder.crop == Crop(Fit.COVER, (1, 1), AUTO)


def test_another_focus_applies_to_ladders_that_cut() -> None:
    profile = parse_main(crop={"fit": "contain", "ratio": [1, 1]})
    cutting = parse_main(crop={"fit": "cover", "ratio": [1, 1]})

    assert profile.with_focus((0.1, 0.2)) == profile
    assert cutting.with_focus((0.1, 0.2)).ladders[0].crop == Crop(Fit.COVER, (1, 1), (0.1, 0.2))


@pytest.mark.parametrize(
    ("text", "focus"),
    [
        ("0.31,0.40", (0.31, 0.4)),
        (" 0.31 , .4 ", (0.31, 0.4)),
        ("0,1", (0.0, 1.0)),
        ("1.0,0.0", (1.0, 0.0)),
        ("auto", AUTO),
        *(
            (text, None)
            for text in ("", "0.5", "1.5,0", "a,b", "1e-1,0", "0,5,0", "nan,0", "\u0661,0", "-0,0")
        ),
    ],
)
def test_a_focus_is_two_shares_or_auto(text: str, focus: object) -> None:
    assert parse_focus(text) == focus


@pytest.mark.parametrize("focus", [(0.31, 0.4), (0.0, 1.0), (0.12345, 0.5), AUTO])
def test_the_text_of_a_focus_can_be_parsed(focus: Focus) -> None:
    parsed = parse_focus(focus_text(focus))

    assert parsed == (focus if focus == AUTO else (round(focus[0], 4), round(focus[1], 4)))
