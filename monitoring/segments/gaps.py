"""Gaps between a group and everybody else: how large, how sure, and whether they have grown since the reference. Pure."""

from __future__ import annotations

__all__ = ["MINIMUM_COUNTED", "MINIMUM_GROUP", "Gap", "Judged", "Sums", "judge", "measure_gap", "sums"]

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, hypot, sqrt
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

from monitoring.multiplicity import decide
from monitoring.verdicts import Status, percent

from .outcomes import Mask, Rate

_Z = NormalDist().inv_cdf(0.975)
MINIMUM_GROUP = 30  # rows of the group in the window: fewer say little, and a rate of a handful of people may tell about one of them
MINIMUM_COUNTED = 10  # rows a rate is over, in the group and in the rest; statistical offices suppress cells below ten or eleven
MINIMUM_GROWTH = 0.05  # five percentage points; of other units, this part of the mean size of the values in the reference


@dataclass(frozen=True, slots=True)
class Sums:
    """A rate over some rows: how many, their mean, and the sample variance of what they add."""

    n: int
    mean: float
    variance: float
    size: float

    @property
    def error(self) -> float:
        """Squared standard error of the mean."""
        return self.variance / self.n if self.n else 0.0

    def steadied(self) -> Sums:
        """One success and one failure more (Agresti & Caffo 2000): near 0 and 1 few rows show no variance, and are not that sure."""
        n = self.n + 2
        mean = (self.mean * self.n + 1) / n
        return Sums(n, mean, mean * (1 - mean), self.size)


