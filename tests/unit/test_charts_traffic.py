"""Figures about traffic and latency hold exactly the numbers of their tables, and show silence as silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from monitoring.charts import traffic
from monitoring.charts.theme import Look
from monitoring.charts.timeline import chosen, silences
from storage.points import POINTS, PROFILES

LOOK = Look()
DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def point(metric: str, day: int, value: float | None, **more: Any) -> dict[str, Any]:
    start = FIRST + day * DAY
    return {"model": "m", "version": "1", "segment": "", "window_start": start, "window_end": start + DAY, "metric": metric, "column": "",
            "value": value, "n": 100, "status": "ok", "kind": "realised", "window": "1d", "partial": False, **more}


def points(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=POINTS)


def bins(day: int, *cells: tuple[float, float, float]) -> list[dict[str, Any]]:
    start = FIRST + day * DAY
    return [{"model": "m", "version": "1", "segment": "", "window": "1d", "window_start": start, "window_end": start + DAY,
             "kind": "latency_histogram", "column": "", "series": "current", "label": "", "x": x, "x_end": x_end, "value": value}
            for x, x_end, value in cells]


def test_volume_stacks_the_versions() -> None:
    made = traffic.volume(points(point("rows", 0, 10.0), point("rows", 0, 5.0, version="2"), point("rows", 1, 7.0, version="2")), look=LOOK)
    assert {bar.name: list(bar.y) for bar in made.data} == {"version 1": [10.0], "version 2": [5.0, 7.0]}
    assert made.layout.barmode == "stack"


def test_the_period_before_is_an_outline_of_all_versions_drawn_later_by_the_shift() -> None:
    before = points(point("rows", -2, 4.0), point("rows", -2, 3.0, version="2"))
    made = traffic.volume(points(point("rows", 0, 10.0)), look=LOOK, previous=before, shift=2 * DAY)
    ghost = made.data[-1]
    assert list(ghost.y) == [7.0, 7.0]
    assert list(ghost.x) == [datetime(2026, 11, 1), datetime(2026, 11, 2)]  # noqa: DTZ001


def test_the_outline_does_not_bridge_a_hole() -> None:
    before = points(point("rows", -4, 4.0), point("rows", -2, 3.0))
    ghost = traffic.volume(points(point("rows", 0, 1.0)), look=LOOK, previous=before, shift=4 * DAY).data[-1]
    assert list(ghost.y) == [4.0, 4.0, None, 3.0, 3.0]


def test_a_window_without_rows_and_a_hole_between_windows_are_silences() -> None:
    rows = chosen(points(point("rows", 0, 5.0), point("rows", 1, 0.0), point("rows", 2, 5.0), point("rows", 4, 5.0)), "rows")
    assert silences(rows) == [(FIRST + DAY, FIRST + 2 * DAY), (FIRST + 3 * DAY, FIRST + 4 * DAY)]


def test_silence_at_both_ends_counts_and_another_version_breaks_it() -> None:
    rows = chosen(points(point("rows", 0, 0.0), point("rows", 1, 5.0, version="2"), point("rows", 1, 0.0), point("rows", 2, 0.0)), "rows")
    assert silences(rows) == [(FIRST, FIRST + DAY), (FIRST + 2 * DAY, FIRST + 3 * DAY)]
    assert silences([]) == []


def test_silences_are_shaded_and_named_once() -> None:
    table = points(point("rows", 0, 5.0), point("rows", 2, 5.0), point("rows", 5, 5.0))
    made = traffic.throughput(table, look=LOOK)
    assert len(made.layout.shapes) == 2
    assert [note.text for note in made.layout.annotations] == ["no traffic"]


def test_latency_draws_three_quantiles_and_the_objective() -> None:
    table = points(*(point(metric, 0, value) for metric, value in (("latency_p50", 5.0), ("latency_p95", 9.0), ("latency_p99", 30.0))))
    made = traffic.latency(table, look=LOOK, slo=12.0)
    assert {line.name: list(line.y) for line in made.data} == {"p50": [5.0], "p95": [9.0], "p99": [30.0]}
    assert made.layout.shapes[0].y0 == 12.0
    assert made.layout.yaxis.rangemode == "tozero"


def test_with_several_versions_each_quantile_names_its_version() -> None:
    made = traffic.latency(points(point("latency_p95", 0, 9.0), point("latency_p95", 1, 30.0, version="2")), look=LOOK)
    assert [line.name for line in made.data] == ["p95, version 1", "p95, version 2"]


def test_lines_break_where_there_was_no_window() -> None:
    made = traffic.error_rate(points(point("error_rate", 0, 0.1), point("error_rate", 2, 0.2)), look=LOOK)
    assert list(made.data[0].y) == [0.1, None, 0.2]


def test_a_warned_window_stands_out_by_shape_and_the_running_one_is_hollow() -> None:
    made = traffic.error_rate(points(point("error_rate", 0, 0.1, status="warn"), point("error_rate", 1, 0.2, partial=True)), look=LOOK)
    assert list(made.data[0].marker.symbol) == ["triangle-up", "circle-open"]


def test_the_heat_map_holds_shares_of_each_window() -> None:
    table = pa.Table.from_pylist([*bins(0, (1.0, 10.0, 3.0), (10.0, 100.0, 1.0)), *bins(1, (1.0, 10.0, 2.0))], schema=PROFILES)
    (cells,) = traffic.latency_heat_map(table, look=LOOK).data
    assert [list(line) for line in cells.z] == [[0.75, 1.0], [0.25, None]]
    assert list(cells.y) == pytest.approx([1.0, 10.0, 100.0])


def test_the_heat_map_leaves_a_hole_between_windows_empty() -> None:
    table = pa.Table.from_pylist([*bins(0, (1.0, 10.0, 3.0)), *bins(2, (1.0, 10.0, 2.0))], schema=PROFILES)
    (cells,) = traffic.latency_heat_map(table, look=LOOK).data
    assert list(cells.z[0]) == [1.0, None, 1.0]
    assert len(cells.x) == 4


def test_bins_that_differ_from_window_to_window_are_laid_over_common_ones_and_still_add_up() -> None:
    rows = [cell for day in range(120) for cell in bins(day, (1.0 + day / 50, 10.0 + day, 3.0), (10.0 + day, 200.0 + day, 1.0))]
    (cells,) = traffic.latency_heat_map(pa.Table.from_pylist(rows, schema=PROFILES), look=LOOK).data
    for column in range(120):
        assert sum(line[column] or 0 for line in cells.z) == pytest.approx(1.0)


def test_empty_tables_draw_empty_figures() -> None:
    for draw in (traffic.volume, traffic.error_rate, traffic.latency, traffic.throughput):
        assert not [x for line in draw(points(), look=LOOK).data for x in line.x or ()]
    assert not traffic.latency_heat_map(PROFILES.empty_table(), look=LOOK).data


def test_names_from_users_are_escaped() -> None:
    table = points(point("rows", 0, 5.0, version="<img src=x>"))
    written = traffic.volume(table, look=LOOK).to_json()
    assert "\\u003cimg" not in written  # JSON's own form of "<img"
    assert "&lt;img" in written
