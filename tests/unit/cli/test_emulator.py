import json
from pathlib import Path

from darkroom_cli.local.emulator import forget_stream_positions, pinned_ministack


def test_the_pinned_version_is_the_one_that_the_corrections_were_made_for() -> None:
    # If this fails, check if each workaround in local/emulator.py is still needed.
    assert pinned_ministack() == "1.5.33"


def test_stream_positions_are_forgotten_and_all_else_is_kept(tmp_path: Path) -> None:
    state = tmp_path / "lambda.json"
    state.write_text(json.dumps({"format": 1, "payload": {"esms": [1], "dynamodb_stream_positions": [2]}}))

    forget_stream_positions(state)

    assert json.loads(state.read_text()) == {"format": 1, "payload": {"esms": [1]}}


def test_a_first_start_has_nothing_to_forget(tmp_path: Path) -> None:
    forget_stream_positions(tmp_path / "lambda.json")

    assert list(tmp_path.iterdir()) == []
