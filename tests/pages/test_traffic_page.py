"""The traffic page: volume by version, latency against an objective, and silence shown as silence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.schema import ModelSchema
from monitoring.service import House
from storage.store import Reader
from tests.pages import data

Open = Callable[..., AppTest]


def words(page: AppTest) -> str:
    """Everything that the page says in markdown, without the escapes."""
    return "\n".join(element.value for element in page.markdown).replace("\\", "").replace("\u00a0", " ")


def figure(page: AppTest, place: int) -> dict[str, Any]:
    """The Plotly figure at that place of the page."""
    return dict(json.loads(page.get("plotly_chart")[place].proto.spec))


def traces(page: AppTest, place: int) -> dict[str, list[float]]:
    """The values of each named line or bar."""
    return {trace["name"]: trace["y"] for trace in figure(page, place)["data"]}


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Card fraud: version 3 for ten days, a silence of two days, then version 4; the newest window is partial. Read only."""
    spec = data.SPECS["card-fraud"]
    with House.open(tmp_path_factory.mktemp("versions") / "home") as house:
        for version, windows in (("3", data.windows()[:10]), ("4", data.windows()[12:])):
            house.store.register_model(ModelSchema.from_dict({**spec, "version": version}).to_dict())
            for window in windows:
                tables = [made.set_column(1, "version", pa.array([version] * made.num_rows))
                          for made in (data.points_of("card-fraud", window), data.profiles_of("card-fraud", window))]
                house.store.save_window("card-fraud", version, window, *tables, window_name="1d", run="r")
        yield house


def test_the_volume_holds_the_rows_of_every_version(two_versions: House, open_page: Open) -> None:
    page = open_page("watch/traffic", two_versions, model="card-fraud", version="4", range="all")
    assert not page.error
    bars = traces(page, 0)
    for version in ("3", "4"):
        stored = two_versions.store.points(model="card-fraud", version=version, metric="rows").to_pylist()
        assert bars[f"version {version}"] == [row["value"] for row in stored]


def test_the_total_is_the_sum_of_all_versions(two_versions: House, open_page: Open) -> None:
    page = open_page("watch/traffic", two_versions, model="card-fraud", version="4", range="all")
    total = sum(row["value"] for row in two_versions.store.points(model="card-fraud", metric="rows").to_pylist())
    assert f"{int(total):,} rows".replace(",", "\u202f") in words(page)


def test_the_days_between_the_versions_are_marked_as_silence(two_versions: House, open_page: Open) -> None:
    page = open_page("watch/traffic", two_versions, model="card-fraud", version="4", range="all")
    assert "1 stretch" in words(page)
    for place in (0, 1, 3, 4):
        layout = figure(page, place)["layout"]
        assert [note["text"] for note in layout["annotations"] if note["text"] == "no traffic"] == ["no traffic"]
        silent = next(shape for shape in layout["shapes"] if shape["type"] == "rect")
        assert (silent["x0"][:10], silent["x1"][:10]) == ("2026-10-18", "2026-10-20")


def test_the_period_before_is_drawn_as_an_outline(two_versions: House, open_page: Open) -> None:
    page = open_page("watch/traffic", two_versions, model="card-fraud", version="4", range="7d")
    ghost = next(trace for trace in figure(page, 0)["data"] if trace["name"] == "period before")
    before = two_versions.store.points(model="card-fraud", metric="rows", since=data.windows()[-14].start, until=data.windows()[-7].start)
    assert ghost["y"][::2] == before.column("value").to_pylist()
    assert ghost["x"][0][:10] == f"{data.windows()[-7].start:%Y-%m-%d}"


def test_an_objective_in_the_link_is_drawn_and_judged(full_home: House, open_page: Open) -> None:
    page = open_page("watch/traffic", full_home, model="card-fraud", slo="35")
    rows = full_home.store.points(model="card-fraud", metric="latency_p95", window="1d").to_pylist()
    values = [row["value"] for row in rows if not row["segment"]]
    above = sum(value > 35 for value in values)
    assert 0 < above < len(values)
    assert f"p95 was above 35 ms in {above} of {len(values)} windows" in words(page)
    assert "▲ Warning" in words(page)
    assert figure(page, 1)["layout"]["shapes"][0]["y0"] == 35


def test_the_objective_is_set_on_the_page_and_stands_in_the_link(full_home: House, open_page: Open) -> None:
    page = open_page("watch/traffic", full_home, model="card-fraud")
    page.number_input(key="body.slo").set_value(500.0).run()
    assert page.query_params["slo"] in (["500.0"], "500.0")
    assert "p95 was above 500 ms in 0 of 30 windows" in words(page)


@pytest.mark.parametrize("slo", ["", "fast", "-5", "nan", "inf"])
def test_an_objective_that_is_no_latency_is_ignored(full_home: House, open_page: Open, slo: str) -> None:
    page = open_page("watch/traffic", full_home, model="card-fraud", slo=slo)
    assert not page.error
    assert "was above" not in words(page)


def test_the_heat_map_holds_the_shares_of_each_window(full_home: House, open_page: Open) -> None:
    page = open_page("watch/traffic", full_home, model="bike-demand")
    cells = figure(page, 2)["data"][0]["z"]
    newest = full_home.store.profiles("bike-demand", "2", "1d", data.windows()[-1].start, kind="latency_histogram").to_pylist()
    total = sum(row["value"] for row in newest)
    assert [line[-1] or 0 for line in cells] == pytest.approx([row["value"] / total for row in newest])


def test_without_latency_the_page_says_how_to_log_it(empty_home: House, open_page: Open) -> None:
    empty_home.store.register_model(ModelSchema.from_dict(data.SPECS["bike-demand"]).to_dict())
    window = data.windows()[0]
    rows = [row if not row["metric"].startswith("latency") else {**row, "value": None, "status": "not_applicable"}
            for row in data.points_of("bike-demand", window).to_pylist()]
    points = pa.Table.from_pylist(rows, schema=data.POINTS)
    empty_home.store.save_window("bike-demand", "2", window, points, None, window_name="1d", run="r")
    page = open_page("watch/traffic", empty_home, model="bike-demand")
    assert not page.error
    assert "No latency was logged" in words(page)


def test_without_a_computed_window_the_page_names_the_command(empty_home: House, open_page: Open) -> None:
    empty_home.store.register_model(ModelSchema.from_dict(data.SPECS["card-fraud"]).to_dict())
    page = open_page("watch/traffic", empty_home, model="card-fraud")
    assert any(code.value == "python -m monitoring run card-fraud" for code in page.code)


def test_a_failure_is_one_sentence_with_an_id_and_a_button(full_home: House, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Reader, "profiles", broken)
    page = open_page("watch/traffic", full_home, model="card-fraud")
    (error,) = page.error
    assert "secret detail" not in error.value
    assert "Try again" in {button.label for button in page.button}
