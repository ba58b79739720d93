"""The whole demo on the real way – logger, collector, runner, verdicts: what is planted is found, what is quiet stays quiet.

Evidently draws its pages of the same demo, smaller, for the browser tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import binom

from monitoring import runner
from monitoring.causes.explaining import explain
from monitoring.checks import judge
from monitoring.demo import load
from monitoring.demo.planted import CONTROLS, MODELS, Planted, planted
from monitoring.moments import iso
from monitoring.multiplicity import budget
from monitoring.service import House
from storage.points import POINTS
from tests.no_pages import NoPages

pytestmark = pytest.mark.slow

END = datetime(2026, 6, 10, tzinfo=UTC)  # a Wednesday: the last ISO week is running
PLANTED = planted(END)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """All findings of the demo at its own size."""
    home: Path = tmp_path_factory.mktemp("demo") / "home"
    load(home, end=END, compute=False)
    with House.open(home) as house:
        assert runner.run(house.store, workers=[NoPages()], jobs=1).failed == 0
        table, found = house.points(), house.store.causes()
    CAUSES[:] = found.to_pylist()
    return table


@pytest.fixture(scope="module")
def points(everything: pa.Table) -> list[dict[str, Any]]:
    """Those without the findings of segments."""
    return everything.filter(pc.equal(everything["segment"], "")).to_pylist()


@pytest.fixture(scope="module")
def of_segments(everything: pa.Table) -> list[dict[str, Any]]:
    """Verdicts on segments that are judged together: their drift, gaps between groups, and worse slices."""
    judged = pc.or_(pc.is_in(everything["metric"], pa.array(["drift", "slice_loss_gap"])), pc.ends_with(everything["metric"], "_gap"))
    return everything.filter(pc.and_(judged, pc.not_equal(everything["segment"], ""))).to_pylist()


CAUSES: list[dict[str, Any]] = []
"""The causes that the same run stored."""


def of(points: list[dict[str, Any]], change: Planted) -> list[dict[str, Any]]:
    """The series that must show the change, by time."""
    wanted = (change.model, change.version, change.metric, change.column)
    series = [p for p in points if (p["model"], p["version"], p["metric"], p["column"] or "") == wanted]
    return sorted(series, key=lambda point: point["window_start"])


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: f"{change.model}-{change.metric}-{change.column}")
def test_a_planted_change_is_found_within_two_windows(points: list[dict[str, Any]], change: Planted) -> None:
    since = [point for point in of(points, change) if point["window_start"] >= change.at]
    assert since[0]["window_start"] == change.at
    assert change.status in {point["status"] for point in since[:2]}


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: f"{change.model}-{change.metric}-{change.column}")
def test_nothing_is_found_before_it_is_there(points: list[dict[str, Any]], change: Planted) -> None:
    before = [point for point in of(points, change) if point["window_start"] < change.at]
    assert [point["window_start"] for point in before if point["status"] == "drift"] == []


@pytest.mark.parametrize("model", MODELS.values())
def test_a_feature_that_does_not_drift_is_not_named_in_any_window(points: list[dict[str, Any]], model: str) -> None:
    """At 99.9 % chance would name half a column in the whole demo (docs/demo.md); with these seeds and this end it names none."""
    drift = [p for p in points if p["model"] == model and p["metric"] == "drift" and p["column"] in CONTROLS[model]]
    judged = [p for p in drift if p["status"] in {"ok", "warn", "drift"}]
    assert {p["column"] for p in judged} == set(CONTROLS[model])
    assert len(judged) >= 8 * len(CONTROLS[model])
    assert [(p["column"], p["window_start"], p["value"], p["threshold"]) for p in judged if p["status"] == "drift"] == []


@pytest.mark.parametrize("model", MODELS.values())
def test_no_feature_is_named_before_the_first_change(points: list[dict[str, Any]], model: str) -> None:
    first = min(change.at for change in PLANTED if change.model == model)
    early = [p for p in points if p["model"] == model and p["metric"] == "drift" and p["window_start"] < first]
    assert [(p["column"], p["window_start"]) for p in early if p["status"] == "drift"] == []


@pytest.mark.parametrize("model", MODELS.values())
def test_no_segment_gap_or_slice_is_named_before_the_first_change(points: list[dict[str, Any]], of_segments: list[dict[str, Any]],
                                                                  model: str) -> None:  # fmt: skip
    first = min(change.at for change in PLANTED if change.model == model)
    before = [p for p in of_segments if p["model"] == model and p["window_start"] < first]
    named = [p for p in before if p["status"] in {"warn", "drift"}]
    assert [(p["segment"], p["metric"], p["column"], p["window_start"]) for p in named if p["metric"] != "drift"] == []
    # Of their drift each window may name something at its budget's rate: in so many windows no more than that gives in 99 of 100 streams.
    windows = {p["window_start"] for p in before}
    share = budget(None, len({p["column"] for p in points if p["model"] == model and p["metric"] == "drift"}))
    assert len({p["window_start"] for p in named if p["metric"] == "drift"}) <= binom.ppf(0.99, len(windows), share)


def test_the_site_with_the_brighter_scanner_is_named(of_segments: list[dict[str, Any]]) -> None:
    """Its lesions drift from the first week on, its patients fare worse than others', and the search finds it by itself."""
    change = next(change for change in PLANTED if change.column == "lesion_contrast")
    after = [p for p in of_segments if p["model"] == change.model and p["window_start"] >= change.at and p["status"] == "drift"]
    weeks = sorted({p["window_start"] for p in after})
    drifted = {p["segment"] for p in after if (p["metric"], p["column"], p["window_start"]) == ("drift", "lesion_contrast", change.at)}
    assert weeks[0] == change.at
    assert "site=north" in drifted
    assert not {name for name in drifted for site in ("east", "south", "west") if f"site={site}" in name}
    assert {p["segment"] for p in after if p["metric"] == "accuracy_gap"} >= {"site=north"}
    assert {p["segment"] for p in after if p["metric"] == "slice_loss_gap"} == {"site=north"}


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: f"{change.model}-{change.metric}-{change.column}")
def test_a_planted_cause_is_named_with_its_date_segment_and_kind(points: list[dict[str, Any]], change: Planted) -> None:
    wanted = (change.model, change.metric, change.column)
    (cause,) = [cause for cause in CAUSES if (cause["model"], cause["metric"], cause["column"]) == wanted]
    length = cause["window_end"] - cause["window_start"]
    assert abs(cause["since"] - change.at) <= length, cause["sentence"]
    assert cause["kind"] == change.kind, cause["kind_reason"]
    if change.segment:
        assert cause["segment"] == change.segment, cause["segment_reason"]