def sums(rate: Rate, mask: Mask) -> Sums:
    """The rate over the rows of `mask`."""
    values = rate.values[rate.counts & mask]
    n = len(values)
    if not n:
        return Sums(0, 0.0, 0.0, 0.0)
    return Sums(n, float(values.mean()), float(values.var(ddof=1)) if n > 1 else 0.0, float(np.abs(values).mean()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The group's rate minus that of the rest, with its 95 % interval. Without a `value`, `reason` says what it was suppressed for.

    `growth` is the p-value that the gap is the reference's, None where that is not known; `beyond` that it is no larger than the limit
    that the model's file sets.
    """

    rate: Rate
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    method: str = ""
    group: Sums | None = None
    rest: Sums | None = None
    usual: float | None = None
    usual_n: int | None = None
    minimum: float = MINIMUM_GROWTH
    growth: float | None = None
    beyond: float | None = None
    limit: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A gap with its verdict: `drift` has grown since the reference, `warn` exceeds the limit."""

    gap: Gap
    status: Status
    reason: str


def measure_gap(rate: Rate, inside: Mask, outside: Mask, usual: tuple[Sums, Sums] | None, *, limit: float | None = None) -> Gap:
    """The gap between two groups of rows of a window, and the evidence on it. `usual` are both groups' rates in the reference.

    Shares have Newcombe's interval (1998, method 10), means Welch's. Growth is judged by the difference of both gaps over its standard
    error, of shares steadied as Agresti & Caffo do.
    """
    group, rest = sums(rate, inside), sums(rate, outside)
    few = _suppressed(rate, int(np.count_nonzero(inside)), group, rest)
    if few:
        return Gap(rate=rate, reason=few)
    lower, upper = _newcombe(group, rest) if rate.share else _welch(group, rest)
    gap = Gap(rate=rate, value=group.mean - rest.mean, lower=lower, upper=upper, method="newcombe" if rate.share else "welch",
              group=group, rest=rest, limit=limit, beyond=_beyond(rate, group, rest, limit))  # fmt: skip
    return _since_reference(gap, group, rest, usual) if usual else gap


def _suppressed(rate: Rate, rows: int, group: Sums, rest: Sums) -> str:
    if rows < MINIMUM_GROUP:
        return f"Suppressed: the group has fewer than {MINIMUM_GROUP} rows in the window."
    if group.n < MINIMUM_COUNTED:
        return f"Suppressed: the group has fewer than {MINIMUM_COUNTED} {rate.of} in the window."
    return "" if rest.n >= MINIMUM_COUNTED else f"Suppressed: outside the group there are fewer than {MINIMUM_COUNTED} {rate.of}."


def _newcombe(group: Sums, rest: Sums) -> tuple[float, float]:
    """Newcombe's method 10: the distances of both shares' Wilson intervals, squared and added."""
    (low, high), (others_low, others_high) = _wilson(group), _wilson(rest)
    difference = group.mean - rest.mean
    return (difference - hypot(group.mean - low, others_high - rest.mean), difference + hypot(high - group.mean, rest.mean - others_low))


def _wilson(part: Sums) -> tuple[float, float]:
    square = _Z**2 / part.n
    middle, half = (part.mean + square / 2) / (1 + square), sqrt(square * (part.mean * (1 - part.mean) + square / 4)) / (1 + square)
    return middle - half, middle + half


def _welch(group: Sums, rest: Sums) -> tuple[float, float]:
    both = group.error + rest.error
    if not both:
        return group.mean - rest.mean, group.mean - rest.mean
    freedom = both**2 / (group.error**2 / (group.n - 1) + rest.error**2 / (rest.n - 1))
    half = float(stdtrit(freedom, 0.975)) * sqrt(both)
    return group.mean - rest.mean - half, group.mean - rest.mean + half


def _since_reference(gap: Gap, group: Sums, rest: Sums, usual: tuple[Sums, Sums]) -> Gap:
    then, others = usual
    if min(then.n, others.n) < MINIMUM_COUNTED:
        return gap
    was = then.mean - others.mean
    parts = [part.steadied() if gap.rate.share else part for part in (group, rest, then, others)]
    error = sqrt(sum(part.error for part in parts))
    change = (parts[0].mean - parts[1].mean) - (parts[2].mean - parts[3].mean)
    grown = abs(group.mean - rest.mean) > abs(was)
    minimum = MINIMUM_GROWTH if gap.rate.share or gap.rate.metric == "calibration_gap" else MINIMUM_GROWTH * max(then.size, others.size)
    p_value = erfc(abs(change) / error / sqrt(2)) if error and grown else 1.0
    return Gap(rate=gap.rate, value=gap.value, lower=gap.lower, upper=gap.upper, method=gap.method, group=group, rest=rest, usual=was,
               usual_n=then.n, minimum=minimum, growth=p_value, beyond=gap.beyond, limit=gap.limit)  # fmt: skip


def _beyond(rate: Rate, group: Sums, rest: Sums, limit: float | None) -> float | None:
    """The p-value that the true gap is within the limit; shares and probabilities only, because a limit has one unit."""
    if limit is None or not (rate.share or rate.metric == "calibration_gap"):
        return None
    a, b = (part.steadied() if rate.share else part for part in (group, rest))
    error = hypot(sqrt(a.error), sqrt(b.error))
    return 0.5 * erfc((abs(a.mean - b.mean) - limit) / error / sqrt(2)) if error else float(abs(a.mean - b.mean) <= limit)


def judge(gaps: Sequence[Gap], *, share: float) -> list[Judged]:
    """Verdicts on all gaps of a window: at most `share` of windows name any although no gap has grown and none is past its limit."""
    tests = [(place, test) for place, gap in enumerate(gaps) for test in _tests(gap)]
    p_values, effects, least = ([getattr(test, name) for _, test in tests] for name in ("p_value", "effect", "minimum"))
    decision = decide(p_values, effects, least, share=share)
    named = {(place, test.status) for (place, test), yes in zip(tests, decision.named, strict=True) if yes}
    words = f"{len(tests):,} comparisons are judged together: without a change {percent(share)} of windows name any."
    return [_judged(gap, {status for status in ("warn", "drift") if (place, status) in named}, words) for place, gap in enumerate(gaps)]


@dataclass(frozen=True, slots=True)
class _Test:
    """One question about a gap: what it is if the answer is yes, how sure that is, how large, and how large it must be."""

    status: Status
    p_value: float
    effect: float
    minimum: float


def _tests(gap: Gap) -> list[_Test]:
    """Has it grown, and is it past the limit."""
    if gap.value is None:
        return []
    grown = [] if gap.growth is None else [_Test("drift", gap.growth, abs(gap.value - (gap.usual or 0.0)), gap.minimum)]
    past = [] if gap.beyond is None else [_Test("warn", gap.beyond, abs(gap.value), gap.limit or 0.0)]
    return grown + past


def _judged(gap: Gap, named: set[str], words: str) -> Judged:
    if gap.value is None:
        return Judged(gap, "insufficient_data", gap.reason)
    if gap.growth is None and gap.beyond is None:
        return Judged(gap, "ok", "Nothing to judge it by: the reference has too few labelled rows of this group, and no limit is set.")
    said = f"The gap of {gap.value:+.3g}"
    if "drift" in named:
        return Judged(gap, "drift", f"{said} has grown from {gap.usual:+.3g} in the reference (p = {gap.growth:.2g}). {words}")
    if "warn" in named:
        return Judged(gap, "warn", f"{said} is past the limit of {gap.limit:g} (p = {gap.beyond:.2g}). {words}")
    was = "" if gap.usual is None else f"; it was {gap.usual:+.3g} in the reference"
    return Judged(gap, "ok", f"{said} is within what chance and the minimum change explain{was}. {words}")
