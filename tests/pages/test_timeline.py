"""All versions on one time axis: which one stands for a window, where a new one begins, and that pages and exports keep to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.charts.drift import heat_map, score_over_time
from monitoring.charts.overview import sparkline, status_strip
from monitoring.charts.theme import Look
from monitoring.schema import ModelSchema
from monitoring.service import House
from pages.findings.drift import feature_order
from pages.findings.timeline import Timeline
from pages.frame.export import Export
from storage.points import POINTS
from tests.pages import data
from tests.pages.test_frame import texts

Open = Callable[..., AppTest]
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def day(number: int) -> datetime:
    return MONDAY + timedelta(days=number)


def rows(*found: tuple[int, str, float]) -> pa.Table:
    """Points of `rows` from (day, version, value)."""
    common = {**dict.fromkeys(POINTS.names), "metric": "rows", "segment": ""}
    made = [{**common, "window_start": day(number), "version": version, "value": value} for number, version, value in found]
    return pa.Table.from_pylist(made, schema=POINTS)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Card fraud: version 3 throughout, version 4 from day 20 on; for five days both, version 4 with a third of the rows, then alone.
    Read only."""
    spec = data.SPECS["card-fraud"]
    both = (("3", data.windows()[:25], ""), ("4", data.windows()[20:25], "country=FR"), ("4", data.windows()[25:], ""))
    with House.open(tmp_path_factory.mktemp("released") / "home") as house:
        for version, windows, source in both:
            house.store.register_model(ModelSchema.from_dict({**spec, "version": version}).to_dict())
            for window in windows:
                points = data.points_of("card-fraud", window, segment=source)
                tables = [as_version(points, version), as_version(data.profiles_of("card-fraud", window), version)]
                house.store.save_window("card-fraud", version, window, *tables, window_name="1d", run="r")
        yield house


def as_version(table: pa.Table, version: str) -> pa.Table:
    """The table as if that version had been computed, over all rows."""
    table = table.set_column(1, "version", pa.array([version] * table.num_rows))
    return table.set_column(2, "segment", pa.array([""] * table.num_rows))


def test_the_version_with_more_rows_stands_for_a_window() -> None:
    timeline = Timeline.of(rows((0, "1", 100), (1, "1", 90), (1, "2", 10), (2, "1", 40), (2, "2", 60), (3, "2", 100)))
    assert timeline.standing == {day(0): "1", day(1): "1", day(2): "2", day(3): "2"}
    assert timeline.outvoted == {(day(1), "2"), (day(2), "1")}
    assert timeline.releases == [(day(2), "2")]
    assert timeline.versions() == ["2", "1"]


def test_with_equal_rows_the_later_version_stands() -> None:
    assert Timeline.of(rows((0, "10", 5), (1, "10", 5), (1, "9", 5))).standing[day(1)] == "9"


def test_a_return_to_an_older_version_is_no_release() -> None:
    assert Timeline.of(rows((0, "1", 5), (1, "2", 5), (2, "1", 5), (3, "2", 5))).releases == [(day(1), "2")]


def test_other_tables_lose_the_windows_of_outvoted_versions_and_nothing_else() -> None:
    found = rows((0, "1", 9), (1, "1", 9), (1, "2", 1))
    timeline = Timeline.of(found)
    assert timeline.only(found).select(["window_start", "version"]).to_pylist() == [
        {"window_start": day(0), "version": "1"}, {"window_start": day(1), "version": "1"}]
    unknown = rows((7, "3", 1))
    assert timeline.only(unknown).equals(unknown)


def test_all_versions_are_the_default_and_stand_in_the_link(open_page: Open, released: House) -> None:
    test = open_page("watch/drift", released, model="card-fraud")
    assert not test.exception
    assert test.query_params["version"] == "all"
    assert test.selectbox(key="select.version").options == ["All versions", "4", "3"]
    assert "card-fraud, all versions" in texts(test)


