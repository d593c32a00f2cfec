"""Where a local stack stands: its ports, its folders, whether it is up, and what it is made of."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
REGION = "us-east-1"


class Fault(Exception):
    """What keeps a command from its work: one sentence that says what to do, and the exit code."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Status:
    """The addresses of a stack, as `darkroom status --json` prints them."""

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
    """One local stack: two ports, and a folder of its own that is named for the second."""

    project: Path
    web_port: int
    aws_port: int
    aws_limits: bool = False
    aws_auth: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str], project: Path = PROJECT) -> "LocalStack":
        """The site that the environment names. Raises Fault."""
        web_port = _port(environment, "DARKROOM_PORT", 8000)
        aws_port = _port(environment, "DARKROOM_AWS_PORT", 4566)
        if web_port == aws_port:
            raise Fault(f"DARKROOM_PORT and DARKROOM_AWS_PORT are both {web_port}; give one another port.")
        return cls(
            project.absolute(),
            web_port,
            aws_port,
            environment.get("DARKROOM_AWS_LIMITS") == "1",
            environment.get("DARKROOM_AWS_AUTH") == "1",
        )

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
        """What a detached stack prints."""
        return self.folder / "up.log"

    @property
    def supervisor(self) -> "LockFile":
        return LockFile(self.folder / "up.pid")

    @property
    def ministack(self) -> "LockFile":
        return LockFile(self.folder / "ministack.pid")

    @property
    def _record(self) -> Path:
        return self.folder / "status.json"

    def note_up(self, status: Status) -> None:
        scratch = self._record.with_suffix(".new")
        scratch.write_text(json.dumps(asdict(status), indent=2))
        scratch.replace(self._record)

    def note_down(self) -> None:
        self._record.unlink(missing_ok=True)

    def status(self) -> Status:
        """What stands here. Raises Fault when nothing does, or not yet."""
        if not self.supervisor.holder():
            raise Fault(f"No stack is up on port {self.aws_port}; `darkroom up --detach` starts one.")
        try:
            return Status(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            raise Fault(f"The stack is still starting; {self.log} says how far it is.") from None


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65_535:
        raise Fault(f"{name} is {value!r}, but a port is a number from 1 to 65535.")
    return int(value)


@dataclass(frozen=True, slots=True)
class LockFile:
    """A file that a process keeps locked as long as it lives, and that holds its id.

    The kernel lets go of the lock however the process ends, so an id that is read here is never one
    that has since been given to a stranger.
    """

    path: Path

    def take(self, patience_seconds: float = 0.5) -> int | None:
        """An open, locked descriptor for the process's life; None when another holds it.

        A process that inherits the descriptor holds the lock as well. The patience outlasts `holder`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience_seconds
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)
        return descriptor

    @staticmethod
    def sign(descriptor: int, process: int) -> None:
        """Writes down which process holds it."""
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(process).encode(), 0)

    def holder(self) -> int | None:
        """Id of the living process that holds it."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _locked(descriptor, fcntl.LOCK_SH):
                return None
            signed = os.pread(descriptor, 20, 0)
            return int(signed) if signed.isdigit() else None
        finally:
            os.close(descriptor)

    def stop_holder(self, patience_seconds: float) -> bool:
        """Asks the holder to end, and waits until it has; True if there was one. Raises Fault."""
        process = self.holder()
        if not process:
            return False
        deadline = time.monotonic() + patience_seconds
        os.kill(process, signal.SIGTERM)
        while self.holder() == process:
            if time.monotonic() > deadline:
                raise Fault(f"Process {process} does not end; `kill -9 {process}` ends it.")
            time.sleep(0.05)
        return True


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def held(descriptor: int) -> Iterator[None]:
    """Closes a descriptor at the end, and so lets go of its lock."""
    try:
        yield
    finally:
        os.close(descriptor)


def local_environment(environment: Mapping[str, str], site: LocalStack) -> dict[str, str]:
    """The environment with nothing of the user's own AWS in it: all calls go to the local endpoint."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    spared = environment.get("NO_PROXY") or environment.get("no_proxy")
    loopback = f"{spared},127.0.0.1" if spared else "127.0.0.1"
    return kept | {
        "AWS_ENDPOINT_URL": site.aws_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }


def use_local(site: LocalStack) -> None:
    """From here on boto3 speaks to the local stack in this process, whatever the user's AWS settings are."""
    quiet = local_environment(os.environ, site)
    for name in os.environ.keys() - quiet.keys():
        del os.environ[name]
    os.environ.update(quiet)


def outputs_of(stack: str, region: str) -> dict[str, str] | None:
    """A deployed stack's outputs by name; None unless it stands whole."""
    import boto3  # half a second that most commands do without

    found = described(boto3.client("cloudformation", region_name=region), stack)
    whole = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    if found is None or found["StackStatus"] not in whole:
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def described(cloudformation: Any, stack: str) -> Any:
    """A stack as CloudFormation has it; None where none stands."""
    from botocore.exceptions import ClientError

    try:
        [found] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as fault:
        if "does not exist" in str(fault):
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def resources_of(cloudformation: Any, stack: str) -> Iterator[Any]:
    """A stack's resources, page by page: DescribeStackResources ends at a hundred."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        yield from page["StackResourceSummaries"]


def template_resources(cloudformation: Any, stack: str) -> dict[str, Any]:
    """The resources of the template that a stack was made of, as SAM has written them out."""
    template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    read = json.loads(template) if isinstance(template, str) else template
    return dict(read["Resources"])


def functions_of(
    stack: str, region: str | None = None, endpoint: str | None = None
) -> Iterator[tuple[str, Any]]:
    """Each function's short name, RenderFunction's being render, and its configuration."""
    import boto3

    functions = boto3.client("lambda", region_name=region, endpoint_url=endpoint)
    for each in resources_of(
        boto3.client("cloudformation", region_name=region, endpoint_url=endpoint), stack
    ):
        if each["ResourceType"] == "AWS::Lambda::Function":
            name = each["LogicalResourceId"].removesuffix("Function").lower()
            yield name, functions.get_function_configuration(FunctionName=each["PhysicalResourceId"])


def status_from(outputs: Mapping[str, str], stack: str, region: str, site: LocalStack | None) -> Status:
    """A deployed stack's addresses; the site's own where it is a local one. Raises Fault."""
    try:
        return Status(
            web=site.web if site else (os.environ.get("DARKROOM_URL") or outputs["WebUrl"]).rstrip("/"),
            auth=outputs["Auth"],
            aws_endpoint=site.aws_endpoint if site else None,
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
        raise Fault(f"Stack {stack} has no output {missing}: it is no Darkroom, or an older one.") from None


def status_of(site: LocalStack, stack: str | None, region: str | None) -> Status:
    """The stack in the cloud if one is named, else the site's own, to which boto3 speaks from here on.

    Raises Fault.
    """
    if stack is None:
        if region:
            raise Fault("--region names where a stack in the cloud is; name the stack too, by --stack.", 2)
        status = site.status()
        use_local(site)
        return status
    region = region_of(region)
    outputs = outputs_of(stack, region)
    if outputs is None:
        raise Fault(f"There is no stack {stack} in {region}.")
    return status_from(outputs, stack, region, None)


def region_of(region: str | None) -> str:
    """The region that is named, else the one that AWS is set up for here. Raises Fault."""
    import boto3

    region = region or boto3.Session().region_name
    if not region:
        raise Fault("No region is set; name it by --region.")
    return str(region)


@contextmanager
def asking_aws() -> Iterator[None]:
    """Turns what AWS answers in place of an answer into a Fault."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as fault:
        raise Fault(f"AWS can't be asked: {fault}") from fault
