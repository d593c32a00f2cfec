"""Content of the pages, and escaping of hostile names."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from darkroom.domain.entries import Entry, State
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.keys import picture_id_of
from darkroom.domain.receipts import Decision, Face, Original, Receipt, Rejection, Window
from darkroom.domain.renditions import Format, Rendition
from darkroom.domain.rows import Tally
from darkroom.domain.uploads import EXPECTED_VERSION, Upload
from darkroom.imaging import render
from darkroom.ports import PostForm
from darkroom.services.trials import Cost, Trial, TrialResult
from darkroom.web.http import Request, Visitor
from darkroom.web.pages import views as pages
from darkroom.web.pages.formatting import filesize, path_segment, printable, savings, visible
from darkroom.web.pages.markup import Link, markup_of, picture_embed, redirect_embed
from darkroom.web.pages.templating import content_security_policy
from tests.unit.imaging.gain_maps import scene, ultra_hdr
from tests.unit.imaging.pictures import a_profile

HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "</title></style></script><script>alert(1)</script>.png",
    "\"' onmouseover='alert(1)' x=\".png",
    "a b+c%41?d#e&amp;f.png",
    "--><svg onload=alert(1)>.png",
    "{{ 7 * 7 }}{% raw %}.png",
    "javascript:alert(1).png",
    "\u202egnp.exe \u043a\u043e\u0448\u043a\u0430 \u732b.png",
]


class Parsed(HTMLParser):
    """A parsed page: its elements as (tag, attributes), and their own texts by tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._shown: list[str] = []
        self._open = [""]
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.setdefault(tag, []).append("")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open[-1]:
            self.texts[self._open[-1]][-1] += data
        if self._open[-1] not in ("style", "script"):
            self._shown.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """All visible text, in order."""
        return " ".join(" ".join(self._shown).split())


def an_upload(key: str = "holiday/Beach 1.PNG") -> Upload:
    return Upload(bucket="uploads", key=key, version="v1", size_bytes=1_940_000)


