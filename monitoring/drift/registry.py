"""Drift methods: what each one is, and how it is called where text or time is compared. Pure."""

from __future__ import annotations

__all__ = ["METHODS", "PREFIX", "DriftMethod", "base_method", "is_effect", "method_label"]

from dataclasses import dataclass
from typing import Literal

_NUMBERS = frozenset({"numerical"})
_CATEGORIES = frozenset({"categorical"})
_BOTH = _NUMBERS | _CATEGORIES
# Text and time have no distribution of their own that a method could compare: see `comparable`.
PREFIX = {"text": "length_", "datetime": "age_"}
_EVIDENTLY = "Evidently 0.7.23"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftMethod:
    """What one drift method is.

    `returns` says what the score is: a `distance` (larger is drift) or a `p_value` (smaller is drift). `null` says how its threshold
    is found: from `pairs` drawn from the reference, or `itself` where the method is a test of two samples whose p-value already
    counts the sampling error of both. `minimum_effect` is the score below which a difference is too small to name, and `sought_effect` one
    that a window must be able to show before its silence says anything; for p-value methods both are in units of `effect`. `most_rows`
    bounds both samples together where the method's cost grows too fast.
    """

    name: str
    label: str
    kinds: frozenset[str]
    returns: Literal["distance", "p_value"]
    null: Literal["pairs", "itself"]
    minimum_effect: float = 0.1
    sought_effect: float = 0.25
    description: str
    source: str = _EVIDENTLY
    most_rows: int | None = None

    @property
    def larger_is_drift(self) -> bool:
        """Whether drift raises the score."""
        return self.returns == "distance"


def _distance(name: str, label: str, kinds: frozenset[str], description: str, *, minimum_effect: float = 0.1) -> DriftMethod:
    return DriftMethod(name=name, label=label, kinds=kinds, returns="distance", null="pairs", minimum_effect=minimum_effect,
                       description=description)


def _test(name: str, label: str, kinds: frozenset[str], description: str, *, null: Literal["pairs", "itself"] = "itself",
          source: str = _EVIDENTLY, most_rows: int | None = None) -> DriftMethod:
    return DriftMethod(name=name, label=label, kinds=kinds, returns="p_value", null=null, description=description, source=source,
                       minimum_effect=0.1 if "numerical" in kinds else _MOVED, most_rows=most_rows)


# A normal distribution that moves by d standard deviations has a Wasserstein distance of d, and a Jensen-Shannon and a Hellinger distance
# of about d / √8: 0.05 there is a shift by 0.14, or 5 to 6 % of the rows in another category, where 0.1 would be twice that.
_MOVED = 0.05
# The minimum effect of 0.1 is Evidently's own default threshold of each distance; for PSI it is also the usual bound of "no change"
# (Siddiqi 2006, Credit Risk Scorecards). Row bounds: TVD permutes Python lists 1,000 times, empirical_mmd builds an n × n matrix.
METHODS: dict[str, DriftMethod] = {
    m.name: m
    for m in (
        _distance("wasserstein", "Wasserstein distance", _NUMBERS,
                  "Area between the two cumulative distributions, in standard deviations of the reference (at least 0.001)."),
        _distance("jensenshannon", "Jensen-Shannon distance", _BOTH,
                  "Square root of the mean divergence of both histograms from their average, in nats: 0 to 0.83.", minimum_effect=_MOVED),
        _distance("psi", "Population stability index", _BOTH,
                  "Sum over bins of the difference of shares times the log of their ratio; empty bins get a small share."),
        _distance("kl_div", "Kullback-Leibler divergence", _BOTH,
                  "Information lost when the window's histogram stands in for the reference's, in nats; empty bins get a small share."),
        _distance("hellinger", "Hellinger distance", _BOTH, "Square root of one minus the overlap of the two histograms: 0 to 1.",
                  minimum_effect=_MOVED),
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
    for prefix in PREFIX.values():
        if method.startswith(prefix):
            return method.removeprefix(prefix)
    return method


def method_label(method: str) -> str:
    """The method's name for people, with what was compared."""
    label = METHODS[base_method(method)].label
    if method.startswith("length_"):
        return f"{label} of text length"
    return f"{label} of age at prediction" if method.startswith("age_") else label


def is_effect(method: str) -> bool:
    """Whether the score is its own effect: a distance without a unit. Tests and the energy distance (a root of the unit) are not."""
    name = base_method(method)
    return METHODS[name].larger_is_drift and name != "ed"
