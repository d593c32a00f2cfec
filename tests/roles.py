"""Who may do what, read from template.yaml: `python -m tests.roles` writes it into docs/security-roles.md."""

import re
from dataclasses import dataclass
from typing import Any

from tests.cloudformation import PROJECT, Node, load_template, of_type

PAGE = PROJECT / "docs" / "security-roles.md"

# Where a resource ends in a star, and why it can't be named whole.
STARS = {
    r"Bucket/\*": "any object: keys are chosen by who uploads, or are hashes",
    r"Logs": "any stream of that one group: Lambda names them",
    r"Views/index/\*": "any index of that one table",
    r"@connections/\*": "any connection: API Gateway names them when they connect",
}
# What AWS lets nobody name a resource for.
NAMELESS = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}

_HEAD = """\
# Who may do what

Every function has a role of its own, and AWS's managed policies are in none: those allow what they allow on
`*`, so that a function that reads one queue could empty each queue of the account. This is all that the roles
allow, as template.yaml says it; `python -m tests.roles` writes this page, and `tests/template/test_access.py`
fails when it is not what the template says.

- `web` can put originals and never read or delete one.
- `render` can read originals and never put or delete one.
- Nothing can write both to the uploads bucket and to the renditions bucket.
- No function can bring about an event of its own. (The one that `live` hears when it closes a connection is
  that connection's last.)
- What a role does not name is denied: `tests/e2e/test_roles.py` takes on each role in turn, on a local stack
  that enforces roles, and tries both what this page allows and what it does not.

"""


@dataclass(frozen=True, slots=True)
class Grant:
    """One action that a role allows on one resource; resources read like `UploadsBucket/*`."""

    role: str
    statement: str
    action: str
    resource: str


def grants(template: Node) -> list[Grant]:
    """All that the functions' roles allow, in the template's order."""
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
    return {name: str(each["Role"]["Fn::GetAtt"][0]) for name, each in functions.items()}


def _resources(stated: Any) -> list[str]:
    return [_short(each) for each in (stated if isinstance(stated, list) else [stated])]


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
    """All that the roles allow, a line for each statement and resource, as Markdown."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for grant in grants(template):
        rows.setdefault((grant.role, grant.statement, grant.resource), []).append(grant.action)
    lines = [
        f"| {role} | {statement} | {', '.join(f'`{action}`' for action in actions)} | `{resource}` |"
        for (role, statement, resource), actions in rows.items()
    ]
    return "\n".join(["| role | to | may | on |", "|---|---|---|---|", *lines]) + "\n"


def why(resource: str) -> str | None:
    """Why a resource is not named whole, if it is known."""
    return next((reason for pattern, reason in STARS.items() if re.search(pattern + "$", resource)), None)


def page(template: Node) -> str:
    found = {each.resource: why(each.resource) for each in grants(template)}
    reasons = dict.fromkeys(f"- `{resource}`: {reason}" for resource, reason in found.items() if reason)
    stars = (
        "\nWhere a name ends in a star, or stands for more than one thing:\n\n" + "\n".join(reasons) + "\n"
    )
    return _HEAD + table(template) + stars


if __name__ == "__main__":
    PAGE.write_text(page(load_template()))
