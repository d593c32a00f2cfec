"""The installed command. `render` goes by itself: what parses the others takes longer than most pictures."""

import sys


def main() -> None:
    if sys.argv[1:2] == ["render"]:
        from darkroom_cli.render import main as command
    else:
        from darkroom_cli.app import main as command
    command()
