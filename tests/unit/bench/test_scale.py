"""The computations behind docs/scale.md."""

import re
from statistics import fmean

import pytest

from bench.scale.__main__ import lambda_seconds, read
from bench.scale.limits import (
    METRICS,
    MONITORING,
    POLLING,
    POLLS_A_MINUTE,
    SCANNED_A_DAY,
    Load,
    cost,
    limits,
    nearest_aws_limit,
    scan_days,
    traced,
)
from bench.scale.usage import PerPicture, measure
from darkroom.domain.errors import RejectedPicture
from darkroom.domain.profile import built_in
from tests.builders import a_rendering
from tests.cloudformation import PROJECT, load_template, of_type
from tests.measured import documented

USAGE = PerPicture(
    calls={"s3:PutObject": 12.0, "s3:GetObject": 1.0, "events:PutEvents": 0.5},
    projecting={"dynamodb:TransactWriteItems": 2.0},
    writes={"ledger": 20.0, "views": 20.0, "views/recent": 1.0},
    reads={"ledger": 4.0, "views": 8.0},
    kept_bytes=5_000.0,
    kept_ledger_bytes=3_000.0,
    messages=2.0,
    batches=2.0,
    records=4.0,
)


FIXED = {MONITORING, POLLING}


def a_load(pictures_a_minute: float) -> Load:
    return Load(pictures_a_minute, rendering_seconds=2.0, memory_gb=3.0, per_picture=USAGE)


def test_concurrent_renderings_follow_littles_law() -> None:
    assert a_load(600).concurrent_renderings == pytest.approx(20)  # ten a second, for two seconds


def test_an_index_counts_for_its_table() -> None:
    assert a_load(60).writes("views") == pytest.approx(21)


def test_the_nearest_limit_is_listed_first() -> None:
    shares = [limit.share for limit in limits(a_load(1_000))]

    assert shares == sorted(shares, reverse=True)
    assert limits(a_load(1_000))[0].raised_by.startswith("`MaximumConcurrency`")
    assert nearest_aws_limit(a_load(100_000)).what == "concurrent executions"


def test_cost_is_proportional_to_the_load() -> None:
    once, twice = (cost(a_load(rate), "arm64", 1e6, 4e6) for rate in (1_000, 2_000))

    # The price of alarms, metrics and polls does not depend on traffic.
    shares = {name: dollars / once[name] for name, dollars in twice.items() if name not in FIXED}
    assert shares == pytest.approx(dict.fromkeys(once.keys() - FIXED, 2))
    assert 1 < twice[MONITORING] / once[MONITORING] < 2


def test_an_idle_stack_pays_for_polls_and_one_profile() -> None:
    idle = cost(a_load(0), "arm64", 1e6, 4e6)

    assert idle[POLLING] == pytest.approx(0.53, abs=0.01)  # 15 polls a minute of each queue, for a month
    assert idle["profile (AppConfig)"] == pytest.approx(0.31, abs=0.01)
    event_sources = [
        event
        for function in of_type(load_template(), "AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    assert 15 * len(event_sources) == POLLS_A_MINUTE


def test_only_the_ledger_has_point_in_time_recovery() -> None:
    tables = of_type(load_template(), "AWS::DynamoDB::Table")

    assert [name for name, table in tables.items() if "PointInTimeRecoverySpecification" in table] == [
        "Ledger"
    ]


def test_monitoring_costs_the_same_without_traffic() -> None:
    alarms = len(of_type(load_template(), "AWS::CloudWatch::Alarm"))

    assert cost(a_load(0), "arm64", 1e6, 4e6)[MONITORING] == pytest.approx(0.10 * alarms + 3 + 0.30 * METRICS)


def test_the_number_of_billed_metrics_matches_the_documented_ones() -> None:
    text = (PROJECT / "docs" / "operations.md").read_text()
    [steps] = re.findall(r"^\| `StepSeconds` .* wall time of (.*)$", text, re.MULTILINE)
    values = {"": 1, "version": 1, "reason": len(RejectedPicture.REASONS), "step": steps.count("`") // 2}

    assert sum(values[by] for *_, by in documented()) == METRICS


def test_one_call_a_second_and_5_percent_of_the_others_are_traced() -> None:
    assert [traced(calls) for calls in (0, 0.5, 1, 21)] == pytest.approx([0, 0.5, 1, 2])


@pytest.mark.parametrize("as_job", [False, True])
def test_calls_per_picture_are_counted(as_job: bool) -> None:
    rendered, profile = a_rendering(), built_in("default")

    usage = measure(rendered, profile, 4, as_job=as_job, batch=48)

    assert usage.calls["s3:GetObject"] == 1
    assert usage.calls["s3:PutObject"] == 1 + len(rendered.renditions)  # one is the client's upload
    assert usage.writes["views/recent"] == 1
    assert usage.kept_bytes > usage.kept_ledger_bytes > len(str(rendered)) / 2
    assert usage.kept_bytes > len(str(rendered))  # the receipt, in the ledger and in the views
    assert usage.records >= 3  # begun, latest, concluded
    assert usage.messages > 0 if as_job else usage.messages == 0


def test_calls_per_picture_do_not_depend_on_the_number_of_pictures() -> None:
    few, many = (measure(a_rendering(), built_in("default"), n, as_job=False, batch=2) for n in (2, 12))

    assert {**many.writes, **many.reads} == pytest.approx({**few.writes, **few.reads})


def test_a_scan_takes_a_week_up_to_its_time_limit() -> None:
    assert scan_days(1_000_000, least_pages=10) < 2
    assert scan_days(100_000_000, least_pages=10) == pytest.approx(7, rel=0.01)
    assert scan_days(30 * SCANNED_A_DAY, least_pages=10) == pytest.approx(30)


def test_the_page_matches_the_committed_measurement() -> None:
    known = read((PROJECT / "docs" / "scale.json").read_text())
    page = (PROJECT / "docs" / "scale.md").read_text()

    found = re.search(r"warm function of 3,008 MB \| mean ([0-9.]+)", page)

    assert found
    assert float(found[1]) == pytest.approx(fmean(lambda_seconds(known.measured)), abs=0.006)
    assert f"| {len(known.renditions)}, " in page


def test_the_page_contains_the_templates_prose() -> None:
    page = (PROJECT / "docs" / "scale.md").read_text()
    prose = (PROJECT / "bench" / "scale" / "page.md").read_text().split("\n\n")

    assert [part for part in prose if "{{" not in part and part.strip() not in page] == []


def test_every_parameter_on_the_page_exists_in_the_template() -> None:
    page = (PROJECT / "docs" / "scale.md").read_text()
    parameters = (PROJECT / "template.yaml").read_text()

    for name in ("MaximumConcurrency", "RenderPollers", "ProjectParallelism"):
        assert f"`{name}`" in page
        assert f"  {name}:\n" in parameters
