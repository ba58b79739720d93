"""Classification by decisions: accuracy, precision, recall, F1, what wrong decisions cost, and the cells of a binary confusion matrix."""

from __future__ import annotations

__all__ = ["confusion", "measure_decisions"]

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from .cells import Cells, Mask, Part
from .found import MINIMUM_LABELLED, MINIMUM_OF_SHARE, Key, Measured, gathered, nothing, too_few
from .intervals import Floats, Intervals, added, wilsons
from .macro import MACRO, macro
from .outcomes import ClassOutcomes

_CELLS = {"true_positives": (1, 1), "false_positives": (0, 1), "true_negatives": (0, 0), "false_negatives": (1, 0)}
_NO_ROWS = "no row of the window has both a decision and a label"


def confusion(outcomes: ClassOutcomes) -> npt.NDArray[np.int64]:
    """Rows by actual class (first axis) and decided class (second) of the first group, in the order of `outcomes.classes`."""
    many = len(outcomes.classes)
    first = slice(*outcomes.decided.edges[:2])
    return np.bincount(outcomes.label[first] * many + outcomes.decision[first], minlength=many * many).reshape(many, many)


def measure_decisions(outcomes: ClassOutcomes, *, costs: Mapping[str, float] | None = None) -> list[dict[Key, Measured]]:
    """One answer per group. Binary: of the positive class. Multiclass: the mean over the classes that occur (`column` ""), and each of
    them by its name.

    `costs` are those of one `false_positive` and one `false_negative`; with them a binary model has a `cost` per labelled row.
    """
    binary = outcomes.positive is not None
    table = _Tables(outcomes)
    found: dict[Key, list[Measured]] = {("accuracy", ""): table.accuracy()}
    if outcomes.positive is not None:
        found |= {(metric, ""): measured for (metric, _), measured in table.of_classes(range(outcomes.positive, outcomes.positive + 1))}
        if costs:
            found["cost", ""] = table.cost(outcomes.positive, costs)
        found |= table.counts(outcomes.positive)
    else:
        found |= dict(table.of_classes(range(len(outcomes.classes))))
        found |= {(metric, ""): table.macro(metric) for metric in MACRO}
    none = [("accuracy", *MACRO, *(_CELLS if binary else ())), ("cost",) if binary and costs else ()]
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
        self.cells = Cells(outcomes)
        self.n = (self.cells.hits + self.cells.missed).rows.sum(axis=1)
        self.occurs: Mask = (self.cells.hits + self.cells.missed + self.cells.wrong).rows > 0
        self.scarce = [too_few(n, "labelled row", MINIMUM_LABELLED) for n in self.n.astype(int).tolist()]

    def proportion(self, inside: Part, outside: Part) -> tuple[Floats, Intervals, Floats]:
        """The share of some rows that lies `inside` and not `outside`, with Wilson's interval, and how many rows those are; NaN without
        any. There is an entry per group, or one per class of each group.

        Where rows have weights it rests on as many equal rows as would give its variance (Korn & Graubard 1998); on no more than there are.
        """
        both = inside + outside
        rows, under = both.rows, both.weight
        with np.errstate(invalid="ignore", divide="ignore"):
            value = inside.weight / under
            spread = ((1 - value) ** 2 * inside.squares + value**2 * outside.squares) / under**2
            worth = np.where(spread > 0, value * (1 - value) / spread, under**2 / both.squares)
        weighted = np.repeat(self.cells.weighted, len(rows) // max(len(self.n), 1))
        worth = np.where(weighted & (rows > 0), np.fmin(rows, worth), rows)
        return value, wilsons(np.where(rows > 0, value, 0.0) * worth, worth), rows

    def accuracy(self) -> list[Measured]:
        """The share of right decisions."""
        value, interval, rows = self.proportion(self.cells.hits.summed(), self.cells.wrong.summed())
        return self._gathered(value, interval, rows, self.scarce)

    def of_classes(self, codes: range) -> Iterator[tuple[Key, list[Measured]]]:
        """precision, recall and f1 of each of these classes."""
        hits, wrong, missed = (Part(*(values[:, codes.start : codes.stop] for values in (part.rows, part.weight, part.squares)))
                               for part in (self.cells.hits, self.cells.wrong, self.cells.missed))  # fmt: skip
        shape = hits.rows.shape
        known = {"precision": self.proportion(hits.flat(), wrong.flat()), "recall": self.proportion(hits.flat(), missed.flat())}
        _, interval, rows = self.proportion(hits.flat(), (wrong + missed).flat())
        # F1 = 2J/(1+J) rises with J = hits/(decided or actual), which is a proportion: Wilson's interval of J gives one of F1.
        top, under = 2 * hits.weight, (hits + hits + wrong + missed).weight
        with np.errstate(invalid="ignore"):
            known["f1"] = (top / under).ravel(), interval.mapped(lambda share: 2 * share / (1 + share)), rows
        for place, code in enumerate(codes):
            name = self.classes[code]
            labels = self._scarce_of((hits + missed).rows[:, place], "label", of=f'"{name}"')
            decisions = self._scarce_of((hits + wrong).rows[:, place], "decision", of=f'for "{name}"')
            few = {"precision": decisions, "recall": labels, "f1": labels}
            none = {"precision": f'no row was decided "{name}"', "recall": f'no label is "{name}"',
                    "f1": f'"{name}" is neither among the labels nor among the decisions'}  # fmt: skip
            for metric, (values, intervals, counted) in known.items():
                one = Intervals(intervals.edges.reshape(4, *shape)[:, :, place], intervals.methods.reshape(shape)[:, place])
                found = self._gathered(values.reshape(shape)[:, place], one, counted.reshape(shape)[:, place], few[metric])
                yield (metric, name), [measured if measured.n else nothing(none[metric], rows=measured.rows) for measured in found]

    def _gathered(self, value: Floats, interval: Intervals, rows: Floats, scarce: list[str | None]) -> list[Measured]:
        return gathered(value, interval, n=rows, rows=self.n, scarce=scarce, weighted=self.cells.weighted)

    def _scarce_of(self, rows: Floats, noun: str, *, of: str) -> list[str | None]:
        few = (too_few(n, noun, MINIMUM_OF_SHARE, of=of) for n in rows.astype(int).tolist())
        return [all_ or of_these for all_, of_these in zip(self.scarce, few, strict=True)]

    def counts(self, positive: int) -> dict[Key, list[Measured]]:
        """The four cells of a binary matrix, in rows."""
        found: dict[Key, list[Measured]] = {}
        for metric in _CELLS:
            value, interval, _ = self.proportion(*self._cell(positive, metric))
            found[metric, ""] = self._gathered(value * self.n, interval.mapped(lambda share: share * self.n), self.n, [None] * len(self.n))
        return found

    def _cell(self, positive: int, metric: str) -> tuple[Part, Part]:
        """One cell of the binary matrix, and the other three."""
        actual, decided = self.cells.label_is(positive), self.cells.decision_is(positive)
        inside = (actual == bool(_CELLS[metric][0])) & (decided == bool(_CELLS[metric][1]))
        return self.cells.where(inside), self.cells.where(~inside)

    def cost(self, positive: int, costs: Mapping[str, float]) -> list[Measured]:
        """What wrong decisions cost per labelled row; the two shares of errors have Wilson's intervals, and are added."""
        parts = []
        for metric in ("false_positive", "false_negative"):
            value, interval, _ = self.proportion(*self._cell(positive, f"{metric}s"))
            price = costs[metric]
            parts.append((value * price, Intervals(interval.edges * price, interval.methods)))
        labels = (self.cells.hits + self.cells.missed).rows[:, positive]
        scarce = self._scarce_of(labels, "label", of=f'"{self.classes[positive]}"')
        return self._gathered(parts[0][0] + parts[1][0], added(*parts), self.n, scarce)

    def macro(self, metric: str) -> list[Measured]:
        """The mean over the classes among labels or decisions; see `macro.macro`."""
        value, middle, variance = macro(metric, self.cells, self.occurs.sum(axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            worth = np.where((middle > 0) & (middle < 1) & (variance > 0), np.fmin(middle * (1 - middle) / variance, self.n), self.n)
        return self._gathered(value, wilsons(np.nan_to_num(value) * worth, worth), self.n, self.scarce)
