from pathlib import Path

import pytest

from darkroom.model import Entry, Receipt, Rejection, State, Upload
from tools.drop import Outcome, keys_for
from tools.stack import Fault


def a_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def an_entry(state: State, rejection: Rejection | None = None) -> Entry:
    receipt = Receipt("default", "0" * 16, "engine", "2026-01-01T00:00:00.000Z", 10, rejection=rejection)
    return Entry(Upload("uploads", "a.jpg", "v1"), state, revision=2, receipt=receipt)


def test_a_file_goes_under_its_name(tmp_path: Path) -> None:
    beach = a_file(tmp_path / "holiday" / "beach 1.jpg")

    assert keys_for([beach]) == {"beach 1.jpg": beach}


def test_a_folder_goes_under_its_name_with_all_that_is_in_it(tmp_path: Path) -> None:
    beach, reef = a_file(tmp_path / "holiday/beach.jpg"), a_file(tmp_path / "holiday/dive/reef.png")

    assert keys_for([tmp_path / "holiday"]) == {"holiday/beach.jpg": beach, "holiday/dive/reef.png": reef}


def test_hidden_files_and_folders_stay_behind(tmp_path: Path) -> None:
    a_file(tmp_path / "holiday/.DS_Store")
    a_file(tmp_path / "holiday/.trash/old.jpg")

    assert keys_for([tmp_path / "holiday"]) == {}


def test_a_folder_below_a_hidden_one_may_be_named_itself(tmp_path: Path) -> None:
    old = a_file(tmp_path / ".trash/old/beach.jpg")

    assert keys_for([old.parent]) == {"old/beach.jpg": old}


def test_pictures_that_meet_in_one_key_are_all_kept(tmp_path: Path) -> None:
    first, second, third = (a_file(tmp_path / year / "beach.jpg") for year in ("2023", "2024", "2025"))

    assert keys_for([first, second, third]) == {
        "beach.jpg": first,
        "2/beach.jpg": second,
        "3/beach.jpg": third,
    }


def test_a_picture_named_twice_goes_once(tmp_path: Path) -> None:
    beach = a_file(tmp_path / "beach.jpg")

    assert keys_for([beach, beach]) == {"beach.jpg": beach}


def test_a_path_that_leads_nowhere_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="does not exist") as fault:
        keys_for([tmp_path / "nowhere"])

    assert fault.value.exit_code == 2


def test_a_rejected_picture_says_why() -> None:
    entry = an_entry(State.REJECTED, Rejection("empty_file", "The file is empty."))

    assert Outcome("a.jpg", "", entry).trouble == "rejected (empty_file): The file is empty."


def test_failed_and_missing_pictures_are_trouble_and_rendered_ones_are_not() -> None:
    assert Outcome("a.jpg", "", an_entry(State.FAILED)).trouble
    assert Outcome("a.jpg", "", fault="not ready after 5 s").trouble == "not ready after 5 s"
    assert not Outcome("a.jpg", "", an_entry(State.RENDERED)).trouble
