"""Figures about performance hold exactly the numbers of their tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa
import pytest

from monitoring.charts import curves
from monitoring.charts.labels import cost_by_cut, decisions_over_time, label_delay
from monitoring.charts.performance import metric_over_time, pending_from, reference_value, segments, worst_first
from monitoring.charts.theme import Look
from storage.points import POINTS, PROFILES

LOOK = Look()
DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def point(day: int, value: float | None, **more: Any) -> dict[str, Any]:
    start = FIRST + day * DAY
    return {
        "model": "m", "version": "1", "segment": "", "window_start": start, "window_end": start + DAY, "metric": "recall", "column": "",
        "method": "wilson", "value": value,
        "lower": None if value is None else value - 0.05, "upper": None if value is None else value + 0.05,
        "n": 100, "n_labelled": 90, "label_coverage": 0.9, "status": "ok" if value is not None else "not_applicable", "reason": "",
        "kind": "realised", "window": "1d", "partial": False, **more,
    }


def points(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=POINTS)


def profile(kind: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "version": "1", "segment": "", "window": "1d", "window_start": FIRST, "window_end": FIRST + DAY, "kind": kind,
            "column": "", "series": "current", "label": "", **more}


def profiles(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=PROFILES)


def trace(made: go.Figure, name: str) -> Any:
    return next(found for found in made.data if found.name == name)


def test_the_line_holds_the_values_at_the_middle_of_their_windows() -> None:
    made = metric_over_time(points(point(0, 0.8), point(1, 0.7)), "recall", look=LOOK)
    line = trace(made, "version 1")
    assert list(line.y) == [0.8, 0.7]
    assert line.x[0] == datetime(2026, 11, 1, 12)  # noqa: DTZ001 – an axis knows no zones


def test_times_are_drawn_in_the_zone_of_the_look() -> None:
    made = metric_over_time(points(point(0, 0.8)), "recall", look=Look(zone="Asia/Tokyo"))
    assert trace(made, "version 1").x[0] == datetime(2026, 11, 1, 21)  # noqa: DTZ001


def test_no_line_bridges_a_missing_window_or_a_window_without_a_value() -> None:
    made = metric_over_time(points(point(0, 0.8), point(1, None), point(2, 0.6), point(4, 0.5)), "recall", look=LOOK)
    assert list(trace(made, "version 1").y) == [0.8, None, 0.6, None, 0.5]
    assert trace(made, "version 1").connectgaps is False


def test_the_band_holds_lower_and_upper_and_breaks_at_a_gap() -> None:
    made = metric_over_time(points(point(0, 0.8), point(2, 0.6)), "recall", look=LOOK)
    shade = trace(made, "95 % interval")
    assert {round(y, 6) for y in shade.y if y is not None} == {0.85, 0.75, 0.65, 0.55}
    assert list(shade.y).count(None) == 2


def test_a_metric_without_an_interval_has_no_band() -> None:
    made = metric_over_time(points(point(0, 0.8, lower=None, upper=None)), "recall", look=LOOK)
    assert "95 % interval" not in {found.name for found in made.data}


def test_the_running_window_hangs_on_a_dotted_line() -> None:
    made = metric_over_time(points(point(0, 0.8), point(1, 0.7), point(2, 0.9, partial=True)), "recall", look=LOOK)
    solid, dotted = (found for found in made.data if found.name == "version 1")
    assert list(solid.y) == [0.8, 0.7]
    assert (list(dotted.y), dotted.line.dash) == ([0.7, 0.9], "dot")


def test_few_labels_make_a_hollow_marker_and_drift_a_diamond() -> None:
    made = metric_over_time(points(point(0, 0.8, label_coverage=0.4), point(1, 0.5, status="drift")), "recall", look=LOOK)
    assert list(trace(made, "version 1").marker.symbol) == ["circle-open", "diamond"]
    assert {"few labels", "Drift"} <= {found.name for found in made.data}


def test_coverage_and_delay_stand_below_on_the_same_axis() -> None:
    made = metric_over_time(points(
        point(0, 0.8), point(0, 0.9, metric="label_coverage"), point(0, 2 * 86_400.0, metric="label_delay_p50"),
    ), "recall", look=LOOK)
    by_axis = {found.yaxis: found for found in made.data if found.name is None or found.name == "version 1"}
    assert list(by_axis["y2"].y) == [0.9]
    assert list(by_axis["y3"].y) == [2.0]
    assert made.layout.yaxis3.title.text == "Delay, d"
    assert made.layout.xaxis.matches == made.layout.xaxis2.matches == "x3"


def test_the_reference_and_the_threshold_are_lines() -> None:
    made = metric_over_time(points(point(0, 0.8, detail=json.dumps({"reference": 0.82}), threshold=0.7)), "recall", look=LOOK)
    assert list(trace(made, "reference").y) == [0.82, 0.82]
    assert list(trace(made, "threshold").y) == [0.7, 0.7]


@pytest.mark.parametrize("detail", [None, "", "{}", "[]", "not json", '{"reference": null}', '{"reference": "0.5"}'])
def test_a_detail_without_a_number_has_no_reference(detail: str | None) -> None:
    assert reference_value(point(0, 0.8, detail=detail)) is None


def test_the_zone_of_pending_labels_is_shaded_to_the_last_window() -> None:
    made = metric_over_time(points(point(0, 0.8), point(1, 0.7), point(2, None)), "recall", look=LOOK, pending=FIRST + DAY)
    (zone,) = made.layout.shapes
    assert (zone.x0, zone.x1) == (datetime(2026, 11, 2), datetime(2026, 11, 4))  # noqa: DTZ001
    assert made.layout.annotations[0].text == "labels pending"


def test_labels_are_pending_from_the_first_window_younger_than_the_label_delay() -> None:
    table = points(*(point(day, 0.9, metric="label_coverage") for day in range(5)))
    assert pending_from(table, delay=2 * DAY, now=FIRST + 5 * DAY) == FIRST + 3 * DAY
    assert pending_from(table, delay=timedelta(0), now=FIRST + 5 * DAY) is None
    assert pending_from(table, delay=2 * DAY, now=FIRST + 30 * DAY) is None


def test_names_from_users_are_escaped_in_hovers_and_legends() -> None:
    bad = "<script>alert(1)</script>"
    made = metric_over_time(points(point(0, 0.8, version=bad, reason=bad)), "recall", look=LOOK)
    assert "\\u003cscript" not in made.to_json()  # JSON's own form of "<script"
    assert "&lt;script&gt;" in made.to_json()


def test_a_hover_says_value_interval_window_rows_and_status() -> None:
    made = metric_over_time(points(point(0, 0.8)), "recall", look=LOOK)
    text = trace(made, "version 1").text[0]
    for part in ("80 %", "[75", "1 Nov 2026 00:00 – 2 Nov 2026 00:00 UTC", "n = 100 · labels of 90", "● OK"):
        assert part in text


def test_segments_are_the_newest_windows_worst_first() -> None:
    table = points(
        point(0, 0.1, segment="country=FR"), point(1, 0.9, segment="country=FR"), point(1, 0.5, segment="country=DE"),
        point(1, None, segment="country=ES"), point(2, 0.0, segment="country=DE", partial=True), point(1, 0.7),
    )
    assert [(row["segment"], row["value"]) for row in worst_first(table, "recall")] == [("country=DE", 0.5), ("country=FR", 0.9)]


def test_where_lower_is_better_the_largest_is_worst() -> None:
    table = points(*(point(0, value, metric="mae", segment=f"s={value}") for value in (1.0, 3.0, 2.0)))
    assert [row["value"] for row in worst_first(table, "mae")] == [3.0, 2.0, 1.0]


def test_each_segment_has_its_interval_and_n_and_all_rows_are_a_line() -> None:
    rows = worst_first(points(point(0, 0.5, segment="country=DE"), point(0, 0.9, segment="country=FR")), "recall")
    made = segments(rows, look=LOOK, overall=0.7)
    dots = made.data[1]
    assert list(dots.x) == [0.5, 0.9]
    assert [round(value, 6) for value in dots.error_x.array] == [0.05, 0.05]
    assert list(made.layout.yaxis.ticktext) == ["country=DE  n=100", "country=FR  n=100"]
    assert list(trace(made, "all rows").x) == [0.7, 0.7]


def test_the_confusion_matrix_holds_counts_and_shares_of_the_actual_class() -> None:
    counts = {("10", "10"): 5, ("10", "9"): 5, ("9", "9"): 8, ("9", "10"): 0}
    made = curves.confusion(profiles(*(profile("confusion", series=a, label=p, value=float(v)) for (a, p), v in counts.items())), look=LOOK)
    (cells,) = made.data
    assert list(made.layout.xaxis.ticktext) == ["9", "10"]
    assert [list(line) for line in cells.z] == [[1.0, 0.0], [0.5, 0.5]]
    assert cells.text[1][0].startswith("5<br>50")


@pytest.mark.parametrize("kind", ["roc", "precision_recall", "calibration"])
def test_a_curve_holds_its_points_in_their_order(kind: str) -> None:
    made = getattr(curves, kind)(profiles(*(profile(kind, x=x, value=y, n=10) for x, y in ((0.0, 0.1), (0.4, 0.8), (0.3, 0.9)))), look=LOOK)
    line = trace(made, "this window")
    assert (list(line.x), list(line.y)) == ([0.0, 0.4, 0.3], [0.1, 0.8, 0.9])


def test_the_threshold_chart_draws_each_share_and_the_cut() -> None:
    labels = ("recall", "positive_share")
    table = profiles(*(profile("threshold", x=x, label=label, value=x / 2) for x in (0.0, 0.5, 1.0) for label in labels))
    made = curves.threshold(table, look=LOOK, cut=0.5)
    assert list(trace(made, "Recall").y) == list(trace(made, "Decided positive").y) == [0.0, 0.25, 0.5]
    assert made.layout.shapes[0].x0 == 0.5


def test_at_a_cut_the_nearest_tabulated_one_counts_and_says_which() -> None:
    table = profiles(*(profile("threshold", x=x, label="recall", value=1 - x) for x in (0.0, 0.5, 1.0)))
    assert curves.at_cut(table, 0.6) == {"cut": 0.5, "recall": 0.5}
    assert curves.at_cut(profiles(), 0.6) == {}


def test_residuals_and_errors_hold_their_bins() -> None:
    bins = profiles(profile("residuals", x=-1.0, x_end=0.0, value=0.25), profile("residuals", x=0.0, x_end=2.0, value=0.75))
    made = curves.residuals(bins, look=LOOK)
    assert (list(made.data[0].x), list(made.data[0].width), list(made.data[0].y)) == ([-0.5, 1.0], [1.0, 2.0], [0.25, 0.75])
    tenths = profiles(*(profile("error_by_decile", x=0.0, x_end=1.0, label=str(k), value=float(k), n=7) for k in (1, 2)))
    made = curves.error_by_decile(tenths, look=LOOK)
    assert list(made.data[0].y) == [1.0, 2.0]


def test_popularity_compares_the_same_items() -> None:
    made = curves.popularity(profiles(
        profile("popularity", label="a", value=0.1), profile("popularity", label="b", value=0.6),
        profile("popularity", series="reference", label="a", value=0.3), profile("popularity", series="reference", label="b", value=0.2),
    ), look=LOOK)
    assert (list(trace(made, "this window").y), list(trace(made, "reference").y)) == ([0.6, 0.1], [0.2, 0.3])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind", [name for name in curves.__all__ if name.islower() and name != "at_cut"])
def test_an_empty_table_draws_an_empty_figure(kind: str, dark: bool) -> None:
    assert isinstance(getattr(curves, kind)(profiles(), look=Look(dark=dark)), go.Figure)
    assert isinstance(metric_over_time(points(), "recall", look=Look(dark=dark)), go.Figure)


def test_decisions_over_time_stack_found_missed_and_false_alarms() -> None:
    rows = [point(day, 10.0 + place, metric=metric, lower=None, upper=None) for day in (0, 1)
            for place, metric in enumerate(("true_positives", "false_negatives", "false_positives", "true_negatives"))]  # fmt: skip
    made = decisions_over_time(points(*rows), look=LOOK)
    assert {bar.name: list(bar.y) for bar in made.data} == {"found": [10, 10], "missed": [11, 11], "false alarms": [12, 12]}
    assert made.layout.barmode == "stack"


def test_labels_by_delay_start_at_nothing_and_say_the_unit() -> None:
    rows = [profile("label_delay", x=day * 86_400.0, value=value, n=9) for day, value in ((1, 0.2), (6, 0.7))]
    made = label_delay(profiles(*rows), look=LOOK)
    assert (list(made.data[0].x), list(made.data[0].y)) == ([0, 1, 6], [0, 0.2, 0.7])
    assert made.layout.xaxis.title.text == "Time since the prediction, days"


def test_the_cheapest_cut_is_marked() -> None:
    rows = [profile("threshold", label="cost", x=x, value=value, n=4) for x, value in ((0.0, 3.0), (0.5, 1.5), (1.0, 2.0))]
    made = cost_by_cut(profiles(*rows, profile("threshold", label="recall", x=0.5, value=0.1)), look=LOOK, cut=0.5)
    assert list(made.data[0].y) == [3.0, 1.5, 2.0]
    assert made.data[1].text == ("lowest: 1.50 at 0.500",)


def test_error_by_decile_is_stacked_by_sign() -> None:
    rows = [profile("error_by_decile", series=series, label="1", value=value, n=5) for series, value in
            (("current", 3.0), ("above", 1.0), ("below", 2.0))]  # fmt: skip
    made = curves.error_by_decile(profiles(*rows), look=LOOK)
    assert {bar.name: list(bar.y) for bar in made.data} == {"predicted too much": [1.0], "predicted too little": [2.0]}


def test_error_by_decile_shows_the_interval_of_the_whole_bar() -> None:
    rows = [profile("error_by_decile", series=series, label="1", value=value, n=5) for series, value in
            (("current", 3.0), ("above", 1.0), ("below", 2.0), ("lower", 2.5), ("upper", 4.0))]  # fmt: skip
    under, top = curves.error_by_decile(profiles(*rows), look=LOOK).data
    assert (list(top.error_y.array), list(top.error_y.arrayminus)) == ([1.0], [0.5])
    assert under.error_y.array is None
    alone = [one for one in rows if one["series"] not in ("above", "below")]
    assert [list(bar.error_y.array) for bar in curves.error_by_decile(profiles(*alone), look=LOOK).data] == [[1.0]]


def test_calibration_shows_each_rates_interval() -> None:
    rows = [profile("calibration", series=series, x=0.3, value=value, n=50) for series, value in
            (("current", 0.4), ("lower", 0.25), ("upper", 0.6))]  # fmt: skip
    made = curves.calibration(profiles(*rows), look=LOOK)
    dots = made.data[1]
    assert (list(dots.y), list(dots.error_y.array), list(dots.error_y.arrayminus)) == ([0.4], [pytest.approx(0.2)], [pytest.approx(0.15)])
    assert len(made.data) == 2
