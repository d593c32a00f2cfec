"""Rights and provenance: what is kept of an original's metadata, and what never is."""

import struct
from collections.abc import Callable
from copy import replace
from io import BytesIO
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from darkroom.domain.profile import FormatChoice, Ladder, Metadata, Profile
from darkroom.domain.receipts import Rendered
from darkroom.domain.renditions import Format
from darkroom.imaging import embed, jxl, render
from darkroom.imaging.rights import Rights, description, harmless, packet, rights_in
from darkroom.imaging.sniff import metadata
from darkroom.imaging.sniff.jpeg import without_metadata
from darkroom.imaging.sniff.metadata import find_metadata, has_credentials
from darkroom.imaging.sniff.xmp import properties
from darkroom_cli.local.samples import photograph
from tests.unit.imaging.pictures import (
    CANARY,
    animated,
    codes,
    encoded,
    only,
    opened,
    plain,
    png_chunk,
)

EVERY_FORMAT = (Format.JPEG, Format.WEBP, Format.AVIF)
KEPT = Rights(
    copyright="© 2026 Ana & Söhne <all>",
    creators=("Ana Beispiel", "Ben Example"),
    credit="Agency / Ana",
    usage_terms="Editorial use only",
    web_statement="https://example.com/licence?a=1&b=2",
    licensor_url="https://example.com/buy",
)
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# Every other property that an original can have holds the canary.
OTHERS = f"""
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/"
  xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
  xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
  xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  exif:GPSLatitude="{CANARY.decode()}" aux:SerialNumber="{CANARY.decode()}"
  photoshop:City="{CANARY.decode()}" xmpRights:Owner="{CANARY.decode()}">
 <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{CANARY.decode()}</rdf:li></rdf:Alt></dc:title>
 <xmp:Thumbnails>{CANARY.decode()}</xmp:Thumbnails>
 <plus:Licensor><rdf:Seq><rdf:li rdf:parseType="Resource">
  <plus:LicensorEmail>{CANARY.decode()}</plus:LicensorEmail></rdf:li></rdf:Seq></plus:Licensor>
 <xmpMM:Pantry><rdf:Bag><rdf:li><rdf:Description photoshop:Credit="{CANARY.decode()}">
  <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{CANARY.decode()}</rdf:li></rdf:Alt></dc:rights>
 </rdf:Description></rdf:li></rdf:Bag></xmpMM:Pantry>
</rdf:Description>"""
XMP = packet([OTHERS, description(KEPT), OTHERS])


# Each format has fewer bytes than the one before, so none is dropped.
QUALITIES = {Format.JPEG: 90, Format.PNG: 100, Format.WEBP: 70, Format.AVIF: 30, Format.JXL: 30}


def removing(*widths: int, formats: tuple[Format, ...] = EVERY_FORMAT) -> Profile:
    choices = tuple(FormatChoice(wanted, QUALITIES[wanted]) for wanted in formats)
    return Profile("test", (Ladder("main", widths or (80,), choices),))


def keeping(*widths: int, formats: tuple[Format, ...] = EVERY_FORMAT) -> Profile:
    return replace(removing(*widths, formats=formats), metadata=Metadata.RIGHTS)


def rights_of(content: bytes) -> Rights:
    return rights_in(find_metadata(content))


