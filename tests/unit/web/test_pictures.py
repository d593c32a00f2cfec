import json
import re
import shlex
from collections.abc import Callable, Mapping
from copy import replace
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from darkroom.domain.auth import AuthMode
from darkroom.domain.entries import Entry, State
from darkroom.domain.keys import picture_id_of
from darkroom.domain.renditions import LOSSLESS, REFERENCE, Format, Rendition
from darkroom.domain.rows import Tally
from darkroom.domain.uploads import Upload
from darkroom.services.notifications import parse_queue_message
from darkroom.settings import WebSettings
from darkroom.web.http import Request, Response, responder_for
from darkroom.web.pictures import PictureRoutes
from tests.builders import UPLOADS, a_receipt, a_rendition, an_entry
from tests.fakes import FakeLedger, FakeOriginals, FakeQueue, FakeRenditions, FakeReports, FakeViews
from tests.unit.web.test_forms import form

IMG = "image/avif,image/webp,image/*,*/*;q=0.8"


@dataclass
class Api:
    """The routes of pictures on fakes. Time passes only in pauses; `on_pause` is called in each."""

    originals: FakeOriginals = field(default_factory=FakeOriginals)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    views: FakeViews = field(default_factory=FakeViews)
    queue: FakeQueue = field(default_factory=FakeQueue)
    waited: float = 0.0
    on_pause: Callable[[], object] = lambda: None
    public: Mapping[str, Any] = field(default_factory=dict)
    reported: list[tuple[str, Entry]] = field(default_factory=list)

    @property
    def routes(self) -> PictureRoutes:
        defaults = WebSettings(
            UPLOADS, "renditions", "reports", "ledger", "views", "queue", embed_limit_bytes=1000
        )
        settings = replace(defaults, **self.public)
        return PictureRoutes(
            self.originals,
            self.renditions,
            self.ledger,
            self.views,
            self.queue,
            responder_for(self.originals, self.renditions, FakeReports()),
            settings,
            lambda action, entry: self.reported.append((action, entry)),
            sleep=self._sleep,
            clock=lambda: self.waited,
        )

    def _sleep(self, seconds: float) -> None:
        self.waited += seconds
        self.on_pause()

    def add(self, *entries: Entry) -> None:
        for entry in entries:
            self.views.apply(entry)
            for rendition in entry.receipt.renditions if entry.receipt else ():
                self.renditions.store(rendition.key, b"\xff\xd8 jpeg", "image/jpeg")

    def post(self, name: str = "image.png", content: bytes = b"pixels", accept: str = "*/*") -> Response:
        content_type, body = form((f'name="upload"; filename="{name}"', content))
        return self.routes.post(
            Request("/", "http://localhost:8000", accept, {}, content_type, body, method="POST")
        )

    def render_on_pause(self, state: State = State.RENDERED) -> None:
        """Renders every stored upload at the next sleep."""

        def render() -> None:
            for key, version in self.originals.objects:
                self.add(an_entry(key, state, version=version, arrived="2026-01-02T03:04:06.000Z"))

        self.on_pause = render


@pytest.fixture
def api() -> Api:
    return Api()


def get(path: str, accept: str = "text/html", **query: str) -> Request:
    return Request(path, accept=accept, query=query)


def parse(response: Response) -> dict[str, Any]:
    parsed = json.loads(response.text)
    assert isinstance(parsed, dict)
    return parsed


def test_the_alias_shows_a_page_with_the_picture_embedded(api: Api) -> None:
    api.add(an_entry("image.png"))

    response = api.routes.alias(get("/image.jpg", "*/*"))

    assert response.status == 200
    assert response.media_type.startswith("text/html")
    assert "data:image/jpeg;base64,/9gganBlZw==" in response.text


def test_the_widest_jpeg_within_the_limit_is_embedded(api: Api) -> None:
    small, large = a_rendition(width=100, size_bytes=900), a_rendition(width=640, size_bytes=1001)
    api.add(an_entry("image.png", receipt=a_receipt(small, large)))
    api.renditions.objects[small.key] = (b"small", "image/jpeg")

    assert "base64,c21hbGw=" in api.routes.alias(get("/image.jpg")).text


