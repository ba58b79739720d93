"""Classification by decisions: accuracy, precision, recall, F1, what wrong decisions cost, and the cells of a binary confusion matrix."""

from __future__ import annotations

__all__ = ["confusion", "measure_decisions"]

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from operator import mul

import numpy as np
import numpy.typing as npt

from .found import MINIMUM_LABELLED, MINIMUM_OF_SHARE, Measured, nothing, too_few
from .intervals import Floats, added, wilson
from .outcomes import ClassOutcomes

Mask = npt.NDArray[np.bool_]

_MACRO = ("precision", "recall", "f1")
_CELLS = {"true_positives": (1, 1), "false_positives": (0, 1), "true_negatives": (0, 0), "false_negatives": (1, 0)}
_NO_ROWS = "no row of the window has both a decision and a label"


def confusion(outcomes: ClassOutcomes) -> npt.NDArray[np.int64]:
    """Rows by actual class (first axis) and decided class (second), in the order of `outcomes.classes`."""
    return _cells_of(outcomes, None).astype(np.int64)


def _cells_of(outcomes: ClassOutcomes, weight: Floats | None) -> Floats:
    many = len(outcomes.classes)
    counts = np.bincount(outcomes.label * many + outcomes.decision, weights=weight, minlength=many * many)
    return np.asarray(counts.reshape(many, many), float)


def measure_decisions(outcomes: ClassOutcomes, *, costs: Mapping[str, float] | None = None) -> dict[tuple[str, str], Measured]:
    """Binary: of the positive class. Multiclass: the mean over the classes that occur (`column` ""), and each class by its name.

    `costs` are those of one `false_positive` and one `false_negative`; with them a binary model has a `cost` per labelled row.
    """
    binary = outcomes.positive is not None
    n = len(outcomes.label)
    with_cost = ("cost",) if binary and costs else ()
    if not n:
        return {(metric, ""): nothing(_NO_ROWS) for metric in ("accuracy", *_MACRO, *(_CELLS if binary else ()), *with_cost)}
    table = _Table(outcomes)
    found = {("accuracy", ""): table.share(np.eye(len(table.cells), dtype=bool), table.mask(), scarce=table.scarce)}
    if outcomes.positive is not None:
        found |= {(metric, ""): measured for metric, measured in table.of_class(outcomes.positive).items()}
        if costs:
            found["cost", ""] = table.cost(outcomes.positive, costs)
        return found | table.counts(outcomes.positive)
    for code, name in enumerate(outcomes.classes):
        found |= {(metric, name): measured for metric, measured in table.of_class(code).items()}
    return found | {(metric, ""): table.macro(metric) for metric in _MACRO}


