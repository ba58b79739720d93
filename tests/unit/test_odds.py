"""Logistic regressions fitted together for many bootstrap draws are those that scikit-learn fits one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from monitoring.causes.odds import fitted, stretched


def sample(seed: int, n: int = 600, columns: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows with some rare indicators, labels, and bootstrap counts; the first draw is the sample."""
    random = np.random.default_rng(seed)
    rows = np.column_stack([random.normal(size=(n, columns - 3)), random.random((n, 3)) < (0.005, 0.02, 0.1)]).astype(float)
    target = (random.random(n) < 1 / (1 + np.exp(1 - rows[:, 0] - 2 * rows[:, -2]))).astype(int)
    return rows, target, np.vstack([np.ones(n), random.multinomial(n, np.full(n, 1 / n), size=8)]).astype(float)


def alone(rows: np.ndarray, target: np.ndarray, counts: np.ndarray, penalty: float) -> np.ndarray:
    model = LogisticRegression(C=penalty, tol=1e-10, max_iter=5_000).fit(rows, target, sample_weight=counts)
    return np.append(model.coef_[0], model.intercept_)


@pytest.mark.parametrize("penalty", [0.001, 0.1, 100.0])
def test_each_draws_coefficients_are_scikit_learns(penalty: float) -> None:
    rows, target, counts = sample(1)
    found = fitted(rows, target, counts, penalty)
    for coefficients, count in zip(found, counts, strict=True):
        assert coefficients == pytest.approx(alone(rows, target, count, penalty), abs=2e-3 if penalty > 1 else 1e-4)


def test_each_draws_logits_are_stretched_as_scikit_learn_would() -> None:
    rows, target, counts = sample(2)
    logits = fitted(rows, target, counts, 0.001)[:, :-1] @ rows.T
    found = stretched(logits, target, counts)
    for ours, given, count in zip(found, logits, counts, strict=True):
        slope, shift = alone(given[:, None], target, count, 1e6)
        assert ours == pytest.approx(given * slope + shift, abs=1e-4)


def test_draws_whose_classes_lie_apart_are_left_to_scikit_learn() -> None:
    logits = np.array([[-2.0, -1.0, 1.0, 2.0], [-2.0, 1.0, -1.0, 2.0]])
    found = stretched(logits, np.array([0, 0, 1, 1]), np.ones((2, 4)))
    assert np.isfinite(found).all()
    assert found[0, 0] < -5 < 5 < found[0, 3]
