import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any

import pytest

from darkroom.domain.auth import AuthMode
from darkroom.domain.entries import Entry, State
from darkroom.domain.keys import picture_id_of
from darkroom.domain.renditions import REFERENCE, Rendition
from darkroom.domain.rows import Tally
from darkroom.settings import WebSettings
from darkroom.web.http import Request, Response, responder_for
from darkroom.web.pictures import PictureRoutes
from tests.builders import UPLOADS, a_receipt, a_rendition, an_entry
from tests.fakes import FakeLedger, FakeOriginals, FakeRenditions, FakeViews
from tests.unit.web.test_forms import form

IMG = "image/avif,image/webp,image/*,*/*;q=0.8"


@dataclass
class House:
    """A site on fakes, whose clock runs only while it waits. `meanwhile` happens at each wait."""

    originals: FakeOriginals = field(default_factory=FakeOriginals)
    renditions: FakeRenditions = field(default_factory=FakeRenditions)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    views: FakeViews = field(default_factory=FakeViews)
    waited: float = 0.0
    meanwhile: Callable[[], object] = lambda: None
    public: Mapping[str, Any] = field(default_factory=dict)
    reported: list[tuple[str, Entry]] = field(default_factory=list)

    @property
    def site(self) -> PictureRoutes:
        ordinary = WebSettings(
            UPLOADS, "renditions", "reports", "ledger", "views", "queue", embed_limit_bytes=1000
        )
        settings = replace(ordinary, **self.public)
        return PictureRoutes(
            self.originals,
            self.renditions,
            self.ledger,
            self.views,
            responder_for(self.originals, self.renditions),
            settings,
            lambda what, entry: self.reported.append((what, entry)),
            pause=self._pause,
            clock=lambda: self.waited,
        )

    def _pause(self, seconds: float) -> None:
        self.waited += seconds
        self.meanwhile()

    def holds(self, *entries: Entry) -> None:
        for entry in entries:
            self.views.apply(entry)
            for rendition in entry.receipt.renditions if entry.receipt else ():
                self.renditions.store(rendition.key, b"\xff\xd8 jpeg", "image/jpeg")

    def post(self, name: str = "image.png", content: bytes = b"pixels", accept: str = "*/*") -> Response:
        content_type, body = form((f'name="upload"; filename="{name}"', content))
        return self.site.post(
            Request("/", accept=accept, content_type=content_type, body=body, origin="http://localhost:8000")
        )

    def renders(self, state: State = State.RENDERED) -> None:
        """From now on, whatever was stored is rendered at the next wait."""

        def render() -> None:
            for key, version in self.originals.objects:
                self.holds(an_entry(key, state, version=version, arrived="2026-01-02T03:04:06.000Z"))

        self.meanwhile = render


@pytest.fixture
def house() -> House:
    return House()


def get(path: str, accept: str = "text/html", **query: str) -> Request:
    return Request(path, accept=accept, query=query)


def document(answer: Response) -> dict[str, Any]:
    parsed = json.loads(answer.text)
    assert isinstance(parsed, dict)
    return parsed


# The alias


def test_the_alias_shows_a_page_with_the_picture_embedded(house: House) -> None:
    house.holds(an_entry("image.png"))

    answer = house.site.alias(get("/image.jpg", "*/*"))

    assert answer.status == 200
    assert answer.media_type.startswith("text/html")
    assert "data:image/jpeg;base64,/9gganBlZw==" in answer.text


def test_the_widest_jpeg_that_is_small_enough_is_embedded(house: House) -> None:
    small, large = a_rendition(width=100, size_bytes=900), a_rendition(width=640, size_bytes=1001)
    house.holds(an_entry("image.png", receipt=a_receipt(small, large)))
    house.renditions.objects[small.key] = (b"small", "image/jpeg")

    assert "base64,c21hbGw=" in house.site.alias(get("/image.jpg")).text


