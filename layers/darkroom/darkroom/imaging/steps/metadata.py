"""What an original has beside its pixels: rights, content credentials and a gain map, kept or removed."""

from copy import replace
from math import ceil
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import Hdr, Metadata
from darkroom.domain.renditions import Encoded, Format
from darkroom.imaging.decoding import plain, strictly
from darkroom.imaging.resize import resized
from darkroom.imaging.sniff import Header, corrupt
from darkroom.imaging.sniff.metadata import find_metadata, has_credentials
from darkroom.imaging.steps.reading import decoded_jpeg, in_srgb, in_stored_axes, upright
from darkroom.imaging.work import Work

if TYPE_CHECKING:
    from darkroom.imaging.sniff.gain_map import GainMap


def with_metadata(work: Work, content: bytes) -> Work:
    """Reads the gain map and the rights, if the profile keeps them; records what it removes."""
    if work.header.trailing_bytes:
        from darkroom.imaging.sniff.gain_map import read_gain_map  # imported only when needed

        work = _with_gain_map(work, read_gain_map(content))
    if has_credentials(content):
        work = work.with_decision(
            "credentials_removed",
            "The content credentials (C2PA) were removed: they are valid for the original only.",
        )
    if work.profile.metadata is not Metadata.RIGHTS:
        return work
    from darkroom.imaging.rights import rights_in  # imported only when needed

    rights = rights_in(find_metadata(content))
    return replace(work, rights=rights if rights.names else None)


# Up to this size, decoding a map takes no memory worth counting.
_SMALL_MAP_PIXELS = 1_000_000


def _with_gain_map(work: Work, found: "GainMap | None") -> Work:
    if found is None:
        return work
    if work.profile.hdr is Hdr.REDUCE:
        return work.with_decision(
            "hdr_reduced",
            "The picture has a gain map for HDR screens, which was removed."
            ' To keep it in JPEG files, set "hdr": "keep" in the profile.',
        )
    if found.picture.pixels > max(work.header.pixels, _SMALL_MAP_PIXELS):
        return work.with_decision(
            "hdr_reduced", "The gain map for HDR screens was removed: it has more pixels than the picture."
        )
    return replace(work, gain_map=found)


def decode_gain_map(work: Work) -> Work:
    """Decodes the gain map, as large as needed, upright; a damaged one is removed, with a decision."""
    if work.gain_map is None:
        return work
    from darkroom.imaging.gain_map import LARGEST_SHARE, prepared  # imported only when needed

    facts = replace(work.gain_map.picture, orientation=work.header.orientation)
    try:
        if facts.too_few_bytes:
            raise corrupt()
        with strictly():
            decoded = plain(decoded_jpeg(replace(work, header=facts), facts.stream))
    except RejectedPicture:
        return replace(work, gain_map=None).with_decision(
            "hdr_reduced", "The gain map for HDR screens is damaged or incomplete; it was removed."
        )
    width, height = (ceil(LARGEST_SHARE * side) for side in in_stored_axes(work, work.working_size))
    small = resized(decoded, (min(decoded.width, width), min(decoded.height, height)))
    image = upright(small if small.mode == "L" else small.convert("RGB"), facts)
    image.info = {}
    return replace(
        work, decoded_map=prepared(work.gain_map, image, in_one_channel=_has_other_primaries(work.header))
    )


# Colours inside sRGB whose levels change by more than this have other primaries.
_MUTED = ((200, 100, 100), (100, 200, 100), (100, 100, 200))


_SAME_LEVELS = 4


def _has_other_primaries(header: Header) -> bool:
    muted = Image.new("RGB", (len(_MUTED), 1))
    muted.putdata(_MUTED)
    converted = in_srgb(muted, header)
    if converted is None:
        return False
    changes = ImageChops.difference(muted, converted.convert("RGB")).getextrema()
    return any(largest > _SAME_LEVELS for _, largest in changes)  # type: ignore[misc]


def add_rights(work: Work) -> Work:
    """Adds the statements of rights to every rendition, if the profile keeps them."""
    if not work.rights:
        return work
    made = [(before, with_rights(work, before)) for before in work.renditions]
    added = max(len(after.data) - len(before.data) for before, after in made)
    why = f"Kept in each file: {', '.join(work.rights.names)}. They take up to {added:,} bytes."
    no_smaller = [
        f"{after.format.label} {after.width} pixels wide"
        for before, after in made
        if len(before.data) < work.size_bytes <= len(after.data)
    ]
    if no_smaller:
        why += (
            f" With them, no smaller than the original ({work.size_bytes:,} bytes): {', '.join(no_smaller)}."
        )
    return replace(work, renditions=tuple(after for _, after in made)).with_decision("rights_kept", why)


def with_rights(work: Work, rendition: Encoded) -> Encoded:
    """Adds the statements of rights to one rendition, if there are any to keep."""
    if not work.rights:
        return rendition
    from darkroom.imaging import embed, rights  # imported only when needed

    packet = rights.packet([rights.description(work.rights)])
    return replace(rendition, data=embed.with_xmp(rendition.format, rendition.data, packet))


def keep_gain_map(work: Work) -> Work:
    """Joins each JPEG with its part of the gain map."""
    if work.decoded_map is None:
        return work
    from darkroom.imaging import rights  # imported only when needed
    from darkroom.imaging.gain_map import with_gain_map

    described = [rights.description(work.rights)] if work.rights else []
    plans = {plan.ladder.name: plan for plan in work.plans}
    made: list[Encoded] = []
    for rendition in work.renditions:
        if rendition.format is not Format.JPEG:
            made.append(rendition)
            continue
        size = rendition.width, rendition.height
        joined = with_gain_map(rendition.data, work.decoded_map, plans[rendition.ladder], size, described)
        made.append(replace(rendition, data=joined or rendition.data))
        added = f"{len(made[-1].data) - len(rendition.data):,}"
        if joined:
            why = f"The JPEG {size[0]} pixels wide keeps the gain map for HDR screens, in {added} bytes."
        else:
            why = f"The JPEG {size[0]} pixels wide has no gain map: it would take over half of its bytes."
        work = work.with_decision("hdr_kept" if joined else "hdr_reduced", why)
    return replace(work, renditions=tuple(made))
