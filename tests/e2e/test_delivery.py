"""A stack is deployed, used and destroyed by commands, as in the cloud except for the endpoint."""

import platform

import boto3
import pytest

from darkroom.domain.prices import architecture
from darkroom_cli.local.emulator import fix_concurrency
from darkroom_cli.stack import LocalStack, local_environment
from tests.e2e.conftest import Response, Stack, fetch, wait_for
from tests.pictures import a_small_png

pytestmark = pytest.mark.full

OPTIONS = ("--stack", "trial", "--region", "us-east-1")


@pytest.fixture
def cloud(second_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The second stack's local AWS as an account to deploy to, for this process and the command line."""
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
    options = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    done = cloud.darkroom("deploy", *OPTIONS, "--yes", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    fix_concurrency()
    return done.stdout


def test_a_stack_is_deployed_used_and_destroyed(cloud: Stack) -> None:
    output = deploy(cloud)

    assert "Darkroom is running at " in output
    for command in ("drop photo.jpg", "failures", "destroy"):
        assert f"uv run darkroom {command} --stack trial --region us-east-1" in output

    [stack] = boto3.client("cloudformation").describe_stacks(StackName="trial")["Stacks"]
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in stack["Outputs"]}
    web = f"{cloud.environment['AWS_ENDPOINT_URL']}/_aws/execute-api/{outputs['WebApiId']}"
    s3 = boto3.client("s3")
    s3.put_object(Bucket=outputs["UploadsBucket"], Key="kept.png", Body=a_small_png())

    def shown() -> Response | None:
        response = fetch(f"{web}/kept.jpg", "application/json")
        return response if response.status == 200 else None

    receipt = wait_for(shown, "the picture to be rendered").json
    assert s3.list_objects_v2(Bucket=outputs["RenditionsBucket"])["KeyCount"] >= len(receipt["renditions"])

    destroyed = cloud.darkroom("destroy", *OPTIONS, "--yes")

    assert destroyed.returncode == 0, destroyed.stderr
    assert f"the bucket {outputs['UploadsBucket']}: 1 object, " in destroyed.stdout
    left = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"] if bucket["Name"].startswith("trial-")}
    assert left == {outputs["UploadsBucket"]}

    again = cloud.darkroom("deploy", *OPTIONS, "--yes")

    assert again.returncode == 1
    assert f"The bucket {outputs['UploadsBucket']} of an earlier stack still exists" in again.stderr
    command = f"darkroom destroy {' '.join(OPTIONS)} --everything"
    assert command in again.stderr
    assert cloud.darkroom(*command.split()[1:], "--yes").returncode == 0
    assert not [bucket for bucket in s3.list_buckets()["Buckets"] if bucket["Name"].startswith("trial-")]


def test_deploy_without_credentials_explains_how_to_sign_in(cloud: Stack) -> None:
    without_key = {
        name: value for name, value in cloud.environment.items() if not name.startswith("AWS_ACCESS_KEY")
    }

    done = Stack(without_key).darkroom("deploy", *OPTIONS, "--yes")

    assert done.returncode == 1
    assert "No usable AWS credentials were found" in done.stderr
    assert "aws sso login" in done.stderr
    assert done.stdout == ""
