"""The domain classifier: can a model tell the window's rows from the reference's? Its AUC, the null of it, and what it looks at.

A ridge classifier – least squares on labels 0 and 1, which is Fisher's discriminant with a shrunken covariance (Friedman 1989) – on
numbers, their powers and products. Its numbers are those of scikit-learn's `Ridge` and `roc_auc_score` (tests); it is written out here
because five factorisations then serve all folds of hundreds of relabelled targets at once, so that the chance level is drawn, not
assumed. On planted shifts it finds what gradient boosting finds (docs/verdicts.md).
"""

from __future__ import annotations

__all__ = ["domain_auc", "domain_drivers", "domain_null"]

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata

from monitoring.multivariate.encoding import Columns, Encoder, taken

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FOLDS = 5
_SHRINKAGE = 3_000.0  # added to the squares' sum of each column: what is a few standard errors from nothing counts little
_AT_ONCE = 250  # relabelled targets per draw of rows: 12 MB of doubles at 6,000 rows


def domain_auc(reference: Floats, window: Floats, *, seed: int) -> float:
    """Out-of-fold AUC of telling `window` from `reference` (rows in the columns of `Encoder.rich`): 0.5 is chance, 1 is certainty.

    The mean over five stratified folds of each fold's own AUC, so that no intercept leaks from training into the ranking.
    """
    rows, target = np.vstack([reference, window]), _target(len(reference), len(window))
    folds = _folds(len(reference), len(window), np.random.default_rng(seed))
    return float(_aucs(rows, target[:, None], folds)[0])


def domain_null(columns: Columns, n_reference: int, n_window: int, *, draws: int, seed: int) -> Floats:
    """AUCs of pairs drawn from a reference, sorted.

    For each batch of draws rows are drawn and encoded anew – without replacement where there are enough of them – and for each draw
    which of them are the window. Copies of one row stay in one fold, so that none is learnt by heart.
    """
    rng, found = np.random.default_rng(seed), []
    size, known = n_reference + n_window, len(next(iter(columns.values())))
    for start in range(0, draws, _AT_ONCE):
        drawn = np.sort(rng.choice(known, size, replace=size > known))
        fold_of = rng.permutation(np.arange(known) % _FOLDS)[drawn]
        folds = [np.flatnonzero(fold_of == number) for number in range(_FOLDS)]
        targets = np.empty((size, min(_AT_ONCE, draws - start)))
        for column in range(targets.shape[1]):
            targets[:, column] = _relabelled(folds, size, n_window, rng)
        rows = taken(columns, drawn)
        encoder = Encoder.fit(rows)
        found.append(_aucs(encoder.rich(encoder.plain(rows)), targets, folds))
    return np.sort(np.concatenate(found))


def domain_drivers(encoder: Encoder, reference: Floats, window: Floats, *, seed: int) -> dict[str, float]:
    """Which features tell the samples apart, as shares that sum to 1; empty where no single one does more than chance could.

    A feature's weight is the mean of what it adds to nothing – the AUC above one half of the classifier on it alone – and of what is
    lost with it: the AUC that shuffling its values costs (Breiman 2001). These are the first and the last place of Shapley's value: the
    last alone finds a relation of two features, the first alone several features that moved together, each of which the others replace.
    `reference` and `window` are in the columns of `Encoder.plain`. What chance could explain counts as nothing.
    """
    rng = np.random.default_rng(seed)
    plain, target = np.vstack([reference, window]), _target(len(reference), len(window))
    rich, folds = encoder.rich(plain), _folds(len(reference), len(window), rng)
    first, second = encoder.owners()
    places = range(len(encoder.names))
    gained = np.array([_aucs(rich[:, (first == place) & (second == place)], target[:, None], folds)[0] - 0.5 for place in places])
    lost = np.zeros(len(places))
    for test, fitted in _by_fold(rich, target[:, None], folds):
        weights, order = fitted[:, 0], rng.permutation(len(test))
        score = rich[test] @ weights
        full = _auc(score, target[test])
        for place in places:
            mixed = np.where(encoder.owner == place, plain[test][order], plain[test])
            touched = (first == place) | (second == place)
            changed = (encoder.rich(mixed)[:, touched] - rich[test][:, touched]) @ weights[touched]
            lost[place] += (full - _auc(score + changed, target[test])) / _FOLDS
    error = np.sqrt((1 / len(reference) + 1 / len(window)) / 12)
    weight = np.where(gained > 2 * error, gained, 0.0) + np.where(lost > error, lost, 0.0)
    total = weight.sum()
    return {name: float(share / total) for name, share in zip(encoder.names, weight, strict=True) if share} if total else {}


def _target(n_reference: int, n_window: int) -> Floats:
    return np.concatenate([np.zeros(n_reference), np.ones(n_window)])


def _folds(n_reference: int, n_window: int, rng: np.random.Generator) -> list[Ints]:
    """Rows of each fold; each has its share of both samples."""
    fold_of = np.concatenate([rng.permutation(np.arange(n) % _FOLDS) for n in (n_reference, n_window)])
    return [np.flatnonzero(fold_of == number) for number in range(_FOLDS)]


def _relabelled(folds: list[Ints], size: int, n_window: int, rng: np.random.Generator) -> Floats:
    """A target of `size` rows in which `n_window` of them are the window's, spread over the folds as evenly as `_folds` does."""
    target = np.zeros(size)
    wanted = n_window * np.array([len(fold) for fold in folds]) / size
    counts = np.floor(wanted).astype(np.int64)
    counts[np.argsort(counts - wanted, kind="stable")[: n_window - counts.sum()]] += 1
    for fold, count in zip(folds, counts, strict=True):
        target[rng.permutation(fold)[:count]] = 1.0
    return target


def _by_fold(rows: Floats, targets: Floats, folds: list[Ints]) -> Iterator[tuple[Ints, Floats]]:
    """For each fold its rows, and the weights (columns, targets) of a ridge regression with an intercept on all other folds."""
    parts = [rows[fold] for fold in folds]
    squares, sums = [part.T @ part for part in parts], [part.sum(axis=0) for part in parts]
    crossed = [part.T @ targets[fold] for part, fold in zip(parts, folds, strict=True)]
    totals = [targets[fold].sum(axis=0) for fold in folds]
    square, total, cross, ones = sum(squares), sum(sums), sum(crossed), sum(totals)
    for number, fold in enumerate(folds):
        n, column = len(rows) - len(fold), total - sums[number]
        covariance = square - squares[number] - np.outer(column, column) / n
        covariance[np.diag_indices_from(covariance)] += _SHRINKAGE
        wanted = cross - crossed[number] - np.outer(column, (ones - totals[number]) / n)
        yield fold, np.asarray(cho_solve(cho_factor(covariance, lower=True, overwrite_a=True), wanted, overwrite_b=True))


def _aucs(rows: Floats, targets: Floats, folds: list[Ints]) -> Floats:
    """The mean over folds of the AUC of each target."""
    return np.asarray(sum(_auc(rows[test] @ weights, targets[test]) for test, weights in _by_fold(rows, targets, folds)) / len(folds))


def _auc(scores: Floats, target: Floats) -> Floats:
    """The share of (window, reference) pairs that are in the right order, a tie counting half (Mann & Whitney 1947); per column."""
    ones = target.sum(axis=0)
    ranks = (rankdata(scores, axis=0) * target).sum(axis=0)
    return np.asarray((ranks - ones * (ones + 1) / 2) / (ones * (len(target) - ones)))
