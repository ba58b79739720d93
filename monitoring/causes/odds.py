"""Logistic regressions of one sample's many bootstrap draws, fitted together. Pure.

scikit-learn fits one at a time, and its cost per fit is ten times that of the arithmetic. A draw's optimum lies near the sample's: from
there each step is preconditioned by the sample's own Hessian, which is factorised once, and all draws share the matrix products.
"""

from __future__ import annotations

__all__ = ["fitted", "stretched"]

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STEPS = 40
_CLOSE = 1e-7  # of a coefficient: closer than chance moves it by far
_PLATT = 1e6  # inverse penalty of the two numbers that stretch logits: as good as none


def fitted(rows: Floats, target: Ints, counts: Floats, penalty: float) -> Floats:
    """Coefficients (columns of `rows`, then the intercept) of each draw (a row of `counts`); the first draw is fitted by scikit-learn.

    `penalty` is scikit-learn's C: the loss is C times the weighted log loss plus half the squared coefficients. A draw that does not
    converge is fitted by scikit-learn too.
    """
    start = _alone(rows, target, counts[0], penalty)
    found = np.repeat(start[:, None], len(counts), axis=1)
    if len(counts) == 1:
        return found.T
    extended = np.column_stack([rows, np.ones(len(rows))])
    ridge = np.full(len(start), 1 / penalty)
    ridge[-1] = 0.0
    chance = expit(extended @ start)
    hessian = (extended.T * (counts[0] * chance * (1 - chance))) @ extended + np.diag(ridge)
    factor, weights = cho_factor(hessian), counts.T
    moving = np.arange(1, len(counts))
    for _ in range(_STEPS):
        errors = weights[:, moving] * (expit(extended @ found[:, moving]) - target[:, None])
        step = cho_solve(factor, extended.T @ errors + ridge[:, None] * found[:, moving])
        found[:, moving] -= step
        moving = moving[~(np.abs(step).max(axis=0) < _CLOSE)]
        if not len(moving):
            break
    for draw in moving:
        found[:, draw] = _alone(rows, target, counts[draw], penalty)
    return found.T


def stretched(logits: Floats, target: Ints, counts: Floats) -> Floats:
    """Each draw's logits (a row) times a slope plus an intercept, by a logistic regression on themselves (Platt 1999)."""
    slope, shift = np.ones(len(logits)), np.zeros(len(logits))
    moving = np.arange(len(logits))
    for _ in range(_STEPS):
        x, w = logits[moving], counts[moving]
        chance = expit(x * slope[moving, None] + shift[moving, None])
        error, curve = w * (chance - target), w * chance * (1 - chance)
        first, second = (error * x).sum(axis=1) + slope[moving] / _PLATT, error.sum(axis=1)
        a, b, c = (curve * x * x).sum(axis=1) + 1 / _PLATT, (curve * x).sum(axis=1), curve.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_slope, by_shift = (c * first - b * second) / (a * c - b * b), (a * second - b * first) / (a * c - b * b)
        slope[moving] -= by_slope
        shift[moving] -= by_shift
        moving = moving[~((np.abs(by_slope) < _CLOSE) & (np.abs(by_shift) < _CLOSE))]
        if not len(moving):
            break
    for draw in moving:
        slope[draw], shift[draw] = _alone(logits[draw][:, None], target, counts[draw], _PLATT)
    return logits * slope[:, None] + shift[:, None]


def _alone(rows: Floats, target: Ints, counts: Floats, penalty: float) -> Floats:
    there = counts > 0
    model = LogisticRegression(C=penalty, max_iter=500, tol=1e-6).fit(rows[there], target[there], sample_weight=counts[there])
    return np.append(model.coef_[0], model.intercept_[0])
