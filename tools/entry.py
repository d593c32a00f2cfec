"""The installed command. `render` goes by itself: what parses the others takes longer than most pictures."""

import sys


def main() -> None:
    if sys.argv[1:2] == ["render"]:
        from tools.render import main as command
    else:
        from tools.cli import main as command
    command()
