"""`darkroom up`: builds, starts the emulator, deploys, serves the front door and shows the logs."""

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
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from darkroom.domain.prices import architecture
from darkroom_cli.cloudformation import outputs_of
from darkroom_cli.faults import Fault
from darkroom_cli.local.emulator import (
    catch_up,
    deployed_sources,
    end_group,
    fix_concurrency,
    last_lines,
    ministack,
    remove_scratch,
    save_deployed_sources,
    scratch_of,
    while_alive,
)
from darkroom_cli.local.front_door import FrontDoor, bind
from darkroom_cli.local.logs import Follower, Line
from darkroom_cli.lockfile import LockFile
from darkroom_cli.stack import PROJECT, REGION, LocalStack, Status, local_environment, status_from, use_local
from darkroom_cli.sweep import sweep

_SOURCES = ("template.yaml", "samconfig.toml", "uv.lock", "functions", "layers")
# The number of the file descriptor of the lock, from `detach` to the process in the background.
_INHERITED_LOCK = "DARKROOM_LOCK"
_MAX_LOG_BYTES = 10_000_000
_COLOURS = {"CRITICAL": "bold red", "ERROR": "bold red", "WARNING": "yellow", "INFO": "green"}
# SAM prints the same message for a missing version as for a failed download. All pinned versions exist, so
# the download has failed.
_DOWNLOAD_FAILED = re.compile(
    r"ResolveDependencies - (?:Could not satisfy the requirement|Unable to download)\W+(\S*)"
)


def deployment(samconfig: str, processor: str, port: int, endpoint: str) -> tuple[str, tuple[str, ...]]:
    """Returns the stack's name and its parameters.

    These are the parameters in the section [local] of samconfig.toml, and this machine's processor, origins
    and emulator. SAM takes overrides either from the file or from the command line.
    """
    local = tomllib.loads(samconfig)["local"]
    configured = local["deploy"]["parameters"].get("parameter_overrides", "")
    overrides = shlex.split(configured) if isinstance(configured, str) else list(configured)
    added = (
        f"Architecture={processor}",
        f"AllowedOrigins=http://localhost:{port},http://127.0.0.1:{port}",
        f"LocalEndpoint={endpoint}",
    )
    return local["global"]["parameters"]["stack_name"], (*overrides, *added)


def fingerprint(project: Path, processor: str) -> str:
    """Returns a digest of the sources of a build and deployment."""
    digest = hashlib.sha256(processor.encode())
    for path in (path for source in _SOURCES for path in sorted(_files(project / source))):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(project)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    return [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def detach(local_stack: LocalStack, console: Console, *, verbose: bool) -> int:
    """Starts a stack in the background and prints its addresses; returns the exit code."""
    exit_code = _start(local_stack, console, verbose=verbose)
    if exit_code == 0:
        _print_addresses(console, local_stack.status())
    return exit_code


def _start(local_stack: LocalStack, console: Console, *, verbose: bool = False) -> int:
    """Starts a stack in the background and prints its output until it is ready; returns the exit code.

    The log is written under the stack's lock, which the new process inherits.
    """
    arguments = ["up", "--verbose"] if verbose else ["up"]
    with _acquired(local_stack) as lock, _opened_log(local_stack) as log:
        begin = log.tell()
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "darkroom_cli.app", *arguments],
            cwd=local_stack.project,
            env=os.environ
            | {
                "PYTHONUNBUFFERED": "1",
                "COLUMNS": str(console.width),
                _INHERITED_LOCK: str(lock.fileno()),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )
    with local_stack.log.open() as log:
        log.seek(begin)
        try:
            while True:
                output, alive = log.read(), supervisor.poll() is None
                if alive and _ready(local_stack, supervisor.pid):
                    break
                sys.stderr.write(output)
                if not alive:
                    sys.stderr.write(log.read())
                    return supervisor.returncode
                time.sleep(0.1)
        except KeyboardInterrupt:
            supervisor.terminate()
            return supervisor.wait() or 1
    return 0


@contextmanager
def running_stack(local_stack: LocalStack, console: Console) -> Iterator[Status]:
    """Yields the running stack, or starts one and stops it at the end. Raises Fault."""
    started_here = local_stack.supervisor.holder() is None
    if started_here and _start(local_stack, console):
        raise Fault("The local stack did not start; see the messages above.")
    try:
        use_local(local_stack)
        yield local_stack.status()
    finally:
        if started_here:
            local_stack.supervisor.stop_holder(60)
            console.print("The local stack is stopped. Its pictures are kept: `make up` starts it again.")


def _ready(local_stack: LocalStack, process_id: int) -> bool:
    if local_stack.supervisor.holder() != process_id:
        return False
    with suppress(Fault):
        local_stack.status()
        return True
    return False


def _opened_log(local_stack: LocalStack) -> TextIO:
    """Opens the log at its end, or empty if it has grown long."""
    log = local_stack.log.open("a")
    if log.tell() > _MAX_LOG_BYTES:
        log.truncate(0)
    return log


