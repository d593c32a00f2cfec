"""The permissions in template.yaml, and the calls that need them.

`python -m tests.roles` writes docs/security-roles.md.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.calls import Use
from tests.cloudformation import PROJECT, Node, load_template, of_type
from tests.resolving import Resolver, arn_of

PAGE = PROJECT / "docs" / "security-roles.md"

# Resources with a wildcard, and the reason for it.
STARS = {
    r"Bucket/(jobs/|trials/)?\*": "any object, because keys are chosen by clients or are hashes",
    r"Logs": "any stream of this log group, because Lambda chooses their names",
    r"Views/index/\*": "any index of this table",
    r"@connections/\*": "any connection, because API Gateway creates their ids",
}
# Actions without resource-level permissions.
NAMELESS = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}

# Calls without a permission, and why they need none: by function, action and the code that makes the call.
WITHOUT_PERMISSION = {
    ("web", "s3:ListBucket", "S3Renditions.read"): (
        "Without it S3 answers 403 instead of 404 for a missing rendition; the code treats both alike."
    ),
    ("web", "s3:ListBucket", "S3Reports.read"): "The same for a file of a trial.",
    ("render", "s3:ListBucket", "S3Reports.read"): "The same for a file of a trial.",
    ("web", "kms:Decrypt", "SsmTokenDocument.read"): (
        "The key policy of the AWS managed key `aws/ssm` lets everyone in the account use it through"
        " Parameter Store: https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html"
    ),
}

_HEAD = """\
# Permissions of the functions

Each function has its own role. No role has an AWS managed policy, because those allow their actions on `*`:
a function that reads one queue could empty every queue of the account.

`python -m tests.roles` generates this page. It runs every function through all of its paths, records its AWS
calls, and compares them with template.yaml: no call lacks a permission, and each permission is used. The last
column names the code that uses it. `tests/integration/test_permissions.py` makes the same comparison, and
fails if this page is out of date.

- `web` can write originals and add delete markers, but can't read originals or destroy versions of them.
- `render` can read originals, but can't write or delete them.
- No role can write to both the uploads bucket and the renditions bucket.
- No function can trigger itself. (When `live` closes a connection, it receives one last event for it.)
- Everything else is denied. `tests/e2e/test_roles.py` assumes each role on a local stack that enforces IAM,
  and tries allowed and forbidden actions.
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """One allowed action on one resource, like `UploadsBucket/*`; `node` is the resource in the template."""

    role: str
    statement: str
    action: str
    resource: str
    node: Any = field(compare=False, repr=False)
    resolver: Resolver = field(compare=False, repr=False)

    @property
    def arn(self) -> str:
        """The ARN of the resource, which may contain wildcards."""
        return self.resolver.value(self.node)

    def allows(self, use: Use) -> bool:
        """True if it allows a use of the role's function."""
        if self.action != use.action:
            return False
        pattern = re.escape(self.arn).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(pattern, use.resource) is not None


