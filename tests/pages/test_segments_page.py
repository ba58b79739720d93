"""The Segments & fairness page says what the points say, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.gap_points import add_gaps
from monitoring.analysis.labels import Labels
from monitoring.analysis.search_points import add_worst_slices
from monitoring.analysis.segment_points import add_segments
from monitoring.charts.numbers import signed, with_unit
from monitoring.drift_nulls import NullCache
from monitoring.findings import Findings
from monitoring.schema import ModelSchema
from monitoring.segments.naming import segment_name
from monitoring.service import House
from monitoring.subject import Subject
from monitoring.windows import Window
from pages.findings.fairness import Gaps
from storage.points import POINTS
from tests.pages.test_performance_page import figure, words

Open = Callable[..., AppTest]
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
SCHEMA = ModelSchema.from_dict({"name": "loans", "version": "1", "task": "binary", "features": {"income": "numerical"}, "positive_label": 1,
                                "segments": ["sex"], "window": "1d"})


def frame(n: int, *, seed: int, unfair: float = 0.0) -> pa.Table:
    """Women's positive labels are missed `unfair` more often; a third group is too small to be shown."""
    random = np.random.default_rng(seed)
    sex, label = random.choice(["f", "m", "x"], n, p=[0.495, 0.495, 0.01]), random.random(n) < 0.5
    missed = random.random(n) < 0.1 + unfair * ((sex == "f") & label)
    return pa.table({"@id": [f"{seed}-{place}" for place in range(n)], "sex": sex, "income": random.normal(0, 1, n),
                     "@label": np.where(label, "1", "0"), "@prediction": np.where(label ^ missed, "1", "0")})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Three days of a model that becomes unfair on the last one; the findings are the analysis's own."""
    path: Path = tmp_path_factory.mktemp("segments") / "home"
    baseline = Baseline(frame(4_000, seed=9), "digest")
    with House.open(path) as opened:
        opened.store.register_model(SCHEMA.to_dict())
        for day in range(3):
            window = Window(FIRST + timedelta(days=day), FIRST + timedelta(days=day + 1))
            rows = frame(2_000, seed=day, unfair=0.4 if day == 2 else 0.0)
            common = {"model": "loans", "version": "1", "window_start": window.start, "window_end": window.end, "window": "1d",
                      "partial": False, "computed_at": window.end, "run": "r"}
            found = Findings(common, rows=2_000, labelled=2_000, n_reference=4_000)
            labels, subject = Labels.of(rows, window, timedelta(0), window.end), Subject("loans", "1", SCHEMA)
            found.add("rows", 2_000.0)
            add_segments(found, subject, rows, labels, [], baseline, NullCache(), window)
            add_gaps(found, subject, rows, labels, baseline)
            add_worst_slices(found, subject, rows, labels, baseline)
            opened.store.save_window("loans", "1", window, found.table(), pa.Table.from_pylist([], schema=_profiles()), window_name="1d",
                                     run="r")
        yield opened


def _profiles() -> pa.Schema:
    from storage.points import PROFILES

    return PROFILES


def points(house: House, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in house.store.points(model="loans").to_pylist() if all(row[name] == value for name, value in wanted.items())]


def test_the_page_leads_with_the_group_that_fares_worst(house: House, open_page: Open) -> None:
    page = open_page("watch/segments", house, model="loans")
    assert not page.exception
    last = [row for row in points(house, window_start=FIRST + timedelta(days=2)) if row["metric"].endswith("_gap") and row["segment"]]
    bad = [row for row in last if row["status"] == "drift" and row["metric"] != "slice_loss_gap"]
    assert f"{len(bad)} of" in words(page)
    assert "sex=" in words(page)
    assert "suppressed" in words(page)


