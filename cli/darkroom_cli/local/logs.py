"""The functions' logs as one readable stream."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from darkroom.domain.entries import State
from darkroom.domain.keys import split_key
from darkroom.web.pages.formatting import printable, savings
from darkroom_cli.cloudformation import functions_of

# Platform lines around every invocation, in the text format.
_PLATFORM = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ", "XRAY TraceId:")
_USUAL = {"DEBUG", "INFO"}
_OUTCOMES = frozenset(state.value for state in State if state.terminal)
# Keys of a Powertools line that have a column already, or are useless on a local stack.
_HIDDEN = frozenset(
    {
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "cold_start",
        "function_name",
        "function_memory_size",
        "function_arn",
        "function_request_id",
        "xray_trace_id",
        "sampling_rate",
        "exception",
        "exception_name",
        "stack_trace",
    }
)
# MiniStack gives each line the time at which its invocation ended, and stores the lines a moment later. So
# each poll begins this long before the newest known line.
_LOOK_BACK_MS = 10_000
# A poll is a request to each function's log; twice a second they were a fifth of the emulator's requests.
_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the stream; `level` may be empty.

    `brief` is the line's text where only one line a picture is shown, empty if it is left out there.
    """

    at: datetime
    function: str
    level: str
    message: str
    brief: str = ""


def readable(function: str, timestamp_ms: int, text: str) -> Line | None:
    """Formats a log event; None for platform lines and metrics."""
    text = text.rstrip()
    at = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    if not text or text.startswith(_PLATFORM):
        return None
    entry = json_object(text)
    if entry is None:
        level = "ERROR" if text.startswith("[ERROR]") else ""
        message = "\n    ".join(map(printable, text.splitlines()))
        return Line(at, function, level, message, f"{function}: {message}")
    if "_aws" in entry or str(entry.get("type", "")).startswith("platform."):
        return None
    level, message = _plain(entry.get("level", "")), _message(entry)
    brief = f"{function}: {message}" if level not in _USUAL else _outcome(function, entry)
    return Line(_time(entry.get("timestamp"), at), function, level, message, brief)


def _outcome(function: str, entry: Mapping[str, Any]) -> str:
    """Returns the outcome of a picture in a few words, or an empty text for another line."""
    if function != "render" or entry.get("message") not in _OUTCOMES:
        return ""
    name = split_key(str(entry.get("key", "")))[1]
    with suppress(UnicodeDecodeError):
        name = name.encode("ascii", "ignore").decode("unicode_escape")
    if "saved_percent" in entry and entry["message"] == State.RENDERED:
        return printable(f"{name}: {savings(entry['saved_percent'])}")
    reason = f" ({entry['reason']})" if "reason" in entry else ""
    return printable(f"{name}: {entry['message']}{reason}")


def json_object(text: str) -> dict[str, Any] | None:
    """Returns a log line parsed as a JSON object; None if it is anything else."""
    try:
        entry = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _time(value: object, default: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return default
    return moment if moment.tzinfo else default


def _message(entry: Mapping[str, Any]) -> str:
    head = entry.get("message", "")
    shown = {key: value for key, value in entry.items() if key not in _HIDDEN and value is not None}
    rest = [f"{key}={_plain(value)}" for key, value in shown.items()]
    trace = str(entry.get("exception") or "").strip().splitlines()
    return "\n    ".join([" ".join([_plain(head), *rest]).strip(), *map(printable, trace)])


def _plain(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


class Follower:
    """Reads the logs of a stack's functions through CloudWatch Logs, each event once."""

    def __init__(self, stack: str, since_ms: int) -> None:
        # Without retries, which would delay the end of a stack whose emulator has ended first.
        self._client = boto3.client("logs", config=Config(retries={"total_max_attempts": 1}))
        self._groups = {
            name: configuration["LoggingConfig"]["LogGroup"] for name, configuration in functions_of(stack)
        }
        self._begin_ms = self._since_ms = since_ms
        self._seen: dict[tuple[str, str, int], int] = {}  # number of identical events

    async def lines(self, every_seconds: float = _POLL_SECONDS) -> AsyncIterator[Line]:
        while True:
            lines = []
            with suppress(BotoCoreError):  # too slow for once; the emulator's end is noticed elsewhere
                lines = await asyncio.to_thread(self.poll)
            for line in lines:
                yield line
            await asyncio.sleep(every_seconds)

    def poll(self) -> list[Line]:
        """Returns the new lines since the last call, in order of time."""
        lines = [line for function, group in self._groups.items() for line in self._new(function, group)]
        horizon = self._since_ms - _LOOK_BACK_MS
        self._seen = {key: count for key, count in self._seen.items() if key[2] >= horizon}
        return sorted(lines, key=lambda line: line.at)

    def _new(self, function: str, group: str) -> list[Line]:
        lines: list[Line] = []
        counts: dict[tuple[str, str, int], int] = {}
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=max(self._begin_ms, self._since_ms - _LOOK_BACK_MS)
        )
        for event in (event for page in pages for event in page["events"]):
            # MiniStack's events have no id: events with the same stream, time and text are counted to
            # recognise new ones.
            key = (event["logStreamName"], event["message"], event["timestamp"])
            counts[key] = counts.get(key, 0) + 1
            if counts[key] <= self._seen.get(key, 0):
                continue
            self._seen[key] = counts[key]
            self._since_ms = max(self._since_ms, event["timestamp"])
            line = readable(function, event["timestamp"], event["message"])
            lines += [line] if line else []
        return lines
