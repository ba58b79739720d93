"""The picture of a column from two samples: few bars that show where its values lie in the window and in the reference. Pure."""

from __future__ import annotations

__all__ = ["MOST_LABELS", "picture"]

import sys
from math import inf, isfinite, log2, sqrt, ulp

import numpy as np
import numpy.typing as npt

from monitoring.drift import METHODS, Sample, base_method
from monitoring.engine_jobs import Picture

Floats = npt.NDArray[np.float64]

MOST_LABELS = 30  # categories that a chart shows legibly; the rest count as one more bar
_OTHER = "(other)"
_LARGEST = sys.float_info.max


def picture(method: str, reference: Sample, window: Sample, *, nulls: int = 0, nulls_reference: int = 0) -> Picture:
    """The bars of a column that is compared by `method`, out of both samples, of which at least one has a value.

    Numbers are binned as Evidently's `ValueDrift` draws them, by Doane's rule over both samples (Doane 1976, "Aesthetic frequency
    classifications"), at most about forty bins for any number of rows. Where the method compares categories, each value is a bar: the
    `MOST_LABELS` with most rows in both samples, by rows and then by name, and "(other)" for the rest.
    """
    if "numerical" not in METHODS[base_method(method)].kinds or reference.numbers is None or window.numbers is None:
        labels, current, before = _categories(reference, window)
        return Picture(current=current, reference=before, labels=labels, nulls=nulls, nulls_reference=nulls_reference)
    edges = _edges(reference, window)
    return Picture(current=_counts(window.numbers, edges), reference=_counts(reference.numbers, edges), edges=tuple(edges.tolist()),
                   nulls=nulls, nulls_reference=nulls_reference)  # fmt: skip


def _categories(reference: Sample, window: Sample) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]:
    """Labels, and rows of the window and of the reference per label."""
    every = {value: window.counts.get(value, 0) + reference.counts.get(value, 0) for value in {**reference.counts, **window.counts}}
    ranked = sorted(every, key=lambda value: (-every[value], str(value)))
    kept = ranked if len(ranked) <= MOST_LABELS + 1 else ranked[:MOST_LABELS]
    labels = [str(value) for value in kept]
    current, before = ([sample.counts.get(value, 0) for value in kept] for sample in (window, reference))
    if len(kept) < len(ranked):
        labels.append(_other(labels))
        current.append(window.n - sum(current))
        before.append(reference.n - sum(before))
    return tuple(labels), tuple(current), tuple(before)


def _other(labels: list[str]) -> str:
    """A name for the rest that no category has."""
    name = _OTHER
    while name in labels:
        name = f"({name})"
    return name


def _counts(values: Floats, edges: Floats) -> tuple[int, ...]:
    """Rows per bin of sorted values, the last bin closed: what `np.histogram` counts, without sorting again."""
    places = np.append(np.searchsorted(values, edges[:-1], "left"), np.searchsorted(values, edges[-1], "right"))
    return tuple(np.diff(places).tolist())


def _edges(reference: Sample, window: Sample) -> Floats:
    """The edges of `np.histogram_bin_edges(both, "doane")`, from the extremes and moments that each sample keeps."""
    given = [sample.numbers for sample in (reference, window) if sample.numbers is not None and len(sample.numbers)]
    if not given:
        return np.array([0.0, 1.0])
    low, high = min(float(v[0]) for v in given), max(float(v[-1]) for v in given)
    if low == high:
        half = max(0.5, ulp(low))  # of large numbers even the neighbours lie further away
        return np.array([max(low - half, -_LARGEST), min(high + half, _LARGEST)])
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.linspace(low, high, _bins(reference, window) + 1)
    if not np.isfinite(edges).all():  # the range itself is no number: its two halves are
        return np.array([low, low / 2 + high / 2, high])
    return np.unique(edges)  # a range of few representable numbers has fewer bins


def _bins(reference: Sample, window: Sample) -> int:
    n = reference.n + window.n
    skewness = _skewness(reference, window)
    if n <= 2 or skewness is None:
        return 1
    spread = sqrt(6.0 * (n - 2) / ((n + 1.0) * (n + 3)))
    return int(np.ceil(1.0 + log2(n) + log2(1.0 + abs(skewness) / spread)))


def _skewness(reference: Sample, window: Sample) -> float | None:
    """Of both samples together (Chan, Golub & LeVeque 1979, merging moments); None where it is no number."""
    if not reference.n or not window.n:
        one = reference if reference.n else window
        n, (_, second, third) = one.n, one.moments
    else:
        (a, b), n = (reference.n, window.n), reference.n + window.n
        (mean_a, second_a, third_a), (mean_b, second_b, third_b) = reference.moments, window.moments
        apart = mean_b - mean_a
        second = second_a + second_b + apart * apart * a * b / n
        third = third_a + third_b + apart * apart * apart * a * b * (a - b) / n / n + 3 * apart * (a * second_b - b * second_a) / n
    if not (isfinite(second) and isfinite(third) and second > 0):
        return None
    spread = (second / n) ** 1.5
    found = (third / n) / spread if spread else inf  # of numbers that all but agree it may be smaller than any double
    return found if isfinite(found) else None
