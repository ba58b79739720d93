"""Summaries of many models say what the whole points say of each, are kept, and are made anew for the models that changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.service import House
from pages.findings import summaries
from pages.findings.overview import NEEDED, Summary, summarise
from pages.findings.summaries import strips_of, summaries_of
from pages.frame.selection import Selection
from storage.points import POINTS
from storage.store import Reader
from tests.pages import data
from tests.pages.test_frame import texts
from tests.storage.conftest import Span

ALL = Selection(range="all")


pytestmark = pytest.mark.usefixtures("many_models")


def whole(house: House, model: str, since: datetime | None = None) -> Summary:
    points = house.store.points(model=model, metric=NEEDED, window="1d", segment="", since=since)
    return summarise(model, house.store.spec(model), points, zone="UTC")


def said(summary: Summary) -> tuple[Any, ...]:
    """What a table says of a model."""
    facts = [replace(fact, course=(), releases=()) for fact in summary.facts]
    return summary.model, summary.version, summary.status, summary.sentence, facts


@pytest.mark.parametrize("cards", [2, 100])
def test_a_model_that_names_no_windows_is_shown_by_its_days(full_home: House, monkeypatch: pytest.MonkeyPatch, cards: int) -> None:
    """As one that only logs, and that nobody described."""
    monkeypatch.setattr(summaries, "MOST_CARDS", cards)
    named = [said(one) for one in summaries_of(full_home.reader, ALL)]
    specs = full_home.reader.specs()
    assert {spec.pop("window") for spec in specs.values()} == {"1d"}
    monkeypatch.setattr(Reader, "specs", lambda _: specs)
    summaries._views.clear()
    assert [said(one) for one in summaries_of(full_home.reader, ALL)] == named


@pytest.mark.parametrize("days", [None, 5, 12, 25])
def test_a_table_says_what_all_points_say(full_home: House, days: int | None) -> None:
    since = None if days is None else data.FIRST + timedelta(days=data.DAYS - days)
    chosen = ALL if since is None else Selection(range=f"{days}d", since=since, until=data.FIRST + timedelta(days=data.DAYS))
    found = {one.model: said(one) for one in summaries_of(full_home.reader, chosen)}
    assert found == {name: said(whole(full_home, name, since)) for name in full_home.store.models()}


def test_the_strip_is_that_of_all_points(full_home: House) -> None:
    for one in strips_of(full_home.reader, ALL, full_home.store.models()):
        assert one.strip == whole(full_home, one.model).strip
        assert list(one.releases) == list(whole(full_home, one.model).releases)


class Counting(Reader):
    """A reader that notes which models' points were read."""

    asked: list[list[str]]

    def recent_points(self, own: Any, *arguments: Any, **named: Any) -> pa.Table:
        self.asked.append(sorted(own))
        return super().recent_points(own, *arguments, **named)


def test_only_models_with_another_window_are_looked_at_again(tmp_path: Path) -> None:
    with House.open(tmp_path / "home") as house:
        data.fill(house.store)
        reader = Counting(house.home, house.store._database)
        reader.asked = []
        first = summaries_of(reader, ALL)
        assert summaries_of(reader, ALL) == first
        row = house.store.points(model="bike-demand", metric="drift_share", segment="", window="1d").to_pylist()[-1]
        start = row["window_start"] + timedelta(days=1)
        point = {**row, "window_start": start, "window_end": start + timedelta(days=1), "metric": "drift", "column": "humidity",
                 "value": 9.0, "threshold": 0.1, "method": "wasserstein", "status": "drift", "partial": False}  # fmt: skip
        house.store.save_window("bike-demand", "2", Span(start, start + timedelta(days=1)), pa.Table.from_pylist([point], POINTS),
                                window_name="1d", run="r")  # fmt: skip
        again = {one.model: one for one in summaries_of(reader, ALL)}
        assert reader.asked == [sorted(house.store.models()), ["bike-demand"]]
        assert again["bike-demand"].status.name == "drift"
        assert said(again["bike-demand"]) == said(whole(house, "bike-demand"))
        house.store.register_model({**house.store.spec("diagnosis"), "label_delay": "9d"})
        summaries_of(reader, ALL)
        assert reader.asked[2:] == [["diagnosis"]]


def test_a_verdict_said_anew_is_seen_though_no_window_was_computed(tmp_path: Path) -> None:
    with House.open(tmp_path / "home") as house:
        data.fill(house.store)
        before = {one.model: one for one in summaries_of(house.reader, ALL)}
        rows = house.store.points(model="card-fraud", metric="drift", window="1d", segment="").to_pylist()
        calm = [{**row, "status": "ok"} for row in rows if row["status"] in ("warn", "drift")]
        house.store.restate(pa.Table.from_pylist(calm, POINTS))
        again = {one.model: one for one in summaries_of(house.reader, ALL)}
        assert said(again["card-fraud"]) != said(before["card-fraud"])
        assert said(again["card-fraud"]) == said(whole(house, "card-fraud"))


def test_the_page_of_many_models_has_a_table_and_a_strip(open_page: Callable[..., AppTest], full_home: House) -> None:
    test = open_page("watch/overview", full_home)
    assert not test.exception
    assert "1 of 4 models needs attention: card-fraud, 3 features drifted since 30 Oct." in texts(test)
    table = test.dataframe[0].value
    assert list(table["Model"]) == ["card-fraud", "bike-demand", "diagnosis", "shop-lists"]
    assert table["Drifted"][0] == "3 of 9"