def a_rendition(kind: Format, width: int, size_bytes: int) -> Rendition:
    return Rendition(kind, width, width * 2 // 3, 75, size_bytes, f"prefix/{width}.{kind.extension}")


RENDITIONS = tuple(
    a_rendition(kind, width, int(width * share))
    for kind, share in ((Format.JPEG, 150), (Format.WEBP, 100), (Format.AVIF, 75))
    for width in (640, 1920)
)

REFERENCE = replace(RENDITIONS[1], quality=95, key="prefix/reference-1920.jpg", ladder="reference")

THUMBNAIL = a_rendition(Format.JPEG, 320, 30_000)

EMBEDDED = Link("data:image/jpeg;base64,AAAA", RENDITIONS[1])


def a_receipt(*renditions: Rendition, rejection: Rejection | None = None) -> Receipt:
    return Receipt(
        profile="default",
        profile_hash="0123456789abcdef",
        engine="pillow-13.0.0+1",
        at="2025-11-21T19:31:07.123Z",
        size_bytes=1_940_000,
        original=None if rejection else Original("png", 6000, 4000, 1_940_000),
        renditions=() if rejection else renditions or RENDITIONS,
        rejection=rejection,
        decisions=(Decision("avif_skipped", "AVIF skipped at 1280: over its <time> budget."),),
        milliseconds={"decode": 212.4, "resize": 61.0, "encode jpeg": 7.25},
    )


def a_rejected_receipt() -> Receipt:
    return a_receipt(rejection=Rejection("unsupported_format", "This is not a picture."))


def a_rendered_entry(key: str = "holiday/Beach 1.PNG", receipt: Receipt | None = None) -> Entry:
    return Entry(an_upload(key), State.RENDERED, 3, receipt=receipt or a_receipt())


def a_rejected_entry(key: str = "notes.txt.png", reason: str = "unsupported_format") -> Entry:
    rejection = Rejection(reason, "This is not a picture: it starts like a text.")
    return Entry(an_upload(key), State.REJECTED, 3, receipt=a_receipt(rejection=rejection))


def links_of(entry: Entry) -> tuple[Link, ...]:
    assert entry.receipt
    return tuple(
        Link(f"https://renditions.example/{it.key}?X-Amz-Expires=300&X-Amz-Signature=ab,cd", it)
        for it in entry.receipt.renditions
    )


def a_request(root: str) -> Request:
    """A request for a page with this relative URL of the site's root."""
    return Request("/" + "x/" * root.count("../"), "http://localhost:8000")


def picture_page(entry: Entry, embedded: Link | None = EMBEDDED, **more: Any) -> str:
    links = links_of(entry) if entry.receipt else ()
    return pages.picture(a_request("../"), entry, links, embedded=embedded, **more)


def a_row(number: int = 0, state: State = State.RENDERED, **changes: Any) -> dict[str, Any]:
    done = state is State.RENDERED
    defaults = {
        "number": number,
        "picture": picture_id_of("uploads", str(number)),
        "name": f"{number}.png",
        "key": f"{'ab' * 16}/{number}.png",
        "state": state.value,
        "reason": "",
        "version": "v1",
        "announced_bytes": 1_940_000,
        "bytes_before": 1_940_000 if done else 0,
        "bytes_after": 144_000 if done else 0,
        "saved_percent": 92.6 if done else 0.0,
        "revision": 3,
        "page": "../pictures/x",
        "thumbnail": "https://renditions.example/t.jpg?a=1&b=2" if done else None,
    }
    return defaults | changes


def a_job(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    terminal = [state for state in State if state.terminal]
    counts = {state.value: sum(row["state"] == state for row in rows) for state in terminal}
    waiting = len(rows) - sum(counts.values())
    before, after = sum(row["bytes_before"] for row in rows), sum(row["bytes_after"] for row in rows)
    defaults = {
        "id": "5f" * 16,
        "state": "running" if waiting else "complete",
        "size": len(rows),
        "created": "2025-11-21T19:31:07.123Z",
        "counts": counts,
        "waiting": waiting,
        "bytes_before": before,
        "bytes_after": after,
        "saved_percent": round(100 * (before - after) / before, 1) if before else 0.0,
    }
    return defaults | changes


def a_failure(key: str = "a/b.png", **changes: Any) -> dict[str, Any]:
    defaults = {
        "id": "ab12.v1",
        "key": key,
        "version": "v1",
        "removal": False,
        "reason": "child_died",
        "detail": "The worker was killed before it finished.",
        "attempts": 5,
        "since": "2025-11-21T19:31:07.123Z",
        "page": "../pictures/ab12",
    }
    return defaults | changes


COST = Cost(1.5, 3008, "arm64", 0.06, 0.02, 0.001)


def playground_page(request: Request, entry: Entry, result: TrialResult | None = None) -> str:
    """The playground, with the trial of a picture if there is a result."""
    tile = Link("https://renditions.example/t.jpg?a=1&b=2", THUMBNAIL)
    trial = Trial("5f" * 16, entry.upload, '{"built_in": "fast"}') if result else None
    return pages.playground(
        request,
        [(entry, tile)],
        '{"built_in": "fast"}',
        4_000_000,
        entry,
        trial,
        result,
        lambda rendition: Link(f"https://renditions.example/{rendition.key}?a=1&b=2", rendition),
    )


FORM = PostForm("https://uploads.example/", {"key": "a&b", "policy": '"x"'})


def every_page(name: str = "Beach 1.PNG", root: str = "../") -> dict[str, str]:
    """One page of each kind, for a picture with this name."""
    key, request = f"a/{name}", a_request(root)
    rendered, rejected = a_rendered_entry(key), a_rejected_entry(key)
    alias_url = root + path_segment(rendered.alias)
    thumbnail = Link("https://renditions.example/t.jpg?a=1&b=2", THUMBNAIL)
    return {
        "home": pages.home(
            request,
            [(rendered, thumbnail), (rejected, None)],
            4_000_000,
            Tally(rendered=1240, bytes_before=41_900_000_000, bytes_after=3_100_000_000),
        ),
        "empty home": pages.home(request, [], 4_000_000, Tally()),
        "rendered": pages.picture(
            request,
            rendered,
            links_of(rendered),
            reference=Link("https://renditions.example/reference.jpg?a=1&b=2", REFERENCE),
            embedded=EMBEDDED,
            alias_url=alias_url,
            markup=markup_of(
                redirect_embed(rendered.receipt or a_receipt(), lambda w: f"https://x/?w={w}"), name
            ),
        ),
        "rejected": pages.picture(request, rejected, (), alias_url=alias_url),
        "deleted": pages.picture(request, Entry(an_upload(key), State.DELETED, 4), ()),
        "job": pages.job(
            request,
            a_job(a_row(), a_row(1, State.REJECTED)),
            [a_row(name=name), a_row(1, State.REJECTED, name=name, sentence=f"{name} can't be used.")],
            "more",
        ),
        "failures": pages.failures(request, [a_failure(key, page=f"{root}pictures/ab12")], "more"),
        "waiting": pages.waiting(request, Entry(an_upload(key), State.RENDERING, 1)),
        "stored": pages.stored(request, rendered, alias_url),
        "stored, rejected": pages.stored(request, rejected, alias_url),
        "stored, waiting": pages.stored(request, Entry(an_upload(key), State.EXPECTED, 1), alias_url),
        "playground": playground_page(request, rendered),
        "trial": playground_page(request, rendered, TrialResult(rendered.receipt or a_receipt(), COST)),
        "rejected trial": playground_page(request, rendered, TrialResult(a_rejected_receipt(), COST)),
        "waiting trial": pages.waiting_trial(request, Trial("5f" * 16, an_upload(key), "{}")),
        "too large": pages.too_large(request, f"{name} is too large.", name, FORM, 100_000_000),
        "problem": pages.problem(request, name, f"{name} is not known here.", f"Upload {name} first."),
    }


KINDS = list(every_page())
NAMED = [kind for kind in KINDS if kind != "empty home"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", NAMED)
def test_hostile_names_are_shown_as_text(kind: str, name: str) -> None:
    page, harmless = Parsed(every_page(name)[kind]), Parsed(every_page("harmless.png")[kind])

    assert name.rsplit("/", 1)[-1].replace("\u202e", r"\u202e") in page.text
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    assert [set(attributes) for _, attributes in page.elements] == [
        set(attributes) for _, attributes in harmless.elements
    ]


@pytest.mark.parametrize("kind", NAMED)
def test_characters_that_change_the_direction_of_text_are_escaped(kind: str) -> None:
    page = every_page("exe.\u202egnp \u2067x\u061c \u0645.png")[kind]

    assert "exe.\\u202egnp \\u2067x\\u061c \u0645.png" in page
    assert not set("\u061c\u202e\u2067") & set(page)


@pytest.mark.parametrize("kind", NAMED)
def test_control_characters_are_escaped(kind: str) -> None:
    page = every_page("a\x1b[31m\x7f\x9b.png")[kind]

    assert "a\\x1b[31m\\x7f\\x9b.png" in page
    assert not set("\x1b\x7f\x9b") & set(page)


def test_a_terminal_shows_the_spaces_of_a_name() -> None:
    assert printable("at 3.04\u202fPM\u3000\xa0.png\u2028\x1b") == "at 3.04\u202fPM\u3000\xa0.png\\u2028\\x1b"


def test_a_form_sends_its_values_unchanged() -> None:
    key = "ab/\u200e\u202egnp \"'<&%41\u0645.png"
    form = PostForm(FORM.url, {"key": key})

    page = Parsed(pages.too_large(Request("/"), "Too large.", "x.png", form, 100_000_000))
    assert [field["value"] for field in page.all("input") if field.get("name") == "key"] == [key]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_one_segment_of_a_url_path(name: str) -> None:
    alias = a_rendered_entry(f"a/{name}").alias
    page = Parsed(every_page(name)["rendered"])

    hrefs = [link["href"] for link in page.all("a")]
    assert f"../{path_segment(alias)}" in hrefs
    assert re.fullmatch(r"[\w.~%-]+", path_segment(alias), re.ASCII)


def test_the_page_says_that_hdr_was_reduced_and_how_to_keep_it() -> None:
    decisions = render(ultra_hdr(*scene()), a_profile(120)).decisions
    page = Parsed(picture_page(a_rendered_entry(receipt=replace(a_receipt(), decisions=decisions))))

    assert "The picture has a gain map for HDR screens, which was removed." in page.text
    assert 'set "hdr": "keep" in the profile' in page.text


def test_decisions_are_escaped() -> None:
    assert "over its &lt;time&gt; budget" in picture_page(a_rendered_entry())


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_has_exactly_the_style_and_script_of_the_policy(kind: str) -> None:
    page = Parsed(every_page()[kind])
    policy = content_security_policy([], [])

    assert len(page.all("script")) == 1
    for directive, tag in (("style-src", "style"), ("script-src", "script")):
        if not page.all(tag):
            continue
        (inlined,) = page.texts[tag]
        digest = base64.b64encode(hashlib.sha256(inlined.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy.split("; ")
        assert page.all(tag)[0].keys() <= {"type"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_attribute_contains_style_or_script(kind: str) -> None:
    for tag, attributes in Parsed(every_page()[kind]).elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not [value for value in attributes.values() if value.lower().startswith("javascript:")], tag


def test_policy_allows_only_its_origins() -> None:
    policy = content_security_policy(["https://pictures.example"], ["wss://live.example"]).split("; ")

    assert [part for part in policy if "-src 'sha256-" not in part] == [
        "default-src 'none'",
        "img-src data: blob: https://pictures.example",
        "connect-src 'self' wss://live.example",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]


@pytest.mark.parametrize("root", ["./", "../", "../../"])
@pytest.mark.parametrize("kind", KINDS)
def test_site_links_are_relative_to_the_root(kind: str, root: str) -> None:
    page = Parsed(every_page(root=root)[kind])

    inside = [attributes["href"] for attributes in page.all("a") if "href" in attributes] + [
        form["action"] for form in page.all("form") if "action" in form
    ]
    outside = ("https://renditions.example/", FORM.url)
    inside = [address for address in inside if not address.startswith(outside)]
    assert inside
    assert all(address.startswith(root) for address in inside)


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_has_one_main_one_heading_and_a_language(kind: str) -> None:
    page = Parsed(every_page()[kind])

    assert [len(page.all(tag)) for tag in ("main", "h1", "title", "header")] == [1, 1, 1, 1]
    assert page.all("html")[0]["lang"] == "en"
    assert all("alt" in image for image in page.all("img"))


def test_picture_page_shows_the_saving() -> None:
    shown = picture_page(a_rendered_entry())
    page = Parsed(shown)

    assert page.texts["h1"] == ["1.9\u00a0MB became 144\u00a0KB at 1920\u00a0px: 92.6% smaller"]
    assert "smallest rendition at full width is AVIF, 1920 × 1280" in page.text  # noqa: RUF001
    assert "1920 × 1280; the original is PNG, 6000 × 4000." in page.text  # noqa: RUF001
    assert "1920\u00a0\u00d7\u00a01280" in shown  # on one line


def test_picture_page_shows_the_embedded_rendition_or_the_fallback() -> None:
    shown = Parsed(picture_page(a_rendered_entry(), embedded=EMBEDDED))
    left_out = Parsed(picture_page(a_rendered_entry(), embedded=None))

    (image,) = shown.all("img")
    assert (image["src"], image["alt"]) == (EMBEDDED.url, "Beach 1.PNG")
    assert (image["width"], image["height"]) == ("1920", "1280")
    (image,) = left_out.all("img")
    assert image["src"] == links_of(a_rendered_entry())[1].url  # the widest JPEG


def test_before_and_after_have_the_same_size() -> None:
    reference = Link("https://renditions.example/reference.jpg", REFERENCE)
    narrow = Link("data:image/jpeg;base64,AAAA", RENDITIONS[0])
    page = Parsed(picture_page(a_rendered_entry(), embedded=narrow, reference=reference))

    before, after = page.all("img")
    assert (before["src"], after["src"]) == (reference.url, narrow.url)
    assert [(image["width"], image["height"]) for image in (before, after)] == [("1920", "1280")] * 2
    assert "Before: PNG, 6000 × 4000, 1.9 MB" in page.text  # noqa: RUF001
    assert "Originals are never served" in page.text


def test_controls_are_hidden_without_script() -> None:
    page = Parsed(every_page()["rendered"])

    assert page.all("input")
    assert all(
        "hidden" in control for control in page.all("input") + page.all("button") + page.all("fieldset")
    )


def parse_markup(markup: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    page = Parsed(markup)
    assert len(page.all("picture")) == 1
    (image,) = page.all("img")
    return page.all("source"), image


def candidates(source: dict[str, str]) -> list[str]:
    return [" ".join(candidate.split()) for candidate in source["srcset"].split(",")]


def test_markup_has_every_format_and_width() -> None:
    receipt = replace(a_receipt(), placeholder="data:image/webp;base64,AAAA", colour="#336699")
    sources, image = parse_markup(
        markup_of(picture_embed(receipt, lambda it: f"https://x/{it.key}"), "Beach.PNG")
    )

    assert [source["type"] for source in sources] == ["image/avif", "image/webp"]
    for source, extension in zip([*sources, image], ("avif", "webp", "jpg"), strict=True):
        assert candidates(source) == [f"https://x/prefix/{w}.{extension} {w}w" for w in (640, 1920)]
        assert source["sizes"] == "(min-width: 1920px) 1920px, 100vw"
    assert image["src"] == "https://x/prefix/1920.jpg"
    assert (image["width"], image["height"], image["alt"]) == ("1920", "1280", "Beach.PNG")
    assert "background: #336699 url(data:image/webp;base64,AAAA)" in image["style"]


def test_without_webp_markup_shows_the_transparent_or_smaller_one_of_png_and_jpeg() -> None:
    wide, narrow = (a_rendition(Format.PNG, width, 500_000) for width in (1920, 640))
    receipt = a_receipt(*RENDITIONS, replace(wide, alpha=True), narrow)

    sources, image = parse_markup(markup_of(picture_embed(receipt, lambda it: it.key), "a.png"))

    assert [source["type"] for source in sources] == ["image/avif", "image/webp"]
    assert candidates(image) == ["prefix/640.jpg 640w", "prefix/1920.png 1920w"]
    assert image["src"] == "prefix/1920.png"


def test_browsers_with_jpeg_xl_get_the_smallest_file_of_each_width() -> None:
    jxl = a_rendition(Format.JXL, 640, size_bytes=10)
    receipt = a_receipt(*RENDITIONS, jxl)

    sources, _ = parse_markup(markup_of(picture_embed(receipt, lambda it: it.key), "a.png"))

    assert [source["type"] for source in sources] == ["image/jxl", "image/avif", "image/webp"]
    assert candidates(sources[0]) == ["prefix/640.jxl 640w", "prefix/1920.avif 1920w"]
    assert candidates(sources[1]) == ["prefix/640.avif 640w", "prefix/1920.avif 1920w"]


def test_an_embed_of_redirects_has_one_url_per_width() -> None:
    sources, image = parse_markup(
        markup_of(redirect_embed(a_receipt(), lambda w: f"https://x/1?w={w}"), "a.png")
    )

    assert not sources
    assert candidates(image) == ["https://x/1?w=640 640w", "https://x/1?w=1920 1920w"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_escaped_in_markup(name: str) -> None:
    _, image = parse_markup(markup_of(redirect_embed(a_receipt(), lambda w: f"https://x/1?w={w}"), name))

    assert image["alt"] == visible(name)
    assert not [attribute for attribute in image if attribute.startswith("on")]


def test_picture_page_shows_the_markup_as_text() -> None:
    markup = markup_of(redirect_embed(a_receipt(), lambda w: f"https://x/1?w={w}"), "a.png")
    page = Parsed(picture_page(a_rendered_entry(), markup=markup))

    assert markup in page.texts["code"]
    assert not page.all("picture")


def test_picture_page_explains_why_private_pictures_have_no_markup() -> None:
    page = Parsed(picture_page(a_rendered_entry()))

    assert "only to authenticated clients" in page.text
    assert "PublicPages" in page.text
    assert "RenditionsBaseUrl" in page.text


def test_formats_without_full_width_are_for_download_only() -> None:
    receipt = a_receipt(*(it for it in RENDITIONS if (it.format, it.width) != (Format.AVIF, 1920)))
    sources, _ = parse_markup(markup_of(picture_embed(receipt, lambda it: it.key), "a.png"))
    page = Parsed(picture_page(a_rendered_entry(receipt=receipt)))

    assert [source["type"] for source in sources] == ["image/webp"]
    assert any("640.avif" in link["href"] for link in page.all("a"))


def test_picture_page_works_without_jpeg() -> None:
    receipt = a_receipt(RENDITIONS[2], RENDITIONS[3])
    page = Parsed(picture_page(a_rendered_entry(receipt=receipt), embedded=None))

    assert parse_markup(markup_of(picture_embed(receipt, lambda it: it.key), "a.png"))[0] == []
    assert "1920.webp" in page.all("img")[0]["src"]


def test_the_lossless_original_is_for_download_only() -> None:
    kept = replace(a_rendition(Format.JXL, 6000, 1_500_000), ladder="lossless")
    page = Parsed(
        picture_page(a_rendered_entry(), lossless=Link("https://x/kept.jxl", kept, "https://x/save"))
    )

    assert "Download the original as JPEG XL" in page.text
    assert [link["href"] for link in page.all("a")].count("https://x/save") == 1
    assert not any("kept.jxl" in image["src"] for image in page.all("img"))


def test_every_rendition_has_a_row_with_size_saving_and_download() -> None:
    entry = a_rendered_entry()
    page = Parsed(picture_page(entry))

    downloads = [link["href"] for link in page.all("a") if "download" in link]
    assert downloads == [link.url for link in links_of(entry)]
    assert "JPEG 640 × 426 96 KB 95.1% no score Download JPEG, 640 × 426" in page.text  # noqa: RUF001


def test_scores_are_shown_with_their_kind() -> None:
    judged = replace(RENDITIONS[1], target=75.0, score=75.24, score_kind="measured")
    page = Parsed(picture_page(a_rendered_entry(receipt=a_receipt(judged))))

    assert "75.2 measured" in page.text


def test_renditions_larger_than_the_original_are_shown_as_larger() -> None:
    receipt = a_receipt(a_rendition(Format.JPEG, 1920, 2_172_800))
    page = Parsed(picture_page(a_rendered_entry(receipt=receipt)))

    assert page.texts["title"] == ["Beach 1.PNG: 1.9 MB became 2.2 MB at 1920 px: 12% larger - Darkroom"]
    assert "2.2 MB 12% larger no score Download" in page.text


def test_originals_are_described_but_never_linked() -> None:
    page = Parsed(picture_page(a_rendered_entry("secret/Beach 1.PNG")))

    assert "1,940,000 bytes" in page.text
    assert "secret/Beach 1.PNG" in page.text
    assert not [link for link in page.all("a") if "secret" in link["href"] or "uploads" in link["href"]]


def test_receipt_shows_decisions_steps_profile_and_engine() -> None:
    page = Parsed(picture_page(a_rendered_entry()))

    for text in (
        "AVIF skipped at 1280",
        "default",
        "0123456789abcdef",
        "pillow-13.0.0+1",
        "2025-11-21 19:31 UTC",
    ):
        assert text in page.text
    assert page.texts["summary"] == ["Time: 281 ms"]
    assert "7.2 ms" in page.text


def test_rejected_pictures_show_reason_and_advice() -> None:
    page = Parsed(picture_page(a_rejected_entry(), embedded=None))

    assert page.texts["h1"] == ["This is not a picture: it starts like a text."]
    assert "Save it as JPEG or PNG" in page.text
    assert "unsupported_format" in page.text
    assert page.all("img") == []


@pytest.mark.parametrize("reason", sorted(RejectedPicture.REASONS))
def test_every_rejection_reason_has_advice(reason: str) -> None:
    assert 'class="lead"' in picture_page(a_rejected_entry(reason=reason), embedded=None)


def test_an_upload_that_never_arrived_is_not_called_an_error_of_the_site() -> None:
    announced = Entry(replace(an_upload(), version=EXPECTED_VERSION), State.FAILED, 2)

    page = Parsed(pages.picture(a_request("../"), announced, ()))

    assert page.texts["h1"] == ["The announced upload never arrived."]
    assert "Upload it again." in page.text
    assert "retry" not in page.text


@pytest.mark.parametrize("state", sorted(set(State) - {State.RENDERED, State.REJECTED}))
def test_other_states_have_a_page_without_a_receipt(state: State) -> None:
    page = Parsed(pages.picture(a_request("../"), Entry(an_upload(), state, 2), ()))

    assert page.texts["h1"][0]
    assert page.all("img") == []


@pytest.mark.parametrize("before", [a_rendered_entry(), a_rejected_entry()])
def test_deleted_pictures_show_no_saving_and_no_rejection(before: Entry) -> None:
    deleted = replace(before, state=State.DELETED)
    page = Parsed(pages.picture(a_request("../"), deleted, ()))

    assert page.texts["h1"] == ["This picture was deleted."]


def test_waiting_page_refreshes_without_script() -> None:
    entry = Entry(an_upload(), State.RENDERING, 1)
    page = pages.waiting(a_request("./"), entry)

    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert "data-poll" in Parsed(page).all("main")[0]
    assert f"./pictures/{entry.picture_id}" in [link["href"] for link in Parsed(page).all("a")]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("waiting")])
def test_only_the_waiting_pages_refresh(kind: str) -> None:
    page = Parsed(every_page()[kind])

    assert not [meta for meta in page.all("meta") if "http-equiv" in meta]
    assert "data-poll" not in page.all("main")[0]


def test_post_response_has_outcome_and_link() -> None:
    page = pages.stored(a_request("./"), a_rendered_entry("image.png"), "./image.jpg")

    assert Parsed(page).texts["title"] == ["image.png: 1.9 MB became 144 KB at 1920 px: 92.6% smaller"]
    assert "image.png: 1.9 MB became 144 KB at 1920 px: 92.6% smaller" in Parsed(page).text
    assert 'See it at <a href="./image.jpg">image.jpg</a>' in page


def test_the_page_of_a_large_picture_has_a_form_that_needs_no_script() -> None:
    page = Parsed(every_page()["too large"])

    (form,) = page.all("form")
    assert (form["method"], form["action"], form["enctype"]) == ("post", FORM.url, "multipart/form-data")
    *hidden, file = page.all("input")
    assert {field["name"]: field["value"] for field in hidden} == FORM.fields
    assert (file["type"], file["name"]) == ("file", "file")  # the last field: S3 ignores fields after it
    assert "hidden" not in page.all("button")[0]


@pytest.mark.parametrize(("visitor", "shown"), [(Visitor.ANONYMOUS, 0), (Visitor.SIGNED_IN, 1)])
def test_only_a_visitor_who_may_delete_a_picture_sees_the_button(visitor: Visitor, shown: int) -> None:
    request = replace(a_request("../"), visitor=visitor)
    page = Parsed(pages.picture(request, a_rendered_entry(), ()))

    assert len([button for button in page.all("button") if "data-delete" in button]) == shown


@pytest.mark.parametrize(("visitor", "shown"), [(Visitor.ANONYMOUS, 0), (Visitor.SIGNED_IN, 1)])
def test_only_a_visitor_who_may_start_a_trial_sees_the_link(visitor: Visitor, shown: int) -> None:
    request, entry = replace(a_request("../"), visitor=visitor), a_rendered_entry()
    page = Parsed(pages.picture(request, entry, links_of(entry)))

    address = f"../playground?picture={entry.picture_id}"
    assert [link["href"] for link in page.all("a")].count(address) == shown


def test_a_trial_lists_the_renditions_of_other_ladders() -> None:
    square = replace(RENDITIONS[0], ladder="square", width=400, height=400, score=71.26)
    result = TrialResult(a_receipt(*RENDITIONS, square, REFERENCE), COST)

    page = Parsed(playground_page(a_request("../"), a_rendered_entry(), result))

    assert "Ladder square JPEG, 400 \N{MULTIPLICATION SIGN} 400: 96 KB, score 71.3" in page.text
    assert "Ladder reference" not in page.text


def test_a_picture_sent_for_a_trial_is_chosen_for_the_next_one() -> None:
    entry = replace(a_rendered_entry(), upload=Upload("", "sent.png", "null"))
    page = Parsed(playground_page(a_request("../"), entry, TrialResult(a_receipt(), COST)))

    first, *_ = [field for field in page.all("input") if field.get("type") == "radio"]
    assert (first["value"], "checked" in first) == ("", True)
    assert "sent.png again" in page.text


def test_the_score_is_explained() -> None:
    still = replace(RENDITIONS[1], score=75.2, target=75.0, score_kind="measured")
    moving = replace(still, frames=9, score_kind="predicted")

    assert "Predicted" not in Parsed(picture_page(a_rendered_entry(receipt=a_receipt(still)))).text
    assert (
        "Measured: the file itself" in Parsed(picture_page(a_rendered_entry(receipt=a_receipt(still)))).text
    )
    assert "Predicted: the score" in Parsed(picture_page(a_rendered_entry(receipt=a_receipt(moving)))).text


def test_post_response_for_a_rejected_picture_shows_the_reason() -> None:
    page = Parsed(pages.stored(a_request("./"), a_rejected_entry("note.png"), "./note.jpg"))

    assert page.texts["title"] == ["note.png: This is not a picture: it starts like a text."]
    assert "Save it as JPEG or PNG" in page.text
    assert "See it at" not in page.text


def test_home_page_works_without_script() -> None:
    page = Parsed(pages.home(a_request("./"), [], 4_000_000, Tally()))

    (form,) = page.all("form")
    assert (form["method"], form["action"], form["enctype"]) == ("post", "./", "multipart/form-data")
    field, folder = page.all("input")
    assert (field["type"], field["name"]) == ("file", "upload")
    assert page.all("label")[0]["for"] == field["id"]
    assert "webkitdirectory" in folder  # hidden without script
    assert "hidden" in page.all("label")[2]
    assert len([button for button in page.all("button") if "hidden" not in button]) == 1
    assert "Up to 4 MB" in page.text


def test_empty_home_page_shows_the_first_commands() -> None:
    text = re.sub(r"<[^>]+>", "", pages.home(a_request("./"), [], 4_000_000, Tally()))

    assert "curl -F upload=@image.png http://localhost:8000/\n" in text
    assert "open http://localhost:8000/image.jpg\n" in text


def test_home_page_shows_recent_uploads_with_their_outcomes() -> None:
    page = Parsed(every_page()["home"])

    assert "Beach 1.PNG in a 92.6% smaller rejected Beach 1.PNG in a" in page.text
    (thumbnail,) = page.all("img")
    assert (thumbnail["width"], thumbnail["height"], thumbnail["alt"]) == ("320", "213", "")


def test_home_page_shows_a_placeholder_behind_each_thumbnail() -> None:
    soft = "data:image/webp;base64,AAAA"
    entry = a_rendered_entry(receipt=replace(a_receipt(), placeholder=soft))
    tile = (entry, Link("https://renditions.example/t.jpg", THUMBNAIL))
    placeholder, thumbnail = Parsed(pages.home(a_request("./"), [tile], 1, Tally())).all("img")

    assert (placeholder["src"], placeholder["alt"]) == (soft, "")
    assert thumbnail["src"] == "https://renditions.example/t.jpg"


def test_home_page_shows_total_savings_after_the_first_rendering() -> None:
    used = Parsed(
        pages.home(
            a_request("./"),
            [],
            1,
            Tally(rendered=1240, bytes_before=41_900_000_000, bytes_after=3_100_000_000),
        )
    )
    unused = Parsed(pages.home(a_request("./"), [], 1, Tally(rendered=0, bytes_before=0, bytes_after=0)))

    assert [text.replace("\u00a0", " ") for text in used.texts["dd"][3:]] == [
        "1,240",
        "42 GB",
        "3.1 GB",
        "92.6%",
    ]
    assert used.texts["dd"][2] == "92.6% of all bytes so far"
    assert [
        "hidden" in section for section in unused.all("section") if section.get("data-part") == "totals"
    ] == [True]


def test_folders_are_shown_where_names_meet() -> None:
    keys = ("one/a.png", "two/a.png", f"{'ab' * 16}/a.png", "one/b.png")
    tiles = [(a_rendered_entry(key), None) for key in keys]
    text = Parsed(pages.home(a_request("./"), tiles, 1, Tally())).text

    assert "a.png in one" in text
    assert "a.png in two" in text
    assert text.count(" in one") == 1
    assert "in abab" not in text


def test_the_home_page_leads_to_earlier_pictures() -> None:
    tiles = [(a_rendered_entry(), None)]
    first = Parsed(pages.home(a_request("./"), tiles, 1, Tally(), "a+b"))
    later = Parsed(pages.home(replace(a_request("./"), query={"cursor": "a+b"}), tiles, 1, Tally()))

    assert "./?cursor=a%2Bb" in [link["href"] for link in first.all("a") if "href" in link]
    assert later.texts["h1"] == ["Earlier pictures"]
    assert not later.all("form")


# The job page


def job_page(*rows: dict[str, Any], cursor: str = "", **changes: Any) -> Parsed:
    return Parsed(pages.job(a_request("../"), a_job(*rows, **changes), list(rows), cursor))


def test_running_job_shows_its_progress() -> None:
    page = job_page(a_row(), a_row(1, State.EXPECTED), a_row(2, State.FAILED))

    assert page.texts["h1"] == ["3 pictures, 2 done"]
    assert "1 rendered, 1 failed, 1 waiting" in page.text
    assert (page.all("progress")[0]["value"], page.all("progress")[0]["max"]) == ("2", "3")


def test_complete_job_shows_its_saving() -> None:
    page = job_page(a_row(), a_row(1))

    assert page.texts["h1"] == ["2 pictures: 3.9\u00a0MB became 288\u00a0KB"]


def test_complete_job_without_renditions_shows_no_saving() -> None:
    assert job_page(a_row(0, State.REJECTED)).texts["h1"] == ["1 picture, none rendered"]


def test_each_picture_of_a_job_has_a_line_with_state_and_reason() -> None:
    page = job_page(
        a_row(),
        a_row(1, State.REJECTED, sentence="This is not a picture."),
        a_row(2, State.FAILED),
        a_row(3, State.RENDERING),
    )

    assert "0.png 1.9 MB became 144 KB 92.6% smaller" in page.text
    assert "1.png This is not a picture." in page.text
    assert "2.png Processing failed because of an error on our side." in page.text
    assert "3.png Processing..." in page.text
    assert [line["class"] for line in page.all("li")][:4] == [
        "job-row rendered",
        "job-row rejected",
        "job-row failed",
        "job-row rendering",
    ]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_line(state: State) -> None:
    assert job_page(a_row(0, state)).all("li")[0]["class"] == f"job-row {state}"


def test_chart_draws_sizes_before_and_after_to_one_scale() -> None:
    page = job_page(a_row(), a_row(1, bytes_before=970_000))

    columns = page.all("rect")
    assert [column["height"] for column in columns[:4]] == ["100.0", "7.42", "50.0", "7.42"]
    assert "the highest column is 1.9 MB" in page.text


def test_chart_omits_terminal_uploads_without_renditions() -> None:
    page = job_page(a_row(0, State.REJECTED), a_row(1, State.EXPECTED))

    assert [column["height"] for column in page.all("rect")[:4]] == ["0.0", "0.0", "100.0", "0.0"]


def test_job_without_renditions_has_no_chart() -> None:
    assert "hidden" in job_page(a_row(0, State.REJECTED)).all("figure")[0]
    assert "hidden" not in job_page(a_row()).all("figure")[0]


def test_chart_of_many_pictures_sums_neighbours() -> None:
    page = job_page(*(a_row(number) for number in range(250)))

    assert len(page.all("rect")) == 2 * 100
    assert "the highest column is 5.8 MB" in page.text


def test_job_page_links_to_receipts_script_and_next_page() -> None:
    page = job_page(a_row(), cursor="a b")

    job = f"../jobs/{'5f' * 16}"
    hrefs = [link["href"] for link in page.all("a") if "href" in link]
    for address in (f"{job}/receipts.csv", f"{job}/receipts.json", f"{job}/fetch.sh", f"{job}?cursor=a%20b"):
        assert address in hrefs
    assert f"jobs/{'5f' * 16}/fetch.sh | sh" in page.text
    assert "http://localhost:8000/" in page.texts["span"]


# The failures page


def test_each_failure_shows_its_reason_and_can_be_retried_or_skipped() -> None:
    page = Parsed(pages.failures(a_request("../"), [a_failure()], ""))

    assert page.texts["h1"] == ["1 picture failed"]
    assert "child died : The worker was killed before it finished." in page.text
    assert [(form["method"], form["action"]) for form in page.all("form")] == [
        ("post", "../failures/retry"),
        ("post", "../failures/skip"),
        ("post", "../failures/ab12.v1/retry"),
        ("post", "../failures/ab12.v1/skip"),
    ]


def test_long_list_of_failures_has_pages() -> None:
    first = Parsed(pages.failures(a_request("../"), [a_failure()], "a b"))
    last = Parsed(pages.failures(a_request("../"), [a_failure()], "", later=True))

    assert "../failures?cursor=a%20b" in [link["href"] for link in first.all("a")]
    assert first.texts["h1"] == ["More than 1 picture failed"]
    assert last.texts["h1"] == ["More failed pictures"]
    assert "Back to the first page" in last.text
    assert "More failures" not in last.text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 KB"),
        (9_949, "9.9 KB"),
        (9_951, "10 KB"),
        (143_210, "143 KB"),
        (999_499, "999 KB"),
        (999_500, "1 MB"),
        (1_940_000, "1.9 MB"),
        (24_000_000, "24 MB"),
        (999_600_000, "1 GB"),
        (3_000_000_000_000, "3000 GB"),
    ],
)
def test_sizes_have_decimal_units_and_at_least_two_digits(size_bytes: int, text: str) -> None:
    assert filesize(size_bytes) == text


@pytest.mark.parametrize(
    ("percent", "text"),
    [
        (92.64, "92.6% smaller"),
        (50.0, "50% smaller"),
        (0.0, "the same size"),
        (0.04, "the same size"),
        (-12.0, "12% larger"),
        (-250.25, "250.2% larger"),
        (99.98, "99.9% smaller"),
    ],
)
def test_savings_are_rounded_down_to_less_than_all(percent: float, text: str) -> None:
    assert savings(percent) == text


def test_problem_types_mark_names_as_code_and_escape_the_rest() -> None:
    page = pages.problems(a_request("../"))

    assert "If one upload is invalid, <code>upload</code> is its number." in page
    assert "`" not in Parsed(page).text


CROPPED = replace(
    a_receipt(),
    windows=(Window("card", 1500, 0, 4000, 4000),),
    faces=(Face(2000, 800, 600, 700, 0.93),),
)


def test_the_windows_and_faces_are_drawn_on_the_picture() -> None:
    page = Parsed(picture_page(a_rendered_entry(receipt=CROPPED), backdrop=Link("data:,", THUMBNAIL)))

    boxes = {
        attributes["class"]: [attributes.get(name, "") for name in ("x", "y", "width", "height")]
        for tag, attributes in page.elements
        if tag == "rect" and attributes.get("class") in ("window", "face")
    }
    [image] = [attributes for tag, attributes in page.elements if tag == "image"]
    assert boxes == {"window": ["1500", "0", "4000", "4000"], "face": ["2000", "800", "600", "700"]}
    assert (image["width"], image["height"]) == ("6000", "4000")


def test_a_cropped_main_ladder_is_drawn_in_its_window() -> None:
    receipt = replace(CROPPED, windows=(Window("main", 1500, 0, 4000, 4000),))

    page = Parsed(picture_page(a_rendered_entry(receipt=receipt), backdrop=Link("data:,", THUMBNAIL)))

    [image] = [attributes for tag, attributes in page.elements if tag == "image"]
    assert [image[name] for name in ("x", "y", "width", "height")] == ["1500", "0", "4000", "4000"]


def test_only_those_who_may_write_can_choose_a_focus() -> None:
    reading = picture_page(a_rendered_entry(receipt=CROPPED))
    writing = picture_page(a_rendered_entry(receipt=CROPPED), may_write=True)

    assert "/focus" not in reading
    actions = [attributes.get("action") for tag, attributes in Parsed(writing).elements if tag == "form"]
    assert actions.count(f"../pictures/{a_rendered_entry().picture_id}/focus") == 2


def test_a_picture_without_a_crop_has_no_such_part() -> None:
    assert 'id="crop"' not in picture_page(a_rendered_entry(), may_write=True)


def test_the_file_field_makes_safari_convert_heic_to_jpeg() -> None:
    """It converts to the first type of a list that does not allow HEIC."""
    page = Parsed(pages.home(a_request("./"), [], 4_000_000, Tally()))

    [field] = [attributes for tag, attributes in page.elements if attributes.get("id") == "upload"]
    types = field["accept"].split(",")
    assert types[0] == "image/jpeg"
    assert not {"image/*", "image/heic", "image/heif"} & {*types}