def test_of_names_that_meet_the_newest_is_shown_and_each_keeps_its_page(house: House) -> None:
    older = an_entry("one/image.png", arrived="2026-01-01T00:00:00.000Z")
    newer = an_entry("two/image.gif", arrived="2026-01-02T00:00:00.000Z")
    house.holds(newer, older)

    assert document(house.site.alias(get("/image.jpg", "application/json")))["key"] == "two/image.gif"
    for entry in (older, newer):
        page = house.site.picture(get(f"/pictures/{entry.picture_id}", "application/json"), entry.picture_id)
        assert document(page)["key"] == entry.upload.key


def test_a_longer_path_names_the_key_that_ends_in_it(house: House) -> None:
    house.holds(
        an_entry("one/image.png", arrived="2026-01-01T00:00:00.000Z"),
        an_entry("two/image.png", arrived="2026-01-02T00:00:00.000Z"),
    )

    assert document(house.site.alias(get("/one/image.jpg", "application/json")))["key"] == "one/image.png"
    assert house.site.alias(get("/ne/image.jpg")).status == 404


@pytest.mark.parametrize("key", ["docs", "jobs/x.png", "pictures/y.png", "odd//", "a/b.png/"])
def test_a_key_that_spells_a_route_has_its_alias_too(house: House, key: str) -> None:
    house.holds(an_entry(key))
    name = an_entry(key).alias

    assert house.site.alias(get(f"/{name}")).status == 200


def test_a_picture_in_a_folder_named_pictures_is_found_by_its_path(house: House) -> None:
    house.holds(an_entry("pictures/y.png"))

    assert house.site.alias(get("/pictures/y.jpg")).status == 200
    assert house.site.alias(get("/pictures/z.jpg")).status == 404


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("my image.png", "/my image.jpg"),
        ("a+b.png", "/a+b.jpg"),
        ("100%.png", "/100%25.jpg"),  # the one escape that an HTTP API leaves
        ("%41.png", "/%2541.jpg"),
        ("what?.png", "/what?.jpg"),
        ("what?.png", "/what_.jpg"),
        ('it\'s "x".png', '/it\'s "x".jpg'),
        ("ü😀.png", "/ü😀.jpg"),
        ("<b>.png", "/<b>.jpg"),
    ],
)
def test_every_name_is_found_under_its_alias(house: House, key: str, path: str) -> None:
    house.holds(an_entry(key))

    assert house.site.alias(get(path)).status == 200


@pytest.mark.parametrize("path", ["/unknown.jpg", "/favicon.ico", "/image.png", "/a/b/c", "/.jpg"])
def test_what_is_not_known_is_404(house: House, path: str) -> None:
    house.holds(an_entry("image.png"))

    answer = house.site.alias(get(path))

    assert answer.status == 404
    assert house.waited == 0


def test_a_name_on_its_way_is_waited_for(house: House) -> None:
    house.holds(an_entry("image.png", State.EXPECTED, revision=1, version="expected", sequencer=""))

    def render() -> None:
        if house.waited > 2:
            house.holds(an_entry("image.png"))

    house.meanwhile = render

    answer = house.site.alias(get("/image.jpg"))

    assert answer.status == 200
    assert 2 < house.waited < 5


def test_a_name_that_stays_away_is_a_202_page_after_five_seconds(house: House) -> None:
    house.holds(an_entry("image.png", State.RENDERING, revision=1))

    answer = house.site.alias(get("/image.jpg"))

    assert answer.status == 202
    assert "Retry-After" in answer.headers
    assert house.waited == pytest.approx(5, abs=0.2)


def test_a_rejected_picture_says_why(house: House) -> None:
    house.holds(an_entry("image.png", State.REJECTED))

    assert "It is damaged." in house.site.alias(get("/image.jpg")).text
    assert document(house.site.alias(get("/image.jpg", IMG)))["detail"] == "It is damaged."
    assert (
        document(house.site.alias(get("/image.jpg", "application/json")))["rejection"]["reason"]
        == "corrupt_image"
    )


@pytest.mark.parametrize("accept", ["*/*", "application/json", IMG])
def test_a_deleted_picture_is_gone_for_whoever_asks(house: House, accept: str) -> None:
    entry = an_entry("image.png", State.DELETED, receipt=a_receipt())
    house.holds(entry)

    assert house.site.picture(get(f"/pictures/{entry.picture_id}", accept), entry.picture_id).status == 410
    assert house.site.alias(get("/image.jpg", accept)).status == 410