def test_a_shared_alias_shows_the_newest_picture_and_each_keeps_its_page(api: Api) -> None:
    older = an_entry("one/image.png", arrived="2026-01-01T00:00:00.000Z")
    newer = an_entry("two/image.gif", arrived="2026-01-02T00:00:00.000Z")
    api.add(newer, older)

    assert parse(api.routes.alias(get("/image.jpg", "application/json")))["key"] == "two/image.gif"
    for entry in (older, newer):
        page = api.routes.picture(get(f"/pictures/{entry.picture_id}", "application/json"), entry.picture_id)
        assert parse(page)["key"] == entry.upload.key


def test_folders_in_an_alias_match_the_end_of_the_key(api: Api) -> None:
    api.add(
        an_entry("one/image.png", arrived="2026-01-01T00:00:00.000Z"),
        an_entry("two/image.png", arrived="2026-01-02T00:00:00.000Z"),
    )

    assert parse(api.routes.alias(get("/one/image.jpg", "application/json")))["key"] == "one/image.png"
    assert api.routes.alias(get("/ne/image.jpg")).status == 404


@pytest.mark.parametrize("key", ["docs", "jobs/x.png", "pictures/y.png", "odd//", "a/b.png/"])
def test_a_key_that_looks_like_a_route_has_an_alias(api: Api, key: str) -> None:
    api.add(an_entry(key))
    name = an_entry(key).alias

    assert api.routes.alias(get(f"/{name}")).status == 200


def test_a_picture_in_a_folder_named_pictures_is_found_by_its_path(api: Api) -> None:
    api.add(an_entry("pictures/y.png"))

    assert api.routes.alias(get("/pictures/y.jpg")).status == 200
    assert api.routes.alias(get("/pictures/z.jpg")).status == 404


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("my image.png", "/my image.jpg"),
        ("a+b.png", "/a+b.jpg"),
        ("100%.png", "/100%25.jpg"),  # HTTP APIs do not decode %25
        ("%41.png", "/%2541.jpg"),
        ("what?.png", "/what?.jpg"),
        ("what?.png", "/what_.jpg"),
        ('it\'s "x".png', '/it\'s "x".jpg'),
        ("ü😀.png", "/ü😀.jpg"),
        ("<b>.png", "/<b>.jpg"),
        ("u\u0308.png", "/\u00fc.jpg"),  # NFD, as in file names of macOS, and NFC
        ("\u00fc.png", "/u\u0308.jpg"),
        ("O\u0308/u\u0308.png", "/\u00d6/\u00fc.jpg"),
    ],
)
def test_every_name_is_found_by_its_alias(api: Api, key: str, path: str) -> None:
    api.add(an_entry(key))

    assert api.routes.alias(get(path)).status == 200


@pytest.mark.parametrize("path", ["/unknown.jpg", "/favicon.ico", "/image.png", "/a/b/c", "/.jpg"])
def test_an_unknown_alias_is_404(api: Api, path: str) -> None:
    api.add(an_entry("image.png"))

    response = api.routes.alias(get(path))

    assert response.status == 404
    assert api.waited == 0


def test_the_alias_waits_for_a_picture_being_rendered(api: Api) -> None:
    api.add(an_entry("image.png", State.EXPECTED, revision=1, version="expected"))

    def render() -> None:
        if api.waited > 0.5:
            api.add(an_entry("image.png"))

    api.on_pause = render

    response = api.routes.alias(get("/image.jpg"))

    assert response.status == 200
    assert 0.5 < api.waited < api.routes.settings.alias_wait_seconds


def test_the_alias_returns_202_if_the_picture_is_not_rendered_in_time(api: Api) -> None:
    api.add(an_entry("image.png", State.RENDERING, revision=1))

    response = api.routes.alias(get("/image.jpg"))

    assert response.status == 202
    assert "Retry-After" in response.headers
    assert api.waited == pytest.approx(api.routes.settings.alias_wait_seconds, abs=0.2)


def test_a_rejected_picture_shows_the_reason(api: Api) -> None:
    api.add(an_entry("image.png", State.REJECTED))

    assert "It is damaged." in api.routes.alias(get("/image.jpg")).text
    assert parse(api.routes.alias(get("/image.jpg", IMG)))["detail"] == "It is damaged."
    assert (
        parse(api.routes.alias(get("/image.jpg", "application/json")))["rejection"]["reason"]
        == "corrupt_image"
    )


@pytest.mark.parametrize("accept", ["*/*", "application/json", IMG])
def test_a_deleted_picture_is_410_for_every_format(api: Api, accept: str) -> None:
    entry = an_entry("image.png", State.DELETED, receipt=a_receipt())
    api.add(entry)

    assert api.routes.picture(get(f"/pictures/{entry.picture_id}", accept), entry.picture_id).status == 410
    assert api.routes.alias(get("/image.jpg", accept)).status == 410


