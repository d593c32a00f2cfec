import json

import pytest

from darkroom_cli.local.logs import readable

AT_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z


def powertools(**more: object) -> str:
    return json.dumps(
        {
            "level": "INFO",
            "location": "render:30",
            "message": "rendered",
            "timestamp": "2026-01-01T11:59:58.250+0000",
            "service": "render",
            "cold_start": False,
            "function_name": "darkroom-RenderFunction-1",
            "function_request_id": "4d3f",
        }
        | more
    )


def test_structured_lines_show_level_message_and_extra_keys() -> None:
    line = readable("render", AT_MS, powertools(key="a b.png", saved_percent=81.5))

    assert line is not None
    assert (line.function, line.level, line.message) == (
        "render",
        "INFO",
        "rendered key=a b.png saved_percent=81.5",
    )


def test_structured_lines_use_their_own_timestamp() -> None:
    line = readable("render", AT_MS, powertools())

    assert line is not None
    assert line.at.isoformat() == "2026-01-01T11:59:58.250000+00:00"


def test_exceptions_are_shown_below_the_message() -> None:
    line = readable("render", AT_MS, powertools(level="ERROR", exception="Traceback\n  File x\nKeyError: 1"))

    assert line is not None
    assert line.message == "rendered\n    Traceback\n      File x\n    KeyError: 1"


def test_object_messages_are_shown_as_json() -> None:
    line = readable("web", AT_MS, powertools(message={"status": 200}))

    assert line is not None
    assert line.message == '{"status": 200}'


@pytest.mark.parametrize(
    "text",
    [
        "START RequestId: 1 Version: $LATEST",
        "END RequestId: 1",
        "REPORT RequestId: 1\tDuration: 3 ms",
        '{"time": "2026-01-01T12:00:00.000Z", "type": "platform.start", "record": {"requestId": "1"}}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": []}, "Rendered": [1.0]}',
        "  \n",
    ],
)
def test_platform_lines_and_metrics_are_left_out(text: str) -> None:
    assert readable("render", AT_MS, text) is None


@pytest.mark.parametrize("text", ["a plain line", '{"torn":', "[1, 2]"])
def test_other_lines_are_shown_unchanged(text: str) -> None:
    line = readable("web", AT_MS, text + "\n")

    assert line is not None
    assert (line.level, line.message) == ("", text)


def test_runtime_errors_have_level_error() -> None:
    line = readable("web", AT_MS, "[ERROR] KeyError: 'a'")

    assert line is not None
    assert line.level == "ERROR"


@pytest.mark.parametrize(
    "text",
    [
        "plain \x1b[2J\x07\u202e\u2028",
        powertools(key="\x1b[2J\u202e\r"),
        powertools(message="\x1b]0;owned\x07"),
        powertools(level="\x1b[2J"),
        powertools(exception="KeyError:\n\x9b2J\u2066"),
        json.dumps({"errorMessage": "\x1b[2J", "stackTrace": ["\x1b[2J"]}),
    ],
)
def test_control_characters_in_logs_are_escaped(text: str) -> None:
    line = readable("web", AT_MS, text)

    assert line is not None
    shown = line.function + line.level + line.message
    assert all(character.isprintable() or character == "\n" for character in shown)


@pytest.mark.parametrize(
    ("fields", "brief"),
    [
        ({"key": "ab12/a b.png", "saved_percent": 81.5}, "a b.png: 81.5% smaller"),
        ({"key": "holiday/", "saved_percent": 81.5}, "holiday: 81.5% smaller"),
        ({"key": "holiday/b\\xe4r.png", "saved_percent": -2.0}, "b\xe4r.png: 2% larger"),
        (
            {"message": "rejected", "key": "k/a.png", "reason": "corrupt_image"},
            "a.png: rejected (corrupt_image)",
        ),
        ({"message": "deleted", "key": "k/a.png"}, "a.png: deleted"),
        ({"message": "ignored", "reason": "a test event"}, ""),
        ({"level": "WARNING", "message": "failed", "key": "k"}, "render: failed key=k"),
    ],
)
def test_each_picture_has_one_short_line(fields: dict[str, object], brief: str) -> None:
    line = readable("render", AT_MS, powertools(**fields))

    assert line is not None
    assert line.brief == brief


def test_the_lines_of_other_functions_are_not_short_lines() -> None:
    line = readable("project", AT_MS, powertools(message="projected", key="k/a.png"))

    assert line is not None
    assert line.brief == ""


def test_control_characters_in_short_lines_are_escaped() -> None:
    line = readable("render", AT_MS, powertools(key="k/\\x1b[2J.png"))

    assert line is not None
    assert "\x1b" not in line.brief
