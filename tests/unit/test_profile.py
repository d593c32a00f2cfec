import json

import pytest

from darkroom.errors import BadProfile
from darkroom.model import Format
from darkroom.profile import Profile, built_in, parse_profile

GOOD = {"name": "mine", "widths": [640, 100], "formats": {"jpeg": 75}}


def parse(**changes: object) -> Profile:
    return parse_profile(json.dumps(GOOD | changes))


def test_a_profile_names_widths_narrowest_first_and_a_quality_for_each_format() -> None:
    profile = parse()

    assert profile.widths == (100, 640)
    assert [(choice.format, choice.quality) for choice in profile.formats] == [(Format.JPEG, 75)]


@pytest.mark.parametrize("name", ["default", "squoosh"])
def test_the_built_in_profiles_are_sound(name: str) -> None:
    assert built_in(name).name == name


@pytest.mark.parametrize("name", ["nonesuch", "../default", ""])
def test_no_other_name_is_built_in(name: str) -> None:
    with pytest.raises(BadProfile, match="no built-in profile"):
        built_in(name)


def test_any_change_gives_another_hash() -> None:
    assert len({parse().hash, parse(widths=[100]).hash, parse(background="#000000").hash}) == 3
    assert parse().hash == parse().hash


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"widths": []}, "widths"),
        ({"widths": [0]}, "widths"),
        ({"widths": [99_999]}, "widths"),
        ({"widths": [True]}, "widths"),
        ({"widths": "640"}, "widths"),
        ({"formats": {}}, "formats"),
        ({"formats": {"gif": 75}}, "formats"),
        ({"formats": {"jpeg": 101}}, "formats"),
        ({"background": "white"}, "background"),
        ({"max_pixels": 0}, "max_pixels"),
        ({"max_bytes": -1}, "max_bytes"),
        ({"avif_seconds": "soon"}, "avif_seconds"),
        ({"name": ""}, "name"),
        ({"colour": "red"}, "colour: no such setting"),
    ],
)
def test_a_fault_is_named_by_its_setting(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(BadProfile, match=fault):
        parse(**changes)


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(BadProfile) as caught:
        parse_profile('{"widths": [], "background": "white", "extra": 1}')

    assert len(caught.value.faults) == 5


@pytest.mark.parametrize("document", ["", "{", "[]", "7"])
def test_what_is_no_profile_at_all_says_so(document: str) -> None:
    with pytest.raises(BadProfile):
        parse_profile(document)
