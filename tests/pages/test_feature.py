"""The feature page: distributions, statistics and scores equal the profiles and points."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.charts.feature import distribution, quantile_fan
from monitoring.charts.theme import Look
from monitoring.service import House
from pages.findings.feature import sentence, statistics_table
from pages.frame.export import Export
from storage.points import PROFILES
from tests.pages.test_frame import texts

Open = Callable[..., AppTest]
START = datetime(2026, 11, 2, tzinfo=UTC)


def histogram(house: House, column: str, series: str) -> pa.Table:
    """The bins of one column in one series."""
    table = house.store.profiles("card-fraud", "3", "1d", START, kind="histogram", column=column)
    return table.filter([one == series for one in table.column("series").to_pylist()])


def bins(*rows: tuple[float | None, float | None, str, float]) -> pa.Table:
    """A histogram from (x, x_end, label, share)."""
    made = [{**dict.fromkeys(PROFILES.names), "x": x, "x_end": end, "label": label, "value": value} for x, end, label, value in rows]
    return pa.Table.from_pylist(made, schema=PROFILES)


def test_the_sentence_says_method_score_threshold_and_rows(open_page: Open, full_home: House) -> None:
    test = open_page("watch/feature", full_home, model="card-fraud", feature="amount", at=START.isoformat())
    assert not test.exception
    point = next(row for row in full_home.store.points(model="card-fraud", metric="drift", column="amount").to_pylist()
                 if row["window_start"] == START and not row["segment"])  # fmt: skip
    said = sentence(point, zone="UTC")
    assert f"**{said}**" in texts(test)
    assert said.startswith("amount: Wasserstein distance 0.")
    assert "past its threshold of 0.120, in 2 Nov 2026 00:00 – 3 Nov 2026 00:00 UTC" in said


def test_the_deep_link_chooses_feature_and_window(open_page: Open, full_home: House) -> None:
    test = open_page("watch/feature", full_home, model="card-fraud", feature="country", at=START.isoformat(), form="difference", log="log")
    assert {name: test.query_params[name] for name in ("feature", "at", "form", "log")} == {
        "feature": "country", "at": START.isoformat(), "form": "difference", "log": "log"}
    assert test.selectbox(key="body.feature").value == "country"


def test_the_statistics_stand_side_by_side(open_page: Open, full_home: House) -> None:
    test = open_page("watch/feature", full_home, model="card-fraud", feature="amount", at=START.isoformat())
    shown = next(frame.value for frame in test.dataframe if "Statistic" in frame.value.columns)
    assert list(shown["Statistic"]) == ["Mean", "Standard deviation", "Minimum", "Maximum", "Missing", "Distinct values"]
    assert list(shown.columns) == ["Statistic", "Reference", "Window of 2 Nov 2026 00:00", "Change"]


def test_it_compares_with_the_window_before(open_page: Open, full_home: House) -> None:
    test = open_page("watch/feature", full_home, model="card-fraud", feature="amount", at=START.isoformat(), compare="previous")
    assert not test.exception
    shown = next(frame.value for frame in test.dataframe if "Statistic" in frame.value.columns)
    assert "Window of 1 Nov 2026 00:00" in shown.columns


def test_segments_are_compared_in_the_same_window(open_page: Open, full_home: House) -> None:
    test = open_page("watch/feature", full_home, model="card-fraud", feature="amount", at=START.isoformat())
    shown = next(frame.value for frame in test.dataframe if "Segment" in frame.value.columns)
    assert list(shown["Segment"]) == ["All rows", "country=DE", "country=FR"]


def test_the_export_holds_points_and_distribution(open_page: Open, full_home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Export] = []
    monkeypatch.setattr(Export, "draw", lambda export, _selection: taken.append(export))
    open_page("watch/feature", full_home, model="card-fraud", feature="amount", at=START.isoformat())
    points, profiles = taken[0].tables["points"], taken[0].tables["distribution"]
    assert set(points.column("column").to_pylist()) == {"amount"}
    assert points.num_rows == 30
    exported = [row["value"] for row in profiles.to_pylist() if row["kind"] == "histogram" and row["series"] == "current"]
    assert exported == histogram(full_home, "amount", "current").column("value").to_pylist()


def test_shares_of_numbers_are_drawn_as_they_are(full_home: House) -> None:
    before, after = histogram(full_home, "amount", "reference"), histogram(full_home, "amount", "current")
    filled, line = distribution(before, after, look=Look()).data
    assert list(filled.y)[::2] == before.column("value").to_pylist()
    assert list(line.y)[::2] == after.column("value").to_pylist()
    assert filled.fill == "tozeroy"
    assert line.fill is None
    assert line.line.shape is None  # no splines


def test_difference_and_cumulative_are_those_of_the_shares(full_home: House) -> None:
    before, after = histogram(full_home, "amount", "reference"), histogram(full_home, "amount", "current")
    old, new = before.column("value").to_pylist(), after.column("value").to_pylist()
    (bars,) = distribution(before, after, look=Look(), form="difference").data
    assert list(bars.y) == pytest.approx([b - a for a, b in zip(old, new, strict=True)])
    filled, line = distribution(before, after, look=Look(), form="cumulative").data
    assert filled.y[-1] == pytest.approx(sum(old))
    assert line.y[-1] == pytest.approx(sum(new))


def test_a_new_category_is_named_as_new() -> None:
    before, after = bins((None, None, "a", 1.0), (None, None, "b<i>", 0.0)), bins((None, None, "a", 0.7), (None, None, "b<i>", 0.3))
    drawn = distribution(before, after, look=Look()).data
    assert list(drawn[0].x) == ["a", "b&lt;i&gt; (new)"]
    assert list(drawn[1].y) == [0.7, 0.3]


def test_open_bins_say_that_they_are_open() -> None:
    both = bins((0.0, 1.0, "< 1", 0.4), (1.0, 2.0, "≥ 1", 0.6))
    drawn = distribution(both, both, look=Look()).data[1]
    assert drawn.hovertext[0].startswith("<b>&lt; 1</b>")


def test_the_fan_has_the_median_of_each_window(full_home: House) -> None:
    fan = full_home.store.profiles("card-fraud", "3", "1d", START, kind="quantiles", column="amount")
    drawn = {trace.name: trace for trace in quantile_fan(fan, look=Look()).data if trace.name}
    median = {row["series"]: row["value"] for row in fan.to_pylist() if row["label"] == "p50"}
    assert list(drawn["Median"].y) == [median["current"]]
    assert list(drawn["Reference median"].y) == [median["reference"]] * 2


def test_statistics_say_shares_in_percent_and_changes_in_points() -> None:
    before = bins((None, None, "missing", 0.01), (None, None, "mean", 10.0))
    after = bins((None, None, "missing", 0.035), (None, None, "mean", 12.0))
    rows = statistics_table(before, after, ("Reference", "Window")).to_pylist()
    assert rows == [
        {"Statistic": "Mean", "Reference": "10", "Window": "12", "Change": "+2"},
        {"Statistic": "Missing", "Reference": "1 %", "Window": "3.50 %", "Change": "+2.50 pp"},
    ]


def test_of_a_segment_the_page_says_that_distributions_are_of_all_rows(open_page: Open, full_home: House) -> None:
    test = open_page("watch/feature", full_home, model="card-fraud", feature="amount", segment="country=FR")
    assert not test.exception
    assert not test.error
    (info,) = test.info
    assert info.value.startswith("Distributions are kept of all rows only")
    assert [chart.proto.id.split("-")[-1] for chart in test.get("plotly_chart")] == ["feature.score"]
