"""Confusion matrices that are kept by their sums say what whole matrices would, of three classes and of thousands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import sklearn.metrics as sk

from monitoring.performance import measure
from monitoring.performance.cells import Cells
from monitoring.performance.macro import macro
from monitoring.performance.outcomes import multiclass_outcomes

Matrix = npt.NDArray[np.float64]


def frame(classes: int, n: int, *, seed: int, weights: bool = False) -> pa.Table:
    """Four of five decisions right; a class may have no row at all."""
    random = np.random.default_rng(seed)
    label = random.integers(0, classes, n)
    decision = np.where(random.random(n) < 0.8, label, random.integers(0, classes, n))
    columns = {"@label": label.astype(str), "@prediction": decision.astype(str)}
    return pa.table(columns | ({"@weight": random.choice([0.5, 1.0, 4.0], n)} if weights else {}))


def of_matrix(metric: str, cells: Matrix) -> float:
    """The mean over classes, by its definition."""
    hits, decided, actual = np.diag(cells), cells.sum(axis=0), cells.sum(axis=1)
    top, under = {"precision": (hits, decided), "recall": (hits, actual), "f1": (2 * hits, decided + actual)}[metric]
    return float(np.mean(np.divide(top, under, out=np.zeros_like(hits), where=under > 0)))


def delta_variance(of: Callable[[Matrix], float], cells: Matrix) -> float:
    """The delta method with slopes found by moving each cell a little both ways."""
    slopes, step = np.zeros_like(cells), 1e-5
    for place in np.ndindex(cells.shape):
        more, less = cells.copy(), cells.copy()
        more[place] += step
        less[place] -= step
        slopes[place] = (of(more) - of(less)) / (2 * step)
    centre = (slopes * cells).sum() / cells.sum()
    return float((cells * (slopes - centre) ** 2).sum())


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
@pytest.mark.parametrize(("classes", "n", "weights"), [(2, 30, False), (3, 200, False), (7, 40, False), (7, 300, True), (1, 20, False)])
def test_the_variance_of_a_mean_over_classes_is_that_of_the_whole_matrix(metric: str, classes: int, n: int, weights: bool) -> None:
    outcomes = multiclass_outcomes(frame(classes, n, seed=classes + n, weights=weights))
    many = len(outcomes.classes)
    weight = np.ones(n) if outcomes.weight is None else outcomes.weight
    dense, squares = (np.bincount(outcomes.label * many + outcomes.decision, weights=of, minlength=many**2).reshape(many, many)
                      for of in (weight, weight**2))  # fmt: skip
    smoothed = dense * dense.sum() / squares.sum() + np.where(np.eye(many, dtype=bool), 1, 1 / max(many - 1, 1))
    value, middle, variance = macro(metric, Cells(outcomes), np.array([many]))
    assert value[0] == pytest.approx(of_matrix(metric, dense), abs=1e-12)
    assert middle[0] == pytest.approx(of_matrix(metric, smoothed), abs=1e-12)
    assert variance[0] == pytest.approx(delta_variance(lambda cells: of_matrix(metric, cells), smoothed), rel=1e-4, abs=1e-12)


def test_three_thousand_classes_are_measured_as_three_are() -> None:
    """Whole matrices would be of nine million cells, several for each class: gigabytes and hours."""
    rows = frame(3_000, 20_000, seed=1)
    label, decision = (rows[name].to_pylist() for name in ("@label", "@prediction"))
    found = measure(rows, task="multiclass")
    classes = sorted({*label, *decision})
    assert sum(name != "" for _, name in found) == 3 * len(classes)
    names = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
    for metric, theirs in names.items():
        each = theirs(label, decision, labels=classes, average=None, zero_division=0)
        ours = [found[metric, name].value or 0.0 for name in classes]  # none where scikit-learn has its zero
        assert ours == pytest.approx(each.tolist(), abs=1e-12), metric
        whole = found[metric, ""]
        assert whole.value == pytest.approx(float(np.mean(each)), abs=1e-12)
        assert whole.interval is not None
        assert 0 < whole.value - whole.interval.lower < 0.02
