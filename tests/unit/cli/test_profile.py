import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.profile import built_in
from darkroom_cli.faults import Fault
from darkroom_cli.profile import Place, check, errors_in, places

BROKEN = """{
  "ladders": {
    "main": {
      "widths": [
        640,
        0,
        "1280"],
      "formats": {"gif": {}, "jpeg": {"quality": 175}}
    },
    "small": {
    }
  },
  "linear": true
}"""


def test_every_flaw_is_told_with_its_line_from_top_to_bottom() -> None:
    errors = [error.partition(": must")[0] for error in errors_in(BROKEN.encode())]

    assert errors == [
        "1: name: missing",
        "6: ladders.main.widths[1]",
        "7: ladders.main.widths[2]",
        "8: ladders.main.formats.gif: no such setting",
        "8: ladders.main.formats.jpeg.quality",
        "10: ladders.small.widths: missing",
        "10: ladders.small.formats: missing",
        "13: linear: no such setting",
    ]


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (b'{"name": "mine",\n "ladders": }', "2:13: not JSON: Expecting value"),
        (b'{"name": "mine",\n}', "1:16: not JSON: Illegal trailing comma before end of object"),
        (b"", "1:1: not JSON: Expecting value"),
        (b"\xef\xbb\xbf{}", "1:1: not JSON: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
        (b'{"name":\n "\xff"}', "2: not UTF-8: invalid start byte"),
        (b"[" * 100_000, "1: cannot be parsed as JSON: "),
        (b"1" * 10_000, "1: cannot be parsed as JSON: "),
    ],
)
def test_what_can_not_be_read_is_told_with_the_first_slip(document: bytes, error: str) -> None:
    [found] = errors_in(document)

    assert found.startswith(error)


def test_a_name_that_stands_twice_is_told_with_both_lines() -> None:
    document = b'{"built_in": "nonesuch",\n "built_in":\n "fast"}'

    assert errors_in(document) == ["2: built_in: duplicate of line 1"]


def test_what_stands_twice_is_told_once_whatever_is_in_it() -> None:
    document = b'{"limits": {"max_pixels": [1]},\n "limits": {"max_pixels": [1]}}'

    assert [error for error in errors_in(document) if "duplicate" in error] == [
        "2: limits: duplicate of line 1"
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_every_place_in_a_document_is_found_in_order(value: object) -> None:
    def expected(value: object) -> list[Place]:
        members = value.items() if isinstance(value, dict) else []
        items = enumerate(value) if isinstance(value, list) else []
        return [(step, *rest) for step, inner in (*members, *items) for rest in [(), *expected(inner)]]

    text = json.dumps(value, indent=0, ensure_ascii=False)

    found = list(places(text))

    assert [path for path, _ in found] == expected(value)
    # With this indent every value begins on its own line.
    assert len({line for _, line in found}) == len(found)
    for path, line in found:
        name = json.dumps(path[-1], ensure_ascii=False) if isinstance(path[-1], str) else ""
        assert text.split("\n")[line - 1].startswith(name)


def test_a_file_that_holds_a_good_profile_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "fast.json"
    file.write_bytes(b'\n{"built_in":\t"fast"}')

    assert check(file) == (b'\n{"built_in":\t"fast"}', built_in("fast"))


def test_a_file_that_holds_a_bad_one_is_named_with_each_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{\n"built_in": "nonesuch"\n}')

    with pytest.raises(Fault, match="must be the name of a built-in profile") as fault:
        check(file)

    assert f"\n{file}:2: built_in: must be" in str(fault.value)
    assert fault.value.exit_code == 78


def test_a_missing_file_is_a_fault_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="Cannot read") as fault:
        check(tmp_path / "none.json")

    assert fault.value.exit_code == 66


def test_checking_a_file_loads_neither_aws_nor_the_local_stack() -> None:
    loaded = "import sys, darkroom_cli.app, darkroom_cli.profile\n"
    loaded += "print(*{'boto3', 'aiohttp', 'rich'} & sys.modules.keys())"

    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == ""
