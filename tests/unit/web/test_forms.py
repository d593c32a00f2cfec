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


def test_fields_without_a_file_are_ignored() -> None:
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
def test_the_file_name_never_contains_a_path(sent: str, name: str) -> None:
    assert posted_file(*form((f'name="upload"; filename="{sent}"', b"1"))).name == name


def test_an_encoded_file_name_is_decoded() -> None:
    posted = posted_file(*form(("name=\"upload\"; filename*=utf-8''%C3%BC%20x.png", b"1")))

    assert posted.name == "ü x.png"


def test_a_file_name_in_the_code_page_of_windows_is_decoded() -> None:
    content_type, body = form(('name="upload"; filename="NAME"', b"1"))

    posted = posted_file(content_type, body.replace(b"NAME", b"gr\xf6\xdfe \x80.png"))
    assert posted.name == "größe €.png"


def test_a_text_in_another_encoding_does_not_spoil_the_form() -> None:
    posted = posted_file(*form(('name="note"', b"\xf6\xff"), ('name="f"; filename="a.png"', b"1")))

    assert posted.content == b"1"


def test_a_file_input_without_a_chosen_file_is_no_file() -> None:
    not_chosen, chosen = ('name="a"; filename=""', b""), ('name="b"; filename="b.png"', b"2")

    with pytest.raises(BadRequest, match="no file"):
        posted_file(*form(not_chosen))
    assert posted_file(*form(not_chosen, chosen)).name == "b.png"


def test_an_empty_file_is_a_file() -> None:
    assert posted_file(*form(('name="a"; filename="a.png"', b""))).content == b""


@pytest.mark.parametrize("encoded", ["unicode_escape''%5Cud800.png", "utf-7''%2B2AA-.png"])
def test_invalid_characters_in_a_file_name_are_removed(encoded: str) -> None:
    posted = posted_file(*form((f'name="upload"; filename*={encoded}', b"1")))

    assert posted.name == ".png"


@pytest.mark.parametrize("charset", ["idna", "undefined", "a%00", "a\0"])
def test_a_file_name_in_an_unknown_encoding_is_refused(charset: str) -> None:
    with pytest.raises(BadRequest, match="can't be read"):
        posted_file(*form((f"name=\"upload\"; filename*={charset}''x%ff.png", b"1")))


@pytest.mark.parametrize(
    "media_type", ["image", "image/ü", "image/図", "image/png\x01", f"image/{'x' * 200}", " "]
)
def test_an_invalid_media_type_becomes_octet_stream(media_type: str) -> None:
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
def test_a_form_without_exactly_one_file_is_refused_with_a_sentence(
    content_type: str, body: bytes, sentence: str
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        posted_file(content_type, body)


def test_a_truncated_form_is_refused() -> None:
    content_type, body = form(('name="f"; filename="a.png"', b"1" * 1000))

    with pytest.raises(BadRequest):
        posted_file(content_type, body[:300])
