"""Classification by decisions: accuracy, precision, recall, F1, what wrong decisions cost, and the cells of a binary confusion matrix."""

from __future__ import annotations

__all__ = ["confusion", "measure_decisions"]

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .found import MINIMUM_LABELLED, MINIMUM_OF_SHARE, Key, Measured, gathered, nothing, too_few
from .intervals import Floats, Intervals, added, wilsons
from .outcomes import ClassOutcomes

Mask = npt.NDArray[np.bool_]

_MACRO = ("precision", "recall", "f1")
_CELLS = {"true_positives": (1, 1), "false_positives": (0, 1), "true_negatives": (0, 0), "false_negatives": (1, 0)}
_NO_ROWS = "no row of the window has both a decision and a label"


def confusion(outcomes: ClassOutcomes) -> npt.NDArray[np.int64]:
    """Rows by actual class (first axis) and decided class (second) of the first group, in the order of `outcomes.classes`."""
    return np.asarray(_cells_of(outcomes, None)[0], np.int64)


def _cells_of(outcomes: ClassOutcomes, weight: Floats | None) -> Floats:
    """One matrix per group."""
    many = len(outcomes.classes)
    counts = outcomes.decided.counts(outcomes.label * many + outcomes.decision, many * many, weight)
    return counts.reshape(len(outcomes.decided), many, many)


def measure_decisions(outcomes: ClassOutcomes, *, costs: Mapping[str, float] | None = None) -> list[dict[Key, Measured]]:
    """One answer per group. Binary: of the positive class. Multiclass: the mean over the classes that occur (`column` ""), and each of
    them by its name.

    `costs` are those of one `false_positive` and one `false_negative`; with them a binary model has a `cost` per labelled row.
    """
    binary = outcomes.positive is not None
    table = _Tables(outcomes)
    found: dict[Key, list[Measured]] = {("accuracy", ""): table.share(np.eye(len(outcomes.classes), dtype=bool), table.mask())}
    if outcomes.positive is not None:
        found |= {(metric, ""): measured for metric, measured in table.of_class(outcomes.positive).items()}
        if costs:
            found["cost", ""] = table.cost(outcomes.positive, costs)
        found |= table.counts(outcomes.positive)
    else:
        for code, name in enumerate(outcomes.classes):
            found |= {(metric, name): measured for metric, measured in table.of_class(code).items()}
        found |= {(metric, ""): table.macro(metric) for metric in _MACRO}
    none = [("accuracy", *_MACRO, *(_CELLS if binary else ())), ("cost",) if binary and costs else ()]
    empty: dict[Key, Measured] = {(metric, ""): nothing(_NO_ROWS) for some in none for metric in some}
    return [_of_group(found, group, table) if table.n[group] else empty for group in range(len(table.n))]


def _of_group(found: Mapping[Key, list[Measured]], group: int, table: _Tables) -> dict[Key, Measured]:
    """Without the classes that are neither among the group's labels nor among its decisions."""
    absent = {name for name, there in zip(table.classes, table.occurs[group].tolist(), strict=True) if not there and table.multiclass}
    return {key: measured[group] for key, measured in found.items() if key[1] not in absent}


