"""A stack's whole life by commands: deployed, used, destroyed, as in the cloud but for the address."""

import platform

import boto3
import pytest

from darkroom_cli.local.emulator import fix_concurrency
from darkroom_cli.local.up import architecture
from darkroom_cli.stack import LocalStack, local_environment
from tests.e2e.conftest import Reply, Stack, fetch, wait_for
from tests.pictures import a_small_png

pytestmark = pytest.mark.full

WHERE = ("--stack", "trial", "--region", "us-east-1")


@pytest.fixture
def cloud(second_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """An account to deploy to: the local AWS of a stack that is up, for this process and the command line."""
    environment = local_environment(second_stack.environment, LocalStack.of(second_stack.environment))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Stack(environment)


def deploy(cloud: Stack) -> str:
    parameters = {
        "Architecture": architecture(platform.machine()),
        "LocalEndpoint": cloud.environment["AWS_ENDPOINT_URL"],
        "Open": "true",
        "Canary": "false",
        "MaximumConcurrency": "2",
    }
    named = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    done = cloud.darkroom("deploy", *WHERE, "--yes", *named)
    assert done.returncode == 0, done.stdout + done.stderr
    fix_concurrency()
    return done.stdout


def test_a_stack_is_deployed_used_and_destroyed(cloud: Stack) -> None:
    told = deploy(cloud)

    assert "Darkroom is running at " in told
    for command in ("drop photo.jpg", "failures", "destroy"):
        assert f"uv run darkroom {command} --stack trial --region us-east-1" in told

    [stack] = boto3.client("cloudformation").describe_stacks(StackName="trial")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    web = f"{cloud.environment['AWS_ENDPOINT_URL']}/_aws/execute-api/{outputs['WebApiId']}"
    s3 = boto3.client("s3")
    s3.put_object(Bucket=outputs["UploadsBucket"], Key="kept.png", Body=a_small_png())

    def shown() -> Reply | None:
        reply = fetch(f"{web}/kept.jpg", "application/json")
        return reply if reply.status == 200 else None

    receipt = wait_for(shown, "the picture rendered").json
    assert s3.list_objects_v2(Bucket=outputs["RenditionsBucket"])["KeyCount"] >= len(receipt["renditions"])

    destroyed = cloud.darkroom("destroy", *WHERE, "--yes")

    assert destroyed.returncode == 0, destroyed.stderr
    assert f"the bucket {outputs['UploadsBucket']}: 1 object, " in destroyed.stdout
    left = {each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("trial-")}
    assert left == {outputs["UploadsBucket"]}

    again = cloud.darkroom("deploy", *WHERE, "--yes")

    assert again.returncode == 1
    assert f"The bucket {outputs['UploadsBucket']} of an earlier stack still exists" in again.stderr
    way_out = f"darkroom destroy {' '.join(WHERE)} --everything"
    assert way_out in again.stderr
    assert cloud.darkroom(*way_out.split()[1:], "--yes").returncode == 0
    assert not [each for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("trial-")]


def test_without_credentials_nothing_is_built_and_the_way_in_is_named(cloud: Stack) -> None:
    nobody = {
        name: value for name, value in cloud.environment.items() if not name.startswith("AWS_ACCESS_KEY")
    }

    done = Stack(nobody).darkroom("deploy", *WHERE, "--yes")

    assert done.returncode == 1
    assert "No usable AWS credentials were found" in done.stderr
    assert "aws sso login" in done.stderr
    assert done.stdout == ""