async def up(local_stack: LocalStack, console: Console, *, verbose: bool) -> None:
    """Runs the local stack until SIGINT or SIGTERM, then stops everything it started. Raises Fault."""
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(_Supervisor(local_stack, console, verbose=verbose).run())

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C does not interrupt stopping
            loop.add_signal_handler(number, lambda: None)
        work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        console.print("The local stack is stopped. Its pictures are kept.", highlight=False)


class _Supervisor:
    """One run of a local stack, from its locks to its logs."""

    def __init__(self, local_stack: LocalStack, console: Console, *, verbose: bool) -> None:
        self._local_stack = local_stack
        self._console = console
        self._verbose = verbose
        self._processor = architecture(platform.machine())

    async def run(self) -> None:
        for program in (".tools/sam/bin/sam", ".tools/stack/bin/ministack"):
            if not (self._local_stack.project / program).exists():
                raise Fault(f"{program} is not installed; install it with `make setup`.")
        started_ms = int(time.time() * 1000)
        async with AsyncExitStack() as exits:
            # Last, since `down` waits for the lock only; only its own, since another stack may hold it.
            exits.callback(remove_scratch, scratch_of(self._local_stack))
            exits.enter_context(_lock(self._local_stack))
            sockets = [exits.enter_context(listener) for listener in bind(self._local_stack.web_port)]
            was_killed = self._local_stack.was_killed
            with self._step("Starting MiniStack"):
                server = await exits.enter_async_context(ministack(self._local_stack))
            await while_alive(server, self._local_stack, self._serve(sockets, started_ms, was_killed))

    async def _serve(self, sockets: list[socket.socket], started_ms: int, was_killed: bool) -> None:
        """Deploys changes, serves the front door, and prints the logs until cancelled."""
        local_stack = self._local_stack
        use_local(local_stack)
        sources = await asyncio.to_thread(fingerprint, local_stack.project, self._processor)
        samconfig = (local_stack.project / "samconfig.toml").read_text()
        endpoint = local_stack.aws_endpoint
        stack, overrides = deployment(samconfig, self._processor, local_stack.web_port, endpoint)
        outputs = await self._deployed(stack, overrides, sources)
        status = status_from(outputs, stack, REGION, local_stack)
        await asyncio.to_thread(catch_up, status)
        if was_killed:
            self._console.print("The emulator was killed. Sending unfinished uploads to the queue again ...")
            await asyncio.to_thread(sweep, status, 0, None, self._console)
        apis = outputs["WebApiId"], outputs["LiveApiId"]
        runner = await FrontDoor(endpoint, *apis, limits=local_stack.aws_limits).serve(sockets)
        try:
            follower = await asyncio.to_thread(Follower, stack, started_ms)
            local_stack.write_status(status)  # `detach` waits for it
            _print_addresses(self._console, status)
            async for line in follower.lines():
                if self._verbose or line.brief:
                    self._console.print(_coloured(line, verbose=self._verbose), soft_wrap=True)
        finally:
            await runner.cleanup()

    async def _deployed(self, stack: str, overrides: tuple[str, ...], sources: str) -> dict[str, str]:
        """Builds and deploys the stack if its sources have changed, and returns its outputs."""
        outputs = await asyncio.to_thread(outputs_of, stack, REGION)
        deployed = f"{sources} {self._local_stack.web_port}"
        if outputs and await asyncio.to_thread(deployed_sources) == deployed:
            return outputs
        # All stacks share the build folder: no stack may build while another one deploys from it.
        async with _locked(self._local_stack.project / ".aws-sam/lock"):
            await self._build(sources)
            with self._step("Deploying the stack"):
                await self._sam(
                    *("deploy", "--config-env", "local", "--resolve-s3", "--no-progressbar"),
                    *("--no-confirm-changeset", "--no-fail-on-empty-changeset"),
                    *("--parameter-overrides", *overrides),
                )
        await asyncio.to_thread(fix_concurrency)
        outputs = await asyncio.to_thread(outputs_of, stack, REGION)
        if not outputs:
            raise Fault(f"Stack {stack} was not deployed; see {self._sam_log}.")
        await asyncio.to_thread(save_deployed_sources, deployed)
        return outputs

    async def _build(self, sources: str) -> None:
        built = self._local_stack.project / ".aws-sam/built"
        if built.exists() and built.read_text() == sources:
            return
        built.unlink(missing_ok=True)
        with self._step("Building functions and layers"):
            await self._sam(
                *("build", "--config-env", "local", "--cached"),
                *("--parameter-overrides", f"Architecture={self._processor}"),
                path=str(await asyncio.to_thread(python_folder, self._local_stack.project)),
            )
        built.write_text(sources)

    @property
    def _sam_log(self) -> Path:
        return self._local_stack.folder / "sam.log"

    async def _sam(self, *arguments: str, path: str = "") -> None:
        """Runs SAM. Raises Fault if it fails."""
        environment = local_environment(os.environ, self._local_stack) | {
            "PATH": os.pathsep.join(filter(None, [path, os.environ.get("PATH")])),
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",  # MiniStack has the change set at once; the default is 5 s
            "PIP_RETRIES": "2",
        }
        # Settings for another Python than SAM's; without bytecode files SAM would start slowly.
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        with self._sam_log.open("w") as log:
            process = await asyncio.create_subprocess_exec(
                self._local_stack.project / ".tools/sam/bin/sam",
                *arguments,
                cwd=self._local_stack.project,
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
        missing = _DOWNLOAD_FAILED.search(self._sam_log.read_text(errors="replace"))
        if missing:
            raise Fault(
                f"Cannot download {missing[1]} from the package index; check the network and try again."
            )
        raise Fault(last_lines(f"`sam {arguments[0]}` failed", self._sam_log))

    @contextmanager
    def _step(self, description: str) -> Iterator[None]:
        """Prints the step, and afterwards its duration."""
        started = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"{description} ...", highlight=False)
        with self._console.status(f"{description} ..."):
            yield
        if self._console.is_terminal:
            self._console.print(
                f"{description} [dim]{time.monotonic() - started:.1f} s[/dim]", highlight=False
            )