class _Tables:
    """A confusion matrix per group, by weight (which are counts where rows count the same), and what they say."""

    def __init__(self, outcomes: ClassOutcomes) -> None:
        self.classes, self.multiclass = outcomes.classes, outcomes.positive is None
        weight = outcomes.weight
        self.rows = self.cells = self.squares = _cells_of(outcomes, None)
        self.weighted = np.zeros(len(self.rows), bool)
        if weight is not None:
            self.cells, self.squares = _cells_of(outcomes, weight), _cells_of(outcomes, weight**2)
            self.weighted = outcomes.decided.sums(weight != 1) > 0
        self.n = self.rows.sum(axis=(1, 2))
        self.occurs: Mask = (self.rows.sum(axis=1) + self.rows.sum(axis=2)) > 0
        self.scarce = [too_few(n, "labelled rows", MINIMUM_LABELLED) for n in self.n.astype(int).tolist()]

    def proportion(self, hits: Mask, of: Mask) -> tuple[Floats, Intervals, Floats]:
        """The share of the cells `of` that lies in the cells `hits`, with Wilson's interval, and the rows of `of`; NaN without any.

        Where rows have weights it rests on as many equal rows as would give its variance (Korn & Graubard 1998); on no more than there are.
        """
        rows, under = self.rows[:, of].sum(axis=1), self.cells[:, of].sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = self.cells[:, hits].sum(axis=1) / under
            inside, outside = self.squares[:, hits].sum(axis=1), self.squares[:, of & ~hits].sum(axis=1)
            spread = ((1 - value) ** 2 * inside + value**2 * outside) / under**2
            worth = np.where(spread > 0, value * (1 - value) / spread, under**2 / (inside + outside))
        worth = np.where(self.weighted & (rows > 0), np.fmin(rows, worth), rows)
        return value, wilsons(np.where(rows > 0, value, 0.0) * worth, worth), rows

    def share(self, hits: Mask, of: Mask) -> list[Measured]:
        """`proportion` as a metric."""
        value, interval, rows = self.proportion(hits, of)
        return gathered(value, interval, n=rows, rows=self.n, scarce=self.scarce, weighted=self.weighted)

    def mask(self, *, label: int | None = None, decision: int | None = None) -> Mask:
        """The cells of this actual and this decided class; all of them where neither is said."""
        found = np.ones(self.rows.shape[1:], bool)
        if label is not None:
            found &= (np.arange(len(found)) == label)[:, None]
        if decision is not None:
            found &= (np.arange(len(found)) == decision)[None, :]
        return found

    def of_class(self, code: int) -> dict[str, list[Measured]]:
        """precision, recall and f1 of one class."""
        name = self.classes[code]
        hits, decided, actual = self.mask(label=code, decision=code), self.mask(decision=code), self.mask(label=code)
        return {
            "precision": self._known(hits, decided, f'no row was decided "{name}"', f'decisions for "{name}"'),
            "recall": self._known(hits, actual, f'no label is "{name}"', f'labels "{name}"'),
            "f1": self._f1(hits, decided, actual, name),
        }

    def _known(self, hits: Mask, of: Mask, reason: str, what: str) -> list[Measured]:
        value, interval, rows = self.proportion(hits, of)
        found = gathered(value, interval, n=rows, rows=self.n, scarce=self._scarce_of(rows, what), weighted=self.weighted)
        return [measured if measured.n else nothing(reason, rows=measured.rows) for measured in found]

    def _scarce_of(self, rows: Floats, what: str) -> list[str | None]:
        few = (too_few(n, what, MINIMUM_OF_SHARE) for n in rows.astype(int).tolist())
        return [all_ or of_these for all_, of_these in zip(self.scarce, few, strict=True)]

    def _f1(self, hits: Mask, decided: Mask, actual: Mask, name: str) -> list[Measured]:
        """F1 = 2J/(1+J) rises with J = hits/(decided or actual), which is a proportion: Wilson's interval of J gives one of F1."""
        _, interval, rows = self.proportion(hits, decided | actual)
        top, under = 2 * self.cells[:, hits].sum(axis=1), self.cells[:, decided].sum(axis=1) + self.cells[:, actual].sum(axis=1)
        with np.errstate(invalid="ignore"):
            value = top / under
        scarce = self._scarce_of(self.rows[:, actual].sum(axis=1), f'labels "{name}"')
        found = gathered(value, interval.mapped(lambda share: 2 * share / (1 + share)), n=rows, rows=self.n, scarce=scarce,
                         weighted=self.weighted)  # fmt: skip
        absent = f'"{name}" is neither among the labels nor among the decisions'
        return [measured if measured.n else nothing(absent, rows=measured.rows) for measured in found]

    def counts(self, positive: int) -> dict[Key, list[Measured]]:
        """The four cells of a binary matrix, in rows."""
        found: dict[Key, list[Measured]] = {}
        for metric, (label, decision) in _CELLS.items():
            value, interval, rows = self.proportion(self._cell(positive, label, decision), self.mask())
            found[metric, ""] = gathered(value * self.n, interval.mapped(lambda share: share * self.n), n=rows, rows=self.n,
                                         scarce=[None] * len(self.n), weighted=self.weighted)  # fmt: skip
        return found

    def _cell(self, positive: int, label: int, decision: int) -> Mask:
        actual, decided = self.mask(label=positive), self.mask(decision=positive)
        return (actual if label else ~actual) & (decided if decision else ~decided)

    def cost(self, positive: int, costs: Mapping[str, float]) -> list[Measured]:
        """What wrong decisions cost per labelled row; the two shares of errors have Wilson's intervals, and are added."""
        parts = []
        for metric in ("false_positive", "false_negative"):
            value, interval, _ = self.proportion(self._cell(positive, *_CELLS[f"{metric}s"]), self.mask())
            price = costs[metric]
            parts.append((value * price, Intervals(interval.edges * price, interval.methods)))
        scarce = self._scarce_of(self.rows[:, positive].sum(axis=1), f'labels "{self.classes[positive]}"')
        return gathered(parts[0][0] + parts[1][0], added(*parts), n=self.n, rows=self.n, scarce=scarce, weighted=self.weighted)

    def macro(self, metric: str) -> list[Measured]:
        """The mean over the classes among labels or decisions; a class without a decision counts as precision 0, as in scikit-learn.

        Wilson's interval, of as many rows as give a share of this size the variance of the mean (the idea of Korn & Graubard 1998). Near
        1 it holds where adding up the classes' own intervals does not (88 to 93 % for 95 %, docs/intervals.md).
        """
        there = (self.cells.sum(axis=1) + self.cells.sum(axis=2)) > 0
        value = _mean_of(_per_class(metric, self.cells), there)
        # One row right and one wrong more per class, so that a class without an error has a spread.
        many = self.occurs.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = self.cells.sum(axis=(1, 2)) / self.squares.sum(axis=(1, 2))
            one_more = np.where(np.eye(len(self.classes), dtype=bool), 1, (1 / np.maximum(many - 1, 1))[:, None, None])
            smoothed = self.cells * scale[:, None, None] + one_more * (there[:, :, None] & there[:, None, :])
            middle, variance = _mean_of(_per_class(metric, smoothed), there), _variance(metric, smoothed, there)
            worth = np.where((middle > 0) & (middle < 1) & (variance > 0), np.fmin(middle * (1 - middle) / variance, self.n), self.n)
        return gathered(value, wilsons(np.nan_to_num(value) * worth, worth), n=self.n, rows=self.n, scarce=self.scarce,
                        weighted=self.weighted)  # fmt: skip


