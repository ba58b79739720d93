"""Classification by scores: ranking (ROC AUC, average precision) and probability (log loss, Brier, calibration)."""

from __future__ import annotations

__all__ = ["SCORE_METRICS", "brier_scores", "calibration_error", "confidence", "log_losses", "measure_scores", "one_against_rest"]

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from .found import MINIMUM_LABELLED, MINIMUM_OF_CLASS, Measured, gathered, nothing, too_few
from .intervals import Floats, Intervals, of_influences, of_means, of_normals, wilsons
from .outcomes import ClassOutcomes
from .ranked import auc_influences, auc_intervals, average_precision_influences

SCORE_METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "expected_calibration_error")
_RANKED = {"roc_auc": "ROC AUC", "average_precision": "average precision"}
_BINS = 10  # equal-width; Naeini, Cooper & Hauskrecht 2015 and Guo et al. 2017 use the same
_FEW = 50  # of the rarer class: below, the spread that is seen is too small too often (measured: 79 % for 95 % with ten positives)
_EXACT = 1e-13  # an area this near to 0 or 1 is one but for rounding, and has no spread on the logit's scale
_TINY = float(np.finfo(float).eps)  # scores of 0 and 1 are moved by this much before the logarithm, as scikit-learn does


def measure_scores(outcomes: ClassOutcomes, *, only: frozenset[str] | None = None) -> list[dict[str, Measured]]:
    """The score metrics of each group; `average_precision` for binary models only."""
    metrics = [m for m in SCORE_METRICS if (only is None or m in only) and (m != "average_precision" or outcomes.positive is not None)]
    found = {metric: _Scored(outcomes).measured(metric) for metric in metrics}
    return [{metric: measured[group] for metric, measured in found.items()} for group in range(len(outcomes.scored))]


class _Scored:
    """Scores and labels of each group, and how many labels there are of each class."""

    def __init__(self, outcomes: ClassOutcomes) -> None:
        self.outcomes, self.groups = outcomes, outcomes.scored
        self.binary = outcomes.positive is not None
        self.n = outcomes.scored.sizes
        self.labels = outcomes.scored.counts(outcomes.scored_label, 2 if self.binary else len(outcomes.scored_classes))
        self.outside = outcomes.scored.sums(np.any((outcomes.scores < 0) | (outcomes.scores > 1), axis=1)).astype(int)
        weight = outcomes.scored_weight
        self.weighted = np.zeros(len(self.n), bool) if weight is None else outcomes.scored.sums(weight != 1) > 0

    def measured(self, metric: str) -> list[Measured]:
        """One metric of every group; what is undefined says why."""
        reasons = [self._undefined(metric, group) for group in range(len(self.n))]
        if all(reasons):
            return [nothing(str(reason), rows=int(n)) for reason, n in zip(reasons, self.n, strict=True)]
        value, intervals = self._of(metric)
        found = gathered(value, intervals, n=self.n, rows=self.n, scarce=[self._scarce(g) for g in range(len(self.n))],
                         weighted=self.weighted)  # fmt: skip
        return [nothing(reason, rows=one.rows) if reason else one for one, reason in zip(found, reasons, strict=True)]

    def _of(self, metric: str) -> tuple[Floats, Intervals]:
        if metric in _RANKED:
            return self._ranked(metric)
        if metric == "expected_calibration_error":
            return _calibration(self.outcomes)
        per_row, weight = (log_losses if metric == "log_loss" else brier_scores)(self.outcomes), self.outcomes.scored_weight
        high = np.inf if metric == "log_loss" else 1.0 if self.binary else 2.0
        return self.groups.means(per_row, weight), of_means(per_row, self.groups, weight, low=0.0, high=high)

    def _undefined(self, metric: str, group: int) -> str | None:
        n, outside = int(self.n[group]), int(self.outside[group])
        if not n:
            return "no row of the window has both a score and a label"
        if metric in _RANKED:
            return self._one_sided(_RANKED[metric], group)
        return f"{outside} of {n} rows have a score outside 0 to 1, which is no probability" if outside else None

    def _one_sided(self, name: str, group: int) -> str | None:
        there, classes = self.labels[group], self.outcomes.scored_classes
        if self.binary:
            if not there[1]:
                return f'{name} needs both classes, and no label of the window is "{classes[0]}"'
            return None if there[0] else f'{name} needs both classes, and every label of the window is "{classes[0]}"'
        missing = [classes[code] for code in np.flatnonzero(there == 0)]
        return f'{name} needs every class among the labels, and "{missing[0]}" is not' if missing else None

    def _scarce(self, group: int) -> str | None:
        few, there = too_few(int(self.n[group]), "labelled row", MINIMUM_LABELLED), self.labels[group]
        if few is not None:
            return few
        return too_few(int(there.min()), "label", MINIMUM_OF_CLASS, of=f"of the {'rarer' if len(there) == 2 else 'rarest'} class")

    def _ranked(self, metric: str) -> tuple[Floats, Intervals]:
        """ROC AUC (multiclass: the mean of one class against the rest) or average precision, and its interval.

        On the logit's scale, so that it stays within 0 and 1 and is short on their side; the AUC of few rows has Newcombe's instead. Where
        all rows agree (a perfect order) no spread is to be seen; Wilson's interval with the rarer class's rows stands in, because the
        variance of an AUC of a given value is at most that of such a share (Birnbaum & Klose 1957).
        """
        truths, scores = one_against_rest(self.outcomes)
        weight = np.ones(len(scores)) if self.outcomes.scored_weight is None else self.outcomes.scored_weight
        of_class = auc_influences if metric == "roc_auc" else average_precision_influences
        each = [of_class(truths[:, j], scores[:, j], weight, self.groups) for j in range(truths.shape[1])]
        value = np.mean([of for of, _ in each], axis=0)
        value = np.where(np.abs(value - value.round()) < _EXACT, value.round(), value)
        ones = self.groups.sums(truths)
        rarest = np.minimum(ones, self.n[:, None] - ones).min(axis=1)
        found = of_influences(value, np.mean([influence for _, influence in each], axis=0), self.groups, scale="logit")
        found = found.otherwise(wilsons(np.nan_to_num(value) * rarest, rarest))
        if metric == "roc_auc" and self.binary:
            found = self._of_few(found, value, ones[:, 0], rarest < _FEW, weight)
        return value, found

    def _of_few(self, found: Intervals, value: Floats, ones: Floats, few: npt.NDArray[np.bool_], weight: Floats) -> Intervals:
        """Newcombe's intervals for the groups with few rows of a class."""
        with np.errstate(invalid="ignore", divide="ignore"):
            worth = self.groups.sums(weight) ** 2 / self.groups.sums(weight**2) / self.n
        newcombe = auc_intervals(value, ones * worth, (self.n - ones) * worth)
        return Intervals(np.where(few, newcombe.edges, found.edges), np.where(few, newcombe.methods, found.methods))


