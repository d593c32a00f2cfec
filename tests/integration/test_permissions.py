"""Each function's AWS calls need exactly the permissions of its role in template.yaml.

tests/driving.py runs the functions, tests/calls.py maps their calls to IAM actions, tests/roles.py compares.
"""

import ast
import inspect
import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from darkroom import ports
from tests import roles
from tests.calls import PACKAGE, ApiCall, RecordedCall, Use
from tests.cloudformation import PROJECT, Node, load_template, parse_template
from tests.driving import recorded_calls
from tests.roles import WITHOUT_PERMISSION, Grant, compare, grants

TEMPLATE = load_template()
GRANTS = grants(TEMPLATE)
ROLES = sorted(roles.roles(TEMPLATE).values())

# Actions that IAM cannot limit to a resource, limited anyway, and why.
LIMITED_ANYWAY = {
    "dynamodb:ListStreams": "as in https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
    "iam-policy-example-lamda-process-dynamodb-streams.html",
}
# Operations that no function calls, by the code that does.
NOT_BY_FUNCTIONS = {
    ("DynamoLedger.records", "scan"): "only the command line reads the whole table",
    ("SsmTokenDocument.write", "put_parameter"): "only the command line creates tokens",
    ("SsmTokenDocument.write", "get_parameter"): "only the command line creates tokens",
}


@pytest.fixture(scope="module")
def calls() -> list[RecordedCall]:
    return recorded_calls()


@pytest.fixture(scope="module")
def uses(calls: list[RecordedCall]) -> set[Use]:
    return {use for call in calls for use in call.uses}


def test_each_call_has_a_permission_and_each_permission_is_used(uses: set[Use]) -> None:
    differences = compare(TEMPLATE, uses).differences

    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("exception", WITHOUT_PERMISSION, ids="-".join)
def test_each_exception_is_a_call_without_a_permission(
    uses: set[Use], exception: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(WITHOUT_PERMISSION, exception)

    missing = compare(TEMPLATE, uses).missing

    assert {(use.function, use.action, use.by) for use in missing} == {exception}


def test_the_page_of_permissions_matches_the_recorded_calls(uses: set[Use]) -> None:
    page = roles.page(TEMPLATE, uses)

    assert roles.PAGE.read_text() == page, f"run: python -m tests.roles\n\n{page}"


# Wrong templates


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: f"{grant.role}-{grant.action}-{grant.resource}")
def test_a_removed_permission_is_noticed(uses: set[Use], grant: Grant) -> None:
    template = deepcopy(TEMPLATE)
    [policy] = template["Resources"][grant.role]["Properties"]["Policies"]
    [statement] = [part for part in policy["PolicyDocument"]["Statement"] if part["Sid"] == grant.statement]
    statement["Action"].remove(grant.action)

    found = compare(template, uses)

    assert {use.action for use in found.missing} == {grant.action}
    assert found.unused == []


@pytest.mark.parametrize("role", ROLES)
def test_an_added_permission_is_noticed(uses: set[Use], role: str) -> None:
    """Each permission of the other roles is added, except one that an exception above names."""
    own = {(grant.action, grant.arn) for grant in GRANTS if grant.role == role}
    foreign = {(grant.action, grant.arn) for grant in GRANTS} - own
    foreign -= {("s3:ListBucket", "arn:aws:s3:::darkroom-renditions-123456789012-eu-central-1")}
    template = deepcopy(TEMPLATE)
    [policy] = template["Resources"][role]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"] += [
        {"Sid": f"Added{number}", "Effect": "Allow", "Action": [action], "Resource": arn}
        for number, (action, arn) in enumerate(sorted(foreign))
    ]

    unused = compare(template, uses).unused

    assert {(grant.action, grant.arn) for grant in unused} == foreign
    assert {grant.role for grant in unused} == {role}


def test_a_permission_on_another_resource_is_noticed(uses: set[Use]) -> None:
    template = deepcopy(TEMPLATE)
    [policy] = template["Resources"]["LiveRole"]["Properties"]["Policies"]
    [statement] = [part for part in policy["PolicyDocument"]["Statement"] if part["Sid"] == "ReadJobState"]
    statement["Resource"] = {"Fn::GetAtt": ["Ledger", "Arn"]}

    found = compare(template, uses)

    assert [(grant.action, grant.resource) for grant in found.unused] == [("dynamodb:Query", "Ledger")]
    assert {(use.action, use.by) for use in found.missing} == {("dynamodb:Query", "DynamoViews.job")}


def test_a_call_of_an_unmapped_operation_is_an_error() -> None:
    call = RecordedCall("web", ApiCall("s3", "copy_object", {}), (("adapters", "S3Originals.copy"),))

    with pytest.raises(KeyError, match="copy_object"):
        list(call.uses)