def test_of_a_deleted_picture_the_home_page_tells_its_name_alone(house: House) -> None:
    preview = "data:image/webp;base64,AAAA"
    house.holds(an_entry("gone.png", State.DELETED, receipt=a_receipt(placeholder=preview)))

    page = house.site.home(get("/")).text
    [told] = document(house.site.home(get("/", "application/json")))["recent"]

    assert "gone.png" in page
    assert preview not in page
    assert "renditions.test" not in page
    assert (told["status"], "renditions" in told, "placeholder" in told) == ("deleted", False, False)


def test_a_page_whose_files_were_deleted_a_moment_ago_is_shown_without_them(house: House) -> None:
    house.holds(an_entry("image.png"))
    house.renditions.objects.clear()

    answer = house.site.alias(get("/image.jpg"))

    assert answer.status == 200
    assert "base64" not in answer.text


# A picture as an image


def test_an_image_request_is_sent_to_the_best_rendition(house: House) -> None:
    house.holds(an_entry("image.png"))

    answer = house.site.alias(get("/image.jpg", IMG, w="90"))

    assert answer.status == 302
    assert answer.headers["Location"] == "https://renditions.test/prefix/100.jpg?seconds=3600"
    assert answer.headers["Vary"] == "Accept, Origin"


def test_a_redirect_is_remembered_for_less_long_than_its_address_lives(house: House) -> None:
    house.holds(an_entry("image.png"))

    assert house.site.alias(get("/image.jpg", IMG)).headers["Cache-Control"] == "private, max-age=1800"


@pytest.mark.parametrize("width", ["0", "-1", "wide", "1e3", "²", "9" * 30, "9" * 5000])
def test_a_width_that_is_none_is_refused(house: House, width: str) -> None:
    house.holds(an_entry("image.png"))

    assert house.site.alias(get("/image.jpg", IMG, w=width)).status == 400


# Posting


def test_a_posted_picture_is_answered_when_it_is_rendered(house: House) -> None:
    house.renders()

    answer = house.post("image.png", accept="application/json")

    assert answer.status == 201
    receipt = document(answer)
    assert receipt["status"] == "rendered"
    assert receipt["saved_percent"] == 36.0
    assert answer.headers["Location"] == f"./pictures/{receipt['id']}"
    assert receipt["image"] == "./image.jpg"
    [(what, entry)] = house.reported
    assert (what, entry.upload.correlation) == ("stored", receipt["correlation_id"])


def test_curl_gets_a_page_with_the_saving_and_the_link(house: House) -> None:
    house.renders()

    answer = house.post("image.png")

    assert answer.status == 201
    assert "36 % smaller" in answer.text
    assert 'See it at <a href="./image.jpg">http://localhost:8000/image.jpg</a>' in answer.text


def test_a_post_notes_the_upload_as_expected_before_it_stores_it(house: House) -> None:
    class FullDisk(FakeOriginals):
        def store(self, key: str, content: bytes, media_type: str) -> str:
            raise OSError(key)

    house.originals = FullDisk()

    with pytest.raises(OSError, match=r"image\.png") as caught:
        house.post("image.png")

    [entry] = house.ledger.entries.values()
    assert entry.state is State.EXPECTED
    assert entry.picture_id == picture_id_of(UPLOADS, str(caught.value))


def test_a_post_that_is_not_ready_in_ten_seconds_is_202_with_the_link(house: House) -> None:
    answer = house.post("image.png", accept="application/json")

    assert answer.status == 202
    assert house.waited == pytest.approx(10, abs=0.2)
    assert document(answer)["page"].startswith("./pictures/")


def test_a_posted_picture_that_can_not_be_used_is_422_with_the_reason(house: House) -> None:
    house.renders(State.REJECTED)

    answer = house.post(accept="application/json")

    assert answer.status == 422
    assert document(answer)["rejection"]["reason"] == "corrupt_image"
    assert "It is damaged." in house.post().text