def _calibration(outcomes: ClassOutcomes) -> tuple[Floats, Intervals]:
    """The expected calibration error and the interval of what windows of this size show (docs/intervals.md says why of this size).

    It is a sum of sizes of normal variables, one per bin: each has a folded normal distribution (Leone, Nelson & Nottingham 1961).
    """
    (score, right), groups = confidence(outcomes), outcomes.scored
    weight = np.ones(len(score)) if outcomes.scored_weight is None else outcomes.scored_weight
    bins, n = _bins(score), groups.sizes
    gaps = weight * (score - right) / np.maximum(n, 1)[groups.of]
    mean, squares = groups.counts(bins, _BINS, gaps), groups.counts(bins, _BINS, gaps**2)
    value = np.abs(mean).sum(axis=1)  # weights are 1 on average
    variance = np.maximum(squares - mean**2 / np.maximum(n, 1)[:, None], 0)
    spread = np.sqrt(_folded_variance(np.sqrt(np.maximum(mean**2 - variance, 0)), variance).sum(axis=1))
    return value, of_normals(value, spread, "folded_normal").cut(0.0, 1.0)


def _folded_variance(mean: Floats, variance: Floats) -> Floats:
    """The variance of |X| for normal X; 0 where `variance` is."""
    spread = np.sqrt(variance)
    over = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0)
    size = spread * np.sqrt(2 / np.pi) * np.exp(-(over**2) / 2) + mean * (1 - 2 * ndtr(-over))
    return np.where(spread > 0, np.maximum(mean**2 + variance - size**2, 0), 0.0)


def _bins(score: Floats) -> npt.NDArray[np.int64]:
    """The bin of each score; one outside 0 to 1, whose group has no calibration, counts in the nearest."""
    return np.clip((score * _BINS).astype(np.int64), 0, _BINS - 1)


def calibration_error(score: Floats, outcome: Floats, counts: Floats) -> Floats:
    """Expected calibration error of each draw: |mean score - observed rate| per score bin, weighted by rows (Naeini et al. 2015)."""
    gaps = np.eye(_BINS)[_bins(score)] * (score - outcome)[:, None]
    return np.asarray(np.abs(counts @ gaps).sum(axis=1) / counts.sum(axis=1))


def one_against_rest(outcomes: ClassOutcomes) -> tuple[Floats, Floats]:
    """Truths (0 or 1) and scores, one column per scored class."""
    if outcomes.positive is not None:
        return outcomes.scored_label[:, None].astype(float), outcomes.scores
    return np.eye(len(outcomes.scored_classes))[outcomes.scored_label], outcomes.scores


def _of_truth(outcomes: ClassOutcomes) -> Floats:
    """The probability that was given to what came true."""
    if outcomes.positive is not None:
        return np.where(outcomes.scored_label == 1, outcomes.scores[:, 0], 1 - outcomes.scores[:, 0])
    return np.asarray(outcomes.scores[np.arange(len(outcomes.scores)), outcomes.scored_label])


def log_losses(outcomes: ClassOutcomes) -> Floats:
    """The negative logarithm of the probability that was given to what came true, in nats."""
    return np.asarray(-np.log(np.clip(_of_truth(outcomes), _TINY, 1 - _TINY)))


def brier_scores(outcomes: ClassOutcomes) -> Floats:
    """Binary: (score - outcome)², 0 to 1; multiclass: its sum over classes, 0 to 2 (Brier 1950)."""
    truths, scores = one_against_rest(outcomes)
    return np.asarray(((scores - truths) ** 2).sum(axis=1))


def confidence(outcomes: ClassOutcomes) -> tuple[Floats, Floats]:
    """Binary: score and outcome of the positive class; multiclass: the highest score and whether that class came true (Guo et al. 2017)."""
    if outcomes.positive is not None:
        return outcomes.scores[:, 0], outcomes.scored_label.astype(float)
    top = outcomes.scores.argmax(axis=1) if outcomes.scores.size else np.empty(0, np.intp)
    return outcomes.scores.max(axis=1, initial=0.0), (top == outcomes.scored_label).astype(float)
