"""One upload followed through the functions' real logs, from its HTTP POST to the push, on this machine."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from aiohttp import ClientSession

from darkroom_cli.cloudformation import resources_of
from tests.e2e.conftest import Stack, wait_for
from tests.e2e.test_live import hear, hello, pictures, send_each
from tests.pictures import a_small_png


def said(stack: Stack, name: str) -> dict[str, set[str]]:
    """What each function has said of the upload of that name, by the function's short name."""
    groups = {
        each["LogicalResourceId"].removesuffix("Logs").lower(): each["PhysicalResourceId"]
        for each in resources_of(stack.client("cloudformation"), stack.status["stack"])
        if each["ResourceType"] == "AWS::Logs::LogGroup"
    }
    found = {function: set(_messages(stack, group, name)) for function, group in groups.items()}
    return {function: messages for function, messages in found.items() if messages}


def _messages(stack: Stack, group: str, name: str) -> Iterable[str]:
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    for event in (event for page in pages for event in page["events"]):
        if event["message"].startswith("{"):
            line: dict[str, Any] = json.loads(event["message"])
            if line.get("correlation_id") == name:
                yield line["message"]


def lines_of(stack: Stack, name: str, *functions: str) -> dict[str, set[str]]:
    """What was said of the upload of that name, once each of these functions has said something.

    The local AWS listens to a function for a moment after its answer. What comes later it writes down at the
    next invocation, which another picture brings about.
    """

    def lines() -> dict[str, set[str]] | None:
        found = said(stack, name)
        if found.keys() >= set(functions):
            return found
        stack.rendered("another.png", a_small_png(73))
        return None

    return wait_for(lines, f"a line of {' and '.join(functions)}")


def test_a_posted_picture_has_one_name_in_the_log_of_each_function(stack: Stack) -> None:
    name = stack.post(a_small_png(71), "named.png", "application/json").json["correlation_id"]
    stack.settled("named.jpg")

    lines = lines_of(stack, name, "web", "render", "project")

    assert lines == {"web": {"stored"}, "render": {"rendered"}, "project": {"projected"}}


def test_a_jobs_upload_has_one_name_from_its_form_to_the_push(stack: Stack) -> None:
    files = pictures("followed.png")

    async def tour() -> tuple[str, set[str]]:
        async with ClientSession() as client:
            job = stack.announce(files)
            socket = await hello(client, job["live"]["url"], job["id"], job["live"]["ticket"])
            await send_each(job["rows"], files)
            heard = [await hear(socket)]
            while heard[-1]["type"] != "job.completed":
                heard.append(await hear(socket))
            await socket.close()
        pushed = {each["correlation_id"] for message in heard for each in message.get("uploads", [])}
        return job["rows"][0]["correlation_id"], pushed

    name, pushed = asyncio.run(tour())

    assert pushed == {name}
    assert lines_of(stack, name, "render", "project") == {"render": {"rendered"}, "project": {"projected"}}


def test_what_was_put_straight_into_the_bucket_is_called_alike_by_all(stack: Stack) -> None:
    name = stack.rendered("straight/in.png", a_small_png(72))["correlation_id"]

    assert name
    assert lines_of(stack, name, "render", "project") == {"render": {"rendered"}, "project": {"projected"}}
