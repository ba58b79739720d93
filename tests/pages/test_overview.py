"""The overview says what is wrong, since when and where, in the words and numbers of the points table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.charts.numbers import with_unit
from monitoring.charts.overview import facts_html, sparkline, status_strip
from monitoring.charts.theme import Look
from monitoring.service import House
from pages.findings.overview import NEEDED, Fact, Summary, headline, summarise
from pages.frame.export import Export
from storage.points import POINTS
from tests.pages import data
from tests.pages.test_frame import texts

Open = Callable[..., AppTest]


def summary(house: House, model: str) -> Summary:
    """The summary of one model over all time."""
    return summarise(model, house.store.spec(model), house.store.points(model=model, metric=NEEDED, window="1d", segment=""), zone="UTC")


def test_one_sentence_says_what_is_wrong_since_when_and_where(open_page: Open, full_home: House) -> None:
    test = open_page("watch/overview", full_home)
    assert not test.exception
    assert "**1 of 4 models needs attention: card-fraud, 3 features drifted since 30 Oct.**" in texts(test)


def test_the_worst_model_comes_first(open_page: Open, full_home: House) -> None:
    test = open_page("watch/overview", full_home)
    names = [element.value for element in test.markdown if element.value.startswith("#### ")]
    assert [name.split()[1] for name in names] == ["card-fraud", "bike-demand", "diagnosis", "shop-lists"]


def test_a_card_holds_the_numbers_of_the_points_table(open_page: Open, full_home: House) -> None:
    test = open_page("watch/overview", full_home)
    cards = [str(element.value) for element in test.get("html")]  # type: ignore[union-attr]
    card = unescape(next(card for card in cards if ">Recall<" in card)).replace("\xa0%", " %")
    rows = {row["window_start"]: row for row in full_home.store.points(model="card-fraud", metric="rows").to_pylist() if not row["segment"]}
    newest = max(start for start, row in rows.items() if not row["partial"])
    assert f">{with_unit(rows[newest]['value'], 'rows')}<" in card
    scores = [row for row in full_home.store.points(model="card-fraud", metric="recall").to_pylist() if not row["segment"]]
    known = max((row for row in scores if row["value"] is not None), key=lambda row: row["window_start"])
    assert f">{with_unit(known['value'], 'share')}<" in card
    assert f"[{with_unit(known['lower'], 'share')}, {with_unit(known['upper'], 'share')}]" in card
    assert ">3 of 9 <span" in card
    assert {"amount", "country", "merchant_age"} <= set(card.replace(",", " ").replace("<", " ").replace(">", " ").split())


def test_a_card_does_not_replace_the_main_metric_where_its_labels_are_too_few(open_page: Open, empty_home: House) -> None:
    data.fill(empty_home.store, ("card-fraud",))
    for window in data.windows():
        few = {"status": "insufficient_data", "reason": 'Only 3 labels of "1"; 5 are needed to judge.'}
        rows = [{**row, **few} if row["metric"] == "recall" and row["value"] is not None else row
                for row in data.points_of("card-fraud", window).to_pylist()]
        table = pa.Table.from_pylist(rows, schema=POINTS)
        empty_home.store.save_window("card-fraud", "3", window, table, None, window_name="1d", run="few")
    (card,) = [unescape(str(element.value)) for element in open_page("watch/overview", empty_home).get("html")  # type: ignore[union-attr]
               if ">Predictions<" in str(element.value)]  # fmt: skip
    assert ">Recall<" in card
    assert ">Insufficient data<" in card
    assert '2026: Only 3 labels of "1"; 5 are needed to judge.' in card
    assert ">Accuracy<" not in card


def test_the_strip_is_drawn_once_while_its_signs_stay(open_page: Open, full_home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def counting(*arguments: Any, **named: Any) -> Any:
        made.append(status_strip(*arguments, **named))
        return made[-1]

    monkeypatch.setattr("monitoring.charts.overview.status_strip", counting)
    for _ in range(2):
        assert not open_page("watch/overview", full_home).exception
    assert len(made) == 1


def test_the_export_is_made_of_rows_of_the_points_table(open_page: Open, full_home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Export] = []
    monkeypatch.setattr(Export, "draw", lambda export, _selection: taken.append(export))
    open_page("watch/overview", full_home)
    exported = {tuple(row.items()) for row in taken[0].tables["points"].to_pylist()}
    assert exported
    assert exported <= {tuple(row.items()) for row in full_home.store.points().to_pylist()}


def test_the_sentence_says_so_when_nothing_is_wrong_or_nothing_is_known(full_home: House) -> None:
    calm = [summary(full_home, "bike-demand"), summary(full_home, "shop-lists")]
    assert headline(calm) == "Nothing needs attention: 2 of 2 models judged and calm."
    nothing = summarise("new", {"task": "binary"}, full_home.store.points(model="nobody"), zone="UTC")
    assert headline([nothing]) == "The one model has not been judged yet."
    assert headline([*calm, nothing]).endswith("1 could not be judged yet.")
    assert nothing.status.word == "No data yet"


def test_drift_that_began_before_the_range_says_so(open_page: Open, full_home: House) -> None:
    test = open_page("watch/overview", full_home, range="2026-11-02..2026-11-05")
    assert "since 2 Nov or before" in texts(test)


def test_hostile_text_on_a_card_is_escaped() -> None:
    html = facts_html([Fact("<img src=x>", "1 & 2", "a<b", (1.0, None, 2.0))], look=Look())
    assert "<img src=x>" not in html
    assert "1 &amp; 2" in html


def test_a_sparkline_needs_two_values_and_breaks_at_a_gap() -> None:
    assert "<img" not in sparkline((1.0,), label="rows", look=Look())
    assert 'alt="rows: course over the range, 4 windows"' in sparkline((1.0, 2.0, None, 3.0, 4.0), label="rows", look=Look())


def test_the_strip_has_a_sign_per_model_and_window(full_home: House) -> None:
    strips = {model: summary(full_home, model).strip for model in ("card-fraud", "bike-demand")}
    figure = status_strip(strips, look=Look())
    signs = {trace.name: len(trace.x) for trace in figure.data}
    drifted = (data.FIRST + timedelta(days=data.DAYS) - data.DRIFT_FROM).days
    assert signs == {"Drift": drifted, "OK": 2 * data.DAYS - drifted}
