"""The packages of the local stack's functions: unpacked once for all workers."""

import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from darkroom_cli.local.unpacking import sharing


def a_package(path: Path, text: str) -> Path:
    with ZipFile(path, "w") as package:
        package.writestr("app/handler.py", text)
    return path


def unpack(package: Path, worker: Path, kind: type[ZipFile]) -> Path:
    """Unpacks as MiniStack does: into an empty folder of a worker."""
    worker.mkdir(parents=True)
    with kind(package) as opened:
        opened.extractall(str(worker))
    return worker / "app" / "handler.py"


def test_workers_share_a_package(tmp_path: Path) -> None:
    kind = sharing(tmp_path / "packages")

    first = unpack(a_package(tmp_path / "1.zip", "one"), tmp_path / "first", kind)
    second = unpack(a_package(tmp_path / "2.zip", "one"), tmp_path / "second", kind)

    assert first.read_text() == second.read_text() == "one"
    assert first.samefile(second)


def test_packages_that_differ_are_kept_apart(tmp_path: Path) -> None:
    kind = sharing(tmp_path / "packages")

    first = unpack(a_package(tmp_path / "1.zip", "one"), tmp_path / "first", kind)
    second = unpack(a_package(tmp_path / "2.zip", "two"), tmp_path / "second", kind)

    assert (first.read_text(), second.read_text()) == ("one", "two")


def test_the_end_of_a_worker_leaves_the_package_to_others(tmp_path: Path) -> None:
    kind, package = sharing(tmp_path / "packages"), a_package(tmp_path / "1.zip", "one")
    unpack(package, tmp_path / "first" / "code", kind)
    second = unpack(package, tmp_path / "second" / "code", kind)

    shutil.rmtree(tmp_path / "first")

    assert second.read_text() == "one"


def test_a_package_that_could_not_be_unpacked_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, package = sharing(tmp_path / "packages"), a_package(tmp_path / "1.zip", "one")
    with monkeypatch.context() as patched:
        patched.setattr(ZipFile, "_extract_member", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            unpack(package, tmp_path / "first", kind)

    assert unpack(package, tmp_path / "second", kind).read_text() == "one"
