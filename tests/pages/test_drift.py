"""The drift page: verdict, heat map and table hold what the points say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.charts.drift import heat_map, score_over_time, severity
from monitoring.charts.numbers import number
from monitoring.charts.theme import Look
from monitoring.service import House
from pages.findings.drift import drift_rows, feature_order, is_output, newest_judged, verdict
from pages.frame.export import Export
from storage.points import POINTS
from tests.pages import data
from tests.pages.test_frame import marker, texts
from tests.storage.conftest import Span

Open = Callable[..., AppTest]
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def drift_of(house: House, model: str = "card-fraud", segment: str = "") -> pa.Table:
    """All drift points of a model."""
    table = house.store.points(model=model, metric="drift", window="1d")
    return table.filter([one == segment for one in table.column("segment").to_pylist()])


def made(*rows: dict[str, Any]) -> pa.Table:
    """Drift points of a column `x`, one day after the other."""
    common = {"metric": "drift", "column": "x", "method": "psi", "threshold": 0.1, "n": 100, "n_reference": 100, "segment": "",
              "partial": False}
    days = [{"window_start": MONDAY + timedelta(days=day), "window_end": MONDAY + timedelta(days=day + 1)} for day in range(len(rows))]
    filled = [{**dict.fromkeys(POINTS.names), **common, **day, **row} for day, row in zip(days, rows, strict=True)]
    return pa.Table.from_pylist(filled, schema=POINTS)


def test_the_verdict_names_what_drifted_and_the_false_alarms_to_expect(open_page: Open, full_home: House) -> None:
    test = open_page("watch/drift", full_home, model="card-fraud")
    assert not test.exception
    said = next(line for line in texts(test).split("\n") if "features drifted" in line)
    assert said.startswith("**3 of 9 features drifted in 5 Nov 2026 00:00 – 6 Nov 2026 00:00 UTC: ")
    assert said.endswith("Without any drift, 0.9 % of windows would name a feature.**")
    for name in ("amount", "country", r"merchant\_age"):
        assert name in said


def test_the_table_equals_the_points_of_the_window(open_page: Open, full_home: House) -> None:
    start = MONDAY
    test = open_page("watch/drift", full_home, model="card-fraud", at=start.isoformat())
    shown = next(frame.value for frame in test.dataframe if "Threshold" in frame.value.columns)
    points = {row["column"]: row for row in drift_of(full_home).to_pylist() if row["window_start"] == start}
    assert set(shown["Column"]) == set(points)
    for _, row in shown.iterrows():
        point = points[row["Column"]]
        said = [row[name].strip() for name in ("Score", "Threshold", "Rows")]
        assert said == [number(point[name]) for name in ("value", "threshold", "n")]
    assert list(shown["Status"][:3]) == ["◆ Drift"] * 3
    assert list(shown["Since (UTC)" if "Since (UTC)" in shown else "Since"][:3]) == ["30 Oct 2026 00:00"] * 3


def test_another_window_is_a_deep_link(open_page: Open, full_home: House) -> None:
    test = open_page("watch/drift", full_home, model="card-fraud", at="2026-10-20T00:00:00+00:00")
    assert "**None of 9 features drifted in 20 Oct 2026 00:00 – 21 Oct 2026 00:00 UTC." in texts(test)


def test_the_export_is_the_points_of_the_selection(open_page: Open, full_home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Export] = []
    monkeypatch.setattr(Export, "draw", lambda export, _selection: taken.append(export))
    open_page("watch/drift", full_home, model="card-fraud", segment="country=FR")
    exported = taken[0].tables["points"]
    assert exported.sort_by([("window_start", "ascending"), ("column", "ascending")]).equals(
        drift_of(full_home, segment="country=FR").sort_by([("window_start", "ascending"), ("column", "ascending")]))
    assert list(taken[0].figures) == ["Score ÷ threshold, window by window"]


def test_without_points_the_command_stands_there(open_page: Open, full_home: House) -> None:
    test = open_page("watch/drift", full_home, model="card-fraud", range="2020-01-01..2020-01-02")
    assert not test.exception
    assert "No drift has been computed for this selection yet." in texts(test)
    assert "python -m monitoring run card-fraud" in "\n".join(code.value for code in test.code)
    assert marker(test)[1] == "drift"
    assert "There is nothing to export on this page yet." in texts(test)


def test_the_heat_map_holds_score_over_threshold_and_a_target_per_cell(full_home: House) -> None:
    points = drift_of(full_home)
    order = feature_order(points)
    figure = heat_map(points, rows=order, look=Look())
    grey, coloured, targets = figure.data
    cells = [(row["column"], row["window_start"].isoformat()) for row in points.to_pylist()]
    assert sorted(map(tuple, targets.customdata)) == sorted(cells)
    assert targets.hoverinfo == "text"
    starts = sorted(set(points.column("window_start").to_pylist()))
    for row in points.to_pylist():
        line, place = len(order) - 1 - order.index(row["column"]), starts.index(row["window_start"])
        judged = row["status"] in ("ok", "warn", "drift")
        assert coloured.z[line][place] == (row["value"] / row["threshold"] if judged else None)
        assert (grey.z[line][place] is not None) == (not judged)


def test_the_heat_map_puts_what_drifted_on_top_and_outputs_at_the_bottom(full_home: House) -> None:
    order = feature_order(drift_of(full_home))
    assert set(order[:3]) == set(data.DRIFTED)
    assert set(order[-3:]) == {"prediction", "score", "label"}
    assert is_output("score:malignant")
    assert not is_output("scores")


def test_hostile_names_are_escaped_in_figures() -> None:
    points = made({"column": "<a href='x'>b</a>", "value": 0.3, "status": "drift"})
    figure = heat_map(points, rows=["<a href='x'>b</a>"], look=Look())
    targets = figure.data[2]
    assert "&lt;a href" in targets.hovertext[0]
    assert "<a" not in targets.hovertext[0] + figure.layout.yaxis.ticktext[0]


def test_methods_compare_by_how_far_they_are_past_their_threshold() -> None:
    assert severity("psi", 0.3, 0.1) == pytest.approx(3.0)
    assert severity("ks", 0.0005, 0.001) == pytest.approx(2.0)  # a p-value: lower is worse
    assert severity("ks", 0.0, 0.001) == float("inf")
    assert severity("length_ks", 0.01, 0.001) == pytest.approx(0.1)
    assert severity("psi", None, 0.1) is None
    assert severity("psi", 0.2, None) is None
    assert severity("psi", 0.0, 0.0) == 0.0


def test_since_is_the_start_of_the_unbroken_run() -> None:
    points = made({"value": 0.2, "status": "drift"}, {"value": 0.05, "status": "ok"}, {"value": 0.2, "status": "drift"},
                  {"value": 0.3, "status": "drift"})  # fmt: skip
    row = drift_rows(points, MONDAY + timedelta(days=3))[0]
    assert row.since is not None
    assert row.since.text("UTC") == "4 Nov 2026 00:00"
    assert drift_rows(points, MONDAY)[0].since.text("Asia/Tokyo") == "2 Nov 2026 09:00 or before"  # type: ignore[union-attr]
    assert drift_rows(points, MONDAY + timedelta(days=1))[0].since is None
    assert row.trend == pytest.approx((2.0, 0.5, 2.0, 3.0))


def test_the_newest_verdict_is_that_of_a_window_that_is_over() -> None:
    points = made({"value": 0.2, "status": "ok"}, {"value": 0.2, "status": "insufficient_data"},
                  {"value": 0.2, "status": "ok", "partial": True})
    assert newest_judged(points) == MONDAY
    assert newest_judged(made({"value": 0.2, "status": "ok", "partial": True})) == MONDAY
    assert newest_judged(made()) is None


def test_a_window_without_verdicts_says_so() -> None:
    rows = drift_rows(made({"status": "insufficient_data", "reason": "few"}), MONDAY)
    said = verdict(rows, start=MONDAY, end=MONDAY + timedelta(days=1), zone="UTC", false_alarms=0.001)
    assert said.startswith("None of the 1 features could be judged")


def test_the_score_over_time_shows_values_threshold_and_what_is_partial(full_home: House) -> None:
    points = drift_of(full_home)
    own = points.filter([name == "amount" for name in points.column("column").to_pylist()]).sort_by("window_start")
    threshold, score = score_over_time(own, look=Look()).data
    assert list(score.y) == own.column("value").to_pylist()
    assert list(threshold.y) == own.column("threshold").to_pylist()
    assert score.marker.color[-1] == Look().palette.surface
    assert score.marker.symbol.count("diamond") == own.column("status").to_pylist().count("drift")


@pytest.mark.parametrize(("method", "words"), [
    ("chisquare_contingency", "Chi-square (contingency) is a method of ours; every other score is Evidently's"),
    ("chisquare", "The score is Evidently's"),
])  # fmt: skip
def test_the_page_says_whose_number_a_score_is(open_page: Open, tmp_path: Path, method: str, words: str) -> None:
    with House.open(tmp_path / "home") as house:
        data.fill(house.store)
        rows = house.store.points(model="card-fraud", metric="drift", window="1d", segment="").to_pylist()
        start = max(row["window_start"] for row in rows if not row["partial"])
        newest = [{**row, "method": method} for row in rows if row["window_start"] == start]
        span, table = Span(start, newest[0]["window_end"]), pa.Table.from_pylist(newest, POINTS)
        house.store.save_window("card-fraud", newest[0]["version"], span, table, None, window_name="1d", run="r")
        page = open_page("watch/drift", house, model="card-fraud")
        assert not page.exception
        assert words in " ".join(texts(page).split())
