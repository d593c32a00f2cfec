import os
from pathlib import Path

import pytest

from darkroom_cli.faults import Fault
from darkroom_cli.files import find_pictures


def a_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names_in(*paths: Path, ignored: tuple[str, ...] = ()) -> list[str]:
    return [name for name, _ in find_pictures(paths, ignored).files]


def test_a_file_is_named_by_its_file_name(tmp_path: Path) -> None:
    beach = a_file(tmp_path / "holiday" / "beach 1.jpg")

    assert find_pictures([beach]).files == [("beach 1.jpg", beach)]


def test_files_in_a_folder_are_named_with_the_folder(tmp_path: Path) -> None:
    a_file(tmp_path / "holiday/beach.jpg")
    a_file(tmp_path / "holiday/dive/reef.png")

    assert names_in(tmp_path / "holiday") == ["holiday/beach.jpg", "holiday/dive/reef.png"]


@pytest.mark.parametrize("name", [".DS_Store", ".trash/old.jpg", "Thumbs.db", "@eaDir/a.jpg", "desktop.ini"])
def test_hidden_files_and_those_of_the_system_are_left_out(tmp_path: Path, name: str) -> None:
    a_file(tmp_path / "holiday" / name)

    found = find_pictures([tmp_path / "holiday"])

    assert (found.files, found.others) == ([], [])


def test_files_of_another_kind_are_skipped_and_named(tmp_path: Path) -> None:
    a_file(tmp_path / "holiday/notes.txt")

    found = find_pictures([tmp_path / "holiday"])

    assert found.files == []
    assert [*found.notes()] == ["Skipped: 1 file (holiday/notes.txt) of another kind."]


def test_files_of_an_unknown_kind_are_taken_as_on_the_home_page(tmp_path: Path) -> None:
    a_file(tmp_path / "holiday/IMG_0001")

    assert names_in(tmp_path / "holiday") == ["holiday/IMG_0001"]


def test_a_file_named_itself_is_taken_whatever_its_kind(tmp_path: Path) -> None:
    assert names_in(a_file(tmp_path / ".hidden"), a_file(tmp_path / "a.txt")) == [".hidden", "a.txt"]


@pytest.mark.parametrize("pattern", ["*-draft.jpg", "old", "old/*"])
def test_ignored_names_and_paths_are_left_out(tmp_path: Path, pattern: str) -> None:
    for name in ("a.jpg", "a-draft.jpg", "old/b.jpg"):
        a_file(tmp_path / "holiday" / name)

    names = names_in(tmp_path / "holiday", ignored=(pattern,))

    assert "holiday/a.jpg" in names
    assert len(names) == 2


def test_a_folder_inside_a_hidden_folder_can_be_given_explicitly(tmp_path: Path) -> None:
    old = a_file(tmp_path / ".trash/old/beach.jpg")

    assert find_pictures([old.parent]).files == [("old/beach.jpg", old)]


def test_duplicate_names_get_numbers(tmp_path: Path) -> None:
    first, second, third = (a_file(tmp_path / year / "beach.jpg") for year in ("2023", "2024", "2025"))

    assert find_pictures([first, second, third]).by_name == {
        "beach.jpg": first,
        "2/beach.jpg": second,
        "3/beach.jpg": third,
    }


def test_a_named_file_is_left_out_if_its_name_is_ignored(tmp_path: Path) -> None:
    """The shell may have expanded a pattern to it."""
    files = a_file(tmp_path / "beach.jpg"), a_file(tmp_path / "draft-1.jpg")

    assert names_in(*files, ignored=("draft-*",)) == ["beach.jpg"]


def test_pipes_in_folders_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")

    found = find_pictures([tmp_path])

    assert (found.files, found.others) == ([], [f"{tmp_path.name}/pipe.png"])


def test_a_path_given_twice_is_taken_once(tmp_path: Path) -> None:
    beach = a_file(tmp_path / "beach.jpg")

    assert names_in(beach, beach) == ["beach.jpg"]


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere", "nowhere does not exist"), ("*.png", r"Nothing matches .*\*\.png")]
)
def test_a_missing_path_is_a_fault(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(Fault, match=message) as fault:
        find_pictures([tmp_path / name])

    assert fault.value.exit_code == 66


def test_patterns_that_the_shell_has_not_expanded_are_expanded(tmp_path: Path) -> None:
    a_file(tmp_path / "a.jpg")
    a_file(tmp_path / "deep/b.jpg")

    assert names_in(tmp_path / "*.jpg") == ["a.jpg"]
    assert names_in(tmp_path / "**/*.jpg") == ["a.jpg", "b.jpg"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    assert names_in(a_file(tmp_path / "a[1].jpg")) == ["a[1].jpg"]


def test_symbolic_links_are_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    outside = a_file(tmp_path / "secret/b.jpg")
    inside = a_file(tmp_path / "holiday/a.jpg")
    (tmp_path / "holiday/file.jpg").symlink_to(outside)
    (tmp_path / "holiday/folder").symlink_to(outside.parent)
    (tmp_path / "holiday/same.jpg").symlink_to(inside)

    found = find_pictures([tmp_path / "holiday"])

    assert [name for name, _ in found.files] == ["holiday/a.jpg", "holiday/same.jpg"]
    assert found.links == ["holiday/folder", "holiday/file.jpg"]
    assert "Not followed: 2 symbolic links" in next(found.notes())


def test_a_loop_of_symbolic_links_ends(tmp_path: Path) -> None:
    a_file(tmp_path / "holiday/a.jpg")
    (tmp_path / "holiday/again").symlink_to(tmp_path / "holiday")

    assert names_in(tmp_path / "holiday") == ["holiday/a.jpg"]


def test_unreadable_files_and_folders_have_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = a_file(tmp_path / "holiday/locked.jpg")
    (tmp_path / "holiday/lost.jpg").symlink_to("nowhere.jpg")
    monkeypatch.setattr(os, "access", lambda path, _mode: path != locked)

    found = find_pictures([tmp_path / "holiday"])

    assert found.files == []
    assert [*found.notes()] == [
        "holiday/locked.jpg: can't be read: Permission denied",
        "holiday/lost.jpg: can't be read: the symbolic link leads nowhere",
    ]


def test_control_characters_in_names_are_escaped(tmp_path: Path) -> None:
    a_file(tmp_path / "holiday/\x1b[2J.txt")

    assert "\x1b" not in "".join(find_pictures([tmp_path / "holiday"]).notes())