def dataset(record: int, number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


IIM = (
    dataset(1, 90, b"\x1b%G")
    + dataset(2, 80, b"Ana Beispiel")
    + dataset(2, 90, CANARY)  # city
    + dataset(2, 116, "© Ana".encode())
    + dataset(2, 110, b"Agency")
    + dataset(2, 80, b"Ben Example")
    + dataset(2, 118, CANARY)  # contact
)
BY_IIM = Rights("© Ana", ("Ana Beispiel", "Ben Example"), "Agency")
RESOURCES = b"Photoshop 3.0\0" + b"".join(
    b"8BIM" + struct.pack(">HBxI", number, 0, len(body)) + body + b"\0" * (len(body) & 1)
    for number, body in ((0x040C, CANARY), (0x0404, IIM))
)


def exif() -> Image.Exif:
    block = Image.Exif()
    block[0x013B] = "Ana Beispiel"
    block[0x8298] = "(c) Ana"
    block[0x010E] = block[0x0131] = CANARY.decode()
    block.get_ifd(0x8769)[0xA431] = CANARY.decode()  # the camera's serial number
    block.get_ifd(0x8825)[1] = CANARY.decode()
    return block


BY_EXIF = Rights("(c) Ana", ("Ana Beispiel",))


def jpeg_with(*segments: tuple[int, bytes], **options: object) -> bytes:
    content = encoded(photograph(120, 80), "JPEG", **options)
    return embed.with_segments(content, b"".join(embed.segment(*segment) for segment in segments))


def tiff_with(tags: dict[int, bytes]) -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, body in tags.items():
        info.tagtype[tag] = 7 if tag in (700, 33723) else 2
        info[tag] = body if tag in (700, 33723) else body.decode()
    return encoded(photograph(120, 80), "TIFF", tiffinfo=info)


def gif_with_xmp() -> bytes:
    content = encoded(photograph(120, 80), "GIF")
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    at = content.index(b"\x2c\0\0\0\0")
    return content[:at] + b"!\xff\x0bXMP DataXMP" + XMP + trailer + content[at:]


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    content = encoded(photograph(120, 80), "PNG")
    return content[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + content[33:]


SOURCES: dict[str, tuple[Callable[[], bytes], Rights]] = {
    "JPEG, XMP": (lambda: encoded(photograph(120, 80), "JPEG", xmp=XMP, exif=exif(), comment=CANARY), KEPT),
    "JPEG, IPTC": (lambda: jpeg_with((0xED, RESOURCES)), BY_IIM),
    "JPEG, EXIF": (lambda: encoded(photograph(120, 80), "JPEG", exif=exif()), BY_EXIF),
    "PNG, XMP": (lambda: embed.with_xmp(Format.PNG, encoded(photograph(120, 80), "PNG"), XMP), KEPT),
    "PNG, EXIF": (lambda: encoded(photograph(120, 80), "PNG", exif=exif()), BY_EXIF),
    "PNG, texts": (
        lambda: png_with(
            (b"tEXt", b"Copyright\0(c) Ana"),
            (b"tEXt", b"Comment\0" + CANARY),
            (b"iTXt", b"Author\0\0\0\0\0Ana Beispiel"),
        ),
        BY_EXIF,
    ),
    "WebP, XMP": (lambda: encoded(photograph(120, 80), "WEBP", xmp=XMP), KEPT),
    "WebP, EXIF": (lambda: encoded(photograph(120, 80), "WEBP", exif=exif()), BY_EXIF),
    "AVIF, XMP": (lambda: encoded(photograph(120, 80), "AVIF", xmp=XMP), KEPT),
    "AVIF, EXIF": (lambda: encoded(photograph(120, 80), "AVIF", exif=exif()), BY_EXIF),
    "TIFF, XMP": (lambda: tiff_with({700: XMP, 0x8298: b"(c) Other"}), KEPT),
    "TIFF, IPTC": (lambda: tiff_with({33723: IIM}), BY_IIM),
    "TIFF, tags": (lambda: tiff_with({0x8298: b"(c) Ana", 0x013B: b"Ana Beispiel", 0x010E: CANARY}), BY_EXIF),
    "GIF, XMP": (gif_with_xmp, KEPT),
}


@pytest.mark.parametrize("source", SOURCES)
def test_rights_are_kept_in_every_format_and_nothing_else_is(source: str) -> None:
    draw, wanted = SOURCES[source]
    content = draw()
    rendered = render(content, keeping(60, 80))

    for rendition in rendered.renditions:
        assert rights_of(rendition.data) == wanted, rendition.format
        assert CANARY not in rendition.data
        assert not dict(opened(rendition).getexif())
        assert not opened(rendition).info.keys() & {"icc_profile", "exif", "comment"}
    assert {rendition.format for rendition in rendered.renditions} == set(EVERY_FORMAT)


@pytest.mark.parametrize("source", SOURCES)
def test_by_default_no_rights_are_kept(source: str) -> None:
    rendered = render(SOURCES[source][0](), removing())

    for rendition in rendered.renditions:
        assert rights_of(rendition.data) == Rights()
        assert b"Ana" not in rendition.data
    assert "rights_kept" not in codes(rendered)


@pytest.mark.parametrize("wanted", EVERY_FORMAT)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_other_readers_find_the_packet_and_the_same_pixels(mode: str, wanted: Format) -> None:
    picture = photograph(120, 80).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    content = embed.with_xmp(Format.PNG, encoded(picture, "PNG"), XMP)

    bare = opened(only(render(content, removing(formats=(wanted,))), wanted))
    kept = opened(only(render(content, keeping(formats=(wanted,))), wanted))
    assert kept.tobytes() == bare.tobytes()
    assert (kept.mode, kept.size) == (bare.mode, bare.size)
    tree = ElementTree.parse(BytesIO(kept.info["xmp"]))  # noqa: S314 - our own packet
    assert [item.text for item in tree.iter(f"{{{RDF}}}li") if item.text] == [
        *KEPT.creators,
        KEPT.copyright,
        KEPT.usage_terms,
    ]


def test_a_png_keeps_rights_too() -> None:
    picture = Image.linear_gradient("L").resize((80, 60)).convert("RGBA")
    picture.putalpha(picture.getchannel("R"))
    content = embed.with_xmp(Format.PNG, encoded(picture, "PNG"), XMP)

    kept = only(render(content, keeping(formats=(Format.PNG,))), Format.PNG)
    assert rights_of(kept.data) == KEPT
    assert CANARY not in kept.data
    assert opened(kept).size == (80, 60)


def test_a_lossless_webp_keeps_its_transparency() -> None:
    picture = photograph(80, 60)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    content = encoded(picture, "WEBP", lossless=True, exact=True)

    kept = opened(embed.with_xmp(Format.WEBP, content, XMP))
    assert (kept.mode, kept.tobytes()) == ("RGBA", picture.tobytes())


def test_animations_keep_their_rights_and_frames() -> None:
    content = embed.with_xmp(Format.WEBP, animated("WEBP"), packet([description(KEPT)]))

    kept = only(render(content, keeping(formats=(Format.WEBP,))), Format.WEBP)
    assert rights_of(kept.data) == KEPT
    assert opened(kept).n_frames == 3  # type: ignore[attr-defined]


def test_the_reference_has_the_rights_too() -> None:
    content = SOURCES["JPEG, XMP"][0]()

    rendered = render(content, replace(keeping(formats=(Format.JPEG,)), reference=True))
    assert [rights_of(rendition.data) for rendition in rendered.renditions] == [KEPT, KEPT]


def test_a_jpeg_xl_keeps_rights_and_pixels() -> None:
    content, formats = SOURCES["JPEG, XMP"][0](), (Format.JXL,)

    bare, kept = (
        only(render(content, made(formats=formats)), Format.JXL).data for made in (removing, keeping)
    )
    assert packet([description(KEPT)]) in kept
    assert CANARY not in kept
    assert np.array_equal(imagecodecs.jpegxl_decode(kept), imagecodecs.jpegxl_decode(bare))


def test_a_lossless_jpeg_xl_with_rights_can_still_be_turned_into_the_jpeg() -> None:
    content = SOURCES["JPEG, XMP"][0]()
    rendered = render(content, replace(keeping(formats=(Format.JPEG,)), lossless=True))

    kept = only(rendered, Format.JXL).data
    assert packet([description(KEPT)]) in kept
    assert jxl.to_jpeg(kept, len(content)) == without_metadata(content)


def test_jpeg_xl_files_get_the_packet_in_a_box() -> None:
    pixels = np.asarray(photograph(80, 60))
    bare = bytes(imagecodecs.jpegxl_encode(pixels, distance=0, usecontainer=False))
    container = embed.with_xmp(Format.JXL, bare, XMP)

    assert container.endswith(struct.pack(">I", len(XMP) + 8) + b"xml " + XMP)
    assert embed.with_xmp(Format.JXL, container, XMP) == container + container[-len(XMP) - 8 :]
    assert np.array_equal(imagecodecs.jpegxl_decode(container), pixels)


def sentence_of(rendered: Rendered, code: str) -> str:
    [decision] = [decision for decision in rendered.decisions if decision.code == code]
    return decision.why


def test_the_receipt_names_what_was_kept_and_its_bytes() -> None:
    content = SOURCES["JPEG, EXIF"][0]()
    bare, kept = (
        render(content, removing(formats=(Format.JPEG,))),
        render(content, keeping(formats=(Format.JPEG,))),
    )

    added = len(only(kept).data) - len(only(bare).data)
    assert (
        sentence_of(kept, "rights_kept")
        == f"Kept in each file: copyright, creator. They take up to {added:,} bytes."
    )
    assert added < 500


def test_the_receipt_says_where_rights_make_a_file_larger_than_the_original() -> None:
    content = embed.with_segments(encoded(plain((40, 40)), "JPEG", quality=30), b"")
    content = embed.with_segments(content, embed.segment(0xED, RESOURCES))

    why = sentence_of(render(content, keeping(40, formats=(Format.JPEG,))), "rights_kept")
    assert f"no smaller than the original ({len(content):,} bytes): JPEG 40 pixels wide." in why


def test_xmp_has_precedence_over_iptc_and_iptc_over_exif() -> None:
    credit = packet(
        ['<rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="XMP"/>']
    )
    content = jpeg_with((0xED, RESOURCES), xmp=credit, exif=exif())

    assert rights_of(content) == replace(BY_IIM, credit="XMP")


@pytest.mark.parametrize(
    "text",
    [
        "<photoshop:Credit>Agency</photoshop:Credit>",
        (
            "<photoshop:Credit><rdf:Alt><rdf:li xml:lang='de'>Agentur</rdf:li>"
            "<rdf:li xml:lang='x-default'>Agency</rdf:li></rdf:Alt></photoshop:Credit>"
        ),
        "<photoshop:Credit rdf:resource='Agency'/>",
    ],
)
def test_every_form_of_a_property_is_read(text: str) -> None:
    element = (
        f'<rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">{text}</rdf:Description>'
    )

    assert properties(packet([element]), ["photoshop:Credit"])["photoshop:Credit"][0] == "Agency"


@pytest.mark.parametrize(
    "hostile",
    [
        b"<!DOCTYPE x [<!ENTITY a 'Agency'>]>",
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
        b"<?xml version='1.0' encoding='utf-7'?>\xff",
        b"<a>" * 100,
        b"<a/>" * 60_000,
        b"x" * 1_000_001,
    ],
    ids=["entity", "external", "encoding", "deep", "many", "large"],
)
def test_hostile_xmp_is_ignored(hostile: bytes) -> None:
    for packet_ in (hostile, hostile + packet([description(KEPT)])):
        assert properties(packet_, ["dc:rights"]) == {}
        assert rights_in(metadata.Metadata(xmp=packet_)) == Rights()


def test_entities_are_not_expanded() -> None:
    bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>" + packet([description(KEPT)]).replace(
        b"Agency", b"&b;"
    )

    assert properties(bomb, ["photoshop:Credit"]) == {}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b\x1b[31m", "a b [31m"),
        ("two\r\nlines\u2028three", "two lines three"),
        ("\u202eevil\u2066x\u200f\ufeff", "evilx"),
        ("नमस्\u200dते", "नमस्\u200dते"),
        ("\ud800\ufffe\ue000a", "a"),
        ("é" * 400, "é" * 250),
        ("&" * 400, "&" * 100),
    ],
)
def test_texts_are_made_harmless_and_limited(text: str, kept: str) -> None:
    assert harmless(text) == kept


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a b", "data:text/html,x", "https://é", "https://" + "a" * 500]
)
def test_only_short_web_addresses_are_kept(url: str) -> None:
    content = encoded(
        plain((8, 8)), "JPEG", xmp=packet([description(replace(KEPT, web_statement=url, licensor_url=url))])
    )

    kept = rights_of(content)
    assert (kept.web_statement, kept.licensor_url) == ("", "")


