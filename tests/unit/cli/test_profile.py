import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.profile import built_in
from darkroom_cli.faults import Fault
from darkroom_cli.profile import JsonPath, check, errors_in, json_paths

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


def test_errors_are_listed_by_line() -> None:
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
def test_unparsable_documents_have_one_error(document: bytes, error: str) -> None:
    [found] = errors_in(document)

    assert found.startswith(error)


def test_duplicate_names_are_reported_with_both_lines() -> None:
    document = b'{"built_in": "nonesuch",\n "built_in":\n "fast"}'

    assert errors_in(document) == ["2: built_in: duplicate of line 1"]


def test_members_of_a_duplicate_are_not_reported_again() -> None:
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
def test_json_paths_finds_every_path_in_order(value: object) -> None:
    def expected(value: object) -> list[JsonPath]:
        members = value.items() if isinstance(value, dict) else []
        items = enumerate(value) if isinstance(value, list) else []
        return [(step, *rest) for step, inner in (*members, *items) for rest in [(), *expected(inner)]]

    text = json.dumps(value, indent=0, ensure_ascii=False)

    found = list(json_paths(text))

    assert [path for path, _ in found] == expected(value)
    # With this indent every value begins on its own line.
    assert len({line for _, line in found}) == len(found)
    for path, line in found:
        name = json.dumps(path[-1], ensure_ascii=False) if isinstance(path[-1], str) else ""
        assert text.split("\n")[line - 1].startswith(name)


def test_a_valid_profile_is_returned_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "fast.json"
    file.write_bytes(b'\n{"built_in":\t"fast"}')

    assert check(file) == (b'\n{"built_in":\t"fast"}', built_in("fast"))


def test_errors_name_the_file_and_the_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{\n"built_in": "nonesuch"\n}')

    with pytest.raises(Fault, match="must be the name of a built-in profile") as fault:
        check(file)

    assert f"\n{file}:2: built_in: must be" in str(fault.value)
    assert fault.value.exit_code == 78


def test_a_missing_profile_exits_with_no_input(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="Cannot read") as fault:
        check(tmp_path / "none.json")

    assert fault.value.exit_code == 66


def test_profile_check_imports_neither_boto3_nor_aiohttp_nor_rich() -> None:
    loaded = "import sys, darkroom_cli.app, darkroom_cli.profile\n"
    loaded += "print(*{'boto3', 'aiohttp', 'rich'} & sys.modules.keys())"

    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == ""
