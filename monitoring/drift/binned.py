"""Scores of histograms, and the histograms that Evidently 0.7.23 would make of two samples. Pure."""

from __future__ import annotations

__all__ = ["binned_score", "binned_scores", "histograms", "judged_scores"]

import numpy as np
import numpy.typing as npt
from scipy import special

from monitoring.drift.registry import METHODS, base_method
from monitoring.drift.samples import Floats, Sample, distinct_of_both


def histograms(method: str, reference: Sample, window: Sample) -> tuple[Floats, Floats, Floats | None]:
    """Counts per bin of both samples as Evidently bins them, and the bins' edges (None where each distinct value is a bin).

    Numbers are binned by `np.histogram_bin_edges(…, "sturges")` over both samples if the reference has more than 20 distinct values;
    hellinger bins always, and over the distinct values of both. Distinct values are in ascending order for `z`. Raises ValueError
    where numpy finds the range too narrow, or too wide, to be cut.
    """
    name = base_method(method)
    if reference.numbers is None or window.numbers is None:
        return *_categories(reference, window, in_order=name == "z"), None
    if name == "hellinger" or (reference.distinct > 20 and METHODS[name].returns == "distance"):
        edges = _edges(reference, window, distinct=name == "hellinger")
        return _counts(reference, edges), _counts(window, edges), edges
    values = np.union1d(reference.distinct_values, window.distinct_values)
    return _spread(reference, values), _spread(window, values), None


def binned_score(method: str, reference: Sample, window: Sample) -> float:
    """The score of two samples' histograms."""
    a, b, edges = histograms(method, reference, window)
    if edges is not None and base_method(method) == "hellinger":
        return _hellinger_of_densities(a, b, edges)
    return float(binned_scores(method, a[None], b[None])[0])


def _hellinger_of_densities(a: Floats, b: Floats, edges: Floats) -> float:
    """Evidently multiplies densities by the bins' mean width: another number than that of shares where rounding makes widths differ."""
    widths = np.diff(edges)
    with np.errstate(over="ignore", invalid="ignore"):
        densities = np.sqrt((a / widths / a.sum()) * (b / widths / b.sum()))
        overlap = float(np.sum(densities * ((edges[-1] - edges[0]) / len(widths))))
    return float(np.sqrt(1 - np.clip(overlap, 0, 1)))


def _categories(reference: Sample, window: Sample, *, in_order: bool) -> tuple[Floats, Floats]:
    """Counts per category of both; those of the window alone come last, unless the order matters."""
    places, counts = reference.ordered_categories
    if in_order:
        keys = sorted(reference.counts.keys() | window.counts.keys())
        return np.array([reference.counts.get(k, 0) for k in keys], float), np.array([window.counts.get(k, 0) for k in keys], float)
    new = sorted(window.counts.keys() - places.keys())
    windows = np.zeros(len(places) + len(new))
    for name, count in window.counts.items():
        if name in places:
            windows[places[name]] = count
    windows[len(places) :] = [window.counts[name] for name in new]
    return np.append(counts, np.zeros(len(new))), windows


def _spread(sample: Sample, values: Floats) -> Floats:
    """The sample's counts of these values, which hold all of its own."""
    counts = np.zeros(len(values))
    counts[np.searchsorted(values, sample.distinct_values)] = sample.distinct_counts
    return counts


def _edges(reference: Sample, window: Sample, *, distinct: bool) -> Floats:
    """`np.histogram_bin_edges(both, "sturges")` of the values, or of the distinct ones: only their range and their number matter."""
    low, high = min(reference.values[0], window.values[0]), max(reference.values[-1], window.values[-1])
    if not distinct:
        bins = _sturges(low, high, reference.n + window.n)
    else:
        least, most = max(reference.distinct, window.distinct), reference.distinct + window.distinct
        bins = _sturges(low, high, least)
        if bins != _sturges(low, high, most):  # only then it matters how many values they share
            bins = _sturges(low, high, distinct_of_both(reference, window))
    return np.histogram_bin_edges(np.array([low, high]), bins)


def _sturges(low: float, high: float, n: int) -> int:
    """The number of bins in numpy's own arithmetic (2.x, lib/_histograms_impl.py: `_hist_bin_sturges`, `_get_bin_edges`)."""
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.float64(high - low) / (np.log2(n) + 1.0)
        bins = np.ceil((high - low) / width) if width else 1.0
    if not np.isfinite(bins):
        raise ValueError("The values lie too far apart to be binned.")
    return int(bins)


def _counts(sample: Sample, edges: Floats) -> Floats:
    """`np.histogram(sample, edges)`: bins are half-open but for the last."""
    places = np.append(np.searchsorted(sample.values, edges[:-1], "left"), np.searchsorted(sample.values, edges[-1], "right"))
    return np.diff(places).astype(np.float64)


