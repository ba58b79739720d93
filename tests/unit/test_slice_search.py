"""The search for worse slices: it names what was planted, and where nothing was planted hardly ever anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring import ModelSchema
from monitoring.analysis.baseline import Baseline
from monitoring.analysis.labels import Labels
from monitoring.analysis.search_points import add_worst_slices
from monitoring.findings import Findings
from monitoring.segments.atoms import MOST_ATOMS, atoms
from monitoring.segments.search import totals
from monitoring.subject import Subject
from monitoring.windows import Window

START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))


def schema(task: str, budget: float) -> ModelSchema:
    features = {"age": "numerical", "dose": "numerical", "drug": "categorical"}
    return ModelSchema.from_dict({"task": task, "features": features, "segments": ["site"], "drift": {"false_alarms": budget},
                                  **({"positive_label": 1} if task == "binary" else {})})


def frame(n: int, *, seed: int, planted: float = 0.0) -> pa.Table:
    """A model that errs in a tenth of its decisions, in three tenths at low doses; by `planted` more at site b for ages from 60 on."""
    random = np.random.default_rng(seed)
    site, drug = random.choice(["a", "b", "c"], n), random.choice(["x", "y"], n)
    age, dose, label = random.uniform(20, 80, n), random.normal(0, 1, n), random.random(n) < 0.5
    wrong = random.random(n) < 0.1 + 0.2 * (dose < -0.5) + planted * ((site == "b") & (age >= 60))
    return pa.table({"@id": [f"{seed}-{place}" for place in range(n)], "site": site, "drug": drug, "age": age, "dose": dose,
                     "@label": np.where(label, "1", "0"), "@prediction": np.where(label ^ wrong, "1", "0")})


def points(window: pa.Table, reference: pa.Table | None, task: str = "binary", budget: float = 0.001) -> list[dict[str, Any]]:
    common = {"model": "m", "version": "1", "window_start": WINDOW.start, "window_end": WINDOW.end, "window": "1d", "partial": False,
              "computed_at": WINDOW.end, "run": "r"}
    found = Findings(common, rows=window.num_rows, labelled=window.num_rows, n_reference=None)
    labels = Labels.of(window, WINDOW, timedelta(0), WINDOW.end + timedelta(days=9))
    baseline = Baseline(reference, "digest") if reference is not None else None
    add_worst_slices(found, Subject("m", "1", schema(task, budget)), window, labels, baseline)
    return found.table().to_pylist()


def slices(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [point for point in found if point["metric"] == "slice_loss_gap"]


def test_a_planted_pair_is_named_with_a_gap_that_chance_did_not_choose() -> None:
    found = points(frame(4_000, seed=1, planted=0.4), frame(6_000, seed=2))
    named = slices(found)
    assert named[0]["segment"].startswith("site=b & age=")
    assert all("site=b" in point["segment"] or "age=" in point["segment"] for point in named)
    first = named[0]
    assert first["lower"] < first["value"] < first["upper"]
    assert first["status"] == "drift"
    assert "no part in choosing it" in first["reason"]
    count = next(point for point in found if point["metric"] == "slices_found")
    assert (count["value"], count["status"]) == (len(named), "drift")


def test_a_slice_that_was_always_worse_is_no_finding_and_is_one_where_there_is_no_reference() -> None:
    window = frame(6_000, seed=3)
    assert slices(points(window, frame(6_000, seed=4))) == []
    assert all(point["segment"].split(" & ")[-1].startswith("dose=") for point in slices(points(window, None)))
    assert slices(points(window, None))


def test_a_window_is_computed_the_same_whatever_the_order_of_its_rows() -> None:
    window, reference = frame(4_000, seed=1, planted=0.4), frame(6_000, seed=2)
    turned = window.take(pa.array(np.random.default_rng(1).permutation(4_000)))
    assert points(turned, reference) == points(window, reference)


def test_few_labels_and_no_labels_say_so() -> None:
    assert [(p["metric"], p["status"]) for p in points(frame(90, seed=1), None)] == [("slices_found", "insufficient_data")]
    none = frame(500, seed=1).set_column(5, "@label", pa.nulls(500, pa.string()))
    assert [(p["metric"], p["status"]) for p in points(none, None)] == [("slices_found", "not_applicable")]


def test_the_loss_of_a_regression_is_how_far_off_it_is() -> None:
    def errors(n: int, seed: int, planted: float) -> pa.Table:
        table = frame(n, seed=seed)
        off = np.random.default_rng(seed).normal(0, 1 + planted * np.array([site == "c" for site in table["site"].to_pylist()]))
        table = table.set_column(table.column_names.index("@label"), "@label", pa.array(np.zeros(n)))
        return table.set_column(table.column_names.index("@prediction"), "@prediction", pa.array(off))

    assert [point["segment"] for point in slices(points(errors(3_000, 1, 1.0), errors(5_000, 2, 0.0), "regression"))] == ["site=c"]
    assert slices(points(errors(3_000, 1, 0.0), errors(5_000, 2, 0.0), "regression")) == []


@given(st.integers(0, 1_000))
def test_sums_over_pairs_of_atoms_are_those_of_a_filter(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks, loss = random.random((40, 5)) < 0.4, random.gamma(1, 1, 40)
    found = totals(masks, loss)
    i, j = random.integers(0, 5, 2)
    inside = masks[:, i] & masks[:, j]
    expected = (inside.sum(), loss[inside].sum(), (loss[inside] ** 2).sum())
    assert (found.n[i, j], found.loss[i, j], found.squared[i, j]) == pytest.approx(expected)


def test_bins_are_the_reference_s_quintiles_and_hold_each_value_once() -> None:
    table = frame(1_000, seed=5).append_column("nearly_constant", pa.array([1.0] * 999 + [2.0]))
    made = atoms(table, segments=["site"], kinds={"age": "numerical", "drug": "categorical", "nearly_constant": "numerical"})
    masks = made.masks(table)
    assert [column for column, _ in made.conditions] == ["site"] * 3 + ["age"] * 5 + ["drug"] * 2
    assert masks[:, 3:8].sum(axis=1).tolist() == [1] * 1_000
    assert masks[:, 3:8].sum(axis=0).tolist() == pytest.approx([200] * 5, abs=2)
    many = {f"f{place}": "numerical" for place in range(60)}
    wide = pa.table({name: np.arange(100.0) for name in many})
    assert len(atoms(wide, segments=[], kinds=many).conditions) == MOST_ATOMS


@pytest.mark.slow
def test_without_a_planted_slice_no_more_windows_name_one_than_the_budget_says() -> None:
    """60 windows of a model whose errors depend on a feature as they did in the reference, at a budget of 10 %."""
    alarms = sum(bool(slices(points(frame(1_000, seed=seed), frame(2_000, seed=10_000 + seed), budget=0.1))) for seed in range(60))
    assert alarms <= stats.binom.ppf(0.999, 60, 0.1)
