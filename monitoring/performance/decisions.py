"""Classification by decisions: accuracy, precision, recall, F1 and the four cells of a binary confusion matrix."""

from __future__ import annotations

__all__ = ["confusion", "measure_decisions"]

import numpy as np
import numpy.typing as npt

from .found import MINIMUM_LABELLED, MINIMUM_OF_SHARE, Measured, nothing, too_few
from .intervals import Floats, Resamples, draw, spread, wilson
from .outcomes import ClassOutcomes

_MACRO = ("precision", "recall", "f1")
_CELLS = {"true_positives": (1, 1), "false_positives": (0, 1), "true_negatives": (0, 0), "false_negatives": (1, 0)}
_NO_ROWS = "no row of the window has both a decision and a label"


def confusion(outcomes: ClassOutcomes) -> npt.NDArray[np.int64]:
    """Rows by actual class (first axis) and decided class (second), in the order of `outcomes.classes`."""
    many = len(outcomes.classes)
    return np.bincount(outcomes.label * many + outcomes.decision, minlength=many * many).reshape(many, many).astype(np.int64)


def measure_decisions(outcomes: ClassOutcomes) -> dict[tuple[str, str], Measured]:
    """Binary: of the positive class. Multiclass: the mean over the classes that occur (`column` ""), and each class by its name."""
    binary = outcomes.positive is not None
    n = len(outcomes.label)
    if not n:
        return {(metric, ""): nothing(_NO_ROWS) for metric in ("accuracy", *_MACRO, *(_CELLS if binary else ()))}
    cells = confusion(outcomes)
    right = int(np.trace(cells))
    scarce = too_few(n, "labelled rows", MINIMUM_LABELLED)
    found = {("accuracy", ""): Measured(value=right / n, interval=wilson(right, n), n=n, rows=n, scarce=scarce)}
    if outcomes.positive is not None:
        found |= {(metric, ""): m for metric, m in _of_class(cells, outcomes.positive, outcomes.classes, scarce).items()}
        return found | _cells(cells, outcomes.positive)
    for code, name in enumerate(outcomes.classes):
        found |= {(metric, name): m for metric, m in _of_class(cells, code, outcomes.classes, scarce).items()}
    return found | _macro(outcomes, cells, scarce)


def _of_class(cells: npt.NDArray[np.int64], code: int, classes: tuple[str, ...], scarce: str | None) -> dict[str, Measured]:
    hits, decided, actual, n = int(cells[code, code]), int(cells[:, code].sum()), int(cells[code].sum()), int(cells.sum())
    name = classes[code]
    found = {
        "precision": _share(hits, decided, n, f'no row was decided "{name}"', scarce, f'decisions for "{name}"'),
        "recall": _share(hits, actual, n, f'no label is "{name}"', scarce, f'labels "{name}"'),
    }
    either = decided + actual - hits
    if not either:
        return found | {"f1": nothing(f'"{name}" is neither among the labels nor among the decisions', rows=n)}
    # F1 = 2J/(1+J) rises with J = hits/(decided or actual), which is a proportion: Wilson's interval of J gives one of F1.
    interval = wilson(hits, either).mapped(lambda share: 2 * share / (1 + share))
    scarce = scarce or too_few(actual, f'labels "{name}"', MINIMUM_OF_SHARE)
    return found | {"f1": Measured(value=2 * hits / (decided + actual), interval=interval, n=either, rows=n, scarce=scarce)}


def _share(hits: int, of: int, n: int, reason: str, scarce: str | None, what: str) -> Measured:
    if not of:
        return nothing(reason, rows=n)
    return Measured(value=hits / of, interval=wilson(hits, of), n=of, rows=n, scarce=scarce or too_few(of, what, MINIMUM_OF_SHARE))


def _cells(cells: npt.NDArray[np.int64], positive: int) -> dict[tuple[str, str], Measured]:
    n, yes, actual = int(cells.sum()), int(cells[:, positive].sum()), int(cells[positive].sum())
    hits = int(cells[positive, positive])
    counts = {(1, 1): hits, (0, 1): yes - hits, (1, 0): actual - hits, (0, 0): n - yes - actual + hits}
    return {
        (metric, ""): Measured(value=float(counts[cell]), interval=wilson(counts[cell], n).mapped(lambda share: share * n), n=n, rows=n)
        for metric, cell in _CELLS.items()
    }


def _macro(outcomes: ClassOutcomes, cells: npt.NDArray[np.int64], scarce: str | None) -> dict[tuple[str, str], Measured]:
    """Means over the classes among labels or decisions; a class without a decision counts as precision 0, as in scikit-learn."""
    n = len(outcomes.label)
    resamples = draw(n)
    drawn = _resampled_macro(outcomes, resamples)
    values = _macro_of(np.diag(cells)[None].astype(float), cells.sum(axis=0)[None].astype(float), cells.sum(axis=1)[None].astype(float))
    found = {}
    for metric in _MACRO:
        value = float(values[metric][0])
        interval = spread(value, drawn[metric], resamples, low=0.0, high=1.0)
        found[metric, ""] = Measured(value=value, interval=interval, n=n, rows=n, scarce=scarce)
    return found


def _resampled_macro(outcomes: ClassOutcomes, resamples: Resamples) -> dict[str, Floats]:
    label, decision = outcomes.label[resamples.rows], outcomes.decision[resamples.rows]
    many = len(outcomes.classes)

    def counted(codes: npt.NDArray[np.intp], weights: Floats) -> Floats:
        return np.asarray(weights @ np.eye(many)[codes])

    counts = resamples.counts
    return _macro_of(counted(label, counts * (label == decision)), counted(decision, counts), counted(label, counts))


def _macro_of(hits: Floats, decided: Floats, actual: Floats) -> dict[str, Floats]:
    """Each argument: one row per draw, one column per class."""
    there = (decided + actual) > 0
    classes = there.sum(axis=1)
    per_class = {"precision": (hits, decided), "recall": (hits, actual), "f1": (2 * hits, decided + actual)}
    return {
        metric: np.divide(top, under, out=np.zeros_like(top), where=under > 0).sum(axis=1) / classes
        for metric, (top, under) in per_class.items()
    }