def test_pictures_of_one_name_are_all_kept(house: House) -> None:
    house.post("image.png", b"one")
    house.post("image.png", b"two")

    assert sorted(house.originals.objects.values()) == [b"one", b"two"]
    assert len({key for key, _ in house.originals.objects}) == 2


def test_over_four_megabytes_the_answer_names_the_way_straight_to_the_bucket(house: House) -> None:
    answer = house.post("it's.png", b"x" * 4_000_001, accept="application/json")

    assert answer.status == 413
    presigned = document(answer)["presigned"]
    assert presigned["url"] == "https://uploads.test/"
    assert presigned["fields"]["key"].endswith("/it's.png")
    assert not house.originals.objects


@pytest.mark.parametrize("name", ["it's.png", "a;type=b,c.png", "<b> & $HOME `id`.png", "${filename}.png"])
def test_over_four_megabytes_curl_gets_a_command_to_paste(house: House, name: str) -> None:
    answer = house.post(name, b"x" * 4_000_001)

    [command] = re.findall(r"curl .*uploads\.test/", unescape(answer.text))
    arguments = shlex.split(command)
    assert answer.status == 413
    assert f'file=@"{name}"' in arguments
    [key] = [argument for argument in arguments if argument.startswith("key=")]
    assert key.endswith("/" + name.replace("${", "$_{"))


def test_of_a_plain_name_the_command_can_be_pasted_as_curl_prints_it(house: House) -> None:
    answer = house.post("IMG_0001.jpg", b"x" * 4_000_001)

    [command] = re.findall(r"curl .*uploads\.test/", answer.text)
    assert unescape(command) == command
    assert "file=@IMG_0001.jpg" in shlex.split(command)


def test_a_post_without_a_file_is_400(house: House) -> None:
    answer = house.site.post(Request("/", body=b"hello", content_type="text/plain"))

    assert answer.status == 400
    assert "curl -F upload=@image.png" in answer.text


# Pages


def test_the_home_page_shows_what_came_lately(house: House) -> None:
    house.holds(an_entry("one.png"), an_entry("two.png", State.REJECTED))

    answer = house.site.home(get("/"))

    assert answer.status == 200
    assert "one.png" in answer.text
    assert "two.png" in answer.text


def test_the_home_page_shows_each_picture_once(house: House) -> None:
    house.holds(
        an_entry(
            "one.png", State.EXPECTED, revision=1, version="expected", arrived="2026-01-01T00:00:00.000Z"
        ),
        an_entry("one.png", version="v1", arrived="2026-01-02T00:00:00.000Z"),
        an_entry("one.png", version="v2", arrived="2026-01-03T00:00:00.000Z"),
    )

    [recent] = document(house.site.home(get("/", "application/json")))["recent"]

    assert recent["version"] == "v2"


def test_the_home_page_as_json(house: House) -> None:
    house.holds(an_entry("one.png"))

    home = document(house.site.home(get("/", "application/json")))

    assert [each["name"] for each in home["recent"]] == ["one.png"]
    assert home["cursor"] == ""


def test_what_came_before_is_told_page_by_page(house: House) -> None:
    house.holds(*(an_entry(f"{number}.png") for number in range(60)))

    first = document(house.site.home(get("/", "application/json")))
    rest = document(house.site.home(get("/", "application/json", cursor=first["cursor"])))

    names = {each["name"] for each in first["recent"] + rest["recent"]}
    assert names == {f"{number}.png" for number in range(60)}
    assert rest["cursor"] == ""


def test_a_cursor_that_is_none_is_400(house: House) -> None:
    assert house.site.home(get("/", cursor="nonsense")).status == 400


def test_what_is_posted_stands_under_a_key_that_nobody_guesses() -> None:
    house = House()

    for _ in range(3):
        house.post("image.png")

    folders = {key.removesuffix("/image.png") for key, _ in house.originals.objects}
    assert len(folders) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", folder) for folder in folders)


