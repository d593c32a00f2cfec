"""The settings of the functions: typed, and read once from the environment."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from darkroom.domain.auth import AuthMode
from darkroom.domain.errors import BadSettings


class RenderSettings(NamedTuple):
    """`profile_application`, `profile_environment` and `live_profile` are AppConfig ids.

    Lambda itself sets `aws_lambda_function_memory_size`.
    """

    uploads_bucket: str
    renditions_bucket: str
    reports_bucket: str
    ledger_table: str
    render_queue_url: str
    profile_application: str
    profile_environment: str
    live_profile: str
    aws_lambda_function_memory_size: int = 1769

    @property
    def memory_mb(self) -> int:
        return self.aws_lambda_function_memory_size


class ParkSettings(NamedTuple):
    uploads_bucket: str
    ledger_table: str
    dead_letters_url: str


class SweepSettings(NamedTuple):
    """`sweep_pages` is the minimum number of pages per run and bucket; a page has 1,000 objects."""

    uploads_bucket: str
    renditions_bucket: str
    ledger_table: str
    render_queue_url: str
    sweep_after_minutes: float = 60.0
    job_timeout_minutes: float = 1440.0
    keep_superseded_hours: float = 24.0
    sweep_pages: int = 10


class ProjectSettings(NamedTuple):
    """`live_endpoint` is the URL of the WebSocket API for messages to its connections."""

    views_table: str
    event_bus: str
    channels_table: str
    live_endpoint: str


class LiveSettings(NamedTuple):
    views_table: str
    channels_table: str
    live_endpoint: str


class WebSettings(NamedTuple):
    """The settings of `web`.

    `post_limit_bytes` is the maximum size of a posted picture. `embed_limit_bytes` is that of a picture
    embedded in a page, before base64. Lambda limits a response to 6 MB and a request to about 4.5 MB of raw
    bytes; both defaults stay below. `url_seconds` is the lifetime of presigned URLs. `renditions_base_url` is
    the public address of the renditions bucket, if any, without a trailing slash. `public_pages` makes the
    pages of pictures public. `tokens_parameter` is the Parameter Store name of the tokens. Besides this
    site's own pages, pages of `allowed_origins` may send requests that change data. `live_url` is the address
    of the WebSocket API: a URL, or a path on the same host; empty if there is no such API. `ticket_seconds`
    is the lifetime of a ticket for it.
    """

    uploads_bucket: str
    renditions_bucket: str
    reports_bucket: str
    ledger_table: str
    views_table: str
    render_queue_url: str
    post_limit_bytes: int = 4_000_000
    post_wait_seconds: float = 4.0
    alias_wait_seconds: float = 1.0
    embed_limit_bytes: int = 512_000
    url_seconds: int = 3600
    renditions_base_url: str = ""
    auth: AuthMode = AuthMode.TOKEN
    public_pages: bool = False
    tokens_parameter: str = ""
    allowed_origins: frozenset[str] = frozenset()
    channels_table: str = ""
    live_url: str = ""
    ticket_seconds: int = 60


def read_settings[T: NamedTuple](kind: type[T], environ: Mapping[str, str]) -> T:
    """Reads the settings of one function, field `a_b` from variable `A_B`.

    An empty variable counts as not set. Raises BadSettings with every flaw.
    """
    values: dict[str, object] = {}
    flaws = []
    for name, type_ in kind.__annotations__.items():
        variable = name.upper()
        text = environ.get(variable, "").strip()
        if not text:
            if name not in kind._field_defaults:
                flaws.append(f"{variable} is not set")
            continue
        parse, expected = _PARSERS[type_]
        try:
            values[name] = parse(text)
        except ValueError:
            flaws.append(f"{variable} is {text!r}; it must be {expected}")
    if flaws:
        raise BadSettings(flaws)
    make: Callable[..., T] = kind
    return make(**values)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _comma_separated(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


# A parser for each type of setting, and the expected value as an error message states it.
_PARSERS: dict[object, tuple[Callable[[str], object], str]] = {
    str: (str, "text"),
    int: (int, "an integer"),
    float: (float, "a number"),
    bool: (_flag, "true or false"),
    AuthMode: (AuthMode, f"one of {', '.join(AuthMode)}"),
    frozenset[str]: (_comma_separated, "a list separated by commas"),
}
