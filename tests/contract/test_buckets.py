"""The three buckets: what the fake promises, S3 keeps."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from darkroom.adapters import s3
from darkroom.adapters.clients import s3_client
from darkroom.adapters.s3 import S3Originals, S3Renditions, S3Reports
from darkroom.domain.errors import UploadGone
from darkroom.ports import Originals, Renditions, Reports
from tests.aws import make_bucket
from tests.builders import an_upload
from tests.fakes import FakeOriginals, FakeRenditions, FakeReports

BOTH = pytest.mark.parametrize("kind", ["fake", "s3"])
KEYS = ["image.png", "a b+c%?&#'\".png", "ü/😀.png", "<img src=x>.png", "../x.png"]


@pytest.fixture
def originals(kind: str, request: pytest.FixtureRequest) -> Originals:
    if kind == "fake":
        return FakeOriginals()
    request.getfixturevalue("aws")
    client = s3_client()
    make_bucket(client, "UploadsBucket", "uploads")
    request.getfixturevalue("monkeypatch").setattr(s3, "_LISTED_AT_ONCE", 2)
    return S3Originals("uploads", client)


@pytest.fixture
def renditions(kind: str, request: pytest.FixtureRequest) -> Renditions:
    if kind == "fake":
        return FakeRenditions()
    request.getfixturevalue("aws")
    client = s3_client()
    make_bucket(client, "RenditionsBucket", "renditions")
    request.getfixturevalue("monkeypatch").setattr(s3, "_LISTED_AT_ONCE", 2)
    return S3Renditions("renditions", client)


@pytest.fixture
def reports(kind: str, request: pytest.FixtureRequest) -> Reports:
    if kind == "fake":
        return FakeReports()
    request.getfixturevalue("aws")
    client = s3_client("eu-central-1")
    make_bucket(client, "ReportsBucket", "reports")
    return S3Reports("reports", client)


@BOTH
class TestOriginals:
    @pytest.mark.parametrize("key", KEYS)
    def test_each_version_is_read_as_it_was_stored(self, originals: Originals, key: str) -> None:
        first = originals.store(key, b"one", "image/png")
        second = originals.store(key, b"two", "image/png")

        assert originals.read(an_upload(key, first)) == b"one"
        assert originals.read(an_upload(key, second)) == b"two"

    def test_the_latest_version_is_told(self, originals: Originals) -> None:
        originals.store("a +%.png", b"one", "image/png")
        second = originals.store("a +%.png", b"two", "image/png")

        latest = originals.latest("a +%.png")

        assert latest
        assert (latest.key, latest.version, latest.sequencer) == ("a +%.png", second, "")
        assert originals.latest("other.png") is None

    def test_a_version_that_is_not_there_is_gone(self, originals: Originals) -> None:
        version = originals.store("image.png", b"one", "image/png")

        with pytest.raises(UploadGone):
            originals.read(an_upload("other.png", version))

    def test_every_key_is_listed_once_at_its_latest_version_without_a_sequencer(
        self, originals: Originals
    ) -> None:
        versions = {key: originals.store(key, b"", "image/png") for key in KEYS}
        versions[KEYS[0]] = originals.store(KEYS[0], b"newer", "image/png")

        listed, cursor = originals.list_latest("")
        while cursor:
            more, cursor = originals.list_latest(cursor)
            listed += more

        assert {each.key: (each.version, each.sequencer) for each in listed} == {
            key: (version, "") for key, version in versions.items()
        }
        assert len(listed) == len(KEYS)

    def test_a_form_names_its_key_and_type_and_where_to_send_it(self, originals: Originals) -> None:
        form = originals.post_form("id/ü +%.png", "image/png", 10, 300)

        assert form.url.startswith("https://")
        assert form.fields["key"] == "id/ü +%.png"
        assert form.fields["Content-Type"] == "image/png"


@BOTH
class TestRenditions:
    def test_a_rendition_is_read_as_it_was_stored(self, renditions: Renditions) -> None:
        renditions.store("p/640.jpg", b"bytes", "image/jpeg")

        assert renditions.read("p/640.jpg") == b"bytes"

    def test_renditions_are_removed_and_may_be_missing(self, renditions: Renditions) -> None:
        for width in (100, 640):
            renditions.store(f"p/{width}.jpg", b"bytes", "image/jpeg")

        renditions.remove(["p/100.jpg", "p/none.jpg"])
        renditions.remove([])

        assert renditions.read("p/640.jpg") == b"bytes"
        assert renditions.read("p/100.jpg") is None

    def test_every_rendition_is_listed_once(self, renditions: Renditions) -> None:
        keys = sorted(f"{picture_id}/{width}.jpg" for picture_id in "pq" for width in (100, 640, 1280))
        for key in keys:
            renditions.store(key, b"bytes", "image/jpeg")

        listed, cursor = renditions.list_stored("")
        while cursor:
            more, cursor = renditions.list_stored(cursor)
            listed += more

        assert [each.key for each in listed] == keys
        assert all(each.since for each in listed)

    def test_an_address_names_its_key(self, renditions: Renditions) -> None:
        assert "/p/640.jpg?" in renditions.url("p/640.jpg", 60)

    def test_a_rendition_never_changes(self, renditions: Renditions) -> None:
        renditions.store("p/640.jpg", b"bytes", "image/jpeg")
        renditions.store("p/640.jpg", b"other", "image/jpeg")

        assert renditions.read("p/640.jpg") == b"bytes"


@pytest.mark.usefixtures("aws")
def test_renditions_are_kept_for_ever_by_who_fetches_them() -> None:
    client = s3_client()
    make_bucket(client, "RenditionsBucket", "renditions")

    S3Renditions("renditions", client).store("p/640.avif", b"bytes", "image/avif")

    head = client.head_object(Bucket="renditions", Key="p/640.avif")
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    assert head["ContentType"] == "image/avif"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_a_presigned_address_is_regional_virtual_hosted_and_sigv4(region: str) -> None:
    address = urlsplit(S3Renditions("renditions", s3_client(region)).url("p/640.jpg", 60))

    assert address.netloc == f"renditions.s3.{region}.amazonaws.com"
    assert address.path == "/p/640.jpg"
    assert parse_qs(address.query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert parse_qs(address.query)["X-Amz-Expires"] == ["60"]


@pytest.mark.usefixtures("aws")
def test_a_rendition_of_a_public_bucket_has_an_address_for_ever() -> None:
    renditions = S3Renditions("renditions", s3_client("eu-central-1"), "https://images.test/r")

    assert renditions.url("p/<640>.jpg", 60) == "https://images.test/r/p/%3C640%3E.jpg"


@BOTH
def test_a_report_may_be_stored_again_and_its_address_names_its_key(reports: Reports) -> None:
    for _ in range(2):
        reports.store("job/x.csv", b"number,name", "text/csv")

    assert "/job/x.csv?" in reports.url("job/x.csv", 60)


@pytest.mark.usefixtures("aws")
def test_a_report_is_fetched_by_a_signed_address_and_kept_by_nobody() -> None:
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
def test_on_the_local_stack_a_presigned_address_is_path_style() -> None:
    client = s3_client("us-east-1", "http://127.0.0.1:4566")

    assert (
        S3Renditions("renditions", client)
        .url("p/640.jpg", 60)
        .startswith("http://127.0.0.1:4566/renditions/p/640.jpg?")
    )


@pytest.mark.usefixtures("aws")
def test_a_form_binds_the_exact_key_and_type_and_a_range_of_sizes() -> None:
    form = S3Originals("uploads", s3_client("eu-central-1")).post_form(
        "id/${filename}.png", "image/png", 10, 300
    )

    conditions = json.loads(base64.b64decode(form.fields["policy"]))["conditions"]
    assert form.url == "https://uploads.s3.eu-central-1.amazonaws.com/"
    assert ["content-length-range", 1, 10] in conditions
    assert ["eq", "$key", "id/${filename}.png"] in conditions
    assert {"Content-Type": "image/png"} in conditions
    assert not [each for each in conditions if "starts-with" in each]
