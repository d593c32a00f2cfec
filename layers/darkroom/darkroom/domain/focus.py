"""The focus of a crop: a point to keep as near the centre as possible, or `auto` to find the subject."""

import re
from typing import Literal

# Shares of width and height from the top left of the upright picture, 0 to 1.
type Point = tuple[float, float]
type Focus = Point | Literal["auto"]

AUTO: Literal["auto"] = "auto"
CENTRE: Point = (0.5, 0.5)
# Characters of an unchecked focus that are kept and quoted.
MAX_FOCUS_CHARACTERS = 40
_SHARE = re.compile(r" *(?:0?\.[0-9]{1,9}|[01](?:\.[0-9]{0,9})?) *")


def parse_focus(text: str) -> Focus | None:
    """Parses a focus as it is sent with an upload, like `0.31,0.40` or `auto`; None if it is invalid."""
    if text.strip(" ") == AUTO:
        return AUTO
    shares = text.split(",")
    if len(shares) != 2 or not all(_SHARE.fullmatch(share) for share in shares):
        return None
    across, down = map(float, shares)
    return (across, down) if max(across, down) <= 1 else None


def focus_text(focus: Focus) -> str:
    """Returns the text that `parse_focus` parses."""
    return AUTO if focus == AUTO else ",".join(f"{share:.4f}".rstrip("0").rstrip(".") for share in focus)
