"""Population or relation: known answers by simulation, and "cannot tell" where nobody could."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from monitoring.causes.population import effects, weigh
from monitoring.performance import measure
from monitoring.performance.weighted import Weighing, complete, weighted

KINDS = {"a": "numerical", "b": "numerical", "c": "categorical"}


def rows(rng: np.random.Generator, n: int, *, moved: float = 0.0, broken: float = 0.0) -> pa.Table:
    """A regression whose error grows with `a`; `moved` moves `a`, `broken` adds a bias that the model does not know."""
    a, b = rng.normal(moved, 1, n), rng.normal(size=n)
    prediction = 2 * a + b
    return pa.table({"a": a, "b": b, "c": rng.choice(["x", "y"], n), "@prediction": prediction,
                     "@label": prediction + broken + rng.normal(size=n) * np.exp(a / 2)})  # fmt: skip


def mae(frame: pa.Table) -> float:
    return float(np.abs(frame["@prediction"].to_numpy() - frame["@label"].to_numpy()).mean())


@pytest.mark.parametrize(("moved", "broken"), [(0.0, 0.0), (0.7, 0.0), (0.0, 1.0), (0.7, 1.0)])
def test_each_part_is_what_it_is(moved: float, broken: float) -> None:
    """Truth from 400,000 rows. Half a tenth is the bias that shrunken odds leave."""
    rng = np.random.default_rng(1)
    calm, shifted, window = (mae(rows(rng, 400_000, **kind)) for kind in ({}, {"moved": moved}, {"moved": moved, "broken": broken}))
    weights = weigh(rows(rng, 4_000), rows(rng, 2_000, moved=moved, broken=broken), KINDS)
    assert not isinstance(weights, str)
    found = effects("mae", weights, task="regression", positive_label=None)
    assert found.population is not None and found.relation is not None
    for part, true in ((found.population, shifted - calm), (found.relation, window - shifted)):
        assert part[1] - 0.05 <= true <= part[2] + 0.05
        assert part[1] > 0 or true < 0.1
    assert found.population[0] + found.relation[0] == pytest.approx(mae(weights.window) - mae(weights.reference))


def test_rows_that_the_reference_never_saw_cannot_be_explained() -> None:
    rng = np.random.default_rng(2)
    weights = weigh(rows(rng, 2_000), rows(rng, 1_000, moved=4.0), KINDS)
    assert not isinstance(weights, str)
    found = effects("mae", weights, task="regression", positive_label=None)
    assert found.population is None
    assert "no counterpart in the reference" in found.reason


def test_few_labelled_rows_cannot_be_explained() -> None:
    rng = np.random.default_rng(3)
    assert weigh(rows(rng, 2_000), rows(rng, 49), KINDS) == "49 labelled rows on one side are too few; 50 are needed."


def classified(rng: np.random.Generator, n: int, *, classes: int) -> pa.Table:
    scores = rng.dirichlet(np.ones(classes), n)
    names = np.array([f"k{code}" for code in range(classes)])
    label = names[(scores.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)]
    columns = {"@prediction": names[scores.argmax(axis=1)], "@label": label}
    many = {f"@score:k{code}": scores[:, code] for code in range(classes)}
    return pa.table(columns | ({"@score": scores[:, 1]} if classes == 2 else many))


@pytest.mark.parametrize(("task", "metrics"), [
    ("binary", ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "log_loss", "brier",
                "expected_calibration_error")),
    ("multiclass", ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "expected_calibration_error")),
    ("regression", ("mae", "rmse", "mape", "r2", "mean_error")),
])  # fmt: skip
def test_weights_of_one_give_the_metric_and_weights_of_two_count_a_row_twice(task: str, metrics: tuple[str, ...]) -> None:
    rng = np.random.default_rng(4)
    frame = rows(rng, 300) if task == "regression" else classified(rng, 300, classes=2 if task == "binary" else 3)
    frame = complete(frame)
    positive = "k1" if task == "binary" else None
    twice = np.where(np.arange(300) < 100, 2, 1)
    repeated = frame.take(pa.array(np.repeat(np.arange(300), twice)))
    for metric in metrics:
        found = weighted(metric, frame, np.vstack([np.ones(300), twice]).astype(float), task=task, positive_label=positive)
        assert found is not None, metric
        expected = [measure(table, task=task, positive_label=positive)[metric, ""].value for table in (frame, repeated)]
        assert found == pytest.approx(expected, rel=1e-9), metric


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_rows_drawn_with_replacement_give_the_metric_of_the_drawn_rows_or_none(task: str) -> None:
    """Few rows, so that some draws have one class only, or no decision for one: those are undefined, or scikit-learn's zero."""
    rng = np.random.default_rng(6)
    frame = rows(rng, 5) if task == "regression" else classified(rng, 5, classes=2 if task == "binary" else 3)
    draws = rng.multinomial(5, np.full(5, 1 / 5), size=60)
    metrics = ("mae", "rmse", "r2", "mean_error") if task == "regression" else ("accuracy", "recall", "f1", "roc_auc", "brier", "log_loss")
    undefined = 0
    for metric in metrics + (("average_precision",) if task == "binary" else ()):
        found = weighted(metric, frame, draws.astype(float), task=task, positive_label="k1")
        assert found is not None
        for value, times in zip(found, draws, strict=True):
            drawn = measure(frame.take(pa.array(np.repeat(np.arange(5), times))), task=task, positive_label="k1")[metric, ""].value
            undefined += drawn is None
            assert np.isnan(value) if drawn is None else value == pytest.approx(drawn, rel=1e-9, abs=1e-12), metric
    assert undefined or task == "regression"


def test_rows_without_a_label_or_a_score_are_left_out() -> None:
    frame = pa.table({"@prediction": ["a", "b", None], "@score": [0.1, float("nan"), 0.3], "@label": ["a", "a", "a"]})
    assert complete(frame).num_rows == 1


def test_many_classes_take_memory_by_class_and_not_by_pair_of_classes() -> None:
    rng = np.random.default_rng(5)
    label = rng.integers(0, 70, 4_000).astype(str)
    frame = pa.table({"@label": label, "@prediction": np.where(rng.random(4_000) < 0.5, label, label[::-1])})
    weighing = Weighing(frame, task="multiclass", positive_label=None)
    tracemalloc.start()
    try:
        found = weighing.of("f1", np.ones((21, 4_000)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found is not None
    assert found[0] == pytest.approx(measure(frame, task="multiclass")["f1", ""].value)
    assert peak < 10e6