def test_the_home_page_shows_only_the_name_of_a_deleted_picture(api: Api) -> None:
    preview = "data:image/webp;base64,AAAA"
    api.add(an_entry("gone.png", State.DELETED, receipt=a_receipt(placeholder=preview)))

    page = api.routes.home(get("/")).text
    [recent] = parse(api.routes.home(get("/", "application/json")))["recent"]

    assert "gone.png" in page
    assert preview not in page
    assert "renditions.test" not in page
    assert (recent["status"], "renditions" in recent, "placeholder" in recent) == ("deleted", False, False)


def test_a_page_without_stored_renditions_embeds_none(api: Api) -> None:
    api.add(an_entry("image.png"))
    api.renditions.objects.clear()

    response = api.routes.alias(get("/image.jpg"))

    assert response.status == 200
    assert "base64" not in response.text


def test_an_image_request_redirects_to_the_best_rendition(api: Api) -> None:
    api.add(an_entry("image.png"))

    response = api.routes.alias(get("/image.jpg", IMG, w="90"))

    assert response.status == 302
    assert response.headers["Location"] == "https://renditions.test/prefix/100.jpg?seconds=3600"
    assert response.headers["Vary"] == "Accept, Origin"


def test_a_redirect_is_cached_for_less_time_than_its_url_is_valid(api: Api) -> None:
    api.add(an_entry("image.png"))

    assert api.routes.alias(get("/image.jpg", IMG)).headers["Cache-Control"] == "private, max-age=1800"


@pytest.mark.parametrize("accept", ["text/html", "application/json", "image/avif"])
def test_a_format_in_the_address_is_stronger_than_the_accept_header(api: Api, accept: str) -> None:
    webp = a_rendition(Format.WEBP, key="prefix/640.webp")
    api.add(an_entry("image.png", receipt=a_receipt(a_rendition(), webp)))

    response = api.routes.alias(get("/image.jpg", accept, format="webp"))

    assert response.status == 302
    assert "/prefix/640.webp" in response.headers["Location"]


def test_jpeg_xl_is_for_clients_that_name_it(api: Api) -> None:
    jxl = a_rendition(Format.JXL, size_bytes=10)
    api.add(an_entry("image.png", receipt=a_receipt(a_rendition(), jxl)))

    found = [
        api.routes.alias(get("/image.jpg", accept)).headers["Location"]
        for accept in ("image/jxl,image/*", "image/avif,image/webp,image/*")
    ]

    assert ["/prefix/640.jxl" in location for location in found] == [True, False]


def test_the_lossless_original_is_only_served_if_jpeg_xl_is_asked_for(api: Api) -> None:
    kept = a_rendition(Format.JXL, 6000, key="prefix/lossless-6000.jxl", ladder=LOSSLESS)
    api.add(an_entry("image.jpg", receipt=a_receipt(a_rendition(), kept)))

    by_header = api.routes.alias(get("/image.jpg", "image/jxl,image/*"))
    by_address = api.routes.alias(get("/image.jpg", "*/*", format="jxl"))

    assert "/prefix/640.jpg" in by_header.headers["Location"]
    assert "/prefix/lossless-6000.jxl" in by_address.headers["Location"]


def test_a_client_gets_the_format_that_it_prefers(api: Api) -> None:
    webp = a_rendition(Format.WEBP, key="prefix/640.webp", size_bytes=10)
    api.add(an_entry("image.png", receipt=a_receipt(a_rendition(), webp)))

    response = api.routes.alias(get("/image.jpg", "image/webp;q=0.5, image/jpeg"))

    assert "/prefix/640.jpg" in response.headers["Location"]


@pytest.mark.parametrize(("wanted", "status"), [("avif", 404), ("gif", 400), ("", 400), ("jpeg,webp", 400)])
def test_a_format_that_is_missing_is_404_and_one_that_is_unknown_400(
    api: Api, wanted: str, status: int
) -> None:
    api.add(an_entry("image.png"))

    assert api.routes.alias(get("/image.jpg", IMG, format=wanted)).status == status


@pytest.mark.parametrize("width", ["0", "-1", "wide", "1e3", "²", "9" * 30, "9" * 5000])
def test_an_invalid_width_is_refused(api: Api, width: str) -> None:
    api.add(an_entry("image.png"))

    assert api.routes.alias(get("/image.jpg", IMG, w=width)).status == 400


