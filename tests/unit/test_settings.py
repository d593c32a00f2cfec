import pytest

from darkroom.domain.errors import BadSettings
from darkroom.settings import ProjectSettings, RenderSettings, WebSettings, read_settings
from darkroom.web.auth import AuthMode

WEB = {
    "UPLOADS_BUCKET": "u",
    "RENDITIONS_BUCKET": "r",
    "REPORTS_BUCKET": "p",
    "LEDGER_TABLE": "l",
    "VIEWS_TABLE": "v",
    "RENDER_QUEUE_URL": "q",
}


def test_settings_come_from_the_environment_typed() -> None:
    settings = read_settings(WebSettings, WEB | {"POST_LIMIT_BYTES": "10", "POST_WAIT_SECONDS": "0.5"})

    assert settings.uploads_bucket == "u"
    assert settings.post_limit_bytes == 10
    assert settings.post_wait_seconds == 0.5


def test_what_is_not_set_has_the_default_in_code() -> None:
    assert read_settings(WebSettings, WEB).post_limit_bytes == 4_000_000


def test_a_function_that_is_told_nothing_of_it_asks_for_tokens() -> None:
    settings = read_settings(WebSettings, WEB)

    assert (AuthMode(settings.auth), settings.public_pages) == (AuthMode.TOKEN, "false")


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        read_settings(WebSettings, {"UPLOADS_BUCKET": "u", "URL_SECONDS": "soon", "VIEWS_TABLE": " "})

    assert caught.value.faults == [
        "RENDITIONS_BUCKET is not set",
        "REPORTS_BUCKET is not set",
        "LEDGER_TABLE is not set",
        "VIEWS_TABLE is not set",
        "RENDER_QUEUE_URL is not set",
        "URL_SECONDS is 'soon', and must be a int",
    ]


@pytest.mark.parametrize("kind", [RenderSettings, ProjectSettings])
def test_an_empty_environment_is_refused(kind: type) -> None:
    with pytest.raises(BadSettings):
        read_settings(kind, {})
