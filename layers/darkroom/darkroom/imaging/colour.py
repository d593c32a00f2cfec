"""ICC profiles to sRGB, by Little CMS."""

from io import BytesIO

from PIL import Image, ImageCms

# A profile's colour space -> the mode that its pixels have, and the modes that can be given that one.
_SPACES = {
    "RGB": ("RGB", ("RGB", "RGBA", "L", "LA")),
    "GRAY": ("L", ("L", "LA")),
    "CMYK": ("CMYK", ("CMYK",)),
}


def converted(image: Image.Image, icc: bytes) -> Image.Image | None:
    """The picture in sRGB, in its own mode where that is not CMYK; None if the profile can't be used."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        mode, takes = _SPACES.get(profile.profile.xcolor_space.strip(), ("", ()))
        if image.mode not in takes:
            return None
        colour = image.convert(mode)
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        in_srgb = ImageCms.applyTransform(colour, transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if in_srgb is None:
        return None
    if image.mode in ("L", "LA"):
        in_srgb = in_srgb.convert("L")
    if image.mode in ("LA", "RGBA"):
        in_srgb.putalpha(image.getchannel("A"))
    in_srgb.info = {}
    return in_srgb