def test_an_old_browser_gets_the_png_of_a_transparent_picture(api: Api) -> None:
    png, webp = (a_rendition(kind, alpha=True) for kind in (Format.PNG, Format.WEBP))
    api.add(an_entry("image.png", receipt=a_receipt(a_rendition(size_bytes=9), png, webp)))

    response = api.routes.alias(get("/image.jpg", "image/svg+xml,image/*;q=0.8,*/*;q=0.5"))

    assert response.headers["Location"] == "https://renditions.test/prefix/640.png?seconds=3600"


def test_a_post_returns_201_when_the_picture_is_rendered(api: Api) -> None:
    api.render_on_pause()

    response = api.post("image.png", accept="application/json")

    assert response.status == 201
    receipt = parse(response)
    assert receipt["status"] == "rendered"
    assert receipt["saved_percent"] == 36.0
    assert response.headers["Location"] == f"./pictures/{receipt['id']}"
    assert receipt["image"] == "./image.jpg"
    [(action, entry)] = api.reported
    assert (action, entry.upload.correlation) == ("stored", receipt["correlation_id"])


def test_curl_gets_two_lines_with_the_saving_and_the_address(api: Api) -> None:
    api.render_on_pause()

    response = api.post("image.png")

    assert (response.status, response.media_type) == (201, "text/plain; charset=utf-8")
    assert response.text == "image.png: 1 KB -> 640 bytes, 36% smaller\nhttp://localhost:8000/image.jpg\n"


def test_curl_gets_the_address_of_a_picture_that_is_not_rendered_in_time(api: Api) -> None:
    response = api.post("image.png")

    assert response.status == 202
    assert response.text == (
        "image.png: stored; it is being rendered and will be at this address.\nhttp://localhost:8000/image.jpg\n"
    )


def test_curl_gets_the_reason_and_advice_for_a_rejected_picture(api: Api) -> None:
    api.render_on_pause(State.REJECTED)

    line, advice, address = api.post("image.png").text.splitlines()

    assert line == "image.png: It is damaged."
    assert advice.startswith("Open it on your computer.")
    assert address.startswith("http://localhost:8000/pictures/")


def test_a_name_in_a_terminal_has_no_control_characters(api: Api) -> None:
    text = api.post("a\x9b2J\u202egnp.exe").text

    assert text.startswith("a2J\\u202egnp.exe: ")


def test_a_browser_gets_a_page_for_its_post(api: Api) -> None:
    api.render_on_pause()

    response = api.post("image.png", accept="text/html,*/*;q=0.8")

    assert response.media_type == "text/html; charset=utf-8"
    assert 'See it at <a href="./image.jpg">image.jpg</a>' in response.text


def test_a_post_records_the_expected_upload_before_storing_it(api: Api) -> None:
    class FullDisk(FakeOriginals):
        def store(self, key: str, content: bytes, media_type: str, focus: str = "") -> str:
            raise OSError(key)

    api.originals = FullDisk()

    with pytest.raises(OSError, match=r"image\.png") as caught:
        api.post("image.png")

    [entry] = api.ledger.entries.values()
    assert entry.state is State.EXPECTED
    assert entry.picture_id == picture_id_of(UPLOADS, str(caught.value))


def test_a_post_returns_202_with_the_link_if_the_picture_is_not_rendered_in_time(api: Api) -> None:
    response = api.post("image.png", accept="application/json")

    assert response.status == 202
    assert api.waited == pytest.approx(api.routes.settings.post_wait_seconds, abs=0.2)
    assert parse(response)["page"].startswith("./pictures/")


def test_a_post_of_a_rejected_picture_is_422_with_the_reason(api: Api) -> None:
    api.render_on_pause(State.REJECTED)

    response = api.post(accept="application/json")

    assert response.status == 422
    assert parse(response)["rejection"]["reason"] == "corrupt_image"
    assert "It is damaged." in api.post().text


def test_pictures_with_the_same_name_are_all_kept(api: Api) -> None:
    api.post("image.png", b"one")
    api.post("image.png", b"two")

    assert sorted(api.originals.objects.values()) == [b"one", b"two"]
    assert len({key for key, _ in api.originals.objects}) == 2