def test_the_longest_packet_is_small() -> None:
    longest = Rights("x" * 9_999, ("y" * 9_999,) * 99, "&" * 9_999, "é" * 9_999)
    content = encoded(plain((8, 8)), "WEBP", xmp=packet([description(longest)]))

    assert len(packet([description(rights_of(content))])) < 6_000


@pytest.mark.parametrize("source", SOURCES)
def test_damaged_metadata_never_rejects_a_picture(source: str) -> None:
    content = SOURCES[source][0]()
    at = content.find(b"Ana")
    # Lengths and offsets before the texts, one byte at a time.
    for position in range(max(0, at - 40), at, 7):
        damaged = content[:position] + b"\xff" + content[position + 1 :]
        assert isinstance(rights_of(damaged), Rights)


JUMBF = b"JP\0\1\0\0\0\1\0\0\0\x30jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0"
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def webp_with(kind: bytes, body: bytes) -> bytes:
    content = (
        encoded(photograph(120, 80), "WEBP")
        + kind
        + struct.pack("<I", len(body))
        + body
        + b"\0" * (len(body) & 1)
    )
    return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]


def gif_with_credentials() -> bytes:
    content = encoded(photograph(120, 80), "GIF")
    at = content.index(b"\x2c\0\0\0\0")
    return content[:at] + b"!\xff\x0bC2PA_GIF\1\0\0" + bytes([len(JUMBF)]) + JUMBF + b"\0" + content[at:]


