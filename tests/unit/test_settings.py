import pytest

from darkroom.domain.auth import AuthMode
from darkroom.domain.errors import BadSettings
from darkroom.settings import ProjectSettings, RenderSettings, WebSettings, read_settings

WEB = {
    "UPLOADS_BUCKET": "u",
    "RENDITIONS_BUCKET": "r",
    "REPORTS_BUCKET": "p",
    "LEDGER_TABLE": "l",
    "VIEWS_TABLE": "v",
    "RENDER_QUEUE_URL": "q",
}


def test_settings_are_parsed_from_the_environment() -> None:
    environment = {
        "POST_LIMIT_BYTES": "10",
        "POST_WAIT_SECONDS": "0.5",
        "AUTH": "iam",
        "PUBLIC_PAGES": "true",
        "ALLOWED_ORIGINS": "https://a.test,https://b.test",
    }

    settings = read_settings(WebSettings, WEB | environment)

    assert settings.uploads_bucket == "u"
    assert settings.post_limit_bytes == 10
    assert settings.post_wait_seconds == 0.5
    assert settings.auth is AuthMode.IAM
    assert settings.public_pages is True
    assert settings.allowed_origins == {"https://a.test", "https://b.test"}


def test_a_missing_variable_has_the_default_value() -> None:
    assert read_settings(WebSettings, WEB).post_limit_bytes == 4_000_000


def test_authentication_by_token_is_the_default() -> None:
    settings = read_settings(WebSettings, WEB)

    assert (settings.auth, settings.public_pages) == (AuthMode.TOKEN, False)
    assert settings.allowed_origins == frozenset()


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(BadSettings) as caught:
        read_settings(
            WebSettings,
            {
                "UPLOADS_BUCKET": "u",
                "URL_SECONDS": "soon",
                "VIEWS_TABLE": " ",
                "AUTH": "none",
                "PUBLIC_PAGES": "yes",
                "POST_WAIT_SECONDS": "long",
            },
        )

    assert caught.value.flaws == [
        "RENDITIONS_BUCKET is not set",
        "REPORTS_BUCKET is not set",
        "LEDGER_TABLE is not set",
        "VIEWS_TABLE is not set",
        "RENDER_QUEUE_URL is not set",
        "POST_WAIT_SECONDS is 'long'; it must be a number",
        "URL_SECONDS is 'soon'; it must be an integer",
        "AUTH is 'none'; it must be one of token, iam, open",
        "PUBLIC_PAGES is 'yes'; it must be true or false",
    ]


@pytest.mark.parametrize("kind", [RenderSettings, ProjectSettings])
def test_an_empty_environment_is_refused(kind: type) -> None:
    with pytest.raises(BadSettings):
        read_settings(kind, {})
