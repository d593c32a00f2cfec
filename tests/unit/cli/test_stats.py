import json
from io import StringIO

import pytest
from rich.console import Console

from darkroom.domain.prices import LAMBDA_GB_SECOND, LAMBDA_REQUEST, S3_GET, S3_PUT, TRANSFER_OUT
from darkroom.domain.rows import Tally
from darkroom_cli.stats import Period, Stats, Usage, invocation_in, metrics_in, show

REPORT = (
    "REPORT RequestId: 85e064b2\tDuration: 905.12 ms\tBilled Duration: 921 ms\tMemory Size: 3008 MB\t"
    "Max Memory Used: 412 MB\tInit Duration: 15.5 ms"
)
IN_JSON = json.dumps(
    {
        "time": "2026-01-02T03:04:05.000Z",
        "type": "platform.report",
        "record": {
            "requestId": "85e064b2",
            "metrics": {"durationMs": 905.12, "billedDurationMs": 921, "memorySizeMB": 3008},
            "status": "success",
        },
    }
)


@pytest.mark.parametrize("line", [REPORT, IN_JSON])
def test_report_lines_are_read_in_text_and_json(line: str) -> None:
    assert invocation_in(line) == (0.921, 3008)


@pytest.mark.parametrize(
    "line", ["", "START RequestId: 85e064b2", "{", '"REPORT"', '{"message": "rendered"}', "[1]", "{}"]
)
def test_other_lines_contain_no_invocation_and_no_metrics(line: str) -> None:
    assert invocation_in(line) is None
    assert metrics_in(line) == {}


def measured(dimensions: list[list[str]], **values: float) -> str:
    directive = {"Namespace": "Darkroom/x", "Dimensions": dimensions, "Metrics": []}
    metrics = {name: [value] for name, value in values.items()}
    return json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, "service": "render"} | metrics)


def test_metrics_are_counted_once() -> None:
    whole = measured([["service"]], Messages=1, Rendered=1, BytesIn=1000, StepSeconds=1)
    by_reason = measured([["reason", "service"]], Rejected=1)

    assert metrics_in(whole) == {"Rendered": 1, "BytesIn": 1000}
    assert metrics_in(by_reason) == {}


def a_period(rendered: float = 80, rejected: float = 20, saved: float = 8e6) -> Period:
    names = ("Rendered", "Rejected", "Superseded", "Deleted", "Failed", "Renditions", "BytesIn", "BytesSaved")
    metrics = dict.fromkeys(names, 0.0)
    metrics |= {"Rendered": rendered, "Rejected": rejected, "Renditions": 900, "BytesIn": 1e7}
    usage = Usage().with_call(100.0, 2048).with_call(50.0, 2048)
    return Period(24, "arm64", False, {"render": usage}, metrics | {"BytesSaved": saved})


def test_cost_per_thousand_includes_lambda_and_s3_requests() -> None:
    period = a_period()
    lambdas = LAMBDA_GB_SECOND["arm64"].of(300) + LAMBDA_REQUEST.of(2)
    requests = S3_PUT.of(100 + 900) + S3_GET.of(100)

    assert period.usage["render"] == Usage(2, 150.0, 300.0)
    assert period.dollars_per_thousand == pytest.approx(10 * (lambdas + requests))


def test_downloads_until_paid_compare_cost_and_saved_transfer() -> None:
    period = a_period()

    assert period.downloads_until_paid == pytest.approx(sum(period.dollars.values()) / TRANSFER_OUT.of(0.008))
    assert a_period(saved=-1).downloads_until_paid is None


def test_cost_per_thousand_is_none_without_pictures() -> None:
    assert a_period(rendered=0, rejected=0).dollars_per_thousand is None


def printed(stats: Stats) -> str:
    console = Console(file=StringIO(), width=200)
    show(stats, False, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_text_output_shows_savings_and_costs() -> None:
    text = printed(Stats(Tally(rendered=1234, bytes_before=10_000_000, bytes_after=2_500_000), 3, a_period()))

    assert "1,234 pictures rendered" in text
    assert "10 MB became 2.5 MB: 75.0% saved" in text
    assert "3 failed uploads" in text
    assert "80 rendered, 20 rejected" in text
    assert f"{a_period().dollars_per_thousand:.4f}" in text
    assert "as billed by Lambda" in text


def test_text_output_of_an_empty_stack() -> None:
    text = printed(Stats(Tally(), 0, a_period(rendered=0, rejected=0)))

    assert "0 pictures rendered" in text
    assert "no pictures" in text


def test_json_output_has_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    show(Stats(Tally(rendered=1), 0, a_period()), True, Console())

    figures = json.loads(capsys.readouterr().out)
    assert figures["period"]["bytes_in"] == 10_000_000
    assert figures["period"]["functions"]["render"]["gb_seconds"] == 300.0
    assert figures["period"]["dollars_per_thousand"] == pytest.approx(a_period().dollars_per_thousand)
    assert figures["prices"]["architecture"] == "arm64"
