"""The profile that the options of `darkroom render` ask for."""

import json
from pathlib import Path
from typing import Any

from darkroom.domain.errors import BadProfile, Flaw
from darkroom.domain.profile import Profile, parse_profile, profile_texts
from darkroom.domain.renditions import MAIN
from darkroom_cli.completion import parse_format
from darkroom_cli.faults import BAD_CONFIGURATION, Fault

_DEFAULT_TARGET = 75


def chosen_profile(
    name: str, formats: list[str] | None, widths: list[str] | None, target: float | None
) -> Profile:
    """Returns a profile with other formats, widths or another target in its main ladder. Raises Fault.

    `name` is a file or a built-in profile. With `formats` or `widths`, only that ladder is rendered, without
    the reference.
    """
    document = _document(name)
    main = document["ladders"][MAIN]
    if formats or widths:
        document |= {"ladders": {MAIN: main}, "reference": False}
    formats = [parse_format(text) for text in _listed(formats or [])]
    if formats:
        known = main["formats"]
        choice = next(iter(known.values()))
        other = {"target": choice.get("target", _DEFAULT_TARGET)}
        main["formats"] = {kind: known.get(kind, other) for kind in formats}
    if widths:
        main["widths"] = [_number(width) for width in _listed(widths)]
    if target is not None:
        main["formats"] = {kind: {"target": target} for kind in main["formats"]}
    try:
        return parse_profile(json.dumps(document))
    except BadProfile as bad:  # the document was valid without the options
        flaws = dict.fromkeys(f"--{_option_of(flaw)}: {flaw.wrong}" for flaw in bad.flaws)
        raise Fault("\n  ".join(flaws), 2) from bad


def _option_of(flaw: Flaw) -> str:
    """Returns the name of the option that set a part of the profile."""
    return "width" if "widths" in flaw.path else "target"


def _document(name: str) -> dict[str, Any]:
    """Returns a profile's document. Raises Fault."""
    file, known = Path(name), profile_texts()
    try:
        if not file.exists() and name not in known:
            raise Fault(f"{name} is neither a file nor one of {', '.join(known)}.", BAD_CONFIGURATION)
        text = file.read_text() if file.exists() else known[name]
        parse_profile(text)
    except (OSError, UnicodeDecodeError) as fault:
        raise Fault(f"The profile is not valid:\n  {fault}", BAD_CONFIGURATION) from fault
    except BadProfile as bad:
        listed = "\n  ".join(map(str, bad.flaws))
        raise Fault(f"The profile is not valid:\n  {listed}", BAD_CONFIGURATION) from bad
    document: dict[str, Any] = json.loads(text)
    if "built_in" in document:
        document = json.loads(known[document["built_in"]])
    return document


def _listed(values: list[str]) -> list[str]:
    """Splits values at commas, as in `--width 640,1280`."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _number(width: str) -> int:
    if not (width.isascii() and width.isdigit()):
        raise Fault(f"--width takes numbers of pixels, like 640 or 640,1280; not {width!r}.", 2)
    return int(width)
