"""`darkroom render`: renders pictures on this machine, without AWS, on all its processors."""

import signal
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from darkroom.domain.profile import Profile
from darkroom.domain.receipts import Receipt, Rendered
from darkroom.domain.serialization import JsonObject, serialize_receipt
from darkroom.domain.timestamps import now
from darkroom_cli.faults import DATA_ERROR, INTERRUPTED, NO_INPUT, Fault, Terminated
from darkroom_cli.files import Found, find_pictures
from darkroom_cli.render.display import Display
from darkroom_cli.render.folder import STANDARD_INPUT, OutputFolder, Record, digest_of_bytes
from darkroom_cli.render.outcome import FAILED, NO_RENDITION, REJECTED, RENDERED, UP_TO_DATE, Outcome
from darkroom_cli.render.task import Result, Task, check_engine, render_task
from darkroom_cli.render.workers import Workers, worker_count


@dataclass(frozen=True, slots=True)
class Options:
    """How to render: see the help of `darkroom render`."""

    profile: Profile
    ignored: tuple[str, ...] = ()
    force: bool = False
    as_json: bool = False
    with_pages: bool = False


def render(paths: Sequence[Path], folder: Path, options: Options) -> int:
    """Renders the pictures at paths into a folder and prints the results; returns the exit code.

    Raises Fault, also after Ctrl-C or SIGTERM.
    """
    engine = check_engine()
    files = [path for path in paths if str(path) != STANDARD_INPUT]
    found = find_pictures(files, options.ignored, excluded=folder)
    tasks = [*_tasks_of_standard_input(len(paths) - len(files)), *_tasks(found)]
    if not tasks and not found.faults:
        raise Fault("There are no pictures at these paths.", NO_INPUT)
    output = OutputFolder(folder, force=options.force)
    run = _Run(options, engine, output, Display(len(tasks), as_json=options.as_json))
    try:
        run.display.notes(found.notes())
        run.perform(tasks)
        index = _pages(output, run.outcomes) if options.with_pages else None
    finally:
        output.close()
    run.display.report(run.outcomes, index)
    return exit_code(run.outcomes, found)


def _pages(output: OutputFolder, outcomes: Sequence[Outcome]) -> Path | None:
    from darkroom_cli.render.pages import write_pages  # Jinja takes long to import

    return write_pages(output, outcomes)


def _tasks_of_standard_input(count: int) -> list[Task]:
    if count > 1:
        raise Fault("Standard input, `-`, can be read only once.", 2)
    return [Task("stdin", sys.stdin.buffer.read())] if count else []


def _tasks(found: Found) -> Iterator[Task]:
    for name, path in found.files:
        # A pipe can be read only once, and its name under /dev/fd says nothing.
        regular = stat.S_ISREG(path.stat().st_mode)
        yield Task(name, path) if regular else Task("stdin", path.read_bytes())


def exit_code(outcomes: Sequence[Outcome], found: Found) -> int:
    """Returns 0 if there are renditions of every picture, else the code of the worst fault."""
    statuses = {outcome.status for outcome in outcomes}
    if found.faults or FAILED in statuses:
        return NO_INPUT
    return DATA_ERROR if statuses & {REJECTED, NO_RENDITION} else 0


class _Run:
    """One run over all pictures; `outcomes` is its result."""

    def __init__(self, options: Options, engine: str, output: OutputFolder, display: Display) -> None:
        self._options = options
        self._engine = engine
        self._output = output
        self.display = display
        self.outcomes: list[Outcome] = []

    def perform(self, tasks: Sequence[Task]) -> None:
        try:
            with (
                self.display,
                Workers(worker_count(), partial(render_task, profile=self._options.profile)) as workers,
            ):
                for finished in workers.run(self._not_up_to_date(tasks)):
                    if finished:
                        self._add(self._written(*finished))
                    self.display.refresh()
        except (KeyboardInterrupt, Terminated) as interruption:
            # A second Ctrl-C must not interrupt the message.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise self._interrupted(interruption, len(tasks)) from None

    def _interrupted(self, interruption: BaseException, size: int) -> Fault:
        done = Counter(outcome.status for outcome in self.outcomes)
        return Fault(
            f"Interrupted: {done[RENDERED] + done[UP_TO_DATE]} of {size} pictures are rendered."
            " Run the same command again to render the rest.",
            Terminated.EXIT_CODE if isinstance(interruption, Terminated) else INTERRUPTED,
        )

    def _add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.display.show(outcome)

    def _not_up_to_date(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Yields the pictures to render, each with a stem for its files."""
        for task in tasks:
            try:
                record = self._output.find(task.name, task.origin)
                up_to_date = record and self._is_up_to_date(record, task)
            except OSError:  # the worker finds the same fault
                record, up_to_date = None, False
            stem = self._output.reserve(task.name, record)
            if record and up_to_date:
                self._add(Outcome.of_receipt(task.name, task.origin, UP_TO_DATE, stem, record.receipt))
            else:
                yield replace(task, stem=stem)

    def _is_up_to_date(self, record: Record, task: Task) -> bool:
        profile_hash = self._options.profile.hash
        return isinstance(task.source, Path) and self._output.is_up_to_date(
            record, task.source, profile_hash, self._engine
        )

    def _written(self, task: Task, result: Result | None) -> Outcome:
        """Writes the files of a finished task. Raises Fault."""
        if result is None:
            return Outcome(task.name, task.origin, FAILED, fault="its process was killed")
        if result.rejection:
            return Outcome(task.name, task.origin, REJECTED, rejection=asdict(result.rejection))
        if result.rendered is None:
            return Outcome(task.name, task.origin, FAILED, fault=result.fault)
        contents = {f"-{file.name}": file.data for file in result.rendered.renditions}
        stem, names = self._output.write(task.stem, task.name, contents)
        receipt = _receipt(result.rendered, self._options.profile, self._engine, names)
        digests = {names[ending]: digest_of_bytes(content) for ending, content in contents.items()}
        hash_ = self._options.profile.hash
        self._output.add(
            Record(stem, task.name, task.origin, result.digest, hash_, self._engine, digests, receipt)
        )
        return Outcome.of_receipt(task.name, task.origin, RENDERED, stem, receipt, result.seconds)


def _receipt(rendered: Rendered, profile: Profile, engine: str, names: Mapping[str, str]) -> JsonObject:
    blank = Receipt(profile.name, profile.hash, engine, now(), rendered.original.size_bytes)
    stored = tuple(file.stored_as(names[f"-{file.name}"]) for file in rendered.renditions)
    document = serialize_receipt(blank.with_result(rendered, stored))
    del document["rejection"]
    document["renditions"] = [
        {"file" if name == "key" else name: value for name, value in rendition.items()}
        for rendition in document["renditions"]
    ]
    return document
