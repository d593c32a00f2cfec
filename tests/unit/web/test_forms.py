import pytest

from darkroom.domain.errors import BadRequest
from darkroom.web.forms import PostedFile, posted_file


def form(*parts: tuple[str, bytes]) -> tuple[str, bytes]:
    """Builds a multipart body as curl does, from Content-Disposition parameters and contents."""
    body = b"".join(
        f"--XX\r\nContent-Disposition: form-data; {parameters}\r\nContent-Type: image/png\r\n\r\n".encode()
        + content
        + b"\r\n"
        for parameters, content in parts
    )
    return "multipart/form-data; boundary=XX", body + b"--XX--\r\n"


@pytest.mark.parametrize("field", ["upload", "file", "anything at all"])
def test_the_file_is_found_under_any_field_name(field: str) -> None:
    posted = posted_file(*form((f'name="{field}"; filename="image.png"', b"\x89PNG\r\n\x00")))

    assert posted == PostedFile("image.png", "image/png", b"\x89PNG\r\n\x00")


def test_plain_fields_beside_the_file_are_passed_over() -> None:
    posted = posted_file(*form(('name="note"', b"hello"), ('name="f"; filename="a.png"', b"1")))

    assert posted.name == "a.png"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("my image.png", "my image.png"),
        ("it's %22quoted%22.png", 'it\'s "quoted".png'),  # browsers and curl
        ('it\'s \\"quoted\\".png', 'it\'s "quoted".png'),  # older browsers
        ("100%25.png", "100%25.png"),
        ("ü 😀.png", "ü 😀.png"),
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\me\\image.png", "image.png"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("a\tb.png", "ab.png"),
        ("..", "picture"),
        ("", "picture"),
    ],
)
def test_the_name_is_the_files_own_and_never_a_path(sent: str, name: str) -> None:
    assert posted_file(*form((f'name="upload"; filename="{sent}"', b"1"))).name == name


def test_a_name_that_comes_encoded_alone_is_decoded() -> None:
    posted = posted_file(*form(("name=\"upload\"; filename*=utf-8''%C3%BC%20x.png", b"1")))

    assert posted.name == "ü x.png"


@pytest.mark.parametrize("encoded", ["unicode_escape''%5Cud800.png", "utf-7''%2B2AA-.png"])
def test_what_is_no_text_in_a_name_is_left_out(encoded: str) -> None:
    posted = posted_file(*form((f'name="upload"; filename*={encoded}', b"1")))

    assert posted.name == ".png"


@pytest.mark.parametrize("charset", ["idna", "undefined", "a%00", "a\0"])
def test_a_name_in_a_code_that_holds_no_text_is_refused(charset: str) -> None:
    with pytest.raises(BadRequest, match="can't be read"):
        posted_file(*form((f"name=\"upload\"; filename*={charset}''x%ff.png", b"1")))


@pytest.mark.parametrize(
    "media_type", ["image", "image/ü", "image/図", "image/png\x01", f"image/{'x' * 200}", " "]
)
def test_a_media_type_that_is_none_is_not_handed_on(media_type: str) -> None:
    content_type, body = form(('name="f"; filename="a.png"', b"1"))

    posted = posted_file(content_type, body.replace(b"image/png", media_type.encode()))
    assert posted.media_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("content_type", "body", "sentence"),
    [
        ("image/png", b"\x89PNG", "not a form"),
        ("", b"", "not a form"),
        ("multipart/form-data", b"", "not a form"),
        ("multipart/form-data; boundary=XX", b"rubbish", "can't be read|no file"),
        (*form(('name="note"', b"hello")), "no file"),
        (
            *form(('name="a"; filename="a.png"', b"1"), ('name="b"; filename="b.png"', b"2")),
            "send one at a time",
        ),
        (*form((f'name="a"; filename="{"x" * 901}"', b"1")), "longer than 900"),
    ],
)
def test_what_holds_no_single_file_is_refused_in_one_sentence(
    content_type: str, body: bytes, sentence: str
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        posted_file(content_type, body)


def test_a_form_that_ends_early_is_refused() -> None:
    content_type, body = form(('name="f"; filename="a.png"', b"1" * 1000))

    with pytest.raises(BadRequest):
        posted_file(content_type, body[:300])
