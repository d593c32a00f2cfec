"""Invokes a function's handler with one event after the other, in a process of its own, as Lambda does.

    python bench/invoke.py EVENTS REPORT

The report has the processor seconds, child processes included, of the start and of each event.
"""

import json
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

# The attributes that Powertools and our handlers use.
_CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=3008,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 60_000,
)


def main(events: Path, report: Path) -> None:
    import app  # type: ignore[import-not-found]  # the function on PYTHONPATH

    seconds = [_cpu_seconds()]
    for event in json.loads(events.read_text()):
        before = _cpu_seconds()
        app.handler(event, _CONTEXT)
        seconds.append(_cpu_seconds() - before)
    report.write_text(json.dumps(seconds))


def _cpu_seconds() -> float:
    seconds = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        seconds += used.ru_utime + used.ru_stime
    return seconds


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
