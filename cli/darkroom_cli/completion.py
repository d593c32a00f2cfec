"""Values of options, for the shell's completion. Imports nothing before the shell asks."""


def complete_format(incomplete: str) -> list[str]:
    """Returns the formats that begin with a text."""
    from darkroom.domain.renditions import Format

    return [kind.value for kind in Format if kind.value.startswith(incomplete)]


def complete_profile(incomplete: str) -> list[str]:
    """Returns the built-in profiles that begin with a text."""
    from darkroom.domain.profile import PROFILES

    return sorted(file.stem for file in PROFILES.glob("*.json") if file.stem.startswith(incomplete))
