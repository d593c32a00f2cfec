"""Runs MiniStack with what it lacks: access from this machine only, and saving while it runs.

A program for MiniStack's environment; its argument is the path of a mark, see `StateSaver`. It also gives the
functions' roles a session token of realistic length.
"""

import sys
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[2]))
    running_mark = Path(sys.argv.pop())  # MiniStack parses the other arguments

    from ministack import app as emulator  # type: ignore[import-not-found]  # an environment of its own
    from ministack.core import lambda_runtime, persistence  # type: ignore[import-not-found]
    from ministack.services import cloudformation, lambda_svc, sts  # type: ignore[import-not-found]

    from darkroom_cli.local.loopback import restricted, with_session_token
    from darkroom_cli.local.pollers import separate
    from darkroom_cli.local.saving import StateSaver
    from darkroom_cli.local.unpacking import sharing

    # Saved last, so that a deployment is repeated if a kill interrupts the saving of its results.
    last = ("cloudformation", "ssm")

    def save() -> None:
        states = emulator._build_persistence_save_dict()
        persistence.save_all(dict(sorted(states.items(), key=lambda item: (item[0] in last, item[0]))))

    def is_consistent() -> bool:
        """Returns false during a deployment: MiniStack could not finish it after a restart."""
        stacks = cloudformation._stacks._data.values()
        return not any(stack["StackStatus"].endswith("_IN_PROGRESS") for stack in stacks)

    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = with_session_token(module.execution_credentials, sts._sessions)
    packages = Path(tempfile.gettempdir()) / "packages"
    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": sharing(packages)})
    separate(lambda_svc)
    saver = StateSaver(save, running_mark, is_consistent)
    emulator.app = saver.wrapped(restricted(emulator.app))
    emulator.main()
