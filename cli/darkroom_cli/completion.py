"""Values of options: completed by the shell, and checked. Imports nothing before they are needed."""

from darkroom_cli.faults import Fault


def complete_format(incomplete: str) -> list[str]:
    """Returns the formats that begin with a text."""
    from darkroom.domain.renditions import Format

    return [kind.value for kind in Format if kind.value.startswith(incomplete)]


def parse_format(text: str) -> str:
    """Returns the name of a format; `jpg` is JPEG too. Raises Fault."""
    from darkroom.domain.renditions import Format

    name = "jpeg" if text.lower() == "jpg" else text.lower()
    if name not in Format:
        raise Fault(f"--format takes {', '.join(Format)}; not {text!r}.", 2)
    return name


def complete_profile(incomplete: str) -> list[str]:
    """Returns the built-in profiles that begin with a text."""
    from darkroom.domain.profile import profile_texts

    return [name for name in profile_texts() if name.startswith(incomplete)]
