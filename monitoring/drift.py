"""Drift methods: what each one is, and scores equal to Evidently 0.7.23's from counts and sorted columns. Pure.

Evidently computes the scores of `points`; the functions here compute the same numbers (to 1e-9, see tests/unit/test_drift*.py) fast
enough to draw thousands of pairs for a null (`verdicts`). Nulls, NaN and ±Inf are dropped per column before either sees them.
"""

from __future__ import annotations

__all__ = [
    "METHODS",
    "DriftMethod",
    "EvidentlyVerdict",
    "Sample",
    "base_method",
    "binned_scores",
    "comparable",
    "effect",
    "evidently_verdict",
    "histograms",
    "is_effect",
    "method_label",
    "resolve_method",
    "score",
    "why_not",
]

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special, stats

Floats = npt.NDArray[np.float64]
_NUMBERS = frozenset({"numerical"})
_CATEGORIES = frozenset({"categorical"})
_BOTH = _NUMBERS | _CATEGORIES
# Text and time have no distribution of their own that a method could compare: see `comparable`.
_PREFIX = {"text": "length_", "datetime": "age_"}
_EVIDENTLY = "Evidently 0.7.23"
_EVIDENTLY_DISTANCE, _EVIDENTLY_P_VALUE = 0.1, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftMethod:
    """What one drift method is.

    `returns` says what the score is: a `distance` (larger is drift) or a `p_value` (smaller is drift). `null` says how its threshold
    is found: from `pairs` drawn from the reference, or `itself` where the method is a test of two samples whose p-value already
    counts the sampling error of both. `minimum_effect` is the score below which a difference is too small to name; for p-value methods
    it is in units of `effect`. `most_rows` bounds both samples together where the method's cost grows too fast.
    """

    name: str
    label: str
    kinds: frozenset[str]
    returns: Literal["distance", "p_value"]
    null: Literal["pairs", "itself"]
    minimum_effect: float = 0.1
    description: str
    source: str = _EVIDENTLY
    most_rows: int | None = None

    @property
    def larger_is_drift(self) -> bool:
        """Whether drift raises the score."""
        return self.returns == "distance"


def _distance(name: str, label: str, kinds: frozenset[str], description: str) -> DriftMethod:
    return DriftMethod(name=name, label=label, kinds=kinds, returns="distance", null="pairs", description=description)


def _test(name: str, label: str, kinds: frozenset[str], description: str, *, null: Literal["pairs", "itself"] = "itself",
          source: str = _EVIDENTLY, most_rows: int | None = None) -> DriftMethod:
    return DriftMethod(name=name, label=label, kinds=kinds, returns="p_value", null=null, description=description, source=source,
                       most_rows=most_rows)


