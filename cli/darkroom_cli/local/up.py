"""`darkroom up`: build, emulator, deploy, front door and logs, started and stopped as one."""

import asyncio
import fcntl
import hashlib
import os
import platform
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from darkroom_cli.local.emulator import (
    catch_up,
    deployed_sources,
    end_group,
    last_words,
    mend_concurrency,
    ministack,
    note_deployed_sources,
    while_alive,
)
from darkroom_cli.local.front_door import FrontDoor, bind
from darkroom_cli.local.logs import Follower, Line
from darkroom_cli.stack import (
    REGION,
    Fault,
    LocalStack,
    LockFile,
    Status,
    held,
    local_environment,
    outputs_of,
    status_from,
    use_local,
)

_SOURCES = ("template.yaml", "samconfig.toml", "uv.lock", "functions", "layers")
_COLOURS = {"CRITICAL": "bold red", "ERROR": "bold red", "WARNING": "yellow", "INFO": "green"}
# All that SAM says when pip can't get a package. Every requirement is pinned to a version that exists.
_NOT_FETCHED = re.compile(
    r"ResolveDependencies - (?:Could not satisfy the requirement|Unable to download)\W+(\S*)"
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What samconfig.toml's [local] says: the stack's name and the parameters that it deploys with."""

    stack: str
    overrides: tuple[str, ...]


def deployment(samconfig: str, processor: str, port: int, endpoint: str) -> Deployment:
    """[local], the host's processor, the pages' own origins, and the emulator's address.

    SAM takes overrides from the file or the command line, not both.
    """
    local = tomllib.loads(samconfig)["local"]
    stated = local["deploy"]["parameters"].get("parameter_overrides", "")
    overrides = shlex.split(stated) if isinstance(stated, str) else list(stated)
    here = (
        f"Architecture={processor}",
        f"AllowedOrigins=http://localhost:{port},http://127.0.0.1:{port}",
        f"LocalEndpoint={endpoint}",
    )
    return Deployment(local["global"]["parameters"]["stack_name"], (*overrides, *here))


def architecture(machine: str) -> str:
    """A processor's name in AWS Lambda's words."""
    return "arm64" if machine.lower() in ("arm64", "aarch64") else "x86_64"


def fingerprint(project: Path, processor: str) -> str:
    """Changes whenever what is built or deployed may."""
    digest = hashlib.sha256(processor.encode())
    for path in (path for source in _SOURCES for path in sorted(_files(project / source))):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(project)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    return [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def detach(site: LocalStack, console: Console) -> int:
    """Starts a stack that outlives this process, and says where it is; the exit code."""
    exit_code = _start(site, console)
    if exit_code == 0:
        _welcome(console, site.status())
    return exit_code


def _start(site: LocalStack, console: Console) -> int:
    """Starts a stack in the background, and shows what it says until it is ready; the exit code."""
    site.folder.mkdir(parents=True, exist_ok=True)
    with site.log.open("w") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "darkroom_cli.app", "up"],
            cwd=site.project,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": str(console.width)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with site.log.open() as log:
        try:
            while True:
                said, alive = log.read(), supervisor.poll() is None
                if alive and _ready(site, supervisor.pid):
                    break
                sys.stderr.write(said)
                if not alive:
                    sys.stderr.write(log.read())
                    return supervisor.returncode
                time.sleep(0.1)
        except KeyboardInterrupt:
            supervisor.terminate()
            return supervisor.wait() or 1
    return 0


@contextmanager
def borrowed(site: LocalStack, console: Console) -> Iterator[Status]:
    """The stack that is up, else one that is stopped again at the end. Raises Fault."""
    ours = site.supervisor.holder() is None
    if ours and _start(site, console):
        raise Fault("The stack did not come up.")
    try:
        use_local(site)
        yield site.status()
    finally:
        if ours:
            site.supervisor.stop_holder(60)
            console.print("The stack is stopped; `make up` shows its pictures again.")


def _ready(site: LocalStack, process: int) -> bool:
    if site.supervisor.holder() != process:
        return False
    with suppress(Fault):
        site.status()
        return True
    return False


async def up(site: LocalStack, console: Console) -> None:
    """Everything, until SIGINT or SIGTERM; what was started is stopped again. Raises Fault."""
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(_Supervisor(site, console).run())

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # stopping is not cut short by impatience
            loop.add_signal_handler(number, lambda: None)
        work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        console.print("Stopped. The pictures are kept for the next `darkroom up`.", highlight=False)


class _Supervisor:
    """One run of a local stack, from its locks to its logs."""

    def __init__(self, site: LocalStack, console: Console) -> None:
        self._site = site
        self._console = console
        self._processor = architecture(platform.machine())

    async def run(self) -> None:
        for program in (".tools/sam/bin/sam", ".tools/stack/bin/ministack"):
            if not (self._site.project / program).exists():
                raise Fault(f"{program} is not installed; `make setup` installs it.")
        began_ms = int(time.time() * 1000)
        async with AsyncExitStack() as exits:
            exits.enter_context(_alone(self._site))
            sockets = exits.enter_context(_bound(self._site.web_port))
            with self._step("Starting MiniStack"):
                server = await exits.enter_async_context(ministack(self._site))
            await while_alive(server, self._site, self._serve(sockets, began_ms))

    async def _serve(self, sockets: list[socket.socket], began_ms: int) -> None:
        """Deploys what has changed, answers, and prints the logs for ever."""
        use_local(self._site)
        sources = await asyncio.to_thread(fingerprint, self._site.project, self._processor)
        samconfig = (self._site.project / "samconfig.toml").read_text()
        local = deployment(samconfig, self._processor, self._site.web_port, self._site.aws_endpoint)
        outputs = await self._deployed(local, sources)
        status = status_from(outputs, local.stack, REGION, self._site)
        await asyncio.to_thread(catch_up, status)
        door = FrontDoor(
            self._site.aws_endpoint,
            outputs["WebApiId"],
            outputs["LiveApiId"],
            limits=self._site.aws_limits,
        )
        runner = await door.serve(sockets)
        try:
            follower = await asyncio.to_thread(Follower, local.stack, began_ms)
            self._site.note_up(status)  # before it is said: `detach` says it as well
            _welcome(self._console, status)
            async for line in follower.lines():
                self._console.print(_coloured(line), soft_wrap=True)
        finally:
            await runner.cleanup()

    async def _deployed(self, local: Deployment, sources: str) -> dict[str, str]:
        """The stack's outputs, after building and deploying it if it is not what the sources say."""
        outputs = await asyncio.to_thread(outputs_of, local.stack, REGION)
        deployed = f"{sources} {self._site.web_port}"
        if outputs and await asyncio.to_thread(deployed_sources) == deployed:
            return outputs
        # Stacks of one project share its build folder; none may build while another still deploys from it.
        async with _locked(self._site.project / ".aws-sam/lock"):
            await self._build(sources)
            with self._step("Deploying the stack"):
                await self._sam(
                    *("deploy", "--config-env", "local", "--resolve-s3", "--no-progressbar"),
                    *("--no-confirm-changeset", "--no-fail-on-empty-changeset"),
                    *("--parameter-overrides", *local.overrides),
                )
        await asyncio.to_thread(mend_concurrency)
        outputs = await asyncio.to_thread(outputs_of, local.stack, REGION)
        if not outputs:
            raise Fault(f"Stack {local.stack} did not come up; {self._sam_log} says why.")
        await asyncio.to_thread(note_deployed_sources, deployed)
        return outputs

    async def _build(self, sources: str) -> None:
        note = self._site.project / ".aws-sam/built"
        if note.exists() and note.read_text() == sources:
            return
        note.unlink(missing_ok=True)
        with self._step("Building functions and layers"):
            await self._sam(
                *("build", "--config-env", "local", "--cached"),
                *("--parameter-overrides", f"Architecture={self._processor}"),
                path=str(await asyncio.to_thread(python_folder, self._site.project)),
            )
        note.write_text(sources)

    @property
    def _sam_log(self) -> Path:
        return self._site.folder / "sam.log"

    async def _sam(self, *arguments: str, path: str = "") -> None:
        """Runs SAM to its end. Raises Fault when it fails."""
        environment = local_environment(os.environ, self._site) | {
            "PATH": os.pathsep.join(filter(None, [path, os.environ.get("PATH")])),
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",  # the change set is there at once: 5 s between looks are wasted
            "PIP_RETRIES": "2",
        }
        # Settings of another Python than SAM's; it would start slowly each time if it kept no bytecode.
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        with self._sam_log.open("w") as log:
            process = await asyncio.create_subprocess_exec(
                self._site.project / ".tools/sam/bin/sam",
                *arguments,
                cwd=self._site.project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                await process.wait()
            finally:
                await end_group(process, 5)
        if process.returncode == 0:
            return
        missing = _NOT_FETCHED.search(self._sam_log.read_text(errors="replace"))
        if missing:
            raise Fault(
                f"{missing[1]} can't be fetched from the package index; check the network and try again."
            )
        raise Fault(last_words(f"`sam {arguments[0]}` failed", self._sam_log))

    @contextmanager
    def _step(self, doing: str) -> Iterator[None]:
        """Says what is being done, and in the end how long it took."""
        began = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"{doing} ...", highlight=False)
        with self._console.status(f"{doing} ..."):
            yield
        if self._console.is_terminal:
            self._console.print(f"{doing} [dim]{time.monotonic() - began:.1f} s[/dim]", highlight=False)


@contextmanager
def _alone(site: LocalStack) -> Iterator[None]:
    descriptor = site.supervisor.take()
    if descriptor is None:
        raise Fault(
            f"A stack is already up on port {site.aws_port}; stop it by `darkroom down`,"
            " or set DARKROOM_AWS_PORT and DARKROOM_PORT to start another beside it."
        )
    with held(descriptor):
        site.note_down()
        LockFile.sign(descriptor, os.getpid())
        try:
            yield
        finally:
            site.note_down()


@contextmanager
def _bound(port: int) -> Iterator[list[socket.socket]]:
    sockets = bind(port)
    try:
        yield sockets
    finally:
        for listener in sockets:
            listener.close()


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Waits until no other process holds that file's lock."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.2)
        yield


def python_folder(project: Path) -> Path:
    """Folder of a python3.13 that has pip, which is what SAM builds with. Raises Fault."""
    found = shutil.which("python3.13")
    folders = [project / ".tools/sam/bin", Path(sys.base_prefix) / "bin"]
    folders += [Path(found).parent] if found else []
    for folder in folders:
        with suppress(OSError):
            command = [str(folder / "python3.13"), "-m", "pip", "--version"]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return folder
    raise Fault("No Python 3.13 with pip was found to build with; `uv python install 3.13` brings one.")


def _welcome(console: Console, status: Status) -> None:
    addresses = Table.grid(padding=(0, 2))
    addresses.add_row("Page", Text(f"{status.web}/", style="bold"))
    addresses.add_row("S3 endpoint", str(status.aws_endpoint))
    addresses.add_row("Drop pictures in", f"s3://{status.uploads_bucket}/")
    commands = (
        f"curl -F upload=@photo.png {status.web}/",
        f"aws --endpoint-url {status.aws_endpoint} s3 cp photo.png s3://{status.uploads_bucket}/",
        "uv run darkroom drop photo.png",
    )
    console.print(Panel(addresses, title="Darkroom is up", title_align="left", expand=False))
    for command in commands:  # to be copied: never wrapped
        console.print(f"  {command}", style="cyan", highlight=False, markup=False, soft_wrap=True)
    console.print("  (any AWS keys: AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test)", highlight=False)


def _coloured(line: Line) -> Text:
    return Text.assemble(
        (f"{line.at.astimezone():%H:%M:%S} ", "dim"),
        (f"{line.function:<8} ", "cyan"),
        (f"{line.level:<7} ", _COLOURS.get(line.level, "")),
        line.message,
    )
