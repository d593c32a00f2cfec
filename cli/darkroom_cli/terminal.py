"""What others have written, on a terminal."""


def printable(text: str) -> str:
    """A text that can't steer a terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