def test_a_post_over_four_megabytes_gets_a_presigned_form(api: Api) -> None:
    response = api.post("it's.png", b"x" * 4_000_001, accept="application/json")

    assert response.status == 413
    presigned = parse(response)["presigned"]
    assert presigned["url"] == "https://uploads.test/"
    assert presigned["fields"]["key"].endswith("/it's.png")
    assert not api.originals.objects


@pytest.mark.parametrize("name", ["it's.png", "a;type=b,c.png", "<b> & $HOME `id`.png", "${filename}.png"])
def test_a_post_over_four_megabytes_by_curl_gets_a_command_to_paste(api: Api, name: str) -> None:
    response = api.post(name, b"x" * 4_000_001)

    [command] = re.findall(r"curl .*uploads\.test/", response.text)
    arguments = shlex.split(command)
    assert response.status == 413
    assert f'file=@"{name}"' in arguments
    [key] = [argument for argument in arguments if argument.startswith("key=")]
    assert key.endswith("/" + name.replace("${", "$_{"))


def test_a_browser_gets_a_form_for_a_post_over_four_megabytes(api: Api) -> None:
    response = api.post("it's.png", b"x" * 4_000_001, accept="text/html")

    assert (response.status, response.media_type) == (413, "text/html; charset=utf-8")
    assert 'action="https://uploads.test/"' in response.text
    assert "form-action 'self' https://uploads.test;" in response.headers["Content-Security-Policy"]
    [redirect] = re.findall(r'name="redirect" value="([^"]+)"', response.text)
    assert re.fullmatch(r"http://localhost:8000/pictures/[0-9a-f]{32}", redirect)


def test_a_picture_that_was_just_sent_to_s3_is_waited_for(api: Api) -> None:
    key = f"{'ab' * 16}/large.png"
    path, picture_id = f"/pictures/{picture_id_of(UPLOADS, key)}", picture_id_of(UPLOADS, key)

    sent = api.routes.picture(get(path, bucket=UPLOADS, key=key, etag='"5f"'), picture_id)
    other = api.routes.picture(get(path, bucket=UPLOADS, key=f"{key}x", etag='"5f"'), picture_id)

    assert (sent.status, other.status) == (202, 404)
    assert "large.png" in sent.text


def test_a_post_without_a_file_is_400(api: Api) -> None:
    response = api.routes.post(Request("/", body=b"hello", content_type="text/plain", method="POST"))

    assert (response.status, response.media_type) == (400, "text/plain; charset=utf-8")
    assert "curl -F upload=@image.png" in response.text


def test_the_home_page_shows_recent_pictures(api: Api) -> None:
    api.add(an_entry("one.png"), an_entry("two.png", State.REJECTED))

    response = api.routes.home(get("/"))

    assert response.status == 200
    assert "one.png" in response.text
    assert "two.png" in response.text


def test_the_home_page_shows_each_picture_once(api: Api) -> None:
    api.add(
        an_entry(
            "one.png", State.EXPECTED, revision=1, version="expected", arrived="2026-01-01T00:00:00.000Z"
        ),
        an_entry("one.png", version="v1", arrived="2026-01-02T00:00:00.000Z"),
        an_entry("one.png", version="v2", arrived="2026-01-03T00:00:00.000Z"),
    )

    [recent] = parse(api.routes.home(get("/", "application/json")))["recent"]

    assert recent["version"] == "v2"


def test_the_home_page_as_json(api: Api) -> None:
    api.add(an_entry("one.png"))

    home = parse(api.routes.home(get("/", "application/json")))

    assert [upload["name"] for upload in home["recent"]] == ["one.png"]
    assert home["cursor"] == ""


def delete(api: Api, entry: Entry, accept: str = "*/*") -> Response:
    request = Request(f"/pictures/{entry.picture_id}", accept=accept, method="DELETE")
    return api.routes.delete(request, entry.picture_id)


@pytest.mark.parametrize("state", [State.RENDERED, State.REJECTED, State.FAILED, State.RENDERING])
def test_deleting_a_picture_adds_a_delete_marker(api: Api, state: State) -> None:
    entry = an_entry("a/image.png", state)
    api.add(entry)

    response = delete(api, entry)

    assert (response.status, parse(response)) == (202, {"action": "delete", "uploads": 1})
    assert list(api.originals.markers) == ["a/image.png"]
    assert [action for action, _ in api.reported] == ["withdrawn"]


def test_a_deleted_picture_can_be_deleted_again(api: Api) -> None:
    entry = an_entry("image.png", State.DELETED)
    api.add(entry)

    assert delete(api, entry).status == 202
    assert not api.originals.markers


