"""A stack's addresses, and the local stack's ports and folder."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from darkroom_cli.faults import UNAVAILABLE, Fault
from darkroom_cli.lockfile import LockFile

PROJECT = Path(__file__).parents[2]
REGION = "us-east-1"


def check_checkout(remedy: str = "run `make up` or `make deploy` there") -> None:
    """Raises Fault without a checkout: a wheel has neither the template nor the functions."""
    if not (PROJECT / "template.yaml").exists():
        raise Fault(f"This command needs a checkout of Darkroom; {remedy}.")


def check_build() -> None:
    """Raises Fault where a stack can't be built and deployed: without a checkout, or without Linux."""
    check_checkout()
    if sys.platform != "linux":
        raise Fault("This command needs Linux: it builds and runs the functions' native code.", UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Status:
    """A stack's addresses, resource names and kind of authentication: the output of `darkroom status`."""

    web: str
    auth: str
    aws_endpoint: str | None
    region: str
    uploads_bucket: str
    renditions_bucket: str
    reports_bucket: str
    queue_url: str
    dead_letters_url: str
    ledger_table: str
    views_table: str
    event_bus: str
    render_function: str
    sweep_function: str
    profile_application: str
    profile_environment: str
    live_profile: str
    profile_strategy: str
    stack: str


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A local stack: the ports of its pages and of its AWS endpoint, and a folder named after the latter."""

    project: Path
    web_port: int
    aws_port: int
    aws_limits: bool = False
    aws_auth: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str], project: Path = PROJECT) -> "LocalStack":
        """Reads the ports and flags from the environment. Raises Fault."""
        web_port = _port(environment, "DARKROOM_PORT", 8000)
        aws_port = _port(environment, "DARKROOM_AWS_PORT", 4566)
        if web_port == aws_port:
            raise Fault(f"DARKROOM_PORT and DARKROOM_AWS_PORT are both {web_port}; change one of them.")
        return cls(
            project.absolute(),
            web_port,
            aws_port,
            environment.get("DARKROOM_AWS_LIMITS") == "1",
            environment.get("DARKROOM_AWS_AUTH") == "1",
        )

    @classmethod
    def find(cls, environment: Mapping[str, str], project: Path = PROJECT) -> "LocalStack":
        """Returns the stack at the ports in the environment, or else the only one that is running.

        Raises Fault if more than one is running, and none of them at the default ports.
        """
        stack = cls.of(environment, project)
        if environment.get("DARKROOM_AWS_PORT") or stack.supervisor.holder():
            return stack
        folders = sorted((project / ".darkroom").glob("[0-9]*"))
        ports = [int(folder.name) for folder in folders if LockFile(folder / "up.pid").holder()]
        if len(ports) > 1:
            listed = ", ".join(map(str, ports))
            raise Fault(
                f"Local stacks are running on the ports {listed}; set DARKROOM_AWS_PORT to one of them."
            )
        return replace(stack, aws_port=ports[0]) if ports else stack

    @property
    def folder(self) -> Path:
        return self.project / ".darkroom" / str(self.aws_port)

    @property
    def web(self) -> str:
        return f"http://localhost:{self.web_port}"

    @property
    def aws_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def log(self) -> Path:
        """The output of a detached stack."""
        return self.folder / "up.log"

    @property
    def supervisor(self) -> LockFile:
        return LockFile(self.folder / "up.pid")

    @property
    def ministack(self) -> LockFile:
        return LockFile(self.folder / "ministack.pid")

    @property
    def running_mark(self) -> Path:
        """A file written when the emulator starts, and removed once its state is saved at its end."""
        return self.folder / "running"

    @property
    def was_killed(self) -> bool:
        """True if the emulator has ended without saving its state."""
        return self.running_mark.exists() and not self.ministack.holder()

    @property
    def _record(self) -> Path:
        return self.folder / "status.json"

    def write_status(self, status: Status) -> None:
        scratch = self._record.with_suffix(".new")
        scratch.write_text(json.dumps(asdict(status), indent=2))
        scratch.replace(self._record)

    def remove_status(self) -> None:
        self._record.unlink(missing_ok=True)

    def status(self) -> Status:
        """Returns the addresses of the running stack. Raises Fault if it is not running or still starting."""
        if not self.supervisor.holder():
            raise Fault(self._not_running)
        try:
            return Status(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            raise Fault(f"The local stack is still starting; see its progress in {self.log}.") from None

    @property
    def _not_running(self) -> str:
        if self.was_killed:
            return (
                f"The local stack on port {self.aws_port} was killed; start it again with"
                " `darkroom up --detach`. Its pictures are kept."
            )
        if self.ministack.holder():
            return (
                f"`darkroom up` on port {self.aws_port} was killed, but its emulator still runs."
                " Restart both with `darkroom down` and `darkroom up --detach`."
            )
        return f"No local stack is running on port {self.aws_port}; start one with `darkroom up --detach`."

    def check_emulator(self) -> None:
        """Sends a request to the running emulator. Raises Fault if it does not respond."""
        from urllib.request import ProxyHandler, build_opener  # with http, ssl and email: for stacks only

        direct = build_opener(ProxyHandler({}))  # no proxy
        try:
            with direct.open(f"{self.aws_endpoint}/_ministack/health", timeout=5):
                pass
        except OSError as fault:
            raise Fault(
                f"The emulator at {self.aws_endpoint} does not respond ({fault}). Restart it with"
                f" `darkroom down` and `darkroom up --detach`; see its log {self.folder / 'ministack.log'}."
            ) from fault


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65_535:
        raise Fault(f"{name} is {value!r}; set it to a port from 1 to 65535.")
    return int(value)


def local_environment(environment: Mapping[str, str], local_stack: LocalStack) -> dict[str, str]:
    """Returns the environment without the user's AWS settings, with the local endpoint in their place."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    no_proxy = environment.get("NO_PROXY") or environment.get("no_proxy")
    loopback = f"{no_proxy},127.0.0.1" if no_proxy else "127.0.0.1"
    return kept | {
        "AWS_ENDPOINT_URL": local_stack.aws_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }


def use_local(local_stack: LocalStack) -> None:
    """Points boto3 in this process at the local stack, in place of the user's AWS settings."""
    environment = local_environment(os.environ, local_stack)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def status_from(
    outputs: Mapping[str, str], stack: str, region: str, local_stack: LocalStack | None
) -> Status:
    """Returns the addresses in a stack's outputs, with the local ports for a local stack. Raises Fault."""
    try:
        return Status(
            web=local_stack.web
            if local_stack
            else (os.environ.get("DARKROOM_URL") or outputs["WebUrl"]).rstrip("/"),
            auth=outputs["Auth"],
            aws_endpoint=local_stack.aws_endpoint if local_stack else None,
            region=region,
            uploads_bucket=outputs["UploadsBucket"],
            renditions_bucket=outputs["RenditionsBucket"],
            reports_bucket=outputs["ReportsBucket"],
            queue_url=outputs["RenderQueueUrl"],
            dead_letters_url=outputs["DeadLettersUrl"],
            ledger_table=outputs["LedgerTable"],
            views_table=outputs["ViewsTable"],
            event_bus=outputs["EventBus"],
            render_function=outputs["RenderFunction"],
            sweep_function=outputs["SweepFunction"],
            profile_application=outputs["ProfileApplication"],
            profile_environment=outputs["ProfileEnvironment"],
            live_profile=outputs["LiveProfile"],
            profile_strategy=outputs["ProfileStrategy"],
            stack=stack,
        )
    except KeyError as missing:
        raise Fault(
            f"Stack {stack} has no output {missing}: it is not a Darkroom stack, or is an older version."
        ) from None
