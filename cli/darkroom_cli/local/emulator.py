"""MiniStack, the AWS emulator: started, stopped, and what 1.5.33 gets wrong put right.

All that is known of its inside stands here; tests/unit/cli/test_emulator.py fails when another version is
pinned, so that each correction is looked at again.
"""

import asyncio
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import tomllib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from aiohttp import ClientError, ClientSession

from darkroom.adapters.clients import dynamodb_client
from darkroom.adapters.dynamodb import DynamoLedger, DynamoViews
from darkroom.services.projecting import rebuild
from darkroom_cli.local.front_door import port_taken
from darkroom_cli.stack import PROJECT, REGION, Fault, LocalStack, LockFile, Status, held


def pinned_ministack() -> str:
    """The version that is pinned, which is the one that runs."""
    stack = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["stack"]
    [version] = [each.partition("==")[2] for each in stack if each.startswith("ministack==")]
    return str(version)


# What its state on disk takes to be written.
_STOP_SECONDS = 30


@asynccontextmanager
async def ministack(site: LocalStack) -> AsyncIterator[asyncio.subprocess.Process]:
    """The emulator on the site's port, from its first answer until its state is on disk. Raises Fault."""
    # A supervisor that was killed has left its emulator behind.
    await asyncio.to_thread(site.ministack.stop_holder, _STOP_SECONDS)
    _check_free(site.aws_port)
    scratch = site.folder / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    forget_stream_positions(site.folder / "state/lambda.json")
    process = await _started(site, scratch)
    try:
        await while_alive(process, site, _answering(site))
        yield process
    finally:
        await end_group(process, _STOP_SECONDS)
        shutil.rmtree(scratch, ignore_errors=True)  # it leaves 35 MB behind for each worker of a function


async def _started(site: LocalStack, scratch: Path) -> asyncio.subprocess.Process:
    descriptor = site.ministack.take()
    if descriptor is None:
        raise port_taken(site.aws_port, "DARKROOM_AWS_PORT")
    with held(descriptor), (site.folder / "ministack.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            site.project / ".tools/stack/bin/python",
            "-P",  # this folder's modules are not for it to import
            PROJECT / "cli/darkroom_cli/local/loopback.py",
            cwd=site.folder,
            env=_environment(site, scratch),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we stop it when all else has stopped
            pass_fds=(descriptor,),
        )
        LockFile.sign(descriptor, process.pid)
    return process


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            raise port_taken(port, "DARKROOM_AWS_PORT", fault.errno or errno.EADDRINUSE) from fault


def _environment(site: LocalStack, scratch: Path) -> dict[str, str]:
    """Nothing of the user's environment but the path: whatever stands here leaks into the functions."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",  # as in Lambda
        "TMPDIR": str(scratch),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(site.aws_port),
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(site.folder / "state"),
        "S3_DATA_DIR": str(site.folder / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        # At its start MiniStack removes containers that it takes for its own: it shall find no Docker.
        "AUTH": "true" if site.aws_auth else "false",
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


async def _answering(site: LocalStack) -> None:
    async with ClientSession() as client:
        while True:
            with suppress(ClientError):
                async with client.get(f"{site.aws_endpoint}/_ministack/health") as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(0.05)


async def while_alive(
    server: asyncio.subprocess.Process, site: LocalStack, work: Coroutine[Any, Any, None]
) -> None:
    """Does the work unless the emulator ends before it. Raises Fault with its last lines."""
    task, death = asyncio.create_task(work), asyncio.create_task(server.wait())
    try:
        await asyncio.wait((task, death), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Fault(last_words("MiniStack ended by itself", site.folder / "ministack.log"))
        task.result()
    finally:
        for one in (task, death):
            one.cancel()
        await asyncio.gather(task, death, return_exceptions=True)


async def end_group(process: asyncio.subprocess.Process, patience_seconds: float) -> None:
    """SIGTERM, time to write its state down, then SIGKILL for it and all that it has started."""
    if process.returncode is None:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience_seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def last_words(sentence: str, log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{sentence}; the last lines of {log}:\n  " + "\n  ".join(lines[-8:])


def forget_stream_positions(state: Path) -> None:
    """Makes stream consumers begin where the stream begins, for a MiniStack that is not running.

    1.5.33 keeps how many records of a DynamoDB stream a function has read, but not the records: after a
    restart it would pass over as many new ones.
    """
    if state.exists():
        kept = json.loads(state.read_text())
        kept["payload"].pop("dynamodb_stream_positions", None)
        state.write_text(json.dumps(kept))


# Kept in the emulator itself: when it is killed, what it forgets and what was noted stay in step.
_SOURCES_PARAMETER = "/darkroom/deployed-sources"


def deployed_sources() -> str | None:
    """The fingerprint that was noted last, as far as this emulator remembers."""
    parameters = boto3.client("ssm")
    try:
        return str(parameters.get_parameter(Name=_SOURCES_PARAMETER)["Parameter"]["Value"])
    except parameters.exceptions.ParameterNotFound:
        return None


def note_deployed_sources(sources: str) -> None:
    boto3.client("ssm").put_parameter(Name=_SOURCES_PARAMETER, Value=sources, Type="String", Overwrite=True)


def catch_up(status: Status) -> None:
    """Gives the views what the ledger's stream still held when MiniStack stopped: 1.5.33 forgets it."""
    dynamodb = dynamodb_client()
    records = DynamoLedger(status.ledger_table, dynamodb).records()
    for _ in rebuild(DynamoViews(status.views_table, dynamodb), records):
        pass


def mend_concurrency() -> None:
    """Tells MiniStack anew how many pictures may be rendered at once.

    1.5.33 takes a number that a template reads from a parameter as text, and then its poller fails.
    """
    functions = boto3.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        stated = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if stated is not None:
            functions.update_event_source_mapping(
                UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(stated)}
            )
