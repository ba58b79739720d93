"""Scores of two samples, equal to Evidently 0.7.23's to 1e-9, and which method Evidently would choose. Pure.

Nulls, NaN and ±Inf are dropped per column beforehand (`comparable`). tests/unit/test_drift_scores.py and test_drift_like_evidently.py
compare every branch with Evidently's own functions.
"""

from __future__ import annotations

__all__ = ["COVERED", "EvidentlyVerdict", "effect", "evidently_verdict", "judged", "refusal", "resolve_method", "score", "why_not"]

import warnings
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from monitoring.drift.binned import binned_score, histograms, judged_scores
from monitoring.drift.registry import METHODS, PREFIX, base_method, is_effect
from monitoring.drift.samples import Floats, Sample, distinct_of_both
from monitoring.drift.sorted_numbers import area, largest_gap

COVERED = frozenset({"wasserstein", "ed", "ks", "jensenshannon", "psi", "kl_div", "hellinger", "chisquare", "chisquare_contingency", "z"})
_CHOOSING = frozenset({"auto", "distance"})  # names that leave the choice to a rule
_TESTED = 1_000  # rows of the largest reference that Evidently tests by default; larger ones it measures
_EXACT_KS = 10_000  # rows of the larger sample up to which scipy counts paths instead of taking the limit
_EVIDENTLY_DISTANCE, _EVIDENTLY_P_VALUE = 0.1, 0.05


def resolve_method(method: str, kind: str, reference: Sample, window: Sample) -> str:
    """The method by name: `auto` becomes what Evidently would choose, `distance` what it would choose of a large reference, and text and
    datetime columns get their prefix.

    Evidently's rule (0.7.23, legacy/calculations/stattests/registry.py): a reference of at most 1,000 rows is tested (z for up to two
    distinct values in both samples together, chi-square for categories and for numbers with up to five, else KS); a larger one is
    measured (Jensen-Shannon for categories and for numbers with up to five distinct values, else Wasserstein).
    """
    prefix = PREFIX.get(kind, "")
    if method not in _CHOOSING:
        return prefix + base_method(method)
    measured = method == "distance" or reference.n > _TESTED
    if prefix:
        return prefix + ("wasserstein" if measured else "ks")
    few = distinct_of_both(reference, window) if kind == "categorical" or reference.distinct <= 5 else 6
    if measured:
        return "jensenshannon" if kind == "categorical" or few <= 5 else "wasserstein"
    if few <= 2:
        return "z"
    return "chisquare" if kind == "categorical" or few <= 5 else "ks"


def refusal(method: str, kind: str, reference: Sample, window: Sample) -> str | None:
    """Why a column of this kind has no score by this method, whoever computes it; None where it has one."""
    name = base_method(method)
    if name not in METHODS:
        return f'"{name}" is no drift method; valid are: {", ".join(sorted(METHODS))}.'
    if reference.categories is not None and "categorical" not in METHODS[name].kinds:
        return f"{method} compares numbers, and this column is {kind}."
    return why_not(method, reference, window)


def why_not(method: str, reference: Sample, window: Sample) -> str | None:
    """Why this method has no value on these samples, or None where it has one."""
    if not reference.n:
        return "The reference has no value of this column."
    if not window.n:
        return "The window has no value of this column."
    name = base_method(method)
    limit = METHODS[name].most_rows
    if limit is not None and reference.n + window.n > limit:
        return f"{name} is limited to {limit:,} rows of reference and window together; there are {reference.n + window.n:,}."
    if name in ("fisher_exact", "g_test") and reference.n != window.n:
        return f"{name} needs a reference and a window of the same size, not {reference.n:,} and {window.n:,} rows."
    keys = distinct_of_both(reference, window) if name in ("chisquare", "chisquare_contingency", "fisher_exact") else 2
    if name == "fisher_exact" and keys > 2:
        return f"fisher_exact compares two categories; there are {keys}."
    if name in ("chisquare", "chisquare_contingency") and keys < 2:
        return f"{name} compares the shares of categories; there is only one."
    return None