class _Table:
    """A confusion matrix, by weight (which are counts where rows count the same), and what it says."""

    def __init__(self, outcomes: ClassOutcomes) -> None:
        self.classes, self.weighted = outcomes.classes, outcomes.weight is not None
        self.rows = _cells_of(outcomes, None)
        self.cells = _cells_of(outcomes, outcomes.weight)
        self.squares = _cells_of(outcomes, None if outcomes.weight is None else outcomes.weight**2)
        self.n = int(self.rows.sum())
        self.scarce = too_few(self.n, "labelled rows", MINIMUM_LABELLED)

    def share(self, hits: Mask, of: Mask, *, scarce: str | None) -> Measured:
        """The share of the cells `of` that lies in the cells `hits`, with Wilson's interval. Where rows have weights it rests on as many
        equal rows as would give its variance (Korn & Graubard 1998); on no more than there are."""
        rows, under = int(self.rows[of].sum()), float(self.cells[of].sum())
        value = float(self.cells[hits].sum()) / under
        worth = float(rows)
        if self.weighted:
            inside, outside = float(self.squares[hits].sum()), float(self.squares[of & ~hits].sum())
            spread = ((1 - value) ** 2 * inside + value**2 * outside) / under**2
            worth = min(worth, value * (1 - value) / spread if spread > 0 else under**2 / (inside + outside))
        return Measured(value=value, interval=wilson(value * worth, worth), n=rows, rows=self.n, scarce=scarce, weighted=self.weighted)

    def mask(self, *, label: int | None = None, decision: int | None = None) -> Mask:
        """The cells of this actual and this decided class; all of them where neither is said."""
        found = np.ones(self.cells.shape, bool)
        if label is not None:
            found &= (np.arange(len(found)) == label)[:, None]
        if decision is not None:
            found &= (np.arange(len(found)) == decision)[None, :]
        return found

    def of_class(self, code: int) -> dict[str, Measured]:
        """precision, recall and f1 of one class."""
        name = self.classes[code]
        hits, decided, actual = self.mask(label=code, decision=code), self.mask(decision=code), self.mask(label=code)
        found = {
            "precision": self._known(hits, decided, f'no row was decided "{name}"', f'decisions for "{name}"'),
            "recall": self._known(hits, actual, f'no label is "{name}"', f'labels "{name}"'),
        }
        if not self.rows[decided | actual].any():
            return found | {"f1": nothing(f'"{name}" is neither among the labels nor among the decisions', rows=self.n)}
        # F1 = 2J/(1+J) rises with J = hits/(decided or actual), which is a proportion: Wilson's interval of J gives one of F1.
        scarce = self.scarce or too_few(int(self.rows[actual].sum()), f'labels "{name}"', MINIMUM_OF_SHARE)
        jaccard = self.share(hits, decided | actual, scarce=scarce)
        assert jaccard.interval is not None
        top, under = 2 * float(self.cells[hits].sum()), float(self.cells[decided].sum() + self.cells[actual].sum())
        return found | {"f1": replace(jaccard, value=top / under, interval=jaccard.interval.mapped(lambda share: 2 * share / (1 + share)))}

    def _known(self, hits: Mask, of: Mask, reason: str, what: str) -> Measured:
        rows = int(self.rows[of].sum())
        if not rows:
            return nothing(reason, rows=self.n)
        return self.share(hits, of, scarce=self.scarce or too_few(rows, what, MINIMUM_OF_SHARE))

    def counts(self, positive: int) -> dict[tuple[str, str], Measured]:
        """The four cells of a binary matrix, in rows."""
        found = {}
        for metric, (label, decision) in _CELLS.items():
            part = self.share(self._cell(positive, label, decision), self.mask(), scarce=None)
            assert part.value is not None and part.interval is not None
            found[metric, ""] = replace(part, value=part.value * self.n, interval=part.interval.mapped(lambda share: share * self.n))
        return found

    def _cell(self, positive: int, label: int, decision: int) -> Mask:
        actual, decided = self.mask(label=positive), self.mask(decision=positive)
        return (actual if label else ~actual) & (decided if decision else ~decided)

    def cost(self, positive: int, costs: Mapping[str, float]) -> Measured:
        """What wrong decisions cost per labelled row; the two shares of errors have Wilson's intervals, and are added."""
        parts = []
        for metric in ("false_positive", "false_negative"):
            part = self.share(self._cell(positive, *_CELLS[f"{metric}s"]), self.mask(), scarce=None)
            assert part.value is not None and part.interval is not None
            parts.append((part.value * costs[metric], part.interval.mapped(partial(mul, costs[metric]))))
        scarce = self.scarce or too_few(int(self.rows[positive].sum()), f'labels "{self.classes[positive]}"', MINIMUM_OF_SHARE)
        return Measured(value=sum(value for value, _ in parts), interval=added(*parts), n=self.n, rows=self.n, scarce=scarce,
                        weighted=self.weighted)  # fmt: skip

    def macro(self, metric: str) -> Measured:
        """The mean over the classes among labels or decisions; a class without a decision counts as precision 0, as in scikit-learn.

        Wilson's interval, of as many rows as give a share of this size the variance of the mean (the idea of Korn & Graubard 1998). Near
        1 it holds where adding up the classes' own intervals does not (88 to 93 % for 95 %, docs/intervals.md).
        """
        there = (self.cells.sum(axis=0) + self.cells.sum(axis=1)) > 0
        value = float(_per_class(metric, self.cells)[there].mean())
        # One row right and one wrong more per class, so that a class without an error has a spread.
        many, scale = len(there), self.cells.sum() / self.squares.sum()
        smoothed = self.cells * scale + np.where(np.eye(many, dtype=bool), 1, 1 / max(many - 1, 1)) * np.outer(there, there)
        middle, variance = float(_per_class(metric, smoothed)[there].mean()), _variance(metric, smoothed, there)
        worth = min(middle * (1 - middle) / variance, float(self.n)) if 0 < middle < 1 and variance > 0 else float(self.n)
        return Measured(value=value, interval=wilson(value * worth, worth), n=self.n, rows=self.n, scarce=self.scarce,
                        weighted=self.weighted)  # fmt: skip


def _per_class(metric: str, cells: Floats) -> Floats:
    hits, decided, actual = np.diag(cells), cells.sum(axis=0), cells.sum(axis=1)
    top, under = {"precision": (hits, decided), "recall": (hits, actual), "f1": (2 * hits, decided + actual)}[metric]
    return np.asarray(np.divide(top, under, out=np.zeros_like(top), where=under > 0))


def _variance(metric: str, cells: Floats, there: Mask) -> float:
    """The variance of the mean over classes by the delta method over the cells: an error lowers two classes' F1 at once."""
    decided, actual = cells.sum(axis=0), cells.sum(axis=1)
    under = {"precision": decided, "recall": actual, "f1": decided + actual}[metric]
    each = np.divide(1.0, under, out=np.zeros_like(under), where=under > 0) / there.sum()
    shares = _per_class(metric, cells) * each
    effect = np.diag((2 if metric == "f1" else 1) * each)
    if metric != "recall":
        effect = effect - shares[None, :]
    if metric != "precision":
        effect = effect - shares[:, None]
    return float((cells * (effect - np.average(effect, weights=cells)) ** 2).sum())
