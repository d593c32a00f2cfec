"""One upload's correlation id in the functions' logs, from the HTTP POST to the push."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from aiohttp import ClientSession

from darkroom_cli.cloudformation import resources_of
from tests.e2e.conftest import Stack, wait_for
from tests.e2e.test_live import pictures, receive, say_hello, send_all
from tests.pictures import a_small_png


def logged(stack: Stack, correlation_id: str) -> dict[str, set[str]]:
    """Returns the log messages of an upload by the function's short name."""
    groups = {
        resource["LogicalResourceId"].removesuffix("Logs").lower(): resource["PhysicalResourceId"]
        for resource in resources_of(stack.client("cloudformation"), stack.status["stack"])
        if resource["ResourceType"] == "AWS::Logs::LogGroup"
    }
    found = {function: set(_messages(stack, group, correlation_id)) for function, group in groups.items()}
    return {function: messages for function, messages in found.items() if messages}


def _messages(stack: Stack, group: str, correlation_id: str) -> Iterable[str]:
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    for event in (event for page in pages for event in page["events"]):
        if event["message"].startswith("{"):
            line: dict[str, Any] = json.loads(event["message"])
            if line.get("correlation_id") == correlation_id:
                yield line["message"]


def messages_of(stack: Stack, correlation_id: str, *functions: str) -> dict[str, set[str]]:
    """Waits until every given function has logged the upload. Returns the messages by function.

    The local AWS reads a function's output only briefly after its response, and the rest at the next
    invocation. Rendering another picture causes that invocation.
    """

    def messages() -> dict[str, set[str]] | None:
        found = logged(stack, correlation_id)
        if found.keys() >= set(functions):
            return found
        stack.rendered("another.png", a_small_png(73))
        return None

    return wait_for(messages, f"log messages of {' and '.join(functions)}")


def test_a_posted_picture_has_one_correlation_id_in_all_logs(stack: Stack) -> None:
    correlation_id = stack.post(a_small_png(71), "named.png", "application/json").json["correlation_id"]
    stack.settled("named.jpg")

    messages = messages_of(stack, correlation_id, "web", "render", "project")

    assert messages == {"web": {"stored"}, "render": {"rendered"}, "project": {"projected"}}


def test_a_job_upload_has_one_correlation_id_from_form_to_push(stack: Stack) -> None:
    files = pictures("followed.png")

    async def follow() -> tuple[str, set[str]]:
        async with ClientSession() as client:
            job = stack.announce(files)
            socket = await say_hello(client, job["live"]["url"], job["id"], job["live"]["ticket"])
            await send_all(job["rows"], files)
            messages = [await receive(socket)]
            while messages[-1]["type"] != "job.completed":
                messages.append(await receive(socket))
            await socket.close()
        pushed = {row["correlation_id"] for message in messages for row in message.get("uploads", [])}
        return job["rows"][0]["correlation_id"], pushed

    correlation_id, pushed = asyncio.run(follow())

    assert pushed == {correlation_id}
    assert messages_of(stack, correlation_id, "render", "project") == {
        "render": {"rendered"},
        "project": {"projected"},
    }


def test_a_direct_upload_has_one_correlation_id_in_all_logs(stack: Stack) -> None:
    correlation_id = stack.rendered("direct/upload.png", a_small_png(72))["correlation_id"]

    assert correlation_id
    assert messages_of(stack, correlation_id, "render", "project") == {
        "render": {"rendered"},
        "project": {"projected"},
    }