def an_announced_entry(api: Api, state: State) -> Entry:
    entry = replace(an_entry("a/image.png", state, revision=1, version="expected"), job_id="job")
    api.add(entry)
    api.ledger.entries[entry.picture_id, "expected"] = entry
    return entry


@pytest.mark.parametrize(("state", "ended"), [(State.EXPECTED, True), (State.DELETED, False)])
def test_an_announced_upload_is_cancelled(api: Api, state: State, *, ended: bool) -> None:
    entry = an_announced_entry(api, state)

    response = delete(api, entry)

    assert (response.status, parse(response)) == (202, {"action": "delete", "uploads": 1})
    assert api.ledger.entries[entry.picture_id, "expected"].state is State.DELETED
    assert [action for action, _ in api.reported] == ["cancelled"] * ended
    assert not api.originals.markers


def test_an_upload_that_never_arrived_stays_failed(api: Api) -> None:
    entry = an_announced_entry(api, State.FAILED)

    assert delete(api, entry).status == 404
    assert api.ledger.entries[entry.picture_id, "expected"] == entry


@pytest.mark.parametrize("changes", [{"revision": 1, "version": "expected"}, None])
def test_a_picture_that_has_not_arrived_can_not_be_deleted(api: Api, changes: dict[str, Any] | None) -> None:
    entry = an_entry("image.png", State.EXPECTED, **(changes or {}))
    if changes:
        api.add(entry)

    assert delete(api, entry).status == 404
    assert not api.originals.markers


def test_a_browser_is_led_to_the_home_page_after_a_deletion(api: Api) -> None:
    entry = an_entry("image.png")
    api.add(entry)

    response = delete(api, entry, "text/html")

    assert (response.status, response.headers["Location"]) == (303, "../")