WITH_CREDENTIALS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: jpeg_with((0xEB, JUMBF)),
    "PNG": lambda: png_with((b"caBX", JUMBF)),
    "WebP": lambda: webp_with(b"C2PA", JUMBF),
    "AVIF": lambda: (
        encoded(photograph(120, 80), "AVIF")
        + struct.pack(">I", 24 + len(JUMBF))
        + b"uuid"
        + C2PA_UUID
        + JUMBF
    ),
    "GIF": gif_with_credentials,
    "TIFF": lambda: tiff_with({0xCD41: JUMBF.decode("latin-1").encode("ascii", "replace")}),
}


@pytest.mark.parametrize("plugin", WITH_CREDENTIALS)
@pytest.mark.parametrize("profile", [removing(), keeping()], ids=["none", "rights"])
def test_the_receipt_says_that_content_credentials_were_removed(plugin: str, profile: Profile) -> None:
    rendered = render(WITH_CREDENTIALS[plugin](), profile)

    assert "credentials_removed" in codes(rendered)
    assert not any(b"c2pa" in rendition.data for rendition in rendered.renditions)


def test_other_boxes_are_no_content_credentials() -> None:
    assert not has_credentials(jpeg_with((0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb" + CANARY)))
    assert not has_credentials(jpeg_with((0xE4, b"c2pa")))
    assert not has_credentials(encoded(plain((8, 8)), "BMP") + b"c2pa")