def _acquired(local_stack: LocalStack) -> FileIO:
    """Locks the stack for this process, or returns the lock that `detach` has passed on. Raises Fault."""
    inherited = os.environ.pop(_INHERITED_LOCK, None)
    file = FileIO(int(inherited), "r+") if inherited else local_stack.supervisor.acquire()
    if file is None:
        raise Fault(
            f"A local stack is already running on port {local_stack.aws_port}; stop it with `darkroom down`,"
            " or set DARKROOM_AWS_PORT and DARKROOM_PORT to start a second one."
        )
    return file


@contextmanager
def _lock(local_stack: LocalStack) -> Iterator[None]:
    with _acquired(local_stack) as file:
        local_stack.remove_status()
        LockFile.write_id(file, os.getpid())
        try:
            yield
        finally:
            local_stack.remove_status()


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Waits for a file's lock and holds it."""
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
    """Returns the folder of a python3.13 with pip, for SAM's build. Raises Fault."""
    found = shutil.which("python3.13")
    folders = [project / ".tools/sam/bin", Path(sys.base_prefix) / "bin"]
    folders += [Path(found).parent] if found else []
    for folder in folders:
        with suppress(OSError):
            command = [str(folder / "python3.13"), "-m", "pip", "--version"]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return folder
    raise Fault("The build needs Python 3.13 with pip; install it with `uv python install 3.13`.")


def _print_addresses(console: Console, status: Status) -> None:
    addresses = Table.grid(padding=(0, 2))
    addresses.add_row("Page", Text(f"{status.web}/", style="bold"))
    addresses.add_row("S3 endpoint", str(status.aws_endpoint))
    addresses.add_row("Uploads bucket", f"s3://{status.uploads_bucket}/")
    console.print(Panel(addresses, title="Darkroom is running", title_align="left", expand=False))
    for command in commands_to_try(status, os.environ):  # not wrapped, for copying
        console.print(f"  {command}", style="cyan", highlight=False, markup=False, soft_wrap=True)


def commands_to_try(status: Status, environment: Mapping[str, str]) -> list[str]:
    """Returns commands for this stack that a shell in the current folder can run as they are."""
    picture = _as_typed(PROJECT / "docs" / "screenshots" / "picture-light-desktop.webp")
    program = Path(sys.executable).with_name("darkroom")
    folders = environment.get("PATH", "").split(os.pathsep)
    if "UV" in environment and folders[0] == str(program.parent):
        del folders[0]  # `uv run` has put it there, for this process alone
    path = os.pathsep.join(folders)
    on_path = shutil.which("darkroom", path=path) == str(program)
    # Without it, commands find the one stack that is running.
    port = environment.get("DARKROOM_AWS_PORT")
    darkroom = f"DARKROOM_AWS_PORT={port} " if port else ""
    darkroom += "darkroom" if on_path else _as_typed(program)
    commands = [f"curl -F upload=@{picture} {status.web}/", f"{darkroom} drop {picture}"]
    if shutil.which("aws", path=path):
        aws = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws"
        commands.append(
            f"{aws} --endpoint-url {status.aws_endpoint} s3 cp {picture} s3://{status.uploads_bucket}/"
        )
    return commands


def _as_typed(path: Path) -> str:
    """Returns a path for a shell: relative to the current folder if it is inside, else absolute."""
    folder = Path.cwd()
    return shlex.quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))


def _coloured(line: Line, *, verbose: bool) -> Text:
    if not verbose:
        return Text.assemble(
            (f"{line.at.astimezone():%H:%M:%S} ", "dim"), (line.brief, _COLOURS.get(line.level, ""))
        )
    return Text.assemble(
        (f"{line.at.astimezone():%H:%M:%S} ", "dim"),
        (f"{line.function:<8} ", "cyan"),
        (f"{line.level:<7} ", _COLOURS.get(line.level, "")),
        line.message,
    )