# The minimum effect of 0.1 is Evidently's own default threshold of each distance; for PSI it is also the usual bound of "no change"
# (Siddiqi 2006, Credit Risk Scorecards). Row bounds: TVD permutes Python lists 1,000 times, empirical_mmd builds an n × n matrix.
METHODS: dict[str, DriftMethod] = {
    m.name: m
    for m in (
        _distance("wasserstein", "Wasserstein distance", _NUMBERS,
                  "Area between the two cumulative distributions, in standard deviations of the reference (at least 0.001)."),
        _distance("jensenshannon", "Jensen-Shannon distance", _BOTH,
                  "Square root of the mean divergence of both histograms from their average, in nats: 0 to 0.83."),
        _distance("psi", "Population stability index", _BOTH,
                  "Sum over bins of the difference of shares times the log of their ratio; empty bins get a small share."),
        _distance("kl_div", "Kullback-Leibler divergence", _BOTH,
                  "Information lost when the window's histogram stands in for the reference's, in nats; empty bins get a small share."),
        _distance("hellinger", "Hellinger distance", _BOTH, "Square root of one minus the overlap of the two histograms: 0 to 1."),
        _distance("ed", "Energy distance", _NUMBERS,
                  "Root of twice the integrated squared difference of the cumulative distributions, in roots of the column's unit."),
        _test("ks", "Kolmogorov-Smirnov", _NUMBERS, "p-value of the largest difference of the two cumulative distributions."),
        _test("anderson", "Anderson-Darling", _NUMBERS, "p-value of the k-sample Anderson-Darling test, cut off at 0.001 and 0.25."),
        _test("cramer_von_mises", "Cramér-von Mises", _NUMBERS, "p-value of the integrated squared difference of ranks."),
        _test("es", "Epps-Singleton", _NUMBERS, "p-value of the difference of empirical characteristic functions."),
        _test("mannw", "Mann-Whitney U", _NUMBERS, "p-value that neither sample tends to be larger."),
        _test("t_test", "t-test", _NUMBERS, "p-value of equal means."),
        _test("empirical_mmd", "Maximum mean discrepancy", _NUMBERS, "p-value of a kernel two-sample test with 100 permutations.",
              most_rows=4_000),
        _test("chisquare", "Chi-square", _CATEGORIES, "p-value of the window's counts, taking the reference's shares as exact.",
              null="pairs"),
        _test("chisquare_contingency", "Chi-square (contingency)", _CATEGORIES,
              "p-value of both samples' counts as one contingency table: counts the reference's sampling error too.", source="driftboard",
              null="pairs"),
        _test("z", "Z-test of proportions", _CATEGORIES, "p-value of equal shares of the first category.", null="pairs"),
        _test("fisher_exact", "Fisher's exact test", _CATEGORIES, "Exact p-value for two categories; needs samples of the same size."),
        _test("g_test", "G-test", _CATEGORIES, "p-value of the likelihood ratio of counts; needs samples of the same size."),
        _test("TVD", "Total variation distance", _CATEGORIES, "p-value of the total variation distance by 1,000 permutations.",
              most_rows=20_000),
    )
}


def base_method(method: str) -> str:
    """The name in `METHODS` that a point's method rests on: `length_ks` → `ks`."""
    for prefix in _PREFIX.values():
        if method.startswith(prefix):
            return method.removeprefix(prefix)
    return method


def method_label(method: str) -> str:
    """The method's name for people, with what was compared."""
    label = METHODS[base_method(method)].label
    if method.startswith("length_"):
        return f"{label} of text length"
    return f"{label} of age at prediction" if method.startswith("age_") else label


def comparable(table: pa.Table, name: str, kind: str) -> pa.Array:
    """A column of a window or reference as numbers or categories, null where it cannot be compared; one value per row.

    Numbers stay (NaN and ±Inf become null) and categories stay. A text is compared by its length in characters. A datetime is
    compared by its age in seconds at the prediction (`@t` minus the value), because calendar time itself always moves on; without
    `@t` nothing is comparable. docs/decisions/drift-of-text-and-time.md says why.
    """
    column = table.column(name).combine_chunks() if name in table.column_names else pa.nulls(table.num_rows)
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0)
    if kind == "text":
        column = pc.utf8_length(column.cast(pa.string())).cast(pa.float64())
    elif kind == "datetime":
        column = _age(table, column)
    elif kind == "categorical":
        return column.cast(pa.string())
    numbers = column.cast(pa.float64())
    return pc.if_else(pc.fill_null(pc.is_finite(numbers), False), numbers, pa.scalar(None, pa.float64()))


def _age(table: pa.Table, column: pa.Array) -> pa.Array:
    if "@t" not in table.column_names:
        return pa.nulls(len(column), pa.float64())
    moment = pa.timestamp("us", tz="UTC")
    times = pc.cast(table.column("@t"), moment).cast(pa.int64())
    age = pc.subtract(times, pc.cast(column, moment).cast(pa.int64())).cast(pa.float64())
    age = pc.divide(age, 1e6)
    return age.combine_chunks() if isinstance(age, pa.ChunkedArray) else age


