import json
from pathlib import Path

import pytest
from PIL import Image

from darkroom_cli.compare import compare_files, compare_profiles, report, write_page
from darkroom_cli.faults import Fault
from darkroom_cli.local.samples import photograph
from darkroom_cli.render.options import chosen_profile


@pytest.fixture
def original(tmp_path: Path) -> Path:
    photograph(300, 200).save(tmp_path / "sea.png")
    return tmp_path / "sea.png"


def saved(path: Path, width: int = 300, height: int = 200, quality: int = 80) -> Path:
    photograph(300, 200).resize((width, height)).save(path, quality=quality)
    return path


def test_a_picture_is_compared_with_an_original(original: Path, tmp_path: Path) -> None:
    [good], [bad] = (
        compare_files(original, saved(tmp_path / f"{quality}.jpg", quality=quality)).others
        for quality in (90, 20)
    )

    assert (good.name, good.format, good.width, good.height) == ("90.jpg", "jpeg", 300, 200)
    assert good.size_bytes == (tmp_path / "90.jpg").stat().st_size
    assert good.score is not None
    assert bad.score is not None
    assert 100 > good.score > bad.score


def test_a_profile_without_a_rendition_is_named(tmp_path: Path) -> None:
    picture = saved(tmp_path / "sea.jpg")
    (tmp_path / "png.json").write_text(
        json.dumps(
            {"name": "png only", "ladders": {"main": {"widths": [60], "formats": {"png": {"target": 75}}}}}
        )
    )
    profiles = [chosen_profile(name, None, None, None) for name in ("fast", str(tmp_path / "png.json"))]

    with pytest.raises(Fault, match=r"sea\.jpg: the profile png only gives no rendition\.") as fault:
        compare_profiles(picture, profiles)
    assert fault.value.exit_code == 65


def test_a_smaller_picture_is_compared_at_its_size(original: Path, tmp_path: Path) -> None:
    [other] = compare_files(original, saved(tmp_path / "small.jpg", 150, 100, 95)).others

    assert other.score is not None
    assert other.score > 50


def test_pictures_of_another_shape_have_no_score(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = compare_files(original, saved(tmp_path / "square.jpg", 200, 200))
    report(compared, as_json=False)

    assert compared.others[0].score is None
    assert "Without a score: the shape" in capsys.readouterr().out


def test_profiles_are_compared_on_one_picture(original: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared = compare_profiles(
        original, [chosen_profile(name, None, None, None) for name in ("fast", "default")]
    )
    report(compared, as_json=True)

    document = json.loads(capsys.readouterr().out)
    assert document["original"]["size_bytes"] == original.stat().st_size
    assert {side["name"] for side in document["compared"]} == {"fast", "default"}
    assert all(
        side["score"] and side["milliseconds"] and side["width"] == 300 for side in document["compared"]
    )


def test_a_file_that_is_no_picture_is_a_fault(original: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")

    with pytest.raises(Fault) as rejected:
        compare_files(original, tmp_path / "notes.jpg")
    with pytest.raises(Fault, match=f"^{tmp_path}/notes.jpg: The file is not a JPEG"):
        compare_files(tmp_path / "notes.jpg", original)
    with pytest.raises(Fault) as missing:
        compare_files(original, tmp_path / "none.jpg")

    assert str(rejected.value).startswith(f"{tmp_path}/notes.jpg: The file is not a JPEG")
    assert (rejected.value.exit_code, missing.value.exit_code) == (65, 66)


def test_only_its_own_page_is_overwritten(original: Path, tmp_path: Path) -> None:
    compared = compare_files(original, saved(tmp_path / "b.jpg"))
    page = tmp_path / "page.html"
    for _ in range(2):
        write_page(compared, page)
    page.write_text("mine")

    with pytest.raises(Fault, match="has not written it") as fault:
        write_page(compared, page)

    assert fault.value.exit_code == 73
    assert page.read_text() == "mine"


def test_equal_pictures_score_100(original: Path, tmp_path: Path) -> None:
    Image.open(original).save(tmp_path / "same.bmp")

    assert compare_files(original, tmp_path / "same.bmp").others[0].score == 100
