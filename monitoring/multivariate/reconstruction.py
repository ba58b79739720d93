"""PCA reconstruction: do the reference's directions of variation still describe the rows? The change of the error, and its null.

The idea is Hawkins & Olwell's (and NannyML's, whose values these are not): fit principal components on the reference, keep as many as
hold 65 % of its variance, and see how far rows are from what these components say of them. A broken correlation moves rows away.
"""

from __future__ import annotations

__all__ = ["reconstruction_change", "reconstruction_drivers", "reconstruction_null", "varies"]

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from monitoring.multivariate.encoding import Columns, Encoder, joined, taken

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_KEPT = 0.65  # share of the reference's variance, as in NannyML's default
_PAIRS_PER_FIT = 50
_LEAST = 0.01  # of the variance: an error below that is as good as none, and a multiple of it would say nothing


def reconstruction_change(reference: Floats, window: Floats) -> float:
    """Mean squared error of the window's reconstruction over the reference's, minus 1: 0.2 is a fifth more.

    Rows are in the columns of `Encoder.balanced`; the reference's have to vary.
    """
    components = _fit(reference)
    usual = _usual(components, reference)
    return float((_errors(components, window).mean() - _errors(components, reference).mean()) / usual)


def reconstruction_null(columns: Columns, n_reference: int, n_window: int, *, draws: int, seed: int) -> Floats:
    """Absolute changes of pairs drawn from a reference, sorted. The pseudo-window's rows are none of those that PCA was fitted on."""
    rng, found, known = np.random.default_rng(seed), [], len(next(iter(columns.values())))
    for start in range(0, draws, _PAIRS_PER_FIT):
        order = rng.permutation(known)
        cut = min(max(round(known * n_reference / (n_reference + n_window)), 1), known - 1)
        fitted, others = taken(columns, _drawn(order[:cut], n_reference, rng)), taken(columns, order[cut:])
        encoder = Encoder.fit(joined(fitted, taken(others, _drawn(np.arange(known - cut), n_window, rng))))
        rows, pairs = encoder.balanced(encoder.plain(fitted)), min(_PAIRS_PER_FIT, draws - start)
        if not varies(rows):
            found += [0.0] * pairs
            continue
        components = _fit(rows)
        own, usual = _errors(components, rows).mean(), _usual(components, rows)
        errors = _errors(components, encoder.balanced(encoder.plain(others)))
        found += [abs(rng.choice(errors, n_window).mean() - own) / usual for _ in range(pairs)]
    return np.sort(np.array(found))


def reconstruction_drivers(reference: Floats, window: Floats, owner: Ints, names: tuple[str, ...]) -> dict[str, float]:
    """Each feature's share of the change of the error: shares of the absolute changes, which sum to 1."""
    components = _fit(reference)
    change = _residuals(components, window).mean(axis=0) - _residuals(components, reference).mean(axis=0)
    of_feature = np.abs(np.bincount(owner, weights=change, minlength=len(names)))
    total = of_feature.sum()
    return {name: float(share) for name, share in zip(names, of_feature / total, strict=True)} if total else {}


def varies(rows: Floats) -> bool:
    """Whether there is any variance to describe."""
    return bool((rows.var(axis=0) > 0).any())


def _drawn(rows: Ints, size: int, rng: np.random.Generator) -> Ints:
    return np.asarray(rng.choice(rows, size, replace=size > len(rows)))


def _fit(rows: Floats) -> PCA:
    return PCA(n_components=_KEPT, svd_solver="covariance_eigh").fit(rows)


def _usual(components: PCA, fitted: Floats) -> float:
    """What an error is measured by: that of the rows themselves, and at least a hundredth of their variance."""
    return max(float(_errors(components, fitted).mean()), _LEAST * float(fitted.var(axis=0).sum()), float(np.finfo(float).tiny))


def _residuals(components: PCA, rows: Floats) -> Floats:
    return np.asarray((rows - components.inverse_transform(components.transform(rows))) ** 2)


def _errors(components: PCA, rows: Floats) -> Floats:
    return np.asarray(_residuals(components, rows).sum(axis=1))
