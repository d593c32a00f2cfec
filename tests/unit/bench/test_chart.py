"""The chart of the benchmark."""

from xml.etree import ElementTree

import pytest

from bench.chart import svg


def points(line: ElementTree.Element) -> list[tuple[float, float]]:
    return [
        (float(x), float(y)) for x, _, y in (point.partition(",") for point in line.attrib["points"].split())
    ]


def test_a_chart_has_a_line_for_each_name_with_larger_values_higher_up() -> None:
    chart = ElementTree.fromstring(  # noqa: S314 - of our own
        svg("score", "KB", {"ours": [(70, 10), (90, 40)], "theirs": [(70, 20), (90, 80)]})
    )

    lines = chart.findall("{*}polyline")
    texts = [text.text for text in chart.findall("{*}text")]
    assert len(lines) == 2
    ours, theirs = map(points, lines)
    assert ours[0][0] < ours[1][0]
    assert ours[0][1] > theirs[0][1] > ours[1][1] > theirs[1][1]
    assert {"ours", "theirs", "score", "KB", "70", "90", "20"} <= set(texts)


def test_a_chart_without_points_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs a point"):
        svg("score", "KB", {"ours": []})
