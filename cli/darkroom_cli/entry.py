"""The installed command. `render` starts without Typer: its import takes longer than most renderings."""

import sys


def main() -> None:
    if sys.argv[1:2] == ["render"]:
        from darkroom_cli.render import main as command
    else:
        from darkroom_cli.app import main as command
    command()
