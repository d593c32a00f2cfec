import tomllib
from typing import Any

import pytest

from darkroom_cli.deploy import (
    Place,
    blocking_state,
    configured_overrides,
    first_failure,
    prompt_place,
    too_long,
    with_place,
)
from darkroom_cli.faults import Fault
from tests.cloudformation import PROJECT, load_template, of_type

PLACE = Place("darkroom", "eu-central-1")
# The longest name of a region that AWS has.
LONGEST_REGION = "ap-southeast-1"


@pytest.mark.parametrize("name", ["Darkroom", "my_pictures", "1st", "-a", "a-", "a", "a" * 25, "a b", ""])
def test_a_name_that_no_bucket_can_have_is_refused_before_anything_is_built(name: str) -> None:
    with pytest.raises(Fault, match="use 2 to 24 lowercase letters"):
        Place(name, "eu-central-1")


def test_the_longest_name_leaves_room_in_every_buckets_name() -> None:
    place = Place("a" * 24, LONGEST_REGION)
    names = [
        bucket["BucketName"]["Fn::Sub"] for bucket in of_type(load_template(), "AWS::S3::Bucket").values()
    ]

    assert len(names) == 3
    for name in names:
        longest = (
            name.replace("${AWS::StackName}", place.stack)
            .replace("${AWS::AccountId}", "0" * 12)
            .replace("${AWS::Region}", place.region)
        )
        assert "$" not in longest
        assert len(longest) <= 63


@pytest.mark.parametrize("region", ["Frankfurt", "eu-central", "eu-central-1a", "", "eu_central_1"])
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(Fault, match="regions look like eu-central-1"):
        Place("darkroom", region)


@pytest.mark.parametrize("region", ["eu-central-1", LONGEST_REGION, "us-gov-east-1"])
def test_every_kind_of_region_is_taken(region: str) -> None:
    assert Place("darkroom", region).region == region


def test_the_answers_stand_in_samconfig_and_nothing_else_has_changed() -> None:
    before = (PROJECT / "samconfig.toml").read_text()
    place = Place("pictures", "eu-west-1")

    after = with_place(before, place)

    new, old = tomllib.loads(after), tomllib.loads(before)
    assert new["default"]["global"]["parameters"] == {"stack_name": "pictures", "region": "eu-west-1"}
    new["default"]["global"] = old["default"]["global"]
    assert new == old
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        line for line in after.splitlines() if line.startswith("#")
    ]
    assert with_place(after, place) == after


def test_an_answer_that_can_not_be_is_asked_for_again(capsys: pytest.CaptureFixture[str]) -> None:
    replies = iter(["My Pictures", "eu-west-1", "pictures", " eu-west-1 "])

    assert prompt_place(lambda _question, _default: next(replies), "darkroom", None) == Place(
        "pictures", "eu-west-1"
    )
    assert "'My Pictures' is not a valid stack name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("ROLLBACK_COMPLETE", "darkroom destroy --stack darkroom --region eu-central-1"),
        ("ROLLBACK_FAILED", "darkroom destroy"),
        ("CREATE_FAILED", "darkroom destroy"),
        ("DELETE_FAILED", "darkroom destroy"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name darkroom"),
        ("UPDATE_IN_PROGRESS", "wait"),
        ("DELETE_IN_PROGRESS", "wait"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "wait"),
    ],
)
def test_a_state_in_the_way_is_a_sentence_that_says_what_helps(state: str, remedy: str) -> None:
    sentence = blocking_state(PLACE, state)

    assert sentence
    assert state in sentence
    assert remedy in sentence


@pytest.mark.parametrize(
    "state",
    [None, "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"],
)
def test_any_other_state_takes_a_deployment(state: str | None) -> None:
    assert blocking_state(PLACE, state) is None


def an_event(name: str, status: str, reason: str = "", kind: str = "AWS::Lambda::Function") -> dict[str, Any]:
    return {
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ResourceType": kind,
    }


def test_of_all_failures_the_one_is_told_that_the_others_follow_from() -> None:
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


def test_what_lambda_has_no_room_for_is_refused_before_anything_is_built() -> None:
    longest = [ORIGINS, "RenditionsBaseUrl=" + "x" * ROOM, "Canary=false"]
    longer = [ORIGINS, "RenditionsBaseUrl=" + "x" * (ROOM + 1)]

    assert too_long({}, longest) is None
    assert "AllowedOrigins and RenditionsBaseUrl have 220 characters" in str(too_long({}, longer))


def test_what_a_stack_keeps_counts_unless_it_is_set_anew() -> None:
    current = {"RenditionsBaseUrl": "x" * (ROOM + 1)}

    assert too_long(current, [ORIGINS])
    assert too_long(current, [ORIGINS, "RenditionsBaseUrl="]) is None


def test_the_room_is_what_a_versions_description_leaves() -> None:
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
def test_the_parameters_that_samconfig_sets_are_known(line: str, overrides: list[str]) -> None:
    section = "[default.global.parameters]\n"
    samconfig = (PROJECT / "samconfig.toml").read_text().replace(section, f"{section}{line}\n")

    assert configured_overrides(samconfig) == overrides
