import tomllib
from typing import Any

import pytest

from darkroom_cli.deploy import (
    Target,
    blocking_state,
    configured_overrides,
    first_failure,
    prompt_target,
    too_long,
    with_target,
)
from darkroom_cli.faults import Fault
from tests.cloudformation import PROJECT, load_template, of_type

TARGET = Target("darkroom", "eu-central-1")
# The longest name of a region that AWS has.
LONGEST_REGION = "ap-southeast-1"


@pytest.mark.parametrize("name", ["Darkroom", "my_pictures", "1st", "-a", "a-", "a", "a" * 25, "a b", ""])
def test_invalid_stack_names_are_refused(name: str) -> None:
    with pytest.raises(Fault, match="use 2 to 24 lowercase letters"):
        Target(name, "eu-central-1")


def test_longest_stack_name_fits_every_bucket_name() -> None:
    target = Target("a" * 24, LONGEST_REGION)
    names = [
        bucket["BucketName"]["Fn::Sub"] for bucket in of_type(load_template(), "AWS::S3::Bucket").values()
    ]

    assert len(names) == 3
    for name in names:
        longest = (
            name.replace("${AWS::StackName}", target.stack)
            .replace("${AWS::AccountId}", "0" * 12)
            .replace("${AWS::Region}", target.region)
        )
        assert "$" not in longest
        assert len(longest) <= 63


@pytest.mark.parametrize("region", ["Frankfurt", "eu-central", "eu-central-1a", "", "eu_central_1"])
def test_invalid_regions_are_refused(region: str) -> None:
    with pytest.raises(Fault, match="regions look like eu-central-1"):
        Target("darkroom", region)


@pytest.mark.parametrize("region", ["eu-central-1", LONGEST_REGION, "us-gov-east-1"])
def test_regions_of_every_partition_are_accepted(region: str) -> None:
    assert Target("darkroom", region).region == region


def test_samconfig_changes_only_in_name_and_region() -> None:
    before = (PROJECT / "samconfig.toml").read_text()
    target = Target("pictures", "eu-west-1")

    after = with_target(before, target)

    new, old = tomllib.loads(after), tomllib.loads(before)
    assert new["default"]["global"]["parameters"] == {"stack_name": "pictures", "region": "eu-west-1"}
    new["default"]["global"] = old["default"]["global"]
    assert new == old
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        line for line in after.splitlines() if line.startswith("#")
    ]
    assert with_target(after, target) == after


def test_invalid_replies_are_prompted_for_again(capsys: pytest.CaptureFixture[str]) -> None:
    replies = iter(["My Pictures", "eu-west-1", "pictures", " eu-west-1 "])

    assert prompt_target(lambda _question, _default: next(replies), "darkroom", None) == Target(
        "pictures", "eu-west-1"
    )
    assert "'My Pictures' is not a valid stack name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("ROLLBACK_FAILED", "darkroom destroy --stack darkroom --region eu-central-1"),
        ("CREATE_FAILED", "darkroom destroy"),
        ("DELETE_FAILED", "darkroom destroy"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name darkroom"),
        ("UPDATE_IN_PROGRESS", "wait"),
        ("DELETE_IN_PROGRESS", "wait"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "wait"),
    ],
)
def test_blocking_states_have_a_remedy(state: str, remedy: str) -> None:
    sentence = blocking_state(TARGET, state)

    assert sentence
    assert state in sentence
    assert remedy in sentence


@pytest.mark.parametrize(
    "state",
    [
        *(None, "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
        *("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"),
    ],
)
def test_other_states_allow_a_deployment(state: str | None) -> None:
    assert blocking_state(TARGET, state) is None


def an_event(name: str, status: str, reason: str = "", kind: str = "AWS::Lambda::Function") -> dict[str, Any]:
    return {
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ResourceType": kind,
    }


def test_first_failure_of_the_newest_deployment_is_found() -> None:
    stack = "AWS::CloudFormation::Stack"
    newest_first = [
        an_event("darkroom", "ROLLBACK_COMPLETE", kind=stack),
        an_event("darkroom", "ROLLBACK_IN_PROGRESS", "The following failed: [WebFunction]", stack),
        an_event("LiveFunction", "CREATE_FAILED", "Resource creation cancelled"),
        an_event("RenderFunction", "CREATE_FAILED", "'MemorySize' must be at most 3008"),
        an_event("darkroom", "UPDATE_IN_PROGRESS", "User Initiated", stack),
        an_event("WebFunction", "UPDATE_FAILED", "earlier deployment"),
    ]

    first = first_failure(newest_first)

    assert (first["LogicalResourceId"], first["ResourceStatusReason"]) == (
        "RenderFunction",
        "'MemorySize' must be at most 3008",
    )
    assert first_failure(newest_first[-2:]) is None


ORIGINS = "AllowedOrigins=" + ",".join(["https://www.example.com"] * 8)  # 191 characters
ROOM = 219 - 191


def test_parameters_too_long_for_the_version_description_are_refused() -> None:
    longest = [ORIGINS, "RenditionsBaseUrl=" + "x" * ROOM, "Canary=false"]
    longer = [ORIGINS, "RenditionsBaseUrl=" + "x" * (ROOM + 1)]

    assert too_long({}, longest) is None
    assert "AllowedOrigins and RenditionsBaseUrl have 220 characters" in str(too_long({}, longer))


def test_current_parameters_count_unless_overridden() -> None:
    current = {"RenditionsBaseUrl": "x" * (ROOM + 1)}

    assert too_long(current, [ORIGINS])
    assert too_long(current, [ORIGINS, "RenditionsBaseUrl="]) is None


def test_limit_matches_the_version_description_in_the_template() -> None:
    template = load_template()
    text, variables = template["Resources"]["WebFunction"]["Properties"]["VersionDescription"]["Fn::Sub"]
    assert variables == {"Origins": {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]}}
    for name, parameter in template["Parameters"].items():
        longest = max(map(str, parameter.get("AllowedValues", [""])), key=len)
        text = text.replace(f"${{{name}}}", longest)
    text = text.replace("${Origins}", ",".join(["https://www.example.com"] * 8)) + "x" * ROOM

    assert "$" not in text
    assert len(text) == 256


@pytest.mark.parametrize(
    ("line", "overrides"),
    [
        ('parameter_overrides = "PublicPages=true Canary=false"', ["PublicPages=true", "Canary=false"]),
        ('parameter_overrides = ["PublicPages=true", "Canary=false"]', ["PublicPages=true", "Canary=false"]),
        ("", []),
    ],
)
def test_overrides_in_samconfig_are_read(line: str, overrides: list[str]) -> None:
    section = "[default.global.parameters]\n"
    samconfig = (PROJECT / "samconfig.toml").read_text().replace(section, f"{section}{line}\n")

    assert configured_overrides(samconfig) == overrides
