"""What a workflow on GitHub may do, and as whom: by the roles that pipeline.yaml makes for it."""

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
    return {"on": loaded.pop(True), **loaded}  # YAML 1.1 reads that name as true


DEPLOYING = {name: job for name, job in workflow("deploy")["jobs"].items() if "environment" in job}


def steps(job: Node) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


# The workflows


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_action_is_pinned_by_its_commit_and_keeps_no_credentials(name: str) -> None:
    used = re.findall(r"uses: (\S+)(.*)", WORKFLOWS[name].read_text())
    foreign = [(action, told) for action, told in used if not action.startswith("./")]

    assert foreign
    for action, told in foreign:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", told)
    for job in workflow(name)["jobs"].values():
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_job_may_what_it_names_and_has_no_secret(name: str) -> None:
    told = workflow(name)
    granted = {right for job in told["jobs"].values() for right in job.get("permissions", {}).items()}

    assert told["permissions"] == {}
    assert granted <= {("contents", "read"), ("id-token", "write")}
    assert "secrets." not in WORKFLOWS[name].read_text()
    assert "AWS_SECRET_ACCESS_KEY" not in WORKFLOWS[name].read_text()


def test_what_is_not_from_this_workflow_can_not_ask_for_a_role() -> None:
    """A pull request's code runs in ci, which may read and nothing else."""
    asking = [
        (name, job)
        for name in WORKFLOWS
        for job, told in workflow(name)["jobs"].items()
        if told.get("permissions", {}).get("id-token")
    ]

    assert asking == [("deploy", "staging"), ("deploy", "production")]
    assert set(workflow("deploy")["on"]) == {"push", "workflow_dispatch"}
    assert workflow("deploy")["on"]["push"] == {"branches": ["main"]}


def test_production_gets_what_was_checked_and_what_staging_was_asked() -> None:
    jobs = workflow("deploy")["jobs"]

    assert jobs["staging"]["needs"] == "check"
    assert jobs["production"]["needs"] == "staging"
    assert {job["environment"] for job in DEPLOYING.values()} == {"staging", "production"}
    for name, job in DEPLOYING.items():
        assert job["environment"] == name
        assert job["concurrency"] == {"group": f"deploy-{name}", "cancel-in-progress": False}
        assert "darkroom deploy --stack" in steps(job)
    asked = steps(jobs["staging"])
    assert asked.index("darkroom deploy") < asked.index("make e2e STACK=")
    assert "::add-mask::" in asked
    assert "darkroom token revoke" in asked


# The roles


def held(text: str) -> None:
    """Looks at each promise. Raises AssertionError."""
    template = parse_template(text)
    deploy, change = (template["Resources"][name]["Properties"] for name in ("DeployRole", "ChangeRole"))
    trusts(template["Parameters"], deploy, change)
    starts_and_no_more(deploy)
    keeps_to_its_stack(change)


def trusts(parameters: Node, deploy: Node, change: Node) -> None:
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
    for name, one, many in (
        ("Repository", "octo/pictures", "octo/*"),
        ("Repository", "octo-1/pictures-2", "octo/pictures:ref"),
        ("Environment", "staging", "*"),
    ):
        pattern = parameters[name]["AllowedPattern"]
        assert re.fullmatch(pattern, one)
        assert not re.fullmatch(pattern, many)
    assert service["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    assert service["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def starts_and_no_more(deploy: Node) -> None:
    """No wildcard action; and it can make nothing that runs, nor a role, nor pass on another's."""
    may = {action for each in statements(deploy) for action in listed(each["Action"])}
    [passing] = [each for each in statements(deploy) if "iam:PassRole" in each["Action"]]

    assert not [action for action in may if "*" in action]
    assert {action for action in may if action.startswith(("iam:", "lambda:", "sts:"))} == {
        "iam:PassRole",
        "lambda:GetFunctionConfiguration",
    }
    assert passing["Resource"] == {"Fn::GetAtt": ["ChangeRole", "Arn"]}
    assert passing["Condition"]["StringEquals"] == {"iam:PassedToService": "cloudformation.amazonaws.com"}


# What has an id for a name, so that no ARN tells whose it is.
_NAMELESS = (":appconfig:", ":deploymentconfig:*", "apigateway:", ":event-source-mapping:*")


def keeps_to_its_stack(change: Node) -> None:
    for statement in statements(change):
        wide = [each for each in listed(statement["Action"]) if "*" in each or each.startswith("iam:")]
        for resource in listed(statement["Resource"]) if wide else []:
            arn = resource["Fn::Sub"]
            assert "${Stack}" in arn or any(kind in arn for kind in _NAMELESS)


def statements(role: Node) -> Iterator[Node]:
    for policy in role["Policies"]:
        stated = policy["Fn::If"][1] if "Fn::If" in policy else policy
        yield from stated["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_whatever_the_template_is_made_of_can_be_made() -> None:
    """By the word that ARNs and actions have for a service, where that is not CloudFormation's."""
    names = {"apigatewayv2": "apigateway", "serverless": "lambda"}
    kinds = {each["Type"].split("::")[1].lower() for each in load_template()["Resources"].values()}
    change = parse_template(PIPELINE.read_text())["Resources"]["ChangeRole"]["Properties"]

    may = {action.split(":")[0] for each in statements(change) for action in listed(each["Action"])}
    assert {names.get(kind, kind) for kind in kinds} <= may


def test_one_environment_of_one_repository_deploys_one_stack_by_a_role_that_it_can_not_be() -> None:
    held(PIPELINE.read_text())


ITS_ROLES = (
    "- iam:UpdateRoleDescription\n"
    '                Resource: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/'
)
WIDER = {
    "any job of the repository": ("}:environment:${Environment}", "}:*"),
    "whatever is like it": (
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
def test_a_wider_role_is_noticed(what: str) -> None:
    text, (old, new) = PIPELINE.read_text(), WIDER[what]
    assert text.count(old) == 1

    with pytest.raises(AssertionError):
        held(text.replace(old, new))