@dataclass(frozen=True)
class Sample:
    """The usable values of one column: `numbers` sorted (numerical), or `counts` by category. Nulls are gone."""

    numbers: Floats | None = None
    categories: Mapping[str, int] | None = None

    @classmethod
    def of(cls, values: pa.Array) -> Sample:
        """From what `comparable` returns: doubles or strings."""
        values = values.drop_null()
        if pa.types.is_string(values.type):
            return cls(categories={str(p["values"]): p["counts"] for p in values.value_counts().to_pylist()})
        return cls(numbers=np.sort(values.to_numpy(zero_copy_only=False).astype(np.float64)))

    @classmethod
    def of_column(cls, table: pa.Table, name: str, kind: str) -> Sample:
        """From a table in the shape of `Store.frame`."""
        return cls.of(comparable(table, name, kind))

    @cached_property
    def counts(self) -> Mapping[Any, int]:
        """Rows per distinct value."""
        if self.categories is not None:
            return self.categories
        values, counts = np.unique(self._numbers, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))

    @cached_property
    def distinct(self) -> int:
        """How many distinct values there are."""
        if self.categories is not None:
            return len(self.categories)
        return int(np.count_nonzero(np.diff(self._numbers)) + 1) if self.n else 0

    @cached_property
    def std(self) -> float:
        """Population standard deviation."""
        return float(np.std(self._numbers))

    @cached_property
    def moments(self) -> tuple[float, float, float]:
        """The mean, and the sums of the second and third powers of the distances from it; not finite where they are too large."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.mean(self._numbers))
            apart = self._numbers - mean
            square = apart * apart
            return mean, float(square.sum()), float((square * apart).sum())

    @property
    def n(self) -> int:
        """How many values there are."""
        return sum(self.categories.values()) if self.categories is not None else len(self._numbers)

    @property
    def _numbers(self) -> Floats:
        assert self.numbers is not None, "categories have no numbers"
        return self.numbers


def resolve_method(method: str, kind: str, reference: Sample, window: Sample) -> str:
    """The method by name: `auto` becomes what Evidently would choose, and text and datetime columns get their prefix.

    Evidently's rule (0.7.23, legacy/calculations/stattests/registry.py): a reference of at most 1,000 rows is tested (z for up to two
    distinct values in both samples together, chi-square for categories and for numbers with up to five, else KS); a larger one is
    measured (Jensen-Shannon for categories and for numbers with up to five distinct values, else Wasserstein).
    """
    prefix = _PREFIX.get(kind, "")
    if method != "auto":
        return prefix + base_method(method)
    if prefix:
        return prefix + ("ks" if reference.n <= 1000 else "wasserstein")
    few = len(reference.counts.keys() | window.counts.keys()) if kind == "categorical" or reference.distinct <= 5 else 6
    if reference.n > 1000:
        return "jensenshannon" if kind == "categorical" or few <= 5 else "wasserstein"
    if few <= 2:
        return "z"
    return "chisquare" if kind == "categorical" or few <= 5 else "ks"


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
    keys = len(reference.counts.keys() | window.counts.keys()) if name in ("chisquare", "chisquare_contingency", "fisher_exact") else 2
    if name == "fisher_exact" and keys > 2:
        return f"fisher_exact compares two categories; there are {keys}."
    if name in ("chisquare", "chisquare_contingency") and keys < 2:
        return f"{name} compares the shares of categories; there is only one."
    return None


def histograms(method: str, reference: Sample, window: Sample) -> tuple[Floats, Floats, Floats | None]:
    """Counts per bin of both samples as Evidently bins them, and the bins' edges (None where each distinct value is a bin).

    Numbers are binned by `np.histogram_bin_edges(…, "sturges")` over both samples if the reference has more than 20 distinct values;
    hellinger bins always, and over the distinct values of both.
    """
    name = base_method(method)
    numeric = reference.numbers is not None and window.numbers is not None
    if numeric and (name == "hellinger" or (reference.distinct > 20 and METHODS[name].returns == "distance")):
        both = np.concatenate([reference._numbers, window._numbers])
        edges = np.histogram_bin_edges(np.unique(both) if name == "hellinger" else both, bins="sturges")
        return _counts(reference, edges), _counts(window, edges), edges
    keys = sorted(reference.counts.keys() | window.counts.keys())
    return (np.array([reference.counts.get(k, 0) for k in keys], float), np.array([window.counts.get(k, 0) for k in keys], float), None)


def _counts(sample: Sample, edges: Floats) -> Floats:
    return np.histogram(sample._numbers, edges)[0].astype(np.float64)


def binned_scores(method: str, reference: Floats, window: Floats) -> Floats:
    """Scores of pairs of histograms: rows are pairs, columns are bins (for `z` in the order of the categories)."""
    p = reference / reference.sum(axis=1, keepdims=True)
    q = window / window.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _BINNED[base_method(method)](p, q, reference, window)


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


def _areas(reference: Sample, window: Sample) -> tuple[Floats, Floats]:
    """Differences of the two cumulative distributions, and the lengths on which they hold."""
    a, b = reference._numbers, window._numbers
    grid = np.sort(np.concatenate([a, b]), kind="mergesort")
    steps = np.diff(grid)
    return np.searchsorted(a, grid[:-1], "right") / len(a) - np.searchsorted(b, grid[:-1], "right") / len(b), steps


def score(method: str, reference: Sample, window: Sample) -> float:
    """The method's score, equal to Evidently's to 1e-9. ValueError where it has none (see `why_not`) or is computed by Evidently only."""
    reason = why_not(method, reference, window)
    if reason is not None:
        raise ValueError(reason)
    name = base_method(method)
    if name in ("wasserstein", "ed"):
        difference, steps = _areas(reference, window)
        if name == "ed":
            return float(np.sqrt(2 * np.sum(difference**2 * steps)))
        return float(np.sum(np.abs(difference) * steps)) / max(reference.std, 0.001)
    if name == "ks":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # scipy says when it takes the asymptotic p-value, as it does for Evidently
            return float(stats.ks_2samp(reference._numbers, window._numbers).pvalue)
    if name not in _BINNED:
        raise ValueError(f"{name} is computed by Evidently only.")
    a, b, _ = histograms(name, reference, window)
    return float(binned_scores(name, a[None], b[None])[0])


def is_effect(method: str) -> bool:
    """Whether the score is its own effect: a distance without a unit. Tests and the energy distance (a root of the unit) are not."""
    name = base_method(method)
    return METHODS[name].larger_is_drift and name != "ed"


def effect(method: str, value: float, reference: Sample, window: Sample) -> float:
    """How far apart the samples are, for the minimum effect: the score itself, or else the distance that goes with it.

    A p-value says how sure, not how far; with a million rows everything is significant. So tests of numbers (and the energy distance)
    are measured by the Wasserstein distance in reference standard deviations, and tests of categories by the Jensen-Shannon distance.
    """
    if is_effect(method):
        return value
    numbers = "numerical" in METHODS[base_method(method)].kinds
    return score("wasserstein" if numbers else "jensenshannon", reference, window)


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


def evidently_verdict(kind: str, reference: Sample, window: Sample) -> EvidentlyVerdict | None:
    """Evidently's default verdict; None where it has no value. Of text and time it is that of their length and age.

    Its thresholds (0.7.23, legacy/calculations/stattests/): 0.1 for distances, 0.05 for p-values.
    """
    method = resolve_method("auto", kind, reference, window)
    if why_not(method, reference, window) is not None:
        return None
    value, distance = score(method, reference, window), METHODS[base_method(method)].larger_is_drift
    threshold = _EVIDENTLY_DISTANCE if distance else _EVIDENTLY_P_VALUE
    return EvidentlyVerdict(method, value, threshold, value >= threshold if distance else value < threshold)