# Actions that IAM does not know, or cannot limit


def ineffective(template: Node) -> list[str]:
    """Permissions that allow nothing, by the copy of the Service Authorization Reference in cfn-lint."""
    package = find_spec("cfnlint")
    assert package
    assert package.origin
    path = Path(package.origin).parent / "data" / "AdditionalSpecs" / "Policies.json"
    services = json.loads(path.read_text())
    found = []
    for grant in grants(template):
        service, action = grant.action.lower().split(":")
        known = services[service]["Actions"].get(action)
        if known is None:
            found.append(f"{grant.role}: {grant.action} is no action of IAM")
        elif bool(known.get("Resources")) != (grant.arn != "*") and grant.action not in LIMITED_ANYWAY:
            found.append(f"{grant.role}: {grant.action} cannot be allowed on {grant.resource}")
    return found


def test_each_permission_has_an_effect() -> None:
    assert ineffective(TEMPLATE) == []


@pytest.mark.parametrize(
    ("old", "new"), [("xray:PutTraceSegments", "xray:PutTraces"), ("sqs:SendMessage", "sqs:ListQueues")]
)
def test_a_permission_without_effect_is_noticed(old: str, new: str) -> None:
    text = (PROJECT / "template.yaml").read_text().replace(old, new)

    [first, *_] = ineffective(parse_template(text))

    assert new in first


# The run reaches every call


def modules(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in (PACKAGE / folder).rglob("*.py"):
            yield ast.parse(path.read_text())


def test_the_run_reaches_every_operation_of_the_adapters(calls: list[RecordedCall]) -> None:
    recorded = {call.operation for call in calls}

    assert operations_in_code() - recorded == NOT_BY_FUNCTIONS.keys()


def operations_in_code() -> set[tuple[str, str]]:
    """Calls of boto3 clients in the adapters: the code, and the operation."""
    found = set()
    for scope, name in (pair for module in modules("adapters") for pair in scopes(module)):
        for node in ast.walk(scope):
            match node:
                case ast.Call(
                    ast.Attribute(ast.Name("client") | ast.Attribute(attr="client"), operation), arguments
                ):
                    if operation in ("get_paginator", "generate_presigned_url"):
                        operation = ast.literal_eval(arguments[0])
                    found.add((name, "put_object" if operation == "generate_presigned_post" else operation))
    return found


def scopes(module: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """The functions of a module, and the methods of its classes, with their qualified names."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            yield node, node.name
        if isinstance(node, ast.ClassDef):
            yield from (
                (part, f"{node.name}.{part.name}") for part in node.body if isinstance(part, ast.FunctionDef)
            )


# The methods of each port that is implemented with AWS.
PORTS = {
    name: {method for method, value in vars(port).items() if inspect.isfunction(value)}
    for name, port in inspect.getmembers(ports, inspect.isclass)
    if getattr(port, "_is_protocol", False) and port is not ports.JobPush
}


def test_the_run_reaches_every_method_of_a_port_that_the_services_call(calls: list[RecordedCall]) -> None:
    recorded = {call.port_method for call in calls}

    assert port_methods_in_code() - recorded == set()


@pytest.mark.parametrize(
    ("function", "method"),
    [
        ("render", ("Reconciler", "of_picture")),
        ("park", ("Parking", "find")),
        ("project", ("Broadcast", "job")),
        ("live", ("Live", "redeem")),
        ("sweep", ("Sweep", "settle")),
        ("web", ("JobRoutes", "store")),
    ],
)
def test_a_method_that_is_not_reached_is_noticed(
    calls: list[RecordedCall], function: str, method: tuple[str, str]
) -> None:
    recorded = {call.port_method for call in calls if call.function != function}

    assert method in port_methods_in_code() - recorded


@cache
def port_methods_in_code() -> set[tuple[str, str]]:
    """Methods of ports that the services and routes use: the class or function, and the method."""
    found = set()
    for scope in (node for module in modules("services", "web") for node in module.body):
        if not isinstance(scope, ast.ClassDef | ast.FunctionDef):
            continue
        types: dict[str, str] = {}  # of fields and arguments
        for node in ast.walk(scope):
            match node:
                case ast.AnnAssign(ast.Name(name), annotation) | ast.arg(name, ast.expr() as annotation):
                    types[name] = ast.unparse(annotation)
        for node in ast.walk(scope):
            match node:
                case ast.Attribute(ast.Name(receiver) | ast.Attribute(attr=receiver), method):
                    # Without an annotation the name tells: `self.projection.views`.
                    if method in PORTS.get(types.get(receiver, receiver.title()), ()):
                        found.add((scope.name, method))
    return found