@pytest.mark.parametrize(("model", "features"), [
    ("card-fraud", {"amount", "channel", "merchant_category", "minutes_since_last"}), ("diagnosis-triage", {"lesion_contrast"}),
])  # fmt: skip
def test_the_features_that_moved_carry_the_drift_of_all_together(points: list[dict[str, Any]], model: str, features: set[str]) -> None:
    (cause,) = [c for c in CAUSES if (c["model"], c["metric"], c["method"]) == (model, "multivariate_drift", "domain_classifier")]
    drivers = json.loads(cause["drivers"])
    assert sum(share for name, share in drivers.items() if name in features) > 0.8, drivers


@pytest.mark.parametrize("model", MODELS.values())
def test_the_healthy_time_is_quiet(points: list[dict[str, Any]], model: str) -> None:
    """No model of the demo is healthy for all its 60 days; each is until its first change, and then nothing has a cause."""
    first = min(change.at for change in PLANTED if change.model == model)
    early = [point for point in points if point["model"] == model and point["window_end"] <= first]
    together = [point for point in early if point["metric"] == "multivariate_drift"]
    assert len(together) >= 2 * 3
    assert {point["status"] for point in together} == {"ok"}
    starts = sorted({point["window_start"] for point in early})
    for last in starts:
        seen = pa.Table.from_pylist([point for point in early if point["window_start"] <= last], schema=POINTS)
        drifts = [cause for cause in explain(seen, lambda start, end: []).to_pylist() if cause["metric"] in ("drift", "multivariate_drift")]
        assert [cause["sentence"] for cause in drifts if cause["column"] not in ("prediction", "score", "label")] == []


@pytest.mark.parametrize("model", MODELS.values())
def test_the_gate_passes_every_window_of_the_healthy_time_and_stops_with_the_change(points: list[dict[str, Any]], model: str) -> None:
    first = min(change.at for change in PLANTED if change.model == model)
    own = [point for point in points if point["model"] == model and not point["partial"]]
    size = {point["window"] for point in own}.pop()
    table, spans = pa.Table.from_pylist(own, schema=POINTS), sorted({(point["window_start"], point["window_end"]) for point in own})
    checks = {start: judge(table, model, size=size, window=iso(start), fail_on="drift") for start, _ in spans}
    healthy = [start for start, end in spans if end <= first]
    assert len(healthy) >= (36 if size == "1d" else 3)
    assert [(start, case.name, case.reason) for start in healthy for case in checks[start].cases if case.rank > 1] == []
    assert max(checks[start].exit_code for start, _ in spans if first <= start < first + 2 * (spans[0][1] - spans[0][0])) == 2
