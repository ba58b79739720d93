"""How much of a loss is a changed population, and how much a changed relation of features and labels. Pure; scikit-learn computes.

If only the population had changed – other rows, but the same chance of each label for the same features – the reference's rows, weighted
to look like the window's, would show the window's performance (Shimodaira 2000). What they show is the changed population's part; what is
left is the changed relation's. The weights are odds of a logistic regression that tells the two apart (Sugiyama et al. 2012, §4.1).
"""

from __future__ import annotations

__all__ = ["METHOD", "Effects", "Weights", "effects", "labelled", "weigh"]

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import expit
from scipy.stats import t as student
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own dependency, without types

from monitoring.causes.odds import fitted, stretched
from monitoring.multivariate import Encoder, sampled
from monitoring.multivariate.encoding import columns_of, joined
from monitoring.performance.weighted import Weighing, complete

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
METHOD = "density_ratio"

_SEED = 20_261_127
_MOST_REFERENCE, _MOST_WINDOW = 10_000, 3_000
_PENALTIES = (0.001, 0.01, 0.1)  # inverse strengths; the one with the smallest out-of-fold log loss counts
_DRAWS = 20
_MOST_LOGIT = 14.0  # one in a million
_LEVEL = 0.95
_FEWEST = 50  # effective rows
_FOREIGN = 50.0  # times as frequent in the window: the reference has as good as no such row
_MOST_FOREIGN = 0.1  # share of the window's rows


