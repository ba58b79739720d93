"""Distributions of one column: histograms in bins that all windows share, quantiles, statistics."""

from __future__ import annotations

__all__ = ["Binning", "binning", "distribution", "latencies", "popularity"]

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .rows import Row, row

Floats = npt.NDArray[np.float64]

OTHER = "(other)"
_BINS = 28  # between the outermost two, 30 in all: what a chart 600 px wide shows without aliasing
_TRIM = 0.005  # the tails that go into the open bins, so that one outlier does not squeeze the rest into one bar
_CATEGORIES = 20
_QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
_LATENCY_EDGES = np.geomspace(0.01, 1e6, 81)  # ms, ten bins per decade from 10 µs to 17 minutes, the same for every model and window


@dataclass(frozen=True, slots=True)
class Binning:
    """The bins of one column, from its reference: `edges` (numbers) or `labels` (categories), and the reference's own rows.

    The first and last bin of numbers are open: whatever lies beyond counts there.
    """

    edges: Floats | None
    labels: tuple[str, ...]
    seen: frozenset[str]  # every category of the reference
    rows: tuple[Row, ...]


def binning(column: str, values: pa.Array, *, series: str = "reference") -> Binning:
    """Bins from these values (doubles or strings, nulls for missing) and the rows that describe them."""
    present = values.drop_null()
    if pa.types.is_string(values.type):
        counts = Counter(present.to_pylist())
        labels = tuple(sorted(counts, key=lambda label: (-counts[label], label))[:_CATEGORIES])
        rows = _category_rows(column, series, counts, labels) + _statistics(column, series, values)
        return Binning(None, labels, frozenset(counts), tuple(rows))
    edges = _edges(np.asarray(present.to_numpy(zero_copy_only=False), float))
    return Binning(edges, (), frozenset(), tuple(_number_rows(column, series, values, edges) + _statistics(column, series, values)))


def distribution(column: str, values: pa.Array, bins: Binning | None) -> list[Row]:
    """Rows of the reference (where there is one) and of the window, in the same bins.

    A category that the reference does not have stands with its own name and a reference share of 0; beyond twenty such they are "(other)".
    """
    if bins is None:
        return list(binning(column, values, series="current").rows)
    if bins.edges is not None:
        return [*bins.rows, *_number_rows(column, "current", values, bins.edges), *_statistics(column, "current", values)]
    counts = Counter(values.drop_null().to_pylist())
    new = sorted(set(counts) - bins.seen, key=lambda label: (-counts[label], label))[:_CATEGORIES]
    absent = [row("histogram", column=column, series="reference", label=label, value=0.0, n=0) for label in new]
    rows = _category_rows(column, "current", counts, (*bins.labels, *new))
    return [*bins.rows, *absent, *rows, *_statistics(column, "current", values)]


def latencies(values: pa.Array) -> list[Row]:
    """Calls per latency bin (value and n: calls; x, x_end: ms), ten bins per decade, empty ones left out at both ends."""
    present = np.asarray(values.drop_null().to_numpy(zero_copy_only=False), float)
    counts = np.histogram(np.clip(present, _LATENCY_EDGES[0], _LATENCY_EDGES[-1]), _LATENCY_EDGES)[0]
    filled = np.flatnonzero(counts)
    if not len(filled):
        return []
    return [
        row("latency_histogram", x=_LATENCY_EDGES[i], x_end=_LATENCY_EDGES[i + 1], value=float(counts[i]), n=counts[i])
        for i in range(filled[0], filled[-1] + 1)
    ]


def popularity(items: list[str], reference: Mapping[str, float] | None) -> list[Row]:
    """The twenty items with most rows: x is the place, value the share of the window's rows; and their shares in the reference."""
    counts = Counter(items)
    top = sorted(counts, key=lambda item: (-counts[item], item))[:_CATEGORIES]
    rows = [
        row("popularity", x=place, label=item, value=counts[item] / len(items), n=counts[item])
        for place, item in enumerate(top, 1)
    ]
    if reference:
        rows += [row("popularity", series="reference", x=p, label=item, value=reference.get(item, 0.0)) for p, item in enumerate(top, 1)]
    return rows


def _edges(values: Floats) -> Floats:
    """Edges of the bins: midway between distinct values where these are few, else equal widths between the trimmed ends."""
    if not len(values):
        return np.array([0.0, 1.0])
    distinct = np.unique(values)
    if len(distinct) == 1:
        return np.array([distinct[0] - 0.5, distinct[0] + 0.5])
    if len(distinct) <= _BINS + 2:
        middles = (distinct[1:] + distinct[:-1]) / 2
        return np.asarray(np.r_[distinct[0] - (middles[0] - distinct[0]), middles, distinct[-1] + (distinct[-1] - middles[-1])])
    low, high = np.quantile(values, [_TRIM, 1 - _TRIM])
    if not high > low:  # nearly all values are one: trimming leaves nothing to divide
        low, high = distinct[0], distinct[-1]
    width = (high - low) / _BINS
    return np.linspace(low - width, high + width, _BINS + 3)


def _number_rows(column: str, series: str, values: pa.Array, edges: Floats) -> list[Row]:
    present = np.asarray(values.drop_null().to_numpy(zero_copy_only=False), float)
    if not len(present):
        return []
    counts = np.bincount(np.searchsorted(edges[1:-1], present, side="right"), minlength=len(edges) - 1)
    last = len(counts) - 1
    rows = []
    for i, count in enumerate(counts):
        label = "" if len(counts) == 1 or 0 < i < last else f"< {edges[1]:.6g}" if i == 0 else f"≥ {edges[-2]:.6g}"
        where = {"x": edges[i], "x_end": edges[i + 1], "label": label}
        rows.append(row("histogram", column=column, series=series, value=count / len(present), n=count, **where))
    shares = np.quantile(present, list(_QUANTILES.values()))
    for name, share in zip(_QUANTILES, shares, strict=True):
        rows.append(row("quantiles", column=column, series=series, label=name, value=share, n=len(present)))
    return rows


def _category_rows(column: str, series: str, counts: Mapping[str, int], labels: tuple[str, ...]) -> list[Row]:
    total = sum(counts.values())
    if not total:
        return []
    bars = {label: counts.get(label, 0) for label in labels}
    if rest := total - sum(bars.values()):
        bars[OTHER] = rest
    return [row("histogram", column=column, series=series, label=label, value=n / total, n=n) for label, n in bars.items()]


def _statistics(column: str, series: str, values: pa.Array) -> list[Row]:
    present = values.drop_null()
    said: dict[str, float] = {"unique": pc.count_distinct(present).as_py()}
    if len(values):
        said["missing"] = values.null_count / len(values)
    if len(present) and not pa.types.is_string(values.type):
        numbers = np.asarray(present.to_numpy(zero_copy_only=False), float)
        with np.errstate(over="ignore"):  # the spread of 1e300 and -1e300 is no number; it is left out below
            said |= {"mean": numbers.mean(), "std": numbers.std(), "min": numbers.min(), "max": numbers.max()}
    finite = {label: value for label, value in sorted(said.items()) if isfinite(value)}
    return [row("statistics", column=column, series=series, label=label, value=value, n=len(present)) for label, value in finite.items()]