def _areas(reference: Sample, window: Sample) -> tuple[Floats, Floats]:
    """Differences of the two cumulative distributions, and the lengths on which they hold."""
    a, b = reference.values, window.values
    grid = np.sort(np.concatenate([a, b]), kind="mergesort")
    steps = np.diff(grid)
    return np.searchsorted(a, grid[:-1], "right") / len(a) - np.searchsorted(b, grid[:-1], "right") / len(b), steps


def score(method: str, reference: Sample, window: Sample) -> float:
    """The method's score. ValueError where it has none (see `why_not`), is no number on these values, or is computed by Evidently only."""
    reason = why_not(method, reference, window)
    if reason is not None:
        raise ValueError(reason)
    name = base_method(method)
    if name not in COVERED:
        raise ValueError(f"{name} is computed by Evidently only.")
    value = _score(name, reference, window)
    if not isfinite(value):
        raise ValueError(f"{name} is no number on these values ({value}).")
    return value


def _score(name: str, reference: Sample, window: Sample) -> float:
    if name == "wasserstein":
        return area(reference, window) / max(reference.std, 0.001)
    if name == "ed":
        difference, steps = _areas(reference, window)
        return float(np.sqrt(2 * np.sum(difference**2 * steps)))
    if name == "ks":
        return _ks(reference, window)
    return binned_score(name, reference, window)


def _ks(reference: Sample, window: Sample) -> float:
    """The p-value of `scipy.stats.ks_2samp`: of small samples its own exact one, else the limit that it takes by default."""
    from scipy import stats  # a page that shows drift computes none

    n, m = reference.n, window.n
    if max(n, m) <= _EXACT_KS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # scipy says when counting fails and it takes the limit, as for Evidently
            return float(stats.ks_2samp(reference.values, window.values).pvalue)
    size = np.round(float(n) * float(m) / (float(n) + float(m)))
    return float(np.clip(stats.kstwo.sf(largest_gap(reference, window), size), 0, 1))


def effect(method: str, value: float, reference: Sample, window: Sample) -> float:
    """How far apart the samples are, for the minimum effect: the score itself, or else the distance that goes with it.

    A p-value says how sure, not how far; with a million rows everything is significant. So tests of numbers (and the energy distance)
    are measured by the Wasserstein distance in reference standard deviations, and tests of categories by the Jensen-Shannon distance.
    """
    if is_effect(method):
        return value
    numbers = "numerical" in METHODS[base_method(method)].kinds
    return score("wasserstein" if numbers else "jensenshannon", reference, window)


def judged(method: str, value: float, reference: Sample, window: Sample) -> float | None:
    """The number that is held against chance in the place of a score that says nothing; None where the score speaks for itself.

    Evidently's chi-square is 0 of any window with a category that the reference lacks (`judged_scores`); without one, 0 is so small a
    p-value that it is no other number.
    """
    if base_method(method) != "chisquare" or value > 0:
        return None
    before, after, _ = histograms(method, reference, window)
    if not np.any(after[before == 0]):
        return None
    return float(judged_scores(method, before[None], after[None])[0])


@dataclass(frozen=True, slots=True)
class EvidentlyVerdict:
    """What Evidently says of a column by its own default method and threshold; shown for comparison, decides nothing."""

    method: str
    value: float
    threshold: float
    drift: bool

    def to_dict(self) -> dict[str, Any]:
        """For a point's detail."""
        return {"method": self.method, "value": self.value, "threshold": self.threshold, "drift": self.drift}


def evidently_verdict(kind: str, reference: Sample, window: Sample, *,
                      known: tuple[str, float] | None = None) -> EvidentlyVerdict | None:  # fmt: skip
    """Evidently's default verdict; None where it has no value. Of text and time it is that of their length and age.

    `known` is a method and its score on these samples, which is not computed again. Its thresholds (0.7.23,
    legacy/calculations/stattests/): 0.1 for distances, 0.05 for p-values.
    """
    method = resolve_method("auto", kind, reference, window)
    if known is not None and known[0] == method:
        value = known[1]
    else:
        try:
            value = score(method, reference, window)
        except ValueError:
            return None
    distance = METHODS[base_method(method)].larger_is_drift
    threshold = _EVIDENTLY_DISTANCE if distance else _EVIDENTLY_P_VALUE
    return EvidentlyVerdict(method, value, threshold, value >= threshold if distance else value < threshold)
