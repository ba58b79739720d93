"""The performance page says what the points say: values, intervals, what they rest on, segments, and when labels are missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.charts.numbers import moment, number, with_unit
from monitoring.metrics import METRICS
from monitoring.schema import ModelSchema
from monitoring.service import House
from storage.points import POINTS
from storage.store import Reader, Store
from tests.pages import data

Open = Callable[..., AppTest]
LABELLED = data.windows()[data.DAYS - data.UNLABELLED - 1]


def words(page: AppTest) -> str:
    """Everything that the page says in markdown, without the escapes."""
    return "\n".join(element.value for element in page.markdown).replace("\\", "").replace("\u2060", "").replace("\u00a0", " ")


def figure(page: AppTest, key: str) -> dict[str, Any]:
    """The Plotly figure that was drawn under `key`."""
    charts = [element for element in page.get("plotly_chart") if key in element.proto.id]
    return dict(json.loads(charts[0].proto.spec))


def value_of(house: House, model: str, metric: str, column: str = "", segment: str = "") -> dict[str, Any]:
    """The newest labelled point of a metric."""
    rows = house.store.points(model=model, metric=metric, since=LABELLED.start, until=LABELLED.end).to_pylist()
    return next(row for row in rows if (row["column"], row["segment"]) == (column, segment))


@pytest.mark.parametrize(("model", "metric", "column"), [
    ("card-fraud", "recall", ""), ("diagnosis", "accuracy", ""), ("bike-demand", "mae", ""), ("shop-lists", "ndcg_at_k", "k=10"),
])
def test_the_newest_value_stands_with_its_interval_its_n_and_its_window(
    full_home: House, open_page: Open, model: str, metric: str, column: str
) -> None:
    page = open_page("watch/performance", full_home, model=model)
    row, unit = value_of(full_home, model, metric, column), METRICS[metric].unit
    assert not page.exception
    assert not page.error
    value, rests_on = with_unit(row["value"], unit), f"n = {number(row['n'])}"
    when = "1 Nov 2026 00:00 – 2 Nov 2026 00:00 UTC"
    for part in (f"{METRICS[metric].label.replace('@k', '@10')} {value}", with_unit(row["lower"], unit), rests_on, when, "● OK"):
        assert part in words(page)


def test_the_chart_holds_the_points_of_the_selected_metric(full_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", full_home, model="card-fraud", metric="precision")
    drawn = figure(page, "performance.over-time")
    line = next(trace for trace in drawn["data"] if trace.get("name") == "version 3")
    points = full_home.store.points(model="card-fraud", metric="precision", window="1d").to_pylist()
    expected = [row["value"] for row in points if not row["segment"] and not row["partial"]]
    assert [value for value in line["y"] if value is not None] == [value for value in expected if value is not None]


def test_a_link_reproduces_metric_class_window_segment_and_cut(full_home: House, open_page: Open) -> None:
    at = data.windows()[10].start.isoformat()
    page = open_page("watch/performance", full_home, model="diagnosis", metric="recall", column="benign", at=at, segment="site=FR")
    row = value_of(full_home, "diagnosis", "recall", "benign", "site=FR")
    assert f"Recall, benign {with_unit(row['value'], 'share')}" in words(page)
    assert page.query_params["at"] in ([at], at)
    page = open_page("watch/performance", full_home, model="card-fraud", cut="0.25")
    assert "At the cut 0.250" in words(page)


def test_another_metric_is_chosen_by_the_select_box_and_stands_in_the_link(full_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", full_home, model="card-fraud")
    page.selectbox(key="body.metric").select("brier").run()
    assert "Brier score over time" in words(page)
    assert page.query_params["metric"] in (["brier"], "brier")


def test_every_metric_of_the_window_stands_in_the_table_with_its_reason_where_it_has_no_value(full_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", full_home, model="bike-demand")
    table = page.dataframe[0].value
    by_metric = dict(zip(table["Metric"], table.to_dict("records"), strict=True))
    assert by_metric["Mean absolute error"]["Value"] == with_unit(value_of(full_home, "bike-demand", "mae")["value"], "target")
    assert by_metric["Mean absolute percentage error"]["Status"] == "– Not applicable"
    assert "**Mean absolute percentage error**: A target is zero, so a percentage has no meaning." in words(page)


@pytest.mark.parametrize(("model", "kinds"), [
    ("card-fraud", {"confusion", "roc", "precision_recall", "calibration", "threshold", "segments", "decisions"}),
    ("diagnosis", {"confusion", "calibration", "segments"}),
    ("bike-demand", {"residuals", "error_by_decile"}),
    ("shop-lists", {"popularity"}),
])
def test_each_task_has_its_own_curves(full_home: House, open_page: Open, model: str, kinds: set[str]) -> None:
    page = open_page("watch/performance", full_home, model=model)
    drawn = {element.proto.id.rsplit("performance.", 1)[1] for element in page.get("plotly_chart")}
    assert drawn == {*kinds, "over-time"}


def test_the_confusion_matrix_holds_the_stored_counts(full_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", full_home, model="card-fraud")
    stored = full_home.store.profiles("card-fraud", "3", "1d", LABELLED.start, kind="confusion").to_pylist()
    drawn = "".join(text for line in figure(page, "performance.confusion")["data"][0]["text"] for text in line)
    assert all(f"{int(row['value'])}<br>" in drawn for row in stored)


@pytest.fixture
def settled_home(empty_home: House) -> House:
    """Card fraud with one window that was computed on 40 labels and, a day later, on all of them."""
    data.fill(empty_home.store, ("card-fraud",))
    early, window = LABELLED.end + timedelta(hours=1), LABELLED
    final = data.points_of("card-fraud", window).to_pylist()
    first = [{**row, "n_labelled": 40, "label_coverage": 0.03, "value": 0.5, "status": "drift"} if row["metric"] == "recall" else row
             for row in final]
    for when, rows in ((early, first), (early + timedelta(days=1), final)):
        table = pa.Table.from_pylist([{**row, "computed_at": when} for row in rows], schema=POINTS)
        empty_home.store.save_window("card-fraud", "3", window, table, None, window_name="1d", run="r")
    return empty_home


def test_the_page_shows_what_was_known_on_a_past_day(settled_home: House, open_page: Open) -> None:
    day = LABELLED.end.date().isoformat()
    then = open_page("watch/performance", settled_home, model="card-fraud", asof=day, range="all")
    assert not then.exception
    assert "Recall 50 %" in words(then)
    assert "As known on 3 Nov 2026 00:00 UTC" in then.info[0].value.replace("\\", "").replace("\u00a0", " ")
    assert then.query_params["asof"] in ([day], day)
    causes = settled_home.table(model="card-fraud", what="causes", as_of=day).to_pylist()
    assert "recall" in {row["metric"] for row in causes}
    assert "When and why" in words(then)
    now = open_page("watch/performance", settled_home, model="card-fraud", range="all", at=LABELLED.start.isoformat())
    assert "Recall 50 %" not in words(now)
    assert "Recall of this window was computed" in " ".join(expander.label for expander in now.expander)


def test_a_day_on_which_nothing_had_been_computed_says_so(settled_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", settled_home, model="card-fraud", asof="2026-01-01", range="all")
    assert not page.exception
    assert page.info[0].value.replace("\\", "").replace("\u2060", "").startswith("Nothing had been computed by 2026-01-02T00:00:00Z; ")
    assert not page.get("plotly_chart")


def test_a_day_that_is_no_day_or_not_over_yet_shows_what_is_known_now(full_home: House, open_page: Open) -> None:
    for day in ("soon", datetime.now(UTC).date().isoformat()):
        page = open_page("watch/performance", full_home, model="card-fraud", asof=day)
        assert not page.exception
        assert not page.info


def test_a_day_to_come_is_said_to_be_one_above_what_is_known_now(full_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", full_home, model="card-fraud", asof="2999-01-01")
    assert not page.exception
    assert [info.value.partition(". Choose today (")[0] for info in page.info] == [
        "2999-01-01 lies in the future: shown is what is known now"]  # fmt: skip
    assert page.get("plotly_chart")


def test_labelled_rows_that_differ_from_the_others_are_named(settled_home: House, open_page: Open) -> None:
    row = data.points_of("card-fraud", LABELLED).slice(0, 1).to_pylist()[0]
    differs = {**row, "metric": "label_selection", "column": "amount", "value": 0.31, "status": "warn", "reason": "Labelled rows differ.",
               "method": "ks_distance", "p_value": 1e-9, "n": 400, "n_reference": 800}  # fmt: skip
    rows = [*data.points_of("card-fraud", LABELLED).to_pylist(), differs, {**differs, "column": "hour", "value": 0.02, "status": "ok"}]
    table = pa.Table.from_pylist(rows, schema=POINTS)
    settled_home.store.save_window("card-fraud", "3", LABELLED, table, data.profiles_of("card-fraud", LABELLED), window_name="1d", run="r")
    page = open_page("watch/performance", settled_home, model="card-fraud")
    assert "Labelled rows of this window differ from the others in amount:" in words(page)
    shown = page.dataframe[0].value
    assert list(shown["Column"]) == ["amount", "hour"]
    assert list(shown["Difference"]) == ["31 %", "2 %"]


def test_before_any_label_the_page_says_how_to_send_them(empty_home: House, open_page: Open) -> None:
    _save(empty_home.store, "card-fraud", data.windows()[-3:])
    page = open_page("watch/performance", empty_home, model="card-fraud")
    assert "No label of these predictions is known yet" in words(page)
    assert "python -m monitoring label card-fraud" in page.code[-1].value


def test_without_a_model_the_page_offers_the_demo(empty_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", empty_home)
    assert "No model is registered yet" in words(page)
    assert any("demo" in button.label for button in page.button)


def test_without_a_computed_window_the_page_names_the_command(empty_home: House, open_page: Open) -> None:
    empty_home.store.register_model(ModelSchema.from_dict(data.SPECS["card-fraud"]).to_dict())
    page = open_page("watch/performance", empty_home, model="card-fraud")
    assert any(code.value == "python -m monitoring run card-fraud" for code in page.code)


def test_a_failure_is_one_sentence_with_an_id_and_a_button(full_home: House, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Reader, "profiles", broken)
    page = open_page("watch/performance", full_home, model="card-fraud")
    (error,) = page.error
    assert "secret detail" not in error.value
    assert "Try again" in {button.label for button in page.button}


def test_names_from_users_are_shown_and_not_read(empty_home: House, open_page: Open) -> None:
    spec = {**data.SPECS["card-fraud"], "name": "<b>:red[evil]</b>"}
    empty_home.store.register_model(ModelSchema.from_dict(spec).to_dict())
    window = data.windows()[0]
    points = data.points_of("card-fraud", window)
    points = points.set_column(0, "model", [[spec["name"]] * points.num_rows])
    empty_home.store.save_window(spec["name"], "3", window, points, None, window_name="1d", run="r")
    page = open_page("watch/performance", empty_home, model=spec["name"])
    assert not page.error
    assert all(":red[evil]" not in element.value for element in page.markdown)


def _save(store: Store, model: str, windows: list[Any]) -> None:
    store.register_model(ModelSchema.from_dict(data.SPECS[model]).to_dict())
    for window in windows:
        store.save_window(model, data.SPECS[model]["version"], window, data.points_of(model, window), data.profiles_of(model, window),
                          window_name="1d", run="r")


def test_the_windows_offered_are_the_labelled_ones_newest_first(full_home: House, open_page: Open) -> None:
    page = open_page("watch/performance", full_home, model="card-fraud")
    offered = page.selectbox(key="body.at").options
    assert len(offered) == data.DAYS - data.UNLABELLED
    assert datetime.fromisoformat(str(page.selectbox(key="body.at").value)) == LABELLED.start


def test_with_a_segment_chosen_the_header_speaks_of_that_segment(settled_home: House, open_page: Open) -> None:
    """All rows are worse than the reference, the segment is not, and later labels of it are still to come."""
    later = data.windows()[data.windows().index(LABELLED) + 1]
    base = {**data.points_of("card-fraud", LABELLED).slice(0, 1).to_pylist()[0], "metric": "recall", "column": "", "n": 400, "reason": ""}
    of_all, calm = {**base, "value": 0.2, "status": "drift"}, {**base, "segment": "country=FR", "value": 0.9, "status": "ok"}
    coming = {**calm, "value": 0.1, "status": "warn", "window_start": later.start, "window_end": later.end,
              "detail": json.dumps({"provisional": True})}  # fmt: skip
    rows = [{**base, "metric": "rows", "segment": segment, "value": 800.0, "status": "ok"} for segment in ("", "country=FR")]
    for window, some in ((LABELLED, [*rows, of_all, calm]), (later, [{**row, "window_start": later.start, "window_end": later.end}
                                                                     for row in rows] + [coming])):  # fmt: skip
        table = pa.Table.from_pylist(some, schema=POINTS)
        settled_home.store.save_window("card-fraud", "3", window, table, None, window_name="1d", run="r")
    page = open_page("watch/performance", settled_home, model="card-fraud", segment="country=FR")
    day = moment(LABELLED.start)
    assert f":green[**● OK**] of country=FR in the newest judged window, {day}" in words(page)
    assert "### Recall 90 %" in words(page)
    page = open_page("watch/performance", settled_home, model="card-fraud")
    assert f":red[**◆ Drift**] in the newest judged window, {day}" in words(page)
    assert f":red[**◆ Drift**] since {day}" in words(page)
