"""Runs a fuzzer from drawn inputs."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory


def fuzz(one_input: Callable[[bytes], None], seeds: Iterable[bytes], arguments: Sequence[str]) -> None:
    """Mutates the seeds as the command line asks (libFuzzer's options). Does not return."""
    atheris = import_module("atheris")
    with TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / str(number)).write_bytes(seed)
        atheris.Setup([*arguments, folder], one_input)
        atheris.Fuzz()