def test_markup_in_a_name_stays_text(house: House) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    entry = an_entry(name)
    house.holds(entry)

    for answer in (
        house.site.home(get("/")),
        house.site.alias(get("/" + entry.alias)),
        house.site.picture(get(f"/pictures/{entry.picture_id}"), entry.picture_id),
        house.post(name),
    ):
        assert "<img src=x" not in answer.text


@pytest.mark.parametrize(
    ("path", "root"), [("/", "./"), ("/a.jpg", "./"), ("/pictures/1", "../"), ("/a/b/c.jpg", "../../")]
)
def test_links_are_relative_to_where_the_page_stands(path: str, root: str) -> None:
    assert Request(path).root == root


def test_every_page_allows_pictures_from_the_renditions_bucket_alone(house: House) -> None:
    policy = house.site.home(get("/")).headers["Content-Security-Policy"]

    assert "img-src data: https://renditions.test;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_picture_page_names_its_alias_only_while_the_alias_shows_it(house: House) -> None:
    older = an_entry("one/image.png", arrived="2026-01-01T00:00:00.000Z")
    house.holds(older)
    request = get(f"/pictures/{older.picture_id}")
    assert "image.jpg" in house.site.picture(request, older.picture_id).text

    house.holds(an_entry("two/image.png", arrived="2026-01-02T00:00:00.000Z"))

    assert "image.jpg" not in house.site.picture(request, older.picture_id).text


def the_page_of(house: House, *renditions: Rendition) -> str:
    """As a browser sees it: without the marks that escaping leaves."""
    entry = an_entry("image.png", receipt=a_receipt(*renditions))
    house.holds(entry)
    request = replace(get(f"/pictures/{entry.picture_id}"), origin="https://site.test")
    return unescape(house.site.picture(request, entry.picture_id).text)


def test_markup_to_copy_leads_to_where_renditions_are_public() -> None:
    page = the_page_of(House(public={"renditions_base_url": "https://images.test", "auth": AuthMode.OPEN}))

    assert '<img src="https://renditions.test/prefix/640.jpg' in page  # as Renditions.url says it then
    assert "https://site.test" not in page


@pytest.mark.parametrize("public", [{"auth": AuthMode.OPEN}, {"public_pages": True}])
def test_else_it_leads_to_the_pictures_own_redirect_where_that_is_open(public: dict[str, Any]) -> None:
    page = the_page_of(House(public=public))

    picture = picture_id_of(UPLOADS, "image.png")
    assert f'<img src="https://site.test/pictures/{picture}?w=640"' in page


def test_where_nothing_is_public_there_is_no_markup_to_copy(house: House) -> None:
    page = the_page_of(house)

    assert "<picture>" not in page
    assert "renditions are private here" in page


def test_the_picture_page_compares_with_the_reference(house: House) -> None:
    reference = a_rendition(width=640, key="prefix/reference-640.jpg", ladder=REFERENCE)
    page = the_page_of(house, a_rendition(width=640), reference)

    assert '<img src="https://renditions.test/prefix/reference-640.jpg' in page
    assert page.count("reference-640.jpg") == 1  # it is nothing to download


def test_a_recent_picture_shows_its_placeholder_first(house: House) -> None:
    house.holds(an_entry("one.png", receipt=a_receipt(placeholder="data:image/webp;base64,AAAA")))

    assert '<img class="soft" src="data:image/webp;base64,AAAA" alt="">' in house.site.home(get("/")).text


def test_a_picture_that_is_rendered_anew_is_shown_as_it_was_meanwhile(house: House) -> None:
    house.holds(an_entry("beach.png", State.RENDERING, revision=5, receipt=a_receipt()))

    page = house.site.alias(get("/beach.jpg"))

    assert page.status == 200
    assert "smaller" in page.text


def test_what_was_ever_saved_is_told_on_the_home_page(house: House) -> None:
    house.views.total = Tally(rendered=3, bytes_before=1_000_000, bytes_after=250_000)

    home = document(house.site.home(get("/", "application/json")))

    assert (home["totals"]["saved_bytes"], home["totals"]["saved_percent"]) == (750_000, 75.0)
    assert "Saved so far" in house.site.home(get("/")).text