def test_the_drift_began_before_the_release_and_the_pages_say_so(open_page: Open, released: House) -> None:
    every = open_page("watch/overview", released)
    assert "card-fraud, 3 features drifted since 30 Oct.**" in texts(every)
    alone = open_page("watch/drift", released, model="card-fraud", version="4")
    shown = next(frame.value for frame in alone.dataframe if "Threshold" in frame.value.columns)
    assert set(shown["Since"][:3]) == {"30 Oct 2026 00:00"}
    assert len(shown["Course"].iloc[0]) == 9  # version 4 has ten windows, the partial one apart


@pytest.mark.parametrize(("version", "starts"), [("all", data.windows()), ("3", data.windows()[:25]), ("4", data.windows()[20:])])
def test_the_export_holds_the_windows_that_are_shown(
    open_page: Open, released: House, monkeypatch: pytest.MonkeyPatch, version: str, starts: list[Any]
) -> None:
    taken: list[Export] = []
    monkeypatch.setattr(Export, "draw", lambda export, _selection: taken.append(export))
    open_page("watch/drift", released, model="card-fraud", version=version)
    points = taken[0].tables["points"]
    assert sorted(set(points.column("window_start").to_pylist())) == [window.start for window in starts]
    assert points.num_rows == 12 * len(starts)  # one row per column and window: no window twice
    assert set(points.column("version").to_pylist()) == ({"3", "4"} if version == "all" else {version})


def test_the_profiles_are_those_of_the_version_that_stands(open_page: Open, released: House, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Export] = []
    monkeypatch.setattr(Export, "draw", lambda export, _selection: taken.append(export))
    for at, version in ((data.windows()[22].start, "3"), (data.windows()[26].start, "4")):
        test = open_page("watch/feature", released, model="card-fraud", feature="amount", at=at.isoformat())
        assert not test.exception
        assert set(taken.pop().tables["distribution"].column("version").to_pylist()) == {version}


@pytest.mark.parametrize(("script", "place"), [("watch/traffic", 0), ("watch/performance", 0), ("watch/feature", 1), ("watch/feature", 2)])
def test_the_release_is_marked_on_time_axes(open_page: Open, released: House, script: str, place: int) -> None:
    test = open_page(script, released, model="card-fraud", feature="amount", range="all")
    assert not test.exception
    layout = json.loads(test.get("plotly_chart")[place].proto.spec)["layout"]
    (line,) = [shape for shape in layout["shapes"] if shape["type"] == "line"]
    assert line["x0"][:10] == line["x1"][:10] == data.windows()[25].start.date().isoformat()
    assert "version 4" in [note["text"] for note in layout["annotations"]]


def test_the_release_is_marked_between_the_cells_of_the_heat_map(released: House) -> None:
    points = released.store.points(model="card-fraud", metric="drift")
    drawn = heat_map(points, rows=feature_order(points), look=Look(), releases=[(data.windows()[25].start, "<b>4")])
    assert drawn.layout.shapes[0].x0 == 24.5
    assert drawn.layout.annotations[0].text == "version &lt;b&gt;4"


def test_a_release_before_the_first_window_shown_is_not_marked(released: House) -> None:
    points = released.store.points(model="card-fraud", version="4", metric="drift", column="amount")
    assert not score_over_time(points, look=Look(), releases=[(data.windows()[20].start, "4")]).layout.shapes


def test_strip_and_sparkline_mark_the_release() -> None:
    strips = {"a": {day(0): ("ok", "drift"), day(1): ("drift", "traffic")}, "b": {day(0): ("ok", "drift")}}
    drawn = status_strip(strips, look=Look(), releases={"a": [(day(1), "2")], "b": []})
    mark = next(trace for trace in drawn.data if trace.name == "new version")
    assert [str(when) for when in mark.x] == ["2026-11-02 12:00:00"]
    assert list(mark.y) == [1]
    told = sparkline((1.0, 2.0, 3.0), label="rows", look=Look(), releases=(1,))
    assert "dashed where a new version begins" in told
