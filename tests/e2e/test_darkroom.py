"""Uploads through the real template, from the bucket to the page."""

import base64
import re
import subprocess
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from boto3.s3.transfer import TransferConfig
from PIL import Image

from darkroom.domain.uploads import Removal
from darkroom.services.notifications import notification_of
from tests.e2e.conftest import DARKROOM, Stack, fetch, send, wait_for
from tests.pictures import a_photograph, a_png_with_alpha, a_small_png

KINDS = ("jpeg", "webp", "avif")
IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def embedded(page: str) -> Image.Image:
    """Decodes the picture embedded in a page."""
    found = re.search(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert found
    picture = Image.open(BytesIO(base64.b64decode(found[1])))
    picture.load()
    return picture


def test_upload_with_curl_and_open_the_page(stack: Stack, tmp_path: Path) -> None:
    picture = tmp_path / "image.png"
    picture.write_bytes(a_photograph(kind="PNG"))

    def rendered() -> str | None:
        """Returns curl's output if the upload was rendered in time; a cold worker takes longer."""
        curl = subprocess.run(
            [*stack.curl, "-v", "-F", f"upload=@{picture}", f"{stack.status['web']}/"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return curl.stdout if re.search(r"^< HTTP/\S+ 201", curl.stderr, re.MULTILINE) else None

    output = wait_for(rendered, "a picture to be rendered during its POST")
    shown = stack.get("/image.jpg")

    assert re.fullmatch(r"image\.png: [\d.]+ MB -> \d+ KB, [\d.]+% smaller\nhttp\S+/image\.jpg\n", output)
    assert shown.status == 200
    assert shown.headers["content-type"].startswith("text/html")
    assert embedded(shown.text).size == (1200, 800)


def test_a_twelve_megapixel_photograph_is_posted(stack: Stack) -> None:
    photograph = a_photograph(4000, 3000, quality=85)
    assert len(photograph) < 4_000_000

    response = stack.post(photograph, "twelve.jpg", "application/json")
    receipt = stack.settled("twelve.jpg")

    assert response.status in (201, 202)
    assert receipt["original"]["width"] == 4000
    assert embedded(stack.get("/twelve.jpg").text).width in {
        rendition["width"] for rendition in receipt["renditions"]
    }


def test_alpha_is_flattened_in_jpeg_and_kept_in_other_formats(
    stack: Stack,
) -> None:
    stack.post(a_png_with_alpha(), "alpha.png")
    receipt = stack.settled("alpha.jpg")

    for rendition in receipt["renditions"]:
        picture = Image.open(BytesIO(fetch(rendition["url"]).body))
        assert (picture.mode == "RGBA") == (rendition["format"] != "jpeg")
    assert embedded(stack.get("/alpha.jpg").text).getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.parametrize(
    "name", ['it\'s "my" image.png', "a+b %41 100%.png", "ünï 😀.png", "<b>&amp;.png", "what?.png"]
)
def test_special_characters_in_a_name_are_kept_and_escaped(stack: Stack, tmp_path: Path, name: str) -> None:
    picture = tmp_path / name
    picture.write_bytes(a_small_png())

    # Inside quotes, curl needs only backslashes and quotes of a file name escaped.
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    curl = subprocess.run(
        [*stack.curl, "-F", f'upload=@"{quoted}"', f"{stack.status['web']}/"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert name in curl.stdout
    assert stack.settled(name.removesuffix(".png") + ".jpg")["name"] == name


def test_a_failure_is_listed_and_can_be_retried(stack: Stack) -> None:
    # A removal: an upload of an object that exists would be rendered meanwhile.
    removal = Removal(stack.status["uploads_bucket"], "failed.png", "gone", marker=True)
    queue = stack.client("sqs")
    queue.send_message(QueueUrl=stack.status["dead_letters_url"], MessageBody=notification_of(removal))

    def failure() -> Any:
        return next((entry for entry in failures() if entry["key"] == "failed.png"), None)

    def failures() -> Any:
        return stack.get("/failures", "application/json").json["failures"]

    failed = wait_for(failure, "the dead letter to be listed as a failure")
    assert failed["reason"] == "not_begun"
    assert "failed.png" in stack.darkroom("failures").stdout

    retried = stack.darkroom("retry", failed["id"])

    assert retried.returncode == 0, retried.stderr
    wait_for(lambda: not failure(), "the failure to be closed")
    assert stack.darkroom("retry", failed["id"]).returncode == 1


def test_a_picture_is_rendered_in_every_format_and_width(stack: Stack) -> None:
    receipt = stack.rendered("holiday/beach one.jpg", a_photograph(1500, 1000))

    made = {
        kind: {rendition["width"] for rendition in receipt["renditions"] if rendition["format"] == kind}
        for kind in KINDS
    }
    codes = {decision["code"] for decision in receipt["decisions"]}
    assert made["jpeg"] == {100, 640, 1280, 1500}
    for kind in KINDS:  # the receipt has a decision for every missing width
        assert made[kind] == made["jpeg"] or codes & {
            f"{kind}_{reason}" for reason in ("short", "dropped", "skipped", "omitted")
        }
    for rendition in receipt["renditions"]:
        response = fetch(rendition["url"])
        assert response.status == 200
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert len(response.body) == rendition["size_bytes"]
        assert Image.open(BytesIO(response.body)).size == (rendition["width"], rendition["height"])


def test_a_corrupt_picture_is_rejected_with_a_visible_reason(stack: Stack) -> None:
    receipt = stack.rendered("broken.jpg", a_photograph()[:5000])

    assert receipt["status"] == "rejected"
    assert receipt["rejection"]["reason"] == "corrupt_image"
    assert receipt["rejection"]["sentence"] in unescape(stack.get("/broken.jpg").text)


@pytest.mark.parametrize("key", ["docs", "jobs/x.png", "pictures/y.png", "a/../b.png", "//double.png"])
def test_keys_that_look_like_routes_or_paths_work(stack: Stack, key: str) -> None:
    receipt = stack.rendered(key, a_small_png(len(key)))

    assert receipt["key"] == key
    assert stack.get(f"/pictures/{receipt['id']}").status == 200
    assert stack.get("/" + key.lstrip("/").removesuffix(".png") + ".jpg").status == 200


def test_a_shared_alias_shows_the_newest_picture_and_each_keeps_its_page(stack: Stack) -> None:
    first = stack.rendered("first/meet.png", a_small_png(1))

    second = stack.rendered("second/meet.gif", a_small_png(2))

    assert first["id"] != second["id"]
    for receipt in (first, second):
        page = stack.get(f"/pictures/{receipt['id']}", "application/json")
        assert page.json["key"] == receipt["key"]


def test_a_new_version_replaces_the_old_one(stack: Stack) -> None:
    first = stack.rendered("again.png", a_small_png(1))

    second = stack.rendered("again.png", a_png_with_alpha())

    assert second["id"] == first["id"]
    assert second["original"]["width"] == 640


def test_a_deleted_picture_and_its_renditions_are_removed_and_restored(stack: Stack) -> None:
    s3, uploads = stack.client("s3"), stack.status["uploads_bucket"]
    receipt = stack.rendered("delete me.png", a_small_png())

    marker = s3.delete_object(Bucket=uploads, Key="delete me.png")["VersionId"]
    wait_for(lambda: stack.get("/delete me.jpg").status == 410, "the picture to be gone")
    wait_for(lambda: fetch(receipt["renditions"][0]["url"]).status == 404, "its renditions to be gone")

    s3.delete_object(Bucket=uploads, Key="delete me.png", VersionId=marker)
    back = wait_for(
        lambda: (response := stack.get("/delete me.jpg", "application/json")).status == 200 and response.json,
        "the picture to be back",
    )
    assert back["version"] == receipt["version"]


def test_a_picture_is_deleted_over_http(stack: Stack) -> None:
    receipt = stack.rendered("delete by http.png", a_small_png())
    address = f"{stack.status['web']}/pictures/{receipt['id']}"

    response = fetch(address, "application/json", method="DELETE")

    assert (response.status, response.json) == (202, {"action": "delete", "uploads": 1})
    wait_for(lambda: fetch(address).status == 410, "the picture to be gone")
    wait_for(lambda: fetch(receipt["renditions"][0]["url"]).status == 404, "its renditions to be gone")


def test_a_download_is_saved_under_the_name_of_the_picture(stack: Stack) -> None:
    receipt = stack.rendered("cam 24.png", a_small_png())
    page = unescape(stack.get(f"/pictures/{receipt['id']}", "text/html").text)

    urls = re.findall(r'<a href="([^"]+)" download>', page)
    dispositions = [fetch(url).headers["content-disposition"] for url in urls]

    widths = {rendition["width"] for rendition in receipt["renditions"]}
    assert urls
    assert all(
        re.match(r'attachment; filename="cam 24-\d+\.(jpg|webp|avif)";', text) for text in dispositions
    )
    assert {int(re.findall(r"cam 24-(\d+)", text)[0]) for text in dispositions} <= widths


def test_deleting_the_latest_version_restores_the_previous_one(stack: Stack) -> None:
    first = stack.rendered("two.png", a_small_png(1))
    second = stack.rendered("two.png", a_small_png(2))

    stack.client("s3").delete_object(
        Bucket=stack.status["uploads_bucket"], Key="two.png", VersionId=second["version"]
    )

    assert stack.settled("two.jpg", first["version"])


def test_the_picture_page_has_presigned_links_but_none_in_its_markup(
    stack: Stack,
) -> None:
    receipt = stack.rendered("offer.png", a_photograph(700, 500, "PNG"))

    page = unescape(stack.get(f"/pictures/{receipt['id']}", "text/html").text)

    main = [rendition for rendition in receipt["renditions"] if rendition["ladder"] == "main"]
    assert {rendition["width"] for rendition in main} == {100, 640, 700}
    for rendition in main:
        assert rendition["url"].split("?")[0] in page
    [markup] = re.findall(r"<picture>.*?</picture>", page, re.DOTALL)
    assert "X-Amz" not in markup


def test_an_image_request_redirects_to_the_best_format_and_width(stack: Stack) -> None:
    stack.rendered("redirect.png", a_photograph(1400, 900, "PNG"))

    modern, old = stack.get("/redirect.jpg", IMG, w="600"), stack.get("/redirect.jpg", "image/jpeg")

    assert (modern.status, old.status) == (302, 302)
    assert Image.open(BytesIO(fetch(modern.headers["location"]).body)).format in {"AVIF", "WEBP"}
    assert Image.open(BytesIO(fetch(modern.headers["location"]).body)).width == 640
    assert Image.open(BytesIO(fetch(old.headers["location"]).body)).size == (1400, 900)


def test_the_home_page_lists_new_pictures(stack: Stack) -> None:
    stack.rendered("home page.png", a_small_png())

    assert "home page.png" in stack.get("/", "text/html").text


def test_head_requests_and_trailing_slashes_reach_the_api(stack: Stack) -> None:
    rendered = stack.rendered("headed.png", a_small_png(4))
    web = stack.status["web"]

    for path in ("/", "/docs", "/openapi.json", f"/pictures/{rendered['id']}", "/headed.jpg", "/failures"):
        of_head = fetch(web + path, "application/json", "HEAD")
        assert (of_head.status, of_head.text) == (200, ""), path
        assert of_head.headers["etag"]
    assert fetch(f"{web}/nonesuch.jpg", "application/json", "HEAD").status == 404
    redirected = fetch(f"{web}/headed.jpg/?w=100", "application/json")
    assert (redirected.status, redirected.headers["location"]) == (308, "../headed.jpg?w=100")


def test_an_unknown_picture_is_404(stack: Stack) -> None:
    assert stack.get("/nobody.jpg").status == 404
    assert stack.get("/pictures/0123456789abcdef").status == 404
    assert stack.get("/nobody.jpg", "application/json").json["status"] == 404


def test_markup_in_a_name_is_escaped(stack: Stack) -> None:
    receipt = stack.rendered("<img src=x onerror=alert(1)>.png", a_small_png())

    for path in ("/", f"/pictures/{receipt['id']}", "/<img src=x onerror=alert(1)>.jpg"):
        response = stack.get(path, "text/html")
        assert "<img src=x" not in response.text
        assert "default-src 'none'" in response.headers["content-security-policy"]


def test_a_presigned_url_with_a_changed_signature_is_refused(stack: Stack) -> None:
    rendition = stack.rendered("signed.png", a_small_png())["renditions"][0]
    other = re.sub("X-Amz-Signature=.", "X-Amz-Signature=z", rendition["url"])

    assert fetch(rendition["url"]).status == 200
    assert fetch(other).status == 403
    assert fetch(rendition["url"].split("?")[0]).status == 403


def test_presigned_urls_have_a_session_token_as_in_the_cloud(stack: Stack) -> None:
    receipt = stack.rendered("long-url.png", a_small_png(10))

    [token] = parse_qs(urlsplit(receipt["renditions"][0]["url"]).query)["X-Amz-Security-Token"]

    assert len(token) > 1000


def test_a_post_over_four_megabytes_returns_a_working_form(stack: Stack) -> None:
    photograph = a_photograph(2000, 1500, "BMP")[:4_200_000]

    response = stack.post(photograph, "large.bmp", "application/json")

    assert response.status == 413
    sent = send(response.json["presigned"], a_small_png(9))
    assert sent.status in (200, 201, 204), sent.text
    assert stack.settled("large.jpg")["status"] == "rendered"


def test_the_command_of_a_413_works_in_a_shell(stack: Stack, tmp_path: Path) -> None:
    name = 'it\'s a;b, "c" & $HOME.bmp'
    large = a_photograph(1300, 1050, "BMP")
    (tmp_path / name).write_bytes(large)
    assert 4_000_000 < len(large) < 4_500_000

    [command] = re.findall(r"curl --form-string .*", stack.post(large, name).text)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, timeout=60, check=True)

    assert stack.settled(name.removesuffix(".bmp") + ".jpg")["status"] == "rendered"


def test_a_multipart_upload_is_rendered(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "parts.bmp").write_bytes(a_photograph(1800, 1200, "BMP"))
    in_parts = TransferConfig(multipart_threshold=5_242_880, multipart_chunksize=5_242_880)

    stack.client("s3").upload_file(
        str(tmp_path / "parts.bmp"), stack.status["uploads_bucket"], "parts.bmp", Config=in_parts
    )

    assert stack.settled("parts.jpg")["original"]["format"] == "bmp"


@pytest.mark.local("the test is for the limit of the local front door")
def test_the_front_door_enforces_the_gateway_size_limit(stack: Stack) -> None:
    response = stack.post(b"x" * 5_000_000)

    assert (response.status, response.json) == (413, {"message": "Request Entity Too Large"})


def test_forty_pictures_put_at_once_are_all_rendered(stack: Stack) -> None:
    names = [f"many-{number:02}" for number in range(40)]
    for number, name in enumerate(names):
        stack.put(f"many/{name}.png", a_small_png(number))

    states = {stack.settled(f"{name}.jpg")["status"] for name in names}

    assert states == {"rendered"}
    waiting = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.status["dead_letters_url"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert waiting["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_drop_uploads_a_folder_and_lists_rejected_files(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(a_photograph(800, 600))
    (folder / "broken.png").write_bytes(b"not a picture")

    done = stack.darkroom("drop", folder)

    assert done.returncode == 1
    assert "album/good.jpg" in done.stdout
    assert "album/broken.png: rejected (unsupported_format)" in done.stdout


def test_drop_of_good_pictures_exits_0_and_prints_their_pages(stack: Stack, tmp_path: Path) -> None:
    picture = tmp_path / "drop me.jpg"
    picture.write_bytes(a_photograph(800, 600))

    done = stack.darkroom("drop", picture)

    assert done.returncode == 0, done.stdout + done.stderr
    [page] = re.findall(rf"{stack.status['web']}/pictures/[0-9a-f]{{32}}", done.stdout)
    assert fetch(page, "text/html").status == 200


def test_the_render_command_and_the_function_produce_the_same_bytes(stack: Stack, tmp_path: Path) -> None:
    photograph = a_photograph(900, 700)
    (tmp_path / "same.jpg").write_bytes(photograph)
    receipt = stack.rendered("same.jpg", photograph)

    local = subprocess.run(
        [DARKROOM, "render", tmp_path / "same.jpg", tmp_path / "out"], check=True, capture_output=True
    )

    assert b"1 picture: 1 rendered." in local.stdout
    for rendition in receipt["renditions"]:
        name = rendition["url"].split("?")[0].rsplit("/", 1)[-1]
        assert fetch(rendition["url"]).body == (tmp_path / "out" / f"same-{name}").read_bytes()


@pytest.mark.local("a stack with pictures would process the events as its own")
def test_the_functions_accept_events_by_sam_remote_invoke(stack: Stack) -> None:
    for function, event, expected in (
        ("WebFunction", "web-get-home", '"statusCode": 200'),
        ("RenderFunction", "render-foreign-message", '"batchItemFailures": []'),
        ("ProjectFunction", "project-stream-record", '"batchItemFailures": []'),
    ):
        output = stack.sam(
            *("remote", "invoke", function, "--stack-name", stack.status["stack"]),
            *("--region", stack.status["region"], "--event-file", f"events/{event}.json"),
        )
        assert expected in output
