"""Starts and stops MiniStack, the AWS emulator, with workarounds for bugs in 1.5.33.

Apart from this module, only server.py, saving.py, loopback.py and front_door.py depend on MiniStack's
internals. When another version is pinned, tests/unit/cli/test_emulator.py fails, so that each workaround is
checked again.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import tomllib
from base64 import b64encode
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from hashlib import shake_256
from pathlib import Path
from typing import Any

import boto3
from aiohttp import ClientError, ClientSession

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.services.projecting import rebuild
from darkroom_cli.faults import Fault
from darkroom_cli.local.front_door import bound, port_taken
from darkroom_cli.lockfile import LockFile
from darkroom_cli.stack import PROJECT, REGION, LocalStack, Status


def pinned_ministack() -> str:
    """Returns the version pinned in pyproject.toml."""
    packages = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["stack"]
    [version] = [name.partition("==")[2] for name in packages if name.startswith("ministack==")]
    return str(version)


# Time for MiniStack to write its state to disk.
_STOP_SECONDS = 30
_SCRATCH = "tmp-"


@asynccontextmanager
async def ministack(local_stack: LocalStack) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts the emulator, yields once it responds, and saves its state at the end. Raises Fault."""
    # A killed supervisor leaves its emulator running.
    await asyncio.to_thread(local_stack.ministack.stop_holder, _STOP_SECONDS)
    # Raises Fault if the port is in use.
    bound(socket.AF_INET, "127.0.0.1", local_stack.aws_port, "DARKROOM_AWS_PORT").close()
    for left_behind in local_stack.folder.glob(f"{_SCRATCH}*"):  # by a killed supervisor
        remove_scratch(left_behind)
    scratch = scratch_of(local_stack)
    scratch.mkdir(parents=True)
    forget_stream_positions(local_stack.folder / "state/lambda.json")
    process = await _started(local_stack, scratch)
    try:
        await while_alive(process, local_stack, _wait_until_healthy(local_stack))
        yield process
    finally:
        await end_group(process, _STOP_SECONDS)


def scratch_of(local_stack: LocalStack) -> Path:
    """Returns the folder of temporary files of the emulator that this process starts."""
    return local_stack.folder / f"{_SCRATCH}{os.getpid()}"


def remove_scratch(folder: Path) -> None:
    """Removes the emulator's temporary files."""
    shutil.rmtree(folder, ignore_errors=True)


async def _started(local_stack: LocalStack, scratch: Path) -> asyncio.subprocess.Process:
    file = local_stack.ministack.acquire()
    if file is None:
        raise port_taken(local_stack.aws_port, "DARKROOM_AWS_PORT")
    with file, (local_stack.folder / "ministack.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            local_stack.project / ".tools/stack/bin/python",
            "-P",  # keeps the script's folder off the import path
            PROJECT / "cli/darkroom_cli/local/server.py",
            local_stack.running_mark,
            cwd=local_stack.folder,
            env=_environment(local_stack, scratch),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # not stopped by Ctrl-C, but by us, after everything else
            pass_fds=(file.fileno(),),
        )
        LockFile.write_id(file, process.pid)
    return process


def _environment(local_stack: LocalStack, scratch: Path) -> dict[str, str]:
    """Returns the emulator's environment; the functions inherit it, so only PATH is the user's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",  # as in Lambda
        "TMPDIR": str(scratch),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(local_stack.aws_port),
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(local_stack.folder / "state"),
        "S3_DATA_DIR": str(local_stack.folder / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "AUTH": "true" if local_stack.aws_auth else "false",
        # Functions sign with this key and token, so that presigned URLs are as long as in Lambda.
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SESSION_TOKEN": session_token(),
        # Hides Docker: on start, MiniStack removes containers with names like its own.
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def session_token() -> str:
    """Returns a session token for functions, as long as Lambda's and with characters to escape in a URL."""
    return b64encode(shake_256(b"darkroom").digest(975)).decode()


async def _wait_until_healthy(local_stack: LocalStack) -> None:
    async with ClientSession() as client:
        while True:
            with suppress(ClientError):
                async with client.get(f"{local_stack.aws_endpoint}/_ministack/health") as response:
                    if response.ok:
                        return
            await asyncio.sleep(0.05)


async def while_alive(
    server: asyncio.subprocess.Process, local_stack: LocalStack, work: Coroutine[Any, Any, None]
) -> None:
    """Runs the work to its end. Raises Fault with the emulator's last lines if the emulator ends first."""
    task, death = asyncio.create_task(work), asyncio.create_task(server.wait())
    try:
        await asyncio.wait((task, death), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Fault(last_lines("MiniStack stopped unexpectedly", local_stack.folder / "ministack.log"))
        task.result()
    finally:
        for pending in (task, death):
            pending.cancel()
        await asyncio.gather(task, death, return_exceptions=True)


async def end_group(process: asyncio.subprocess.Process, timeout_seconds: float) -> None:
    """Sends SIGTERM, waits, then sends SIGKILL to the whole process group."""
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), timeout_seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def last_lines(sentence: str, log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{sentence}; last lines of {log}:\n  " + "\n  ".join(lines[-8:])


def forget_stream_positions(state: Path) -> None:
    """Removes stream positions from the saved state of a stopped MiniStack.

    MiniStack 1.5.33 saves the number of stream records read, but not the records: after a restart it would
    skip as many new ones.
    """
    if state.exists():
        saved = json.loads(state.read_text())
        saved["payload"].pop("dynamodb_stream_positions", None)
        state.write_text(json.dumps(saved))


# Stored in the emulator: if a kill loses the deployment, it loses this note as well.
_SOURCES_PARAMETER = "/darkroom/deployed-sources"


def deployed_sources() -> str | None:
    """Returns the fingerprint of the deployed sources, or None."""
    parameters = boto3.client("ssm")
    try:
        return str(parameters.get_parameter(Name=_SOURCES_PARAMETER)["Parameter"]["Value"])
    except parameters.exceptions.ParameterNotFound:
        return None


def save_deployed_sources(sources: str) -> None:
    boto3.client("ssm").put_parameter(Name=_SOURCES_PARAMETER, Value=sources, Type="String", Overwrite=True)


def catch_up(status: Status) -> None:
    """Rebuilds the views: MiniStack 1.5.33 loses stream records that were unread when it stopped."""
    dynamodb = dynamodb_client()
    records = DynamoLedger(status.ledger_table, dynamodb).records()
    for _ in rebuild(DynamoViews(status.views_table, dynamodb), records):
        pass


def fix_concurrency() -> None:
    """Sets MaximumConcurrency again as a number.

    MiniStack 1.5.33 keeps a number from a template parameter as text, and its poller fails.
    """
    functions = boto3.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if concurrency is not None:
            functions.update_event_source_mapping(
                UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(concurrency)}
            )
