"""Sizes, percentages, durations and names as text."""

import re
import unicodedata
from urllib.parse import quote

from darkroom.domain.receipts import Original
from darkroom.domain.renditions import Format, Rendition


def filesize(size_bytes: int) -> str:
    """Formats a size in decimal units, rounded to two or three digits.

    >>> filesize(143_210), filesize(1_940_000), filesize(999_999)
    ('143 KB', '1.9 MB', '1 MB')
    """
    if size_bytes < 1000:
        return "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"
    # At 999.5 KB and above, the next unit is used: rounded, the size would read "1000 KB".
    unit, scale = next(
        ((unit, scale) for unit, scale in (("KB", 10**3), ("MB", 10**6)) if size_bytes < 999.5 * scale),
        ("GB", 10**9),
    )
    value = size_bytes / scale
    return f"{_short(value) if value < 9.95 else format(value, '.0f')} {unit}"


def savings(saved_percent: float) -> str:
    """Formats a saving; a negative saving reads "larger".

    >>> savings(92.64), savings(-12.0), savings(99.98)
    ('92.6% smaller', '12% larger', '99.9% smaller')
    """
    if round(saved_percent, 1) == 0:
        return "the same size"
    return f"{share(abs(saved_percent))} {'smaller' if saved_percent > 0 else 'larger'}"


def share(percent: float) -> str:
    """Formats a percentage; never rounds 99.98 up to 100, because no file shrinks to nothing.

    >>> share(92.64), share(99.98), share(-3.0)
    ('92.6%', '99.9%', '-3%')
    """
    return f"{_short(99.9 if 99.9 < percent < 100 else percent)}%"


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun, as in "1 picture" and "2,000 pictures"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def tied(text: str) -> str:
    """Joins each number to its unit with a no-break space, to keep them on one line."""
    return re.sub(r"(?<=\d) (?=[KMG]B|bytes?|px)", "\N{NO-BREAK SPACE}", text)


def sides(picture: Rendition | Original) -> str:
    """Returns the width and height of a picture, joined by no-break spaces."""
    return f"{picture.width}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}{picture.height}"


def duration(milliseconds: float) -> str:
    """Formats a duration in milliseconds, with one decimal below 10 ms."""
    return f"{milliseconds:,.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def label(image_format: str) -> str:
    """Returns the usual spelling of the format of a rendition or of an original."""
    return Format(image_format).label if image_format in Format else image_format.upper()


def saved_percent(rendition: Rendition, original_bytes: int) -> float:
    """Returns the bytes saved by one rendition, in percent of the original."""
    return 100 * (original_bytes - rendition.size_bytes) / original_bytes if original_bytes else 0.0


# The characters of Unicode's property Bidi_Control.
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Also control characters that are no white space: curl prints pages to terminals.
_INVISIBLE = re.compile(rf"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f{_DIRECTION}]")


def visible[T: str](text: T) -> T:
    """Escapes control characters, and those that change the direction of text.

    `exe.\u202egnp` would read `exe.png`.
    """
    return type(text)(_INVISIBLE.sub(lambda found: ascii(found[0])[1:-1], text))


def printable(text: str) -> str:
    """Escapes control characters, which could change a terminal's state, and those of `visible`.

    Spaces stay as they are: the names of screenshots on macOS have narrow ones.
    """
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else ascii(character)[1:-1]
        for character in text
    )


def path_segment(text: str) -> str:
    """Escapes any text as one segment of a URL path, slashes included."""
    return quote(text, safe="")


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
