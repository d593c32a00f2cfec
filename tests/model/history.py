"""Describes a history of the model in plain English."""

from collections.abc import Iterable, Iterator

from tests.model.ledger import LATEST, Change, Entry, File, Latest, Transaction
from tests.model.model import Model, Received, State, Step
from tests.model.protocol import Forget, Get, GetAll, Head, Message, ReadOriginal, Remove, Send, Store
from tests.model.world import World, perform

_ACTORS = ("", "Worker 1", "Worker 2", "The third process")
_CHANGES = {
    "put": "{} is stored in S3.",
    "marker": "The key is deleted in S3, by the delete marker {}.",
    "destroyed": "{} is deleted from S3 for good.",
}
_FUNCTIONS = {"reconcile": "receives", "park": "parks", "sweep": "sweeps", "clean": "removes old files"}


def describe(model: Model, history: Iterable[Step], wrong: str) -> str:
    """Returns one numbered line for each step, and what is then wrong."""
    lines = [line for line in _lines(model, history) if line]
    return "\n".join([*(f"{number:3}. {line}" for number, line in enumerate(lines, 1)), f"  => {wrong}"])


def _lines(model: Model, history: Iterable[Step]) -> Iterator[str]:
    state: State = model.start
    for step in history:
        yield _line(model.worlds[state.world], step)
        state = step.after


def _line(world: World, step: Step) -> str:
    event, outcome = step.event, f" {step.outcome}" if step.outcome else ""
    match event:
        case None:
            return ""
        case Change(kind, version):
            return _CHANGES[kind].format(version) + outcome
        case Message(change):
            return f"The message about {_of(change)}{outcome}."
        case Entry(version):
            return f"{version}{outcome}."
        case Received(function, message, call):
            received = (
                f"{_FUNCTIONS[function]}{f' the message about {_of(message.change)}' if message else ''}"
            )
            return f"{_ACTORS[step.process]} {received}, and {_doing(world, call)}{_ended(step)}."
    return f"{_ACTORS[step.process]} {_doing(world, event)}{_ended(step)}."


def _ended(step: Step) -> str:
    return f"; {step.outcome}" if step.outcome else ""


def _of(change: Change) -> str:
    return change.version if change.kind != "destroyed" else f"the deletion of {change.version}"


def _doing(world: World, call: object) -> str:
    match call:
        case Get(name):
            return f"reads {'the Latest item' if name == LATEST else name}: {_read(world, name)}"
        case GetAll():
            return "reads all entries of the key"
        case Head():
            return f"asks S3 for the current version: {world.s3.current or 'none'}"
        case ReadOriginal(version):
            return f"reads the original of {version}" + ("" if version in world.versions else ": it is gone")
        case Store(file):
            return f"stores {_files([file])}"
        case Remove(files):
            return f"removes {_files(files)}"
        case Forget():
            return "deletes the records of these"
        case Send(change):
            return f"sends a message about {_of(change)}"
        case Transaction(name):
            return name if perform(world, call)[1] else f"{name}: refused, because an item has changed"
    raise TypeError(call)


def _read(world: World, name: str) -> str:
    if name == LATEST:
        latest: Latest = world.latest
        return latest.version or "none"
    entry = world.entry(name)
    return f"{entry.state}{', leased' if entry.leased else ''}" if entry.state else "unknown"


def _files(files: Iterable[File]) -> str:
    names = (
        f"{version}" + (f" (generation {generation})" if generation else "") for version, generation in files
    )
    return f"the renditions of {' and '.join(sorted(names))}"