def grants(template: Node) -> list[Grant]:
    """All permissions of the functions' roles, in the order of the template."""
    resources, resolver = template["Resources"], Resolver(template)
    return [
        Grant(role, statement["Sid"], action, _short(resource), resource, resolver)
        for role in roles(template).values()
        for policy in resources[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
        for resource in resources_of(statement)
    ]


def roles(template: Node) -> dict[str, str]:
    """The role of each function, by the function."""
    functions = of_type(template, "AWS::Serverless::Function")
    return {name: str(function["Role"]["Fn::GetAtt"][0]) for name, function in functions.items()}


def resources_of(statement: Node) -> list[Any]:
    resource = statement["Resource"]
    return resource if isinstance(resource, list) else [resource]


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


# Uses


def uses_by_lambda(template: Node) -> Iterator[Use]:
    """The permissions of each function that Lambda itself uses.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-example-lamda-process-dynamodb-streams.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    """
    resolver = Resolver(template)
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        for action, resource, by in _needs_of_lambda(template, function, resolver):
            yield Use(_short_name(name), action, resource, by)


def _needs_of_lambda(template: Node, function: Node, resolver: Resolver) -> Iterator[tuple[str, str, str]]:
    """The actions, resources and purposes for one function."""
    stream = arn_of("logs", f"log-group:{function['LoggingConfig']['LogGroup']['Ref']}:log-stream:newest")
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        yield action, stream, "Lambda, to write the log"
    if template["Globals"]["Function"].get("Tracing") == "Active":
        for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
            yield action, "*", "Lambda, to trace"
    for event in function.get("Events", {}).values():
        properties = event["Properties"]
        if event["Type"] == "SQS":
            for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
                yield action, resolver.value(properties["Queue"]), "Lambda, to poll the queue"
        if event["Type"] == "DynamoDB":
            for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"):
                yield f"dynamodb:{action}", resolver.value(properties["Stream"]), "Lambda, to poll the stream"
        if "DestinationConfig" in properties:
            queue = properties["DestinationConfig"]["OnFailure"]["Destination"]
            yield "sqs:SendMessage", resolver.value(queue), "Lambda, after the last attempt"


def _short_name(function: str) -> str:
    return function.removesuffix("Function").lower()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Permissions without a use, and uses without a permission."""

    unused: list[Grant]
    missing: list[Use]

    @property
    def differences(self) -> list[str]:
        """A sentence for each."""
        return [
            *(f"{grant.role} allows {grant.action} on {grant.resource}: unused" for grant in self.unused),
            *sorted(
                f"{use.function} needs {use.action} on {use.resource} in {use.by}: not allowed"
                for use in self.missing
            ),
        ]


def compare(template: Node, recorded: Collection[Use]) -> Comparison:
    """Compares the permissions of a template with the recorded uses, and with those by Lambda."""
    role_of = {_short_name(function): role for function, role in roles(template).items()}
    uses = [*recorded, *uses_by_lambda(template)]
    all_grants = grants(template)

    def is_allowed(use: Use) -> bool:
        return any(grant.role == role_of[use.function] and grant.allows(use) for grant in all_grants)

    def is_used(grant: Grant) -> bool:
        return any(grant.role == role_of[use.function] and grant.allows(use) for use in uses)

    return Comparison(
        unused=[grant for grant in all_grants if not is_used(grant)],
        missing=[
            use
            for use in uses
            if not is_allowed(use) and (use.function, use.action, use.by) not in WITHOUT_PERMISSION
        ],
    )


# The page


def table(template: Node, function: str, recorded: Collection[Use]) -> Iterator[str]:
    """The permissions of one function as lines of a Markdown table."""
    uses = [use for use in (*recorded, *uses_by_lambda(template)) if use.function == _short_name(function)]
    yield "| action | resource | used by |\n|---|---|---|"
    for grant in grants(template):
        if grant.role == roles(template)[function]:
            code = sorted({use.by for use in uses if grant.allows(use)})
            used_by = ", ".join(name if " " in name else f"`{name}`" for name in code)
            yield f"| `{grant.action}` | `{grant.resource}` | {used_by} |"


def why(resource: str) -> str | None:
    """The reason for a wildcard in a resource, if there is one."""
    return next((reason for pattern, reason in STARS.items() if re.search(pattern + "$", resource)), None)


def page(template: Node, recorded: Collection[Use]) -> str:
    lines = [_HEAD]
    for function in roles(template):
        lines += [f"## {_short_name(function)}\n", *table(template, function, recorded), ""]
    lines.append("## Calls without a permission\n\n| function | action | code | why |\n|---|---|---|---|")
    for (function, action, code), reason in WITHOUT_PERMISSION.items():
        lines.append(f"| {function} | `{action}` | `{code}` | {reason} |")
    lines.append("\n## Resources with a wildcard, or with several parts\n")
    found = {grant.resource: why(grant.resource) for grant in grants(template)}
    lines += dict.fromkeys(f"- `{resource}`: {reason}" for resource, reason in found.items() if reason)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from tests.driving import recorded_uses

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # the functions' logs
        uses = recorded_uses()
    PAGE.write_text(page(load_template(), uses))
