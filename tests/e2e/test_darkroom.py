"""A picture dropped in a bucket becomes a page: the whole way, through the real template."""

import base64
import json
import re
import subprocess
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from PIL import Image

from tests.builders import an_event
from tests.e2e.conftest import DARKROOM, Stack, fetch, send, wait_for
from tests.pictures import a_photograph, a_png_with_alpha, a_small_png

KINDS = ("jpeg", "webp", "avif")
IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def embedded(page: str) -> Image.Image:
    """The picture inside a page."""
    found = re.search(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert found
    picture = Image.open(BytesIO(base64.b64decode(found[1])))
    picture.load()
    return picture


# The seed's two commands


def test_the_seeds_two_commands_one_right_after_the_other(stack: Stack, tmp_path: Path) -> None:
    picture = tmp_path / "image.png"
    picture.write_bytes(a_photograph(kind="PNG"))

    def rendered() -> str | None:
        """What curl prints, once it has not been left with the link alone: a cold worker takes longer."""
        curl = subprocess.run(
            [*stack.curl, "-v", "-F", f"upload=@{picture}", f"{stack.status['web']}/"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return curl.stdout if re.search(r"^< HTTP/\S+ 201", curl.stderr, re.MULTILINE) else None

    said = wait_for(rendered, "a picture developed while its sender waits")
    shown = stack.get("/image.jpg")

    assert "% smaller" in said
    assert shown.status == 200
    assert shown.headers["content-type"].startswith("text/html")
    assert embedded(shown.text).size == (1200, 800)


def test_a_photograph_of_twelve_megapixels_by_post(stack: Stack) -> None:
    photograph = a_photograph(4000, 3000, quality=85)
    assert len(photograph) < 4_000_000

    reply = stack.post(photograph, "twelve.jpg", "application/json")
    receipt = stack.settled("twelve.jpg")

    assert reply.status in (201, 202)
    assert receipt["original"]["width"] == 4000
    assert embedded(stack.get("/twelve.jpg").text).width in {each["width"] for each in receipt["renditions"]}


def test_a_png_with_alpha_stands_on_the_profiles_background_as_jpeg_and_keeps_it_as_webp(
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
def test_an_odd_name_works_everywhere_and_is_escaped_everywhere(
    stack: Stack, tmp_path: Path, name: str
) -> None:
    picture = tmp_path / name
    picture.write_bytes(a_small_png())

    # Within quotes curl takes a file's name as it is, but for a backslash and a quote.
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    curl = subprocess.run(
        [*stack.curl, "-F", f'upload=@"{quoted}"', f"{stack.status['web']}/"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert name in unescape(curl.stdout)
    assert "<b>&amp;" not in curl.stdout
    assert stack.settled(name.removesuffix(".png") + ".jpg")["name"] == name


def test_what_was_given_up_is_seen_and_a_retry_takes_it_up_again(stack: Stack) -> None:
    notification = json.loads(an_event("render-s3-put")["Records"][0]["body"])
    told = notification["Records"][0]["s3"]
    told["bucket"]["name"] = stack.status["uploads_bucket"]
    told["object"] |= {"key": "parked.png", "versionId": "gone"}
    queue = stack.client("sqs")
    queue.send_message(QueueUrl=stack.status["dead_letters_url"], MessageBody=json.dumps(notification))

    def failure() -> Any:
        return next((each for each in failures() if each["key"] == "parked.png"), None)

    def failures() -> Any:
        return stack.get("/failures", "application/json").json["failures"]

    parked = wait_for(failure, "the dead letter parked")
    assert parked["reason"] == "not_begun"
    assert "parked.png" in stack.darkroom("failures").stdout

    retried = stack.darkroom("retry", parked["id"])

    assert retried.returncode == 0, retried.stderr
    wait_for(lambda: not failure(), "the failure closed")
    wait_for(lambda: stack.get("/parked.jpg").status == 410, "seen that S3 has no such version")
    assert stack.darkroom("retry", parked["id"]).returncode == 1


# Straight into the bucket


def test_a_picture_put_into_the_bucket_is_rendered_in_every_format_and_width(stack: Stack) -> None:
    receipt = stack.rendered("holiday/beach one.jpg", a_photograph(1500, 1000))

    made = {
        kind: {each["width"] for each in receipt["renditions"] if each["format"] == kind} for kind in KINDS
    }
    decided = {each["code"] for each in receipt["decisions"]}
    assert made["jpeg"] == {100, 640, 1280, 1500}
    for kind in KINDS:  # a width that is missing was dropped for a reason that the receipt tells
        assert made[kind] == made["jpeg"] or decided & {
            f"{kind}_{why}" for why in ("short", "dropped", "skipped")
        }
    for rendition in receipt["renditions"]:
        reply = fetch(rendition["url"])
        assert reply.status == 200
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert len(reply.body) == rendition["size_bytes"]
        assert Image.open(BytesIO(reply.body)).size == (rendition["width"], rendition["height"])


def test_a_corrupt_picture_is_rejected_with_a_reason_that_the_user_sees(stack: Stack) -> None:
    receipt = stack.rendered("broken.jpg", a_photograph()[:5000])

    assert receipt["status"] == "rejected"
    assert receipt["rejection"]["reason"] == "corrupt_image"
    assert receipt["rejection"]["sentence"] in unescape(stack.get("/broken.jpg").text)


@pytest.mark.parametrize("key", ["docs", "jobs/x.png", "pictures/y.png", "a/../b.png", "//double.png"])
def test_a_key_that_spells_a_route_or_a_path_is_a_picture_like_any_other(stack: Stack, key: str) -> None:
    receipt = stack.rendered(key, a_small_png(len(key)))

    assert receipt["key"] == key
    assert stack.get(f"/pictures/{receipt['id']}").status == 200
    assert stack.get("/" + key.lstrip("/").removesuffix(".png") + ".jpg").status == 200


def test_of_names_that_meet_the_newest_is_shown_and_each_keeps_its_page(stack: Stack) -> None:
    first = stack.rendered("first/meet.png", a_small_png(1))

    second = stack.rendered("second/meet.gif", a_small_png(2))

    assert first["id"] != second["id"]
    for each in (first, second):
        assert stack.get(f"/pictures/{each['id']}", "application/json").json["key"] == each["key"]


def test_a_picture_that_is_put_again_shows_the_new_version(stack: Stack) -> None:
    first = stack.rendered("again.png", a_small_png(1))

    second = stack.rendered("again.png", a_png_with_alpha())

    assert second["id"] == first["id"]
    assert second["original"]["width"] == 640


def test_a_picture_that_is_deleted_is_gone_and_its_renditions_with_it(stack: Stack) -> None:
    s3, uploads = stack.client("s3"), stack.status["uploads_bucket"]
    receipt = stack.rendered("delete me.png", a_small_png())

    marker = s3.delete_object(Bucket=uploads, Key="delete me.png")["VersionId"]
    wait_for(lambda: stack.get("/delete me.jpg").status == 410, "the picture gone")
    wait_for(lambda: fetch(receipt["renditions"][0]["url"]).status == 404, "its renditions gone")

    s3.delete_object(Bucket=uploads, Key="delete me.png", VersionId=marker)
    back = wait_for(
        lambda: (reply := stack.get("/delete me.jpg", "application/json")).status == 200 and reply.json,
        "the picture back",
    )
    assert back["version"] == receipt["version"]


def test_when_the_latest_version_is_destroyed_the_one_before_is_shown_again(stack: Stack) -> None:
    first = stack.rendered("two.png", a_small_png(1))
    second = stack.rendered("two.png", a_small_png(2))

    stack.client("s3").delete_object(
        Bucket=stack.status["uploads_bucket"], Key="two.png", VersionId=second["version"]
    )

    assert stack.settled("two.jpg", first["version"])


# The pages


def test_the_picture_page_offers_all_that_is_shown_by_presigned_address_and_none_in_its_markup(
    stack: Stack,
) -> None:
    receipt = stack.rendered("offer.png", a_photograph(700, 500, "PNG"))

    page = unescape(stack.get(f"/pictures/{receipt['id']}", "text/html").text)

    main = [each for each in receipt["renditions"] if each["ladder"] == "main"]
    assert {each["width"] for each in main} == {100, 640, 700}
    for rendition in main:
        assert rendition["url"].split("?")[0] in page
    [markup] = re.findall(r"<picture>.*?</picture>", page, re.DOTALL)
    assert "X-Amz" not in markup


def test_an_image_request_leads_to_the_format_and_width_for_that_client(stack: Stack) -> None:
    stack.rendered("redirect.png", a_photograph(1400, 900, "PNG"))

    modern, old = stack.get("/redirect.jpg", IMG, w="600"), stack.get("/redirect.jpg", "image/jpeg")

    assert (modern.status, old.status) == (302, 302)
    assert Image.open(BytesIO(fetch(modern.headers["location"]).body)).format in {"AVIF", "WEBP"}
    assert Image.open(BytesIO(fetch(modern.headers["location"]).body)).width == 640
    assert Image.open(BytesIO(fetch(old.headers["location"]).body)).size == (1400, 900)


def test_the_home_page_shows_what_came(stack: Stack) -> None:
    stack.rendered("home page.png", a_small_png())

    assert "home page.png" in stack.get("/", "text/html").text


def test_what_nobody_sent_is_404(stack: Stack) -> None:
    assert stack.get("/nobody.jpg").status == 404
    assert stack.get("/pictures/0123456789abcdef").status == 404
    assert stack.get("/nobody.jpg", "application/json").json["status"] == 404


def test_markup_in_a_name_changes_nothing(stack: Stack) -> None:
    receipt = stack.rendered("<img src=x onerror=alert(1)>.png", a_small_png())

    for path in ("/", f"/pictures/{receipt['id']}", "/<img src=x onerror=alert(1)>.jpg"):
        reply = stack.get(path, "text/html")
        assert "<img src=x" not in reply.text
        assert "default-src 'none'" in reply.headers["content-security-policy"]


# Limits


def test_an_address_whose_signature_was_changed_shows_nothing(stack: Stack) -> None:
    rendition = stack.rendered("signed.png", a_small_png())["renditions"][0]
    other = re.sub("X-Amz-Signature=.", "X-Amz-Signature=z", rendition["url"])

    assert fetch(rendition["url"]).status == 200
    assert fetch(other).status == 403
    assert fetch(rendition["url"].split("?")[0]).status == 403


def test_over_four_megabytes_the_post_names_a_form_that_works(stack: Stack) -> None:
    photograph = a_photograph(2000, 1500, "BMP")[:4_200_000]

    reply = stack.post(photograph, "large.bmp", "application/json")

    assert reply.status == 413
    sent = send(reply.json["presigned"], a_small_png(9))
    assert sent.status in (200, 201, 204), sent.text
    assert stack.settled("large.jpg")["status"] == "rendered"


def test_the_command_that_the_413_page_shows_can_be_pasted_into_a_shell(stack: Stack, tmp_path: Path) -> None:
    name = 'it\'s a;b, "c" & $HOME.bmp'
    large = a_photograph(1300, 1050, "BMP")
    (tmp_path / name).write_bytes(large)
    assert 4_000_000 < len(large) < 4_500_000

    page = unescape(stack.post(large, name).text)
    [command] = re.findall(r"curl --form-string .*", page)
    subprocess.run(["bash", "-c", command.split("</")[0]], cwd=tmp_path, timeout=60, check=True)

    assert stack.settled(name.removesuffix(".bmp") + ".jpg")["status"] == "rendered"


def test_a_picture_that_comes_in_parts_is_a_picture_like_any_other(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "parts.bmp").write_bytes(a_photograph(1800, 1200, "BMP"))
    in_parts = TransferConfig(multipart_threshold=5_242_880, multipart_chunksize=5_242_880)

    stack.client("s3").upload_file(
        str(tmp_path / "parts.bmp"), stack.status["uploads_bucket"], "parts.bmp", Config=in_parts
    )

    assert stack.settled("parts.jpg")["original"]["format"] == "bmp"


@pytest.mark.local("it is the front door that stands for the gateway's limit")
def test_what_the_gateway_would_not_carry_it_does_not_carry_here(stack: Stack) -> None:
    reply = stack.post(b"x" * 5_000_000)

    assert (reply.status, reply.json) == (413, {"message": "Request Entity Too Large"})


# Many


def test_of_many_pictures_put_at_once_none_is_lost_and_none_is_given_up(stack: Stack) -> None:
    names = [f"many-{number:02}" for number in range(40)]
    for number, name in enumerate(names):
        stack.put(f"many/{name}.png", a_small_png(number))

    states = {stack.settled(f"{name}.jpg")["status"] for name in names}

    assert states == {"rendered"}
    waiting = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.status["dead_letters_url"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert waiting["Attributes"]["ApproximateNumberOfMessages"] == "0"


# The command line


def test_drop_sends_a_folder_waits_and_names_what_was_rejected(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(a_photograph(800, 600))
    (folder / "broken.png").write_bytes(b"not a picture")

    done = stack.darkroom("drop", folder)

    assert done.returncode == 1
    assert "album/good.jpg" in done.stdout
    assert "album/broken.png: rejected (unsupported_format)" in done.stdout


def test_drop_of_good_pictures_exits_0_and_names_their_pages(stack: Stack, tmp_path: Path) -> None:
    picture = tmp_path / "drop me.jpg"
    picture.write_bytes(a_photograph(800, 600))

    done = stack.darkroom("drop", picture)

    assert done.returncode == 0, done.stdout + done.stderr
    [page] = re.findall(rf"{stack.status['web']}/pictures/[0-9a-f]{{32}}", done.stdout)
    assert fetch(page, "text/html").status == 200


def test_the_local_engine_and_the_function_make_the_same_bytes(stack: Stack, tmp_path: Path) -> None:
    photograph = a_photograph(900, 700)
    (tmp_path / "same.jpg").write_bytes(photograph)
    receipt = stack.rendered("same.jpg", photograph)

    local = subprocess.run(
        [DARKROOM, "render", tmp_path / "same.jpg", tmp_path / "out"], check=True, capture_output=True
    )

    assert local.stdout
    for rendition in receipt["renditions"]:
        name = rendition["url"].split("?")[0].rsplit("/", 1)[-1]
        assert fetch(rendition["url"]).body == (tmp_path / "out" / f"same-{name}").read_bytes()


# sam


@pytest.mark.local("the events would be taken for its own by a stack with pictures")
def test_the_functions_take_the_events_by_sam_remote_invoke(stack: Stack) -> None:
    for function, event, expected in (
        ("WebFunction", "web-get-home", '"statusCode": 200'),
        ("RenderFunction", "render-foreign-message", '"batchItemFailures": []'),
        ("ProjectFunction", "project-stream-record", '"batchItemFailures": []'),
    ):
        told = stack.sam(
            *("remote", "invoke", function, "--stack-name", stack.status["stack"]),
            *("--region", stack.status["region"], "--event-file", f"events/{event}.json"),
        )
        assert expected in told
