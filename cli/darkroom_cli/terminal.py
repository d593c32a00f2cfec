"""Untrusted text on a terminal."""


def printable(text: str) -> str:
    """Escapes control characters, which could change the terminal's state."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