def _mean_of(values: Floats, there: Mask) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray((values * there).sum(axis=1) / there.sum(axis=1))


def _per_class(metric: str, cells: Floats) -> Floats:
    hits, decided, actual = np.diagonal(cells, axis1=1, axis2=2), cells.sum(axis=1), cells.sum(axis=2)
    top, under = {"precision": (hits, decided), "recall": (hits, actual), "f1": (2 * hits, decided + actual)}[metric]
    return np.asarray(np.divide(top, under, out=np.zeros_like(top), where=under > 0))


def _variance(metric: str, cells: Floats, there: Mask) -> Floats:
    """The variance of the mean over classes by the delta method over the cells: an error lowers two classes' F1 at once."""
    decided, actual = cells.sum(axis=1), cells.sum(axis=2)
    under = {"precision": decided, "recall": actual, "f1": decided + actual}[metric]
    each = np.divide(1.0, under, out=np.zeros_like(under), where=under > 0) / there.sum(axis=1)[:, None]
    shares = _per_class(metric, cells) * each
    effect = np.eye(cells.shape[1]) * ((2 if metric == "f1" else 1) * each)[:, :, None]
    if metric != "recall":
        effect = effect - shares[:, None, :]
    if metric != "precision":
        effect = effect - shares[:, :, None]
    centre = (effect * cells).sum(axis=(1, 2)) / cells.sum(axis=(1, 2))
    return np.asarray((cells * (effect - centre[:, None, None]) ** 2).sum(axis=(1, 2)))
