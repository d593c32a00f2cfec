"""A JPEG decoder that repeats chroma samples, as some decoders on GPUs do; libjpeg interpolates them."""

from io import BytesIO

from PIL import Image


def decoded(content: bytes) -> Image.Image:
    """Decodes without interpolating chroma of 4:2:0; returns RGB or L."""
    full = Image.open(BytesIO(content))
    if full.mode == "L" or full.layer[1][1:3] == full.layer[0][1:3]:  # type: ignore[attr-defined]
        return full.convert(full.mode)
    full.draft("YCbCr", full.size)
    # At half the scale libjpeg takes chroma of 4:2:0 as it is.
    half = Image.open(BytesIO(content))
    half.draft("YCbCr", (max(1, full.width // 2), max(1, full.height // 2)))
    planes = [full.getchannel("Y")]
    for name in ("Cb", "Cr"):
        plane = half.getchannel(name)
        doubled = plane.resize((2 * plane.width, 2 * plane.height), Image.Resampling.NEAREST)
        planes.append(doubled.crop((0, 0, *full.size)))
    return Image.merge("YCbCr", planes).convert("RGB")