@dataclass(frozen=True, slots=True)
class Weights:
    """Complete, labelled rows of both samples, and how often each of the reference's would occur in the window's population."""

    reference: pa.Table
    window: pa.Table
    counts_reference: Floats  # how often each bootstrap draw (a row of this array) holds each row; the first draw is the sample itself
    counts_window: Floats
    of_reference: Floats  # the weight of each row in each draw
    effective: float  # (Σw)² / Σw² of the reference's rows (Kish 1965)
    foreign: float  # share of the window's rows that have no counterpart in the reference
    known: dict[tuple[str, str | None], tuple[Weighing, Weighing]] = field(default_factory=dict, repr=False, compare=False)

    def weighings(self, task: str, positive_label: str | None) -> tuple[Weighing, Weighing]:
        """The window's and the reference's rows, prepared for all metrics of a task."""
        key = (task, positive_label)
        if key not in self.known:
            window, reference = (Weighing(frame, task=task, positive_label=positive_label) for frame in (self.window, self.reference))
            self.known[key] = window, reference
        return self.known[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The parts of a metric's change, in its unit: `(value, lower, upper)` at 95 %, which sum to window − reference.

    `reason` says why it cannot be told; then there are no parts.
    """

    population: tuple[float, float, float] | None = None
    relation: tuple[float, float, float] | None = None
    n: int = 0
    n_reference: int = 0
    effective: float = 0.0
    reason: str = ""


def weigh(reference: pa.Table, window: pa.Table, kinds: Mapping[str, str]) -> Weights | str:
    """Weights of the reference's labelled rows, or one sentence that says why there are none. Frames have the shape of `Store.frame`.

    Costs about a second of CPU: at most 10,000 and 3,000 rows, two folds, so that no row is weighted by a model that has seen it.
    """
    before, after = labelled(reference), sampled(complete(window), _MOST_WINDOW)
    if min(before.num_rows, after.num_rows) < _FEWEST:
        return f"{min(before.num_rows, after.num_rows):,} labelled rows on one side are too few; {_FEWEST} are needed."
    both = joined(columns_of(before, kinds), columns_of(after, kinds))
    rng, cut = np.random.default_rng(_SEED), before.num_rows
    counts = np.hstack([_draws(before.num_rows, rng), _draws(after.num_rows, rng)])
    with threadpool_limits(1, user_api="blas"):
        encoder = Encoder.fit(both)
        ratios = _ratios(encoder.rich(encoder.plain(both)), cut, counts, rng)
    of_reference = np.minimum(ratios[:, :cut], _FOREIGN)
    effective = float(of_reference[0].sum() ** 2 / (of_reference[0] ** 2).sum())
    return Weights(before, after, counts[:, :cut], counts[:, cut:], of_reference, effective, float((ratios[0, cut:] > _FOREIGN).mean()))


def labelled(reference: pa.Table) -> pa.Table:
    """The rows of a reference that are weighed: at most 10,000 complete ones. Of these rows they are the same."""
    return sampled(complete(reference), _MOST_REFERENCE)


def effects(metric: str, weights: Weights, *, task: str, positive_label: str | None) -> Effects:
    """What the changed population and the changed relation did to one metric.

    Intervals are 2.09 standard deviations (Student's t with 19 degrees of freedom) of 20 bootstrap draws of both samples' rows, with
    weights fitted anew on each.
    """
    n, n_reference = weights.window.num_rows, weights.reference.num_rows
    sizes = {"n": n, "n_reference": n_reference, "effective": weights.effective}
    refused = _refused(weights)
    if refused:
        return Effects(reason=refused, **sizes)
    window, reference = weights.weighings(task, positive_label)
    values = [window.of(metric, weights.counts_window), reference.of(metric, weights.counts_reference),
              reference.of(metric, weights.counts_reference * weights.of_reference)]  # fmt: skip
    if any(value is None or not np.isfinite(value[0]) or np.isfinite(value).mean() < 0.9 for value in values):
        return Effects(reason="The metric has no weighted form, or too few rows define it.", **sizes)
    seen, usual, expected = (np.asarray(value) for value in values)
    return Effects(population=_around(expected - usual), relation=_around(seen - expected), **sizes)


def _refused(weights: Weights) -> str:
    if weights.foreign > _MOST_FOREIGN:
        return (f"{100 * weights.foreign:.0f} % of the window's rows have no counterpart in the reference, so nothing says what the "
                "model would have done on them before.")  # fmt: skip
    if weights.effective < _FEWEST:
        return (f"Weighted to the window's population the reference is worth {weights.effective:.0f} rows; {_FEWEST} are needed.")
    return ""


def _ratios(rows: Floats, n_reference: int, counts: Floats, rng: np.random.Generator) -> Floats:
    """How much more frequent each row is in the window than in the reference, out of fold, in each draw.

    The penalty is the one that predicts the sample best. A penalty makes odds too even, so that the logits are stretched again by a
    logistic regression on themselves (Platt 1999).
    """
    target = (np.arange(len(rows)) >= n_reference).astype(int)
    fold = np.concatenate([rng.permutation(np.arange(n) % 2) for n in (n_reference, len(rows) - n_reference)])
    tried = {penalty: _logits(rows, target, fold, counts[:1], penalty)[0] for penalty in _PENALTIES}
    best = min(_PENALTIES, key=lambda penalty: log_loss(target, expit(tried[penalty])))
    logits = stretched(_logits(rows, target, fold, counts, best), target, counts)
    return n_reference / (len(rows) - n_reference) * np.exp(np.clip(logits, -_MOST_LOGIT, _MOST_LOGIT))


def _logits(rows: Floats, target: Ints, fold: Ints, counts: Floats, penalty: float) -> Floats:
    """Of each row in each draw, by a regression on the other fold."""
    found = np.empty(counts.shape)
    for number in (0, 1):
        train, test = fold != number, fold == number
        coefficients = fitted(rows[train], target[train], counts[:, train], penalty)
        found[:, test] = coefficients[:, :-1] @ rows[test].T + coefficients[:, -1:]
    return found


def _draws(n: int, rng: np.random.Generator) -> Floats:
    """Counts of rows in each draw; the first draw is the sample itself."""
    return np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=_DRAWS)]).astype(np.float64)


def _around(values: Floats) -> tuple[float, float, float]:
    margin = float(student.ppf(0.5 + _LEVEL / 2, _DRAWS - 1)) * float(np.nanstd(values[1:], ddof=1))
    return float(values[0]), float(values[0]) - margin, float(values[0]) + margin
