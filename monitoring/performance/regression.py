"""Regression: errors of prediction - label, in the target's unit; and the same by their sign."""

from __future__ import annotations

__all__ = ["measure_regression"]

import numpy as np
import numpy.typing as npt
from sklearn.metrics import median_absolute_error

from .found import MINIMUM_LABELLED, Key, Measured, gathered, nothing, too_few
from .intervals import Floats, Intervals, of_jackknives, of_means, of_quantiles, wilsons
from .outcomes import RegressionOutcomes

_METRICS = ("mae", "rmse", "mape", "r2", "mean_error", "median_absolute_error")
_BY_SIGN = ("overprediction_share", "overprediction_error", "underprediction_error")


def measure_regression(outcomes: RegressionOutcomes) -> list[dict[Key, Measured]]:
    """mae, rmse, mape (in percent), r2, mean_error (prediction - label), median_absolute_error, and errors by sign, of each group."""
    errors = _Errors(outcomes)
    found = {metric: errors.measured(metric) for metric in _METRICS} | errors.by_sign()
    empty: dict[Key, Measured] = {
        (metric, ""): nothing("no row of the window has both a prediction and a label") for metric in (*_METRICS, *_BY_SIGN)
    }
    return [{(metric, ""): measured[group] for metric, measured in found.items()} if n else empty for group, n in enumerate(errors.n)]


class _Errors:
    """Labels and errors of each group."""

    def __init__(self, outcomes: RegressionOutcomes) -> None:
        self.groups, self.label, self.weight = outcomes.groups, outcomes.label, outcomes.weight
        self.error, self.size = outcomes.prediction - outcomes.label, np.abs(outcomes.prediction - outcomes.label)
        self.n = self.groups.sizes
        self.weighted = np.zeros(len(self.n), bool) if self.weight is None else self.groups.sums(self.weight != 1) > 0
        self.scarce = [too_few(int(n), "labelled row", MINIMUM_LABELLED) for n in self.n]
        self.zeros = self.groups.sums(self.label == 0)
        first = self.label[np.minimum(self.groups.edges[:-1], max(len(self.label) - 1, 0))] if len(self.label) else np.zeros(len(self.n))
        self.varies = self.groups.sums(self.label != first[self.groups.of]) > 0

    def measured(self, metric: str) -> list[Measured]:
        """One metric of every group; what is undefined says why."""
        reasons = [self._undefined(metric, group) for group in range(len(self.n))]
        value, intervals = self._of(metric)
        found = gathered(value, intervals, n=self.n, rows=self.n, scarce=self.scarce, weighted=self.weighted)
        return [nothing(reason, rows=one.rows) if reason else one for one, reason in zip(found, reasons, strict=True)]

    def _undefined(self, metric: str, group: int) -> str | None:
        n = int(self.n[group])
        if metric == "mape" and (zeros := int(self.zeros[group])):
            return f"percentage errors are undefined for labels of zero, and {zeros} of {n} labels are"
        if metric == "r2" and n < 2:
            return "R² needs at least two labelled rows"
        return "R² is undefined where all labels are equal" if metric == "r2" and not self.varies[group] else None

    def _of(self, metric: str) -> tuple[Floats, Intervals]:
        if metric == "r2":
            return self._explained()
        if metric == "median_absolute_error":
            return self._medians(), of_quantiles(self.size, 0.5, self.groups, self.weight)
        if metric == "rmse":
            squares = self.error**2
            around = of_means(squares, self.groups, self.weight, low=0.0)
            return np.sqrt(self.groups.means(squares, self.weight)), around.mapped(np.sqrt)
        per_row = self.error if metric == "mean_error" else self.size
        if metric == "mape":
            per_row = 100 * np.divide(self.size, np.abs(self.label), out=np.zeros_like(self.size), where=self.label != 0)
        low = -np.inf if metric == "mean_error" else 0.0
        return self.groups.means(per_row, self.weight), of_means(per_row, self.groups, self.weight, low=low)

    def _medians(self) -> Floats:
        """Half of the rows, or of their weight, lie on either side; the mean of the two middle ones where their number is even."""
        if self.weight is not None:
            edges = zip(self.groups.edges[:-1], self.groups.edges[1:], strict=True)
            return np.array([_weighted_median(self.size[a:b], self.weight[a:b]) for a, b in edges])
        ordered, last = self.size[self.groups.order(self.size)], max(len(self.size) - 1, 0)
        middle = [np.clip(self.groups.edges[:-1] + place, 0, last) for place in ((self.n - 1) // 2, self.n // 2)]
        return (ordered[middle[0]] + ordered[middle[1]]) / 2 if len(ordered) else np.zeros(len(self.n))

    def _explained(self) -> tuple[Floats, Intervals]:
        """R², and the interval of 1 - R², a ratio of two sums of squares, by the jackknife on the scale of its logarithm."""
        w = np.ones(len(self.label)) if self.weight is None else self.weight
        of, sums = self.groups.of, self.groups.sums
        around = self.label - self.groups.means(self.label, w)[of]  # about the mean, so that the differences below keep their digits
        squares, first, second, total = w * self.error**2, w * around, w * around**2, sums(w)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = sums(squares) / sums(second)
            rest = total[of] - w
            mean = (sums(first)[of] - first) / rest
            without = np.log((sums(squares)[of] - squares) / (sums(second)[of] - second - rest * mean**2))
            return 1 - left, of_jackknives(np.log(left), without, self.groups, lambda logarithm: 1 - np.exp(logarithm))

    def by_sign(self) -> dict[str, list[Measured]]:
        """How often the model predicts too much, and by how much it is off where it predicts too much, and too little."""
        weight = np.ones(len(self.error)) if self.weight is None else self.weight
        over = self.error > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            share = self.groups.means(over, weight)
            worth = np.nan_to_num(self.groups.sums(weight) ** 2 / self.groups.sums(weight**2))
        worth = np.where(self.weighted, worth, self.n)
        found = {"overprediction_share": gathered(share, wilsons(np.nan_to_num(share) * worth, worth), n=self.n, rows=self.n,
                                                  scarce=self.scarce, weighted=self.weighted)}  # fmt: skip
        for metric, side, word in (("overprediction_error", over, "above"), ("underprediction_error", self.error < 0, "below")):
            found[metric] = self._on_side(side, word)
        return found

    def _on_side(self, side: npt.NDArray[np.bool_], word: str) -> list[Measured]:
        part = self.groups.within(side)
        size, own, there = self.size[part.rows], None if self.weight is None else self.weight[part.rows], part.sizes
        few = [too_few(int(n), "prediction", MINIMUM_LABELLED, of=f"{word} the label") for n in there]
        found = gathered(part.means(size, own), of_means(size, part, own, low=0.0), n=there, rows=self.n, weighted=self.weighted,
                         scarce=[all_ or here for all_, here in zip(self.scarce, few, strict=True)])  # fmt: skip
        return [one if one.n else nothing(f"no prediction of the window lies {word} its label", rows=one.rows) for one in found]


def _weighted_median(size: Floats, weight: Floats) -> float:
    return float(median_absolute_error(np.zeros(len(size)), size, sample_weight=weight)) if len(size) else 0.0
