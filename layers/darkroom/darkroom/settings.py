"""Settings: read once from the environment, typed, every fault reported together."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields

from darkroom.domain.errors import BadSettings


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """The three of the profile are ids in AppConfig; Lambda sets `aws_lambda_function_memory_size` itself."""

    uploads_bucket: str
    renditions_bucket: str
    ledger_table: str
    render_queue_url: str
    profile_application: str
    profile_environment: str
    live_profile: str
    aws_lambda_function_memory_size: int = 1769

    @property
    def memory_mb(self) -> int:
        return self.aws_lambda_function_memory_size


@dataclass(frozen=True, slots=True)
class ParkSettings:
    uploads_bucket: str
    ledger_table: str
    dead_letters_url: str


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """`sweep_pages` is one run's least work: pages of a thousand objects, of each bucket."""

    uploads_bucket: str
    renditions_bucket: str
    ledger_table: str
    render_queue_url: str
    sweep_after_minutes: float = 60.0
    job_timeout_minutes: float = 1440.0
    keep_superseded_hours: float = 24.0
    sweep_pages: int = 10


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """`live_endpoint` is where the WebSocket API takes messages to its connections."""

    views_table: str
    event_bus: str
    channels_table: str
    live_endpoint: str


@dataclass(frozen=True, slots=True)
class LiveSettings:
    views_table: str
    channels_table: str
    live_endpoint: str


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`post_limit_bytes` bounds a POST, `embed_limit_bytes` the picture inside a page (bytes before base64).

    A Lambda answer ends at 6 MB and a request at about 4.5 MB raw; both defaults stay well below.
    `url_seconds` is how long presigned addresses live. `renditions_base_url` is where the renditions bucket
    is public, if anywhere, without a slash at the end. `auth` is one of gate.Auth, and `public_pages` "true"
    where pictures' pages need none. `tokens_parameter` is where it is written who may come in;
    `allowed_origins` are sites, with commas between them, whose pages may write too. `live_url` is where the
    WebSocket API is: whole, or a path of the same host; empty where there is none. `ticket_seconds` is how
    long a ticket to it is good.
    """

    uploads_bucket: str
    renditions_bucket: str
    reports_bucket: str
    ledger_table: str
    views_table: str
    render_queue_url: str
    post_limit_bytes: int = 4_000_000
    post_wait_seconds: float = 10.0
    alias_wait_seconds: float = 5.0
    embed_limit_bytes: int = 512_000
    url_seconds: int = 3600
    renditions_base_url: str = ""
    auth: str = "token"
    public_pages: str = "false"
    tokens_parameter: str = ""
    allowed_origins: str = ""
    channels_table: str = ""
    live_url: str = ""
    ticket_seconds: int = 60


def read_settings[T](kind: type[T], environ: Mapping[str, str]) -> T:
    """The settings of one function: field `a_b` from variable `A_B`. Raises BadSettings with every fault."""
    values: dict[str, object] = {}
    faults = []
    for setting in fields(kind):  # type: ignore[arg-type]  # T is one of the dataclasses above
        variable = setting.name.upper()
        text = environ.get(variable, "").strip()
        if not text:
            if setting.default is MISSING:
                faults.append(f"{variable} is not set")
            continue
        assert isinstance(setting.type, type)  # noqa: S101  # no string annotations in this module
        try:
            values[setting.name] = setting.type(text)
        except ValueError:
            faults.append(f"{variable} is {text!r}, and must be a {setting.type.__name__}")
    if faults:
        raise BadSettings(faults)
    return kind(**values)
