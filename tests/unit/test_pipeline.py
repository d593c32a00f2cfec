"""Permissions of the GitHub workflows, and the roles of pipeline.yaml."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.cloudformation import PROJECT, Node, load_template, parse_template

WORKFLOWS = {path.stem: path for path in (PROJECT / ".github/workflows").glob("*.yml")}
PIPELINE = PROJECT / "pipeline.yaml"


def workflow(name: str) -> Node:
    loaded = yaml.safe_load(WORKFLOWS[name].read_text())
    assert isinstance(loaded, dict)
    return {"on": loaded.pop(True), **loaded}  # YAML 1.1 parses the key `on` as true


DEPLOYING = {name: job for name, job in workflow("deploy")["jobs"].items() if "environment" in job}


def steps(job: Node) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


# The workflows


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_to_commits_and_persist_no_credentials(name: str) -> None:
    used = re.findall(r"uses: (\S+)(.*)", WORKFLOWS[name].read_text())
    foreign = [(action, comment) for action, comment in used if not action.startswith("./")]

    assert foreign
    for action, comment in foreign:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    for job in workflow(name)["jobs"].values():
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", WORKFLOWS)
def test_jobs_have_minimal_permissions_and_no_secrets(name: str) -> None:
    loaded = workflow(name)
    granted = {right for job in loaded["jobs"].values() for right in job.get("permissions", {}).items()}

    assert loaded["permissions"] == {}
    assert granted <= {("contents", "read"), ("id-token", "write")}
    assert "secrets." not in WORKFLOWS[name].read_text()
    assert "AWS_SECRET_ACCESS_KEY" not in WORKFLOWS[name].read_text()


def test_only_deployments_of_main_can_assume_a_role() -> None:
    """The code of a pull request runs in ci with read permission only."""
    with_token = [
        (name, job_name)
        for name in WORKFLOWS
        for job_name, job in workflow(name)["jobs"].items()
        if job.get("permissions", {}).get("id-token")
    ]

    assert with_token == [("deploy", "staging"), ("deploy", "production")]
    assert set(workflow("deploy")["on"]) == {"push", "workflow_dispatch"}
    assert workflow("deploy")["on"]["push"] == {"branches": ["main"]}


def test_production_follows_checks_and_staging_tests() -> None:
    jobs = workflow("deploy")["jobs"]

    assert jobs["staging"]["needs"] == "check"
    assert jobs["production"]["needs"] == "staging"
    assert {job["environment"] for job in DEPLOYING.values()} == {"staging", "production"}
    for name, job in DEPLOYING.items():
        assert job["environment"] == name
        assert job["concurrency"] == {"group": f"deploy-{name}", "cancel-in-progress": False}
        assert "darkroom deploy --stack" in steps(job)
    staging = steps(jobs["staging"])
    assert staging.index("darkroom deploy") < staging.index("make e2e STACK=")
    assert "::add-mask::" in staging
    assert "darkroom token revoke" in staging


# The roles


def check_pipeline(text: str) -> None:
    """Checks the trust policies and permissions of both roles. Raises AssertionError."""
    template = parse_template(text)
    deploy, change = (template["Resources"][name]["Properties"] for name in ("DeployRole", "ChangeRole"))
    check_trust(template["Parameters"], deploy, change)
    check_deploy_role(deploy)
    check_change_role(change)


def check_trust(parameters: Node, deploy: Node, change: Node) -> None:
    [job] = deploy["AssumeRolePolicyDocument"]["Statement"]
    [service] = change["AssumeRolePolicyDocument"]["Statement"]
    issuer = "token.actions.githubusercontent.com"

    assert job["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert job["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
        }
    }
    for name, valid, invalid in (
        ("Repository", "octo/pictures", "octo/*"),
        ("Repository", "octo-1/pictures-2", "octo/pictures:ref"),
        ("Environment", "staging", "*"),
    ):
        pattern = parameters[name]["AllowedPattern"]
        assert re.fullmatch(pattern, valid)
        assert not re.fullmatch(pattern, invalid)
    assert service["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    assert service["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def check_deploy_role(deploy: Node) -> None:
    """The role has no wildcard action, can create no function or role, and can pass ChangeRole only."""
    actions = {action for statement in statements(deploy) for action in listed(statement["Action"])}
    [passing] = [statement for statement in statements(deploy) if "iam:PassRole" in statement["Action"]]

    assert not [action for action in actions if "*" in action]
    assert {action for action in actions if action.startswith(("iam:", "lambda:", "sts:"))} == {
        "iam:PassRole",
        "lambda:GetFunctionConfiguration",
    }
    assert passing["Resource"] == {"Fn::GetAtt": ["ChangeRole", "Arn"]}
    assert passing["Condition"]["StringEquals"] == {"iam:PassedToService": "cloudformation.amazonaws.com"}


# Resources with generated ids: their ARNs do not contain the stack's name.
_GENERATED_IDS = (":appconfig:", ":deploymentconfig:*", "apigateway:", ":event-source-mapping:*")


def check_change_role(change: Node) -> None:
    for statement in statements(change):
        wide = [
            action for action in listed(statement["Action"]) if "*" in action or action.startswith("iam:")
        ]
        for resource in listed(statement["Resource"]) if wide else []:
            arn = resource["Fn::Sub"]
            assert "${Stack}" in arn or any(kind in arn for kind in _GENERATED_IDS)


def statements(role: Node) -> Iterator[Node]:
    for policy in role["Policies"]:
        with_tests = policy["Fn::If"][1] if "Fn::If" in policy else policy
        yield from with_tests["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_change_role_has_actions_of_every_service() -> None:
    """The role has actions of every service in template.yaml."""
    iam_prefixes = {"apigatewayv2": "apigateway", "serverless": "lambda"}
    services = {resource["Type"].split("::")[1].lower() for resource in load_template()["Resources"].values()}
    change = parse_template(PIPELINE.read_text())["Resources"]["ChangeRole"]["Properties"]

    allowed = {
        action.split(":")[0] for statement in statements(change) for action in listed(statement["Action"])
    }
    assert {iam_prefixes.get(service, service) for service in services} <= allowed


def test_the_roles_are_limited_to_one_environment_and_one_stack() -> None:
    check_pipeline(PIPELINE.read_text())


ITS_ROLES = (
    "- iam:UpdateRoleDescription\n"
    '                Resource: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/'
)
WIDER = {
    "any job of the repository": ("}:environment:${Environment}", "}:*"),
    "a pattern of subjects": (
        "            Condition:\n              StringEquals:\n                token",
        "            Condition:\n              StringLike:\n                token",
    ),
    "any repository": ("^[A-Za-z0-9._@-]+/[A-Za-z0-9._@-]+$", "^.*$"),
    "any environment": ("^[A-Za-z0-9._-]+$", "^.*$"),
    "another service": ("Service: cloudformation.amazonaws.com }", "Service: lambda.amazonaws.com }"),
    "any account's changes": ("aws:SourceAccount: !Ref AWS::AccountId", 'aws:SourceAccount: "*"'),
    "any role": ("Resource: !GetAtt ChangeRole.Arn", 'Resource: "*"'),
    "any service to pass it to": ("iam:PassedToService: cloudformation", "iam:PassedToService: lambda"),
    "any action": ("[ssm:GetParameter, ssm:PutParameter]", "[ssm:*]"),
    "roles of its own": ("cloudformation:DeleteChangeSet", "iam:CreateRole"),
    "any alarm": ("alarm:${Stack}-*", "alarm:*"),
    "any role's policy": (f"{ITS_ROLES}${{Stack}}-*", f"{ITS_ROLES}*"),
}


@pytest.mark.parametrize("what", WIDER)
def test_wider_permissions_fail_the_check(what: str) -> None:
    text, (old, new) = PIPELINE.read_text(), WIDER[what]
    assert text.count(old) == 1

    with pytest.raises(AssertionError):
        check_pipeline(text.replace(old, new))
