"""A function's handler with one event after the other, in a process as Lambda would have it.

    python bench/invoke.py EVENTS REPORT

The report has the processor's seconds, children's too, of its start and then of each event.
"""

import json
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

# As the real one, as far as Powertools and our own handlers look at it.
_CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=3008,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 60_000,
)


def main(events: Path, report: Path) -> None:
    import app  # type: ignore[import-not-found]  # the function's, which PYTHONPATH names

    seconds = [_spent()]
    for event in json.loads(events.read_text()):
        before = _spent()
        app.handler(event, _CONTEXT)
        seconds.append(_spent() - before)
    report.write_text(json.dumps(seconds))


def _spent() -> float:
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        spent += used.ru_utime + used.ru_stime
    return spent


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