def test_lines_and_table_hold_the_stored_gaps(house: House, open_page: Open) -> None:
    page = open_page("watch/segments", house, model="loans", gap="tpr_gap")
    stored = {row["window_start"]: row["value"] for row in points(house, metric="tpr_gap", segment="sex=f")}
    line = next(trace for trace in figure(page, "segments.gaps")["data"] if trace["name"] == "f")
    assert line["y"] == pytest.approx([stored[when] for when in sorted(stored)])
    table = page.dataframe[0].value
    row = table[table["Group"] == "f"].iloc[0]
    point = points(house, metric="tpr_gap", segment="sex=f", window_start=FIRST + timedelta(days=2))[0]
    bounds = f"[{signed(point['lower'], 'share')}, {signed(point['upper'], 'share')}]"
    assert (row["Gap"], row["95 % interval"]) == (signed(point["value"], "share"), bounds)
    assert row["Gap in the reference"] == signed(point["threshold"], "share")
    assert row["Rate"] == with_unit(json.loads(point["detail"])["group"], "share")
    small = table[table["Group"] == "x"].iloc[0]
    assert {small[name].strip() for name in ("Gap", "Rate", "n")} == {"–"}


def test_the_header_counts_segments_that_drifted_though_no_gap_has_grown(open_page: Open, house: House) -> None:
    """The gaps of the first day are calm; a segment of it that drifts must not hide behind them."""
    drifted = points(house, metric="drift_share", segment="sex=f", window_start=FIRST)[0]
    said = json.dumps({"drifted": ["income"], "judged": 1, "false_alarms": 0.001})
    table = pa.Table.from_pylist([{**drifted, "model": "calm", "status": "drift", "value": 1.0, "detail": said}]
                                 + [{**row, "model": "calm"} for row in points(house, window_start=FIRST)
                                    if row["metric"] != "drift_share" and row["status"] not in ("warn", "drift")], schema=POINTS)
    house.store.register_model({**SCHEMA.to_dict(), "name": "calm"})
    house.store.save_window("calm", "1", Window(FIRST, FIRST + timedelta(days=1)), table, None, window_name="1d", run="r")
    page = open_page("watch/segments", house, model="calm")
    assert "1 of 1 segments drifted, most surely sex=f. None of" in words(page)
    assert ":red[**◆ Drift**] in 1 Oct 2026 00:00" in words(page)


def test_the_slices_of_the_search_are_shown_with_their_confirmation(house: House, open_page: Open) -> None:
    page = open_page("watch/segments", house, model="loans")
    found = points(house, metric="slice_loss_gap", window_start=FIRST + timedelta(days=2))
    assert [row["segment"] for row in found] == ["sex=f"]
    dots = next(trace for trace in figure(page, "segments.slices")["data"] if trace["name"] == "window")
    assert dots["x"] == pytest.approx([row["value"] for row in found])
    assert "confirmed on the other halves" in words(page)


def test_a_column_whose_name_has_an_ampersand_has_its_gaps(house: House, open_page: Open) -> None:
    """Segments of `R & D` are called `R && D=…`, so that a lone ampersand is no second condition."""
    name = segment_name([("R & D", "f")])
    rows = [{**row, "model": "lab", "segment": name} for row in points(house, segment="sex=f") if row["metric"] != "slice_loss_gap"]
    house.store.register_model({**SCHEMA.to_dict(), "name": "lab", "segments": ["R & D"]})
    for day in range(3):
        start = FIRST + timedelta(days=day)
        table = pa.Table.from_pylist([row for row in rows if row["window_start"] == start], schema=POINTS)
        house.store.save_window("lab", "1", Window(start, start + timedelta(days=1)), table, None, window_name="1d", run="r")
    page = open_page("watch/segments", house, model="lab")
    assert not page.exception
    assert list(page.dataframe[0].value["Group"]) == ["f"]


def test_where_no_gap_is_there_the_page_says_so(house: House, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gaps, "metrics", lambda _gaps, _column: ([], []))
    page = open_page("watch/segments", house, model="loans")
    assert not page.exception
    assert "No gap between the groups of sex has been computed in this range." in words(page)


def test_a_quiet_window_says_that_nothing_was_confirmed(house: House, open_page: Open) -> None:
    page = open_page("watch/segments", house, model="loans", at=FIRST.isoformat())
    assert "None of" in words(page)
    assert "Worse slices found by search: none" in words(page)


def test_a_model_without_segments_is_told_how_to_have_them(full_home: House, open_page: Open) -> None:
    page = open_page("watch/segments", full_home, model="bike-demand")
    assert not page.exception
    assert "segments: [country]" in words(page)
