"""The permissions in template.yaml: `python -m tests.roles` writes docs/security-roles.md."""

import re
from dataclasses import dataclass
from typing import Any

from tests.cloudformation import PROJECT, Node, load_template, of_type

PAGE = PROJECT / "docs" / "security-roles.md"

# Resources with a wildcard, and the reason for it.
STARS = {
    r"Bucket/\*": "any object, because keys are chosen by clients or are hashes",
    r"Logs": "any stream of this log group, because Lambda chooses their names",
    r"Views/index/\*": "any index of this table",
    r"@connections/\*": "any connection, because API Gateway creates their ids",
}
# Actions without resource-level permissions.
NAMELESS = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}

_HEAD = """\
# Permissions of the functions

Each function has its own role. No role has an AWS managed policy, because those allow their actions on `*`:
a function that reads one queue could empty every queue of the account. The table lists all permissions.
`python -m tests.roles` generates this page from template.yaml, and `tests/template/test_access.py` fails if
it is out of date.

- `web` can write originals, but can't read or delete them.
- `render` can read originals, but can't write or delete them.
- No role can write to both the uploads bucket and the renditions bucket.
- No function can trigger itself. (When `live` closes a connection, it receives one last event for it.)
- Everything else is denied. `tests/e2e/test_roles.py` assumes each role on a local stack that enforces IAM,
  and tries allowed and forbidden actions.

"""


@dataclass(frozen=True, slots=True)
class Grant:
    """One allowed action on one resource, like `UploadsBucket/*`."""

    role: str
    statement: str
    action: str
    resource: str


def grants(template: Node) -> list[Grant]:
    """All permissions of the functions' roles, in the order of the template."""
    resources = template["Resources"]
    return [
        Grant(role, statement["Sid"], action, resource)
        for role in roles(template).values()
        for policy in resources[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
        for resource in _resources(statement["Resource"])
    ]


def roles(template: Node) -> dict[str, str]:
    """The role of each function, by the function."""
    functions = of_type(template, "AWS::Serverless::Function")
    return {name: str(function["Role"]["Fn::GetAtt"][0]) for name, function in functions.items()}


def _resources(resource: Any) -> list[str]:
    return [_short(item) for item in (resource if isinstance(resource, list) else [resource])]


def _short(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        name, attribute = resource["Fn::GetAtt"]
        return str(name) if attribute == "Arn" else f"{name}.{attribute}"
    text = re.sub(
        r"^arn:\$\{AWS::Partition\}:([a-z-]+):\$\{AWS::Region\}:\$\{AWS::AccountId\}:",
        "",
        resource["Fn::Sub"],
    )
    return re.sub(r"\$\{(?:AWS::)?(\w+?)(\.Arn)?\}", r"\1", text)


def table(template: Node) -> str:
    """The permissions as a Markdown table, with a row for each statement and resource."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for grant in grants(template):
        rows.setdefault((grant.role, grant.statement, grant.resource), []).append(grant.action)
    lines = [
        f"| {role} | {statement} | {', '.join(f'`{action}`' for action in actions)} | `{resource}` |"
        for (role, statement, resource), actions in rows.items()
    ]
    return "\n".join(["| role | statement | actions | resource |", "|---|---|---|---|", *lines]) + "\n"


def why(resource: str) -> str | None:
    """The reason for a wildcard in a resource, if there is one."""
    return next((reason for pattern, reason in STARS.items() if re.search(pattern + "$", resource)), None)


def page(template: Node) -> str:
    found = {grant.resource: why(grant.resource) for grant in grants(template)}
    reasons = dict.fromkeys(f"- `{resource}`: {reason}" for resource, reason in found.items() if reason)
    stars = "\nResources with a wildcard, or with several parts:\n\n" + "\n".join(reasons) + "\n"
    return _HEAD + table(template) + stars


if __name__ == "__main__":
    PAGE.write_text(page(load_template()))
