"""What a model's file says of drift reaches the verdict: method, minimum effect and the budget of false alarms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.drift_points import Question, add_drift, questions
from monitoring.analysis.labels import Labels
from monitoring.analysis.weighing import Weighing
from monitoring.drift_nulls import NullCache
from monitoring.findings import Findings
from monitoring.reference.kept import Kept
from monitoring.schema import ModelSchema
from monitoring.subject import Subject
from monitoring.windows import Window
from storage.custody.reference_profiles import Fact

START = datetime(2026, 3, 2, tzinfo=UTC)
ONE_DAY = Window(START, START + timedelta(days=1))
COMMON = {"model": "m", "version": "1", "window_start": START, "window_end": START + timedelta(days=1), "window": "1d", "partial": False,
          "computed_at": START, "run": "r"}  # fmt: skip
FEATURES = {"amount": "numerical", "fee": "numerical", "land": "categorical", "city": "categorical"}


def rows(n: int, *, seed: int, shift: float = 0.0) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table({
        "@t": pa.array([START] * n, pa.timestamp("us", "UTC")), "@prediction": random.choice(["0", "1"], n).tolist(),
        "@score": random.random(n), "@label": pa.nulls(n, pa.string()), "amount": random.normal(shift, 1, n), "fee": random.normal(0, 1, n),
        "land": random.choice(list("abc"), n).tolist(), "city": random.choice(list("xyz"), n).tolist(),
    })  # fmt: skip


def asked(drift: dict[str, Any] | None, *, n_reference: int = 2_000, n: int = 500) -> dict[str, Question]:
    schema = ModelSchema(name="m", task="binary", features=FEATURES, drift=drift)
    weighing = Weighing(subject=Subject("m", "1", schema), baseline=Baseline(rows(n_reference, seed=1), "digest"), nulls=NullCache())
    found = questions(weighing, rows(n, seed=2), ONE_DAY)
    return {question.compared.column: question for question in found}


def test_a_budget_of_false_alarms_is_shared_by_the_features() -> None:
    usual, generous = asked(None)["amount"].calibration, asked({"false_alarms": 0.05, "minimum_effect": 0.0})["amount"].calibration
    assert usual.level == pytest.approx(0.001, rel=0.01)
    assert generous.level == pytest.approx(0.05 / 4)
    assert generous.chance is not None
    assert usual.chance is not None
    assert generous.chance < usual.chance
    assert generous.threshold == pytest.approx(generous.chance, rel=1e-6)


def test_a_minimum_effect_by_method_counts_where_the_method_was_chosen_automatically() -> None:
    found = asked({"minimum_effect": {"wasserstein": 0.4, "jensenshannon": 0.3}})
    assert {name: (found[name].calibration.method, found[name].calibration.threshold) for name in FEATURES} == {
        "amount": ("wasserstein", 0.4), "fee": ("wasserstein", 0.4), "land": ("jensenshannon", 0.3), "city": ("jensenshannon", 0.3),
    }  # fmt: skip


def test_one_column_may_want_another_method_and_effect() -> None:
    found = asked({"minimum_effect": 0.5, "features": {"amount": {"method": "psi"}, "land": {"minimum_effect": 0.7}}})
    assert (found["amount"].calibration.method, found["amount"].calibration.threshold) == ("psi", 0.5)
    assert (found["land"].calibration.method, found["land"].calibration.threshold) == ("jensenshannon", 0.7)


BASELINE, NULLS = Baseline(rows(2_000, seed=1), "digest"), NullCache()


def share(drift: dict[str, Any] | None, *, seed: int, shift: float = 0.0) -> dict[str, Any]:
    """The `drift_share` point of a window, its scores computed here."""
    schema = ModelSchema(name="m", task="binary", features=FEATURES, drift=drift)
    frame = rows(300, seed=seed, shift=shift)
    given = questions(Weighing(subject=Subject("m", "1", schema), baseline=BASELINE, nulls=NULLS), frame, ONE_DAY)
    found = Findings(COMMON, rows=300, labelled=0, n_reference=2_000)
    labels = Labels.of(frame, window=ONE_DAY, delay=timedelta(0), now=START)
    add_drift(found, given, {}, labels=labels, features=4, failure=None, sampled=None)
    return next(point for point in found.table().to_pylist() if point["metric"] == "drift_share")


def test_the_share_says_how_often_chance_names_a_feature() -> None:
    usual, generous = share(None, seed=3), share({"false_alarms": 0.05}, seed=3)
    assert "without drift at least one would be named in at most 0.4 % of windows" in usual["reason"]
    assert "at most 5 % of windows" in generous["reason"]
    assert json.loads(generous["detail"])["false_alarms"] == pytest.approx(0.05)
    assert "anything in at most 10 %" in generous["reason"]  # prediction, score and two methods at 1.25 % each; there is no label yet
    assert json.loads(generous["detail"])["false_alarms_of_anything"] == pytest.approx(0.05 + 4 * 0.0125)
    assert share(None, seed=3, shift=1.0)["status"] == "drift"


def test_without_drift_as_many_windows_are_named_as_the_budget_allows() -> None:
    """200 windows at a budget of 20 %, without a minimum effect: 40 are expected (standard error 5.7); the reference is one sample too."""
    named = sum(share({"false_alarms": 0.2, "minimum_effect": 0.0}, seed=seed)["status"] == "drift" for seed in range(100, 300))
    assert 10 <= named <= 70


def test_a_reference_column_that_was_sorted_before_is_not_read_again() -> None:
    def read() -> pa.Table:
        raise AssertionError("the rows were read")

    kept = Kept()
    kept.put("shape", Fact(pa.table({}), {"rows": 60, "compared": 60, "missing": {"amount": 60, "fee": 10}}))
    kept.put("column/numerical/fee", Fact(pa.table({"value": np.linspace(-1, 1, 50)}), {"timed": False, "bins": None, "seen": None}))
    kept.put("column/numerical/amount", Fact(pa.table({"value": np.empty(0)}), {"timed": False, "bins": None, "seen": None}))
    baseline = Baseline(read, "digest", kept=kept)
    weighing = Weighing(subject=Subject("m", "1", ModelSchema(name="m", task="binary", features=FEATURES)), baseline=baseline, nulls=NULLS)
    found = {question.compared.column: question for question in questions(weighing, rows(300, seed=2), ONE_DAY)}
    assert found["fee"].calibration.n_reference == 50
    assert found["fee"].score is not None
    assert found["fee"].score.value is not None
