"""The contracts of ports.Originals, Renditions and Reports: the fakes and S3."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from darkroom.adapters.clients import s3_client
from darkroom.adapters.s3 import S3ListedOriginals, S3Originals, S3Renditions, S3Reports, attachment
from darkroom.domain.errors import UploadGone
from darkroom.ports import Originals, Renditions, Reports
from darkroom.web.http import responder_for
from tests.aws import make_bucket
from tests.builders import an_upload
from tests.fakes import FakeOriginals, FakeRenditions, FakeReports

BOTH = pytest.mark.parametrize("kind", ["fake", "s3"])
ALL = pytest.mark.parametrize("kind", ["fake", "s3", "s3 by listing"])
KEYS = ["image.png", "a b+c%?&#'\".png", "ü/😀.png", "<img src=x>.png", "../x.png"]


@pytest.fixture
def originals(kind: str, request: pytest.FixtureRequest) -> Originals:
    if kind == "fake":
        return FakeOriginals()
    request.getfixturevalue("aws")
    client = s3_client()
    make_bucket(client, "UploadsBucket", "uploads")
    adapter = S3ListedOriginals if kind == "s3 by listing" else S3Originals
    return adapter("uploads", client, list_page=2)


@pytest.fixture
def renditions(kind: str, request: pytest.FixtureRequest) -> Renditions:
    if kind == "fake":
        return FakeRenditions()
    request.getfixturevalue("aws")
    client = s3_client()
    make_bucket(client, "RenditionsBucket", "renditions")
    return S3Renditions("renditions", client, list_page=2)


@pytest.fixture
def reports(kind: str, request: pytest.FixtureRequest) -> Reports:
    if kind == "fake":
        return FakeReports()
    request.getfixturevalue("aws")
    client = s3_client("eu-central-1")
    make_bucket(client, "ReportsBucket", "reports")
    return S3Reports("reports", client)


def answer_put(stub: Stubber, code: str = "", status: int = 200) -> None:
    """Adds the response to one PutObject."""
    if code:
        stub.add_client_error("put_object", code, http_status_code=status)
    else:
        stub.add_response("put_object", {})


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("last", [("", 200), ("PreconditionFailed", 412)])
def test_a_conflicting_write_of_a_rendition_is_repeated(last: tuple[str, int]) -> None:
    """409 asks for another attempt; 412 says that the rendition is stored."""
    delays: list[float] = []
    client = s3_client("eu-central-1")

    with Stubber(client) as stub:
        answer_put(stub, "ConditionalRequestConflict", 409)
        answer_put(stub, *last)
        S3Renditions("renditions", client, sleep=delays.append).store("a/1.jpg", b"jpeg", "image/jpeg")

    assert len(delays) == 1


@pytest.mark.usefixtures("aws")
def test_a_write_that_conflicts_five_times_fails() -> None:
    client = s3_client("eu-central-1")

    with Stubber(client) as stub:
        for _ in range(5):
            answer_put(stub, "ConditionalRequestConflict", 409)
        with pytest.raises(ClientError, match="ConditionalRequestConflict"):
            S3Renditions("renditions", client, sleep=lambda _: None).store("a/1.jpg", b"", "image/jpeg")


@ALL
class TestOriginals:
    @pytest.mark.parametrize("key", KEYS)
    def test_read_returns_the_exact_version(self, originals: Originals, key: str) -> None:
        first = originals.store(key, b"one", "image/png")
        second = originals.store(key, b"two", "image/png")

        assert originals.read(an_upload(key, first)) == b"one"
        assert originals.read(an_upload(key, second)) == b"two"

    def test_latest_returns_the_latest_version(self, originals: Originals) -> None:
        originals.store("a +%.png", b"one", "image/png")
        second = originals.store("a +%.png", b"two", "image/png")

        latest = originals.current("a +%.png")

        assert latest
        assert (latest.key, latest.version) == ("a +%.png", second)
        assert originals.current("other.png") is None

    def test_the_current_version_is_not_that_of_a_longer_or_shorter_key(self, originals: Originals) -> None:
        versions = {key: originals.store(key, b"", "image/png") for key in ("a/b", "a", "a.png", "a/b/c")}

        found = {key: originals.current(key) for key in (*versions, "a/", "a/b/")}

        assert {key: upload.version for key, upload in found.items() if upload} == versions

    def test_reading_a_missing_version_raises_upload_gone(self, originals: Originals) -> None:
        version = originals.store("image.png", b"one", "image/png")

        with pytest.raises(UploadGone):
            originals.read(an_upload("other.png", version))

    def test_a_deleted_key_keeps_its_versions(self, originals: Originals) -> None:
        version = originals.store("image.png", b"one", "image/png")
        originals.mark_deleted("image.png")
        originals.mark_deleted("image.png")

        assert originals.current("image.png") is None
        assert originals.read(an_upload("image.png", version)) == b"one"

    def test_list_newest_lists_each_key_once(self, originals: Originals) -> None:
        versions = {key: originals.store(key, b"", "image/png") for key in KEYS}
        versions[KEYS[0]] = originals.store(KEYS[0], b"newer", "image/png")

        listed, cursor = originals.list_newest("")
        while cursor:
            more, cursor = originals.list_newest(cursor)
            listed += more

        assert {change.key: change.version for change in listed} == versions
        assert len(listed) == len(KEYS)

    def test_the_current_version_has_the_focus_of_its_metadata(self, originals: Originals) -> None:
        originals.store("image.png", b"one", "image/png", "0.31,0.40")
        focused = originals.current("image.png")
        originals.store("image.png", b"two", "image/png")
        plain = originals.current("image.png")

        assert focused
        assert plain
        # A list of versions has no metadata.
        known = not isinstance(originals, S3ListedOriginals)
        assert (focused.focus, plain.focus) == ("0.31,0.40" if known else "", "")

    def test_a_form_can_set_the_focus(self, originals: Originals) -> None:
        form = originals.post_form("id/a.png", "image/png", 10, 300, "0.31,0.40")

        assert form.fields["x-amz-meta-focus"] == "0.31,0.40"

    def test_a_form_has_a_url_a_key_and_a_content_type(self, originals: Originals) -> None:
        form = originals.post_form("id/ü +%.png", "image/png", 10, 300)

        assert form.url.startswith("https://")
        assert form.fields["key"] == "id/ü +%.png"
        assert form.fields["Content-Type"] == "image/png"


@BOTH
class TestRenditions:
    def test_a_stored_rendition_is_readable(self, renditions: Renditions) -> None:
        renditions.store("p/640.jpg", b"bytes", "image/jpeg")

        assert renditions.read("p/640.jpg") == b"bytes"

    def test_removing_a_missing_rendition_is_no_error(self, renditions: Renditions) -> None:
        for width in (100, 640):
            renditions.store(f"p/{width}.jpg", b"bytes", "image/jpeg")

        renditions.remove(["p/100.jpg", "p/none.jpg"])
        renditions.remove([])

        assert renditions.read("p/640.jpg") == b"bytes"
        assert renditions.read("p/100.jpg") is None

    def test_list_stored_lists_each_rendition_once(self, renditions: Renditions) -> None:
        keys = sorted(f"{picture_id}/{width}.jpg" for picture_id in "pq" for width in (100, 640, 1280))
        for key in keys:
            renditions.store(key, b"bytes", "image/jpeg")

        listed, cursor = renditions.list_stored("")
        while cursor:
            more, cursor = renditions.list_stored(cursor)
            listed += more

        assert [stored.key for stored in listed] == keys
        assert all(stored.since for stored in listed)

    def test_a_rendition_url_contains_its_key(self, renditions: Renditions) -> None:
        assert "/p/640.jpg?" in renditions.url("p/640.jpg", 60)

    def test_a_rendition_url_stays_the_same_for_some_minutes(self, renditions: Renditions) -> None:
        assert len({renditions.url("p/640.jpg", 60) for _ in range(3)}) <= 2  # two if a period ends meanwhile

    def test_a_download_url_has_the_name_of_the_file(self, renditions: Renditions) -> None:
        assert "cam24-640.jpg" in renditions.url("p/640.jpg", 60, "cam24-640.jpg")

    def test_a_rendition_is_never_overwritten(self, renditions: Renditions) -> None:
        renditions.store("p/640.jpg", b"bytes", "image/jpeg")
        renditions.store("p/640.jpg", b"other", "image/jpeg")

        assert renditions.read("p/640.jpg") == b"bytes"


@pytest.mark.usefixtures("aws")
def test_renditions_are_stored_with_immutable_cache_headers() -> None:
    client = s3_client()
    make_bucket(client, "RenditionsBucket", "renditions")

    S3Renditions("renditions", client).store("p/640.avif", b"bytes", "image/avif")

    head = client.head_object(Bucket="renditions", Key="p/640.avif")
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    assert head["ContentType"] == "image/avif"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_a_presigned_url_is_regional_virtual_hosted_and_sigv4(region: str) -> None:
    address = urlsplit(S3Renditions("renditions", s3_client(region)).url("p/640.jpg", 60))

    assert address.netloc == f"renditions.s3.{region}.amazonaws.com"
    assert address.path == "/p/640.jpg"
    assert parse_qs(address.query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert parse_qs(address.query)["X-Amz-Expires"] == ["60"]


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("cam24-1920.jpg", "attachment; filename=\"cam24-1920.jpg\"; filename*=UTF-8''cam24-1920.jpg"),
        (
            'a"\r\n;\u00fc.jpg',
            "attachment; filename=\"a_____.jpg\"; filename*=UTF-8''a%22%0D%0A%3B%C3%BC.jpg",
        ),
    ],
)
def test_a_download_is_saved_under_its_name(name: str, disposition: str) -> None:
    assert attachment(name) == disposition


@pytest.mark.usefixtures("aws")
def test_a_presigned_url_asks_for_the_disposition() -> None:
    url = S3Renditions("renditions", s3_client("eu-central-1")).url("p/640.jpg", 60, "\u00fc-640.jpg")

    assert parse_qs(urlsplit(url).query)["response-content-disposition"] == [attachment("\u00fc-640.jpg")]


@pytest.mark.usefixtures("aws")
def test_a_rendition_url_of_a_public_bucket_is_not_presigned() -> None:
    renditions = S3Renditions("renditions", s3_client("eu-central-1"), "https://images.test/r")

    assert renditions.url("p/<640>.jpg", 60) == "https://images.test/r/p/%3C640%3E.jpg"


@pytest.mark.usefixtures("aws")
def test_a_download_from_a_public_bucket_is_presigned_to_have_its_name_and_be_readable_by_pages() -> None:
    renditions = S3Renditions("renditions", s3_client("eu-central-1"), "https://images.test/r")
    bucket = "https://renditions.s3.eu-central-1.amazonaws.com"

    assert renditions.url("p/640.jpg", 60, "a-640.jpg").startswith(f"{bucket}/p/640.jpg?")
    responder = responder_for(FakeOriginals(), renditions, FakeReports())
    assert responder.image_origins == ("https://images.test",)
    assert bucket in responder.connect_origins


@BOTH
def test_a_report_can_be_stored_again_and_its_url_contains_its_key(reports: Reports) -> None:
    for _ in range(2):
        reports.store("job/x.csv", b"number,name", "text/csv")

    assert "/job/x.csv?" in reports.url("job/x.csv", 60)


@BOTH
def test_stored_files_are_readable_until_they_are_removed(reports: Reports) -> None:
    for name in ("a", "b"):
        reports.store(f"trials/x/{name}", name.encode(), "text/plain")

    reports.remove(["trials/x/a", "trials/x/none"])
    reports.remove([])

    assert [reports.read(f"trials/x/{name}") for name in ("a", "b", "none")] == [None, b"b", None]


@pytest.mark.usefixtures("aws")
def test_a_report_has_a_presigned_url_and_is_not_cached() -> None:
    client = s3_client("eu-central-1")
    make_bucket(client, "ReportsBucket", "reports")
    reports = S3Reports("reports", client)

    reports.store("job/x.csv", b"number,name", "text/csv")

    stored = client.get_object(Bucket="reports", Key="job/x.csv")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"number,name", "text/csv")
    assert stored["CacheControl"] == "no-store"
    address = urlsplit(reports.url("job/x.csv", 60))
    assert address.netloc == "reports.s3.eu-central-1.amazonaws.com"
    assert "X-Amz-Signature" in parse_qs(address.query)


@pytest.mark.usefixtures("aws")
def test_a_presigned_url_of_the_local_stack_is_path_style() -> None:
    client = s3_client("us-east-1", "http://127.0.0.1:4566")

    assert (
        S3Renditions("renditions", client)
        .url("p/640.jpg", 60)
        .startswith("http://127.0.0.1:4566/renditions/p/640.jpg?")
    )


@pytest.mark.usefixtures("aws")
def test_a_form_policy_fixes_the_key_the_type_and_a_size_range() -> None:
    form = S3Originals("uploads", s3_client("eu-central-1")).post_form(
        "id/${filename}.png", "image/png", 10, 300, "auto"
    )

    conditions = json.loads(base64.b64decode(form.fields["policy"]))["conditions"]
    assert form.url == "https://uploads.s3.eu-central-1.amazonaws.com/"
    assert ["content-length-range", 1, 10] in conditions
    assert ["eq", "$key", "id/${filename}.png"] in conditions
    assert {"Content-Type": "image/png"} in conditions
    assert {"x-amz-meta-focus": "auto"} in conditions
    assert not [condition for condition in conditions if "starts-with" in condition]