class LongAddresses(FakeRenditions):
    """Addresses as long as with a role's session token."""

    def url(self, key: str, seconds: int, download_as: str = "") -> str:
        return f"{super().url(key, seconds, download_as)}&X-Amz-Security-Token={'t' * 2000}"


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_full_list_fits_a_response_of_lambda(accept: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB, as JSON."""
    api = Api(renditions=LongAddresses())
    ladder = [a_rendition(width=width, key=f"{width:032}/{width}.jpg") for width in range(1, 61)]
    for number in range(48):
        api.add(an_entry(f"{number}.png", receipt=a_receipt(*ladder)))

    response = api.routes.home(get("/", accept))

    assert len(json.dumps(response.text).encode()) < 6 * 1024 * 1024 / 2
    if accept == "application/json":
        uploads = parse(response)["recent"]
        assert [len(upload["renditions"]) for upload in uploads] == [60] * 48
        assert not any("url" in rendition for upload in uploads for rendition in upload["renditions"])
        picture = parse(api.routes.picture(get("/pictures/x", accept), uploads[0]["id"]))
        assert all("X-Amz-Security-Token" in rendition["url"] for rendition in picture["renditions"])


def test_recent_pictures_are_listed_in_pages(api: Api) -> None:
    api.add(*(an_entry(f"{number}.png") for number in range(60)))

    first = parse(api.routes.home(get("/", "application/json")))
    rest = parse(api.routes.home(get("/", "application/json", cursor=first["cursor"])))

    names = {upload["name"] for upload in first["recent"] + rest["recent"]}
    assert names == {f"{number}.png" for number in range(60)}
    assert rest["cursor"] == ""


def test_an_invalid_cursor_is_400(api: Api) -> None:
    assert api.routes.home(get("/", cursor="nonsense")).status == 400


def test_posted_pictures_get_unguessable_keys() -> None:
    api = Api()

    for _ in range(3):
        api.post("image.png")

    folders = {key.removesuffix("/image.png") for key, _ in api.originals.objects}
    assert len(folders) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", folder) for folder in folders)


def test_markup_in_a_name_is_escaped(api: Api) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    entry = an_entry(name)
    api.add(entry)

    for response in (
        api.routes.home(get("/")),
        api.routes.alias(get("/" + entry.alias)),
        api.routes.picture(get(f"/pictures/{entry.picture_id}"), entry.picture_id),
        api.post(name, accept="text/html"),
    ):
        assert "<img src=x" not in response.text


@pytest.mark.parametrize(
    ("path", "root"), [("/", "./"), ("/a.jpg", "./"), ("/pictures/1", "../"), ("/a/b/c.jpg", "../../")]
)
def test_the_root_is_relative_to_the_path(path: str, root: str) -> None:
    assert Request(path).root == root


def test_the_page_policy_allows_images_only_from_the_renditions_bucket(api: Api) -> None:
    policy = api.routes.home(get("/")).headers["Content-Security-Policy"]

    assert "img-src data: blob: https://renditions.test;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_picture_page_shows_its_alias_only_while_it_is_the_newest(api: Api) -> None:
    older = an_entry("one/image.png", arrived="2026-01-01T00:00:00.000Z")
    api.add(older)
    request = get(f"/pictures/{older.picture_id}")
    assert "image.jpg" in api.routes.picture(request, older.picture_id).text

    api.add(an_entry("two/image.png", arrived="2026-01-02T00:00:00.000Z"))

    assert "image.jpg" not in api.routes.picture(request, older.picture_id).text


def picture_page(api: Api, *renditions: Rendition) -> str:
    """Unescaped HTML of the page of a picture."""
    entry = an_entry("image.png", receipt=a_receipt(*renditions))
    api.add(entry)
    request = replace(get(f"/pictures/{entry.picture_id}"), origin="https://site.test")
    return unescape(api.routes.picture(request, entry.picture_id).text)


def test_markup_uses_the_public_url_of_the_renditions() -> None:
    page = picture_page(Api(public={"renditions_base_url": "https://images.test", "auth": AuthMode.OPEN}))

    assert '<img src="https://renditions.test/prefix/640.jpg' in page  # as of FakeRenditions.url
    assert "https://site.test" not in page


@pytest.mark.parametrize("public", [{"auth": AuthMode.OPEN}, {"public_pages": True}])
def test_markup_uses_the_picture_redirect_where_pages_are_public(public: dict[str, str]) -> None:
    page = picture_page(Api(public=public))

    picture = picture_id_of(UPLOADS, "image.png")
    assert f'<img src="https://site.test/pictures/{picture}?w=640"' in page


def test_there_is_no_markup_if_pictures_are_private(api: Api) -> None:
    page = picture_page(api)

    assert "<picture>" not in page
    assert "only to authenticated clients" in page


def embed_in_document(api: Api) -> Any:
    entry = an_entry("image.png", receipt=a_receipt(a_rendition(width=640)))
    api.add(entry)
    request = replace(get(f"/pictures/{entry.picture_id}", "application/json"), origin="https://site.test")
    return parse(api.routes.picture(request, entry.picture_id))["embed"]


def test_a_document_has_what_another_page_needs_to_show_the_picture() -> None:
    embed = embed_in_document(Api(public={"public_pages": True}))

    picture = picture_id_of(UPLOADS, "image.png")
    assert embed["srcset"] == f"https://site.test/pictures/{picture}?w=640 640w"
    assert (embed["width"], embed["sources"]) == (640, [])


def test_a_document_has_no_embed_if_pictures_are_private(api: Api) -> None:
    assert embed_in_document(api) is None


def test_the_picture_page_shows_the_reference_for_comparison(api: Api) -> None:
    reference = a_rendition(width=640, key="prefix/reference-640.jpg", ladder=REFERENCE)
    page = picture_page(api, a_rendition(width=640), reference)

    assert '<img src="https://renditions.test/prefix/reference-640.jpg' in page
    assert page.count("reference-640.jpg") == 1  # not in the list of downloads


def test_a_recent_picture_shows_its_placeholder_first(api: Api) -> None:
    api.add(an_entry("one.png", receipt=a_receipt(placeholder="data:image/webp;base64,AAAA")))

    assert (
        '<img class="placeholder" src="data:image/webp;base64,AAAA" alt="">' in api.routes.home(get("/")).text
    )


def test_a_picture_keeps_its_old_renditions_while_rendered_again(api: Api) -> None:
    api.add(an_entry("beach.png", State.RENDERING, revision=5, receipt=a_receipt()))

    page = api.routes.alias(get("/beach.jpg"))

    assert page.status == 200
    assert "smaller" in page.text


def test_the_home_page_shows_the_total_savings(api: Api) -> None:
    api.views.total = Tally(rendered=3, bytes_before=1_000_000, bytes_after=250_000)

    home = parse(api.routes.home(get("/", "application/json")))

    assert (home["totals"]["saved_bytes"], home["totals"]["saved_percent"]) == (750_000, 75.0)
    assert "Saved so far" in api.routes.home(get("/")).text


@pytest.mark.parametrize("focus", ["0.31,0.40", "auto"])
def test_the_focus_of_a_posted_picture_becomes_metadata(api: Api, focus: str) -> None:
    content_type, body = form(
        ('name="focus"', focus.encode()), ('name="upload"; filename="image.png"', b"pixels")
    )

    api.routes.post(Request("/", "", "*/*", {}, content_type, body, method="POST"))

    assert [*api.originals.focuses.values()] == [focus]


def test_a_too_large_picture_keeps_its_focus_in_the_presigned_form(api: Api) -> None:
    content_type, body = form(
        ('name="focus"', b"0.31,0.40"), ('name="upload"; filename="image.png"', b"x" * 4_000_001)
    )

    response = api.routes.post(Request("/", "", "application/json", {}, content_type, body, method="POST"))

    assert parse(response)["presigned"]["fields"]["x-amz-meta-focus"] == "0.31,0.40"


@pytest.mark.parametrize("focus", ["1.2,0", "left", "0.5", "0.5,0.5,0.5", "nan,0", "-0.1,0.5"])
def test_a_post_with_an_invalid_focus_stores_nothing(api: Api, focus: str) -> None:
    content_type, body = form(
        ('name="focus"', focus.encode()), ('name="upload"; filename="image.png"', b"pixels")
    )

    response = api.routes.post(Request("/", "", "application/json", {}, content_type, body, method="POST"))

    assert (response.status, parse(response)["type"]) == (400, "/docs/problems#bad-focus")
    assert not api.originals.objects
    assert not api.ledger.entries


def choose_focus(api: Api, entry: Entry, focus: str, accept: str = "application/json") -> Response:
    body = urlencode({"focus": focus}).encode()
    request = Request(
        f"/pictures/{entry.picture_id}/focus",
        accept=accept,
        content_type="application/x-www-form-urlencoded",
        body=body,
        method="POST",
    )
    return api.routes.choose_focus(request, entry.picture_id)


@pytest.mark.parametrize(("focus", "sent"), [("0.310, .4", "0.31,0.4"), ("auto", "auto"), ("1,0", "1,0")])
def test_a_chosen_focus_enqueues_the_picture_at_its_revision(api: Api, focus: str, sent: str) -> None:
    entry = an_entry("a/image.png", revision=7)
    api.add(entry)
    api.ledger.entries[entry.picture_id, entry.upload.version] = entry

    response = choose_focus(api, entry, focus)

    assert (response.status, parse(response)) == (202, {"action": "focus", "uploads": 1})
    [(body, revision)] = api.queue.sent
    [change] = parse_queue_message(body, UPLOADS).changes
    assert isinstance(change, Upload)
    assert (change.version, change.chosen_focus, revision) == (entry.upload.version, sent, 7)
    assert [action for action, _ in api.reported] == ["focused"]


def test_a_browser_is_redirected_to_the_picture(api: Api) -> None:
    entry = an_entry("image.png")
    api.add(entry)
    api.ledger.entries[entry.picture_id, entry.upload.version] = entry

    response = choose_focus(api, entry, "auto", "text/html")

    assert response.status == 303
    assert response.headers["Location"].endswith(f"pictures/{entry.picture_id}")


@pytest.mark.parametrize("focus", ["", "2,0", "everywhere"])
def test_an_invalid_focus_is_refused(api: Api, focus: str) -> None:
    entry = an_entry("image.png")
    api.add(entry)
    api.ledger.entries[entry.picture_id, entry.upload.version] = entry

    response = choose_focus(api, entry, focus)

    assert (response.status, parse(response)["type"]) == (400, "/docs/problems#bad-focus")
    assert not api.queue.sent


@pytest.mark.parametrize("state", [State.RENDERING, State.REJECTED, State.FAILED, State.DELETED])
def test_only_a_rendered_picture_gets_another_focus(api: Api, state: State) -> None:
    entry = an_entry("image.png", state)
    api.add(entry)
    api.ledger.entries[entry.picture_id, entry.upload.version] = entry

    response = choose_focus(api, entry, "auto")

    assert (response.status, parse(response)["type"]) == (409, "/docs/problems#not-rendered")
    assert not api.queue.sent


def test_an_unknown_picture_has_no_focus(api: Api) -> None:
    assert choose_focus(api, an_entry("image.png"), "auto").status == 404