def binned_scores(method: str, reference: Floats, window: Floats) -> Floats:
    """Scores of pairs of histograms: rows are pairs, columns are bins (for `z` in the order of the categories)."""
    p = reference / reference.sum(axis=1, keepdims=True)
    q = window / window.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _BINNED[base_method(method)](p, q, reference, window)


def judged_scores(method: str, reference: Floats, window: Floats) -> Floats:
    """What the scores of pairs of histograms are judged by: themselves, but for Evidently's chi-square.

    That is 0, certainty, for any window with a category that the reference lacks, be it of one row. It is judged as if the reference
    had one row of all that it lacks, which changes nothing where it lacks nothing.
    """
    if base_method(method) != "chisquare":
        return binned_scores(method, reference, window)
    known = reference > 0
    n, m = reference.sum(axis=1), window.sum(axis=1)
    p, q = reference / n[:, None], window / m[:, None]
    new = np.where(known, 0, q).sum(axis=1)
    terms = np.where(known, (q - p) ** 2 / np.where(known, p, 1), 0).sum(axis=1) + np.where(new > 0, (new - 1 / n) ** 2 * n, 0)
    freedom = known.sum(axis=1) + (new > 0) - 1
    return np.where(freedom > 0, special.chdtrc(np.maximum(freedom, 1), m * terms), 1.0)


def _fill(shares: Floats) -> Floats:
    """Evidently's small share for an empty bin: 0.0001, or a millionth of the smallest share if that is not above 0.0001."""
    least = np.where(shares > 0, shares, np.inf).min(axis=1, keepdims=True)
    return np.where(shares > 0, shares, np.where(least <= 0.0001, least / 1e6, 0.0001))


def _psi(p: Floats, q: Floats, _r: Floats, _w: Floats) -> Floats:
    p, q = _fill(p), _fill(q)
    return np.asarray(np.sum((p - q) * np.log(p / q), axis=1))


def _kl_div(p: Floats, q: Floats, _r: Floats, _w: Floats) -> Floats:
    p, q = _fill(p), _fill(q)
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    return np.asarray(special.rel_entr(p, q).sum(axis=1))


def _jensenshannon(p: Floats, q: Floats, _r: Floats, _w: Floats) -> Floats:
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    m = (p + q) / 2
    divergence = special.rel_entr(p, m).sum(axis=1) + special.rel_entr(q, m).sum(axis=1)
    distance: Floats = np.sqrt(np.maximum(divergence, 0) / 2)
    return distance


def _hellinger(p: Floats, q: Floats, _r: Floats, _w: Floats) -> Floats:
    distance: Floats = np.sqrt(1 - np.clip(np.sqrt(p * q).sum(axis=1), 0, 1))
    return distance


def _chisquare(p: Floats, q: Floats, _r: Floats, window: Floats) -> Floats:
    present = (p > 0) | (q > 0)
    n = window.sum(axis=1)
    terms = np.where(present, (q - p) ** 2 / np.where(p > 0, p, 0), 0)
    return _p_of_chi2(n * terms.sum(axis=1), present)


def _chisquare_contingency(p: Floats, q: Floats, reference: Floats, window: Floats) -> Floats:
    """Pearson's test of a 2 × k table without continuity correction (Agresti 2013, Categorical Data Analysis, 3.2)."""
    both, n, m = reference + window, reference.sum(axis=1), window.sum(axis=1)
    terms = np.where(both > 0, (p - q) ** 2 / np.where(both > 0, both, 1), 0)
    return _p_of_chi2(n * m * terms.sum(axis=1), both > 0)


def _p_of_chi2(statistic: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    freedom = present.sum(axis=1) - 1
    return np.where(freedom > 0, special.chdtrc(np.maximum(freedom, 1), statistic), 1.0)


def _z(p: Floats, q: Floats, reference: Floats, window: Floats) -> Floats:
    """The first category that either sample has against all others."""
    first = np.argmax((reference + window) > 0, axis=1)[:, None]
    a, b = 1 - np.take_along_axis(p, first, 1)[:, 0], 1 - np.take_along_axis(q, first, 1)[:, 0]
    n, m = reference.sum(axis=1), window.sum(axis=1)
    pooled = (a * n + b * m) / (n + m)
    z = (a - b) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return np.where(np.isnan(z), 1.0, 2 * (1 - special.ndtr(np.abs(z))))


_BINNED = {
    "psi": _psi,
    "kl_div": _kl_div,
    "jensenshannon": _jensenshannon,
    "hellinger": _hellinger,
    "chisquare": _chisquare,
    "chisquare_contingency": _chisquare_contingency,
    "z": _z,
}
