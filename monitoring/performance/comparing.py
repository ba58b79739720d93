"""A window's value against the reference's, with the sampling error of both. Pure."""

from __future__ import annotations

__all__ = ["judged", "within"]

from dataclasses import replace
from math import inf
from statistics import NormalDist

from monitoring.metrics import Direction
from monitoring.performance.intervals import OUTER, Interval, beyond
from monitoring.verdicts import Verdict

_UNKNOWN = ("So few values ({n:,} in the window, {n_reference:,} in the reference) do not say how far a quantile this high can be from "
            "its own truth in 99.9 % of cases.")  # fmt: skip
_Z_OUTER = NormalDist().inv_cdf(0.5 + OUTER / 2)


def judged(value: float, interval: Interval, usual: float, usual_interval: Interval | None, direction: Direction, *, n: int,
           n_reference: int, minimum_loss: float = 0.05) -> Verdict:  # fmt: skip
    """Has a metric become worse than on the reference? `direction` says which way is better; without one there is no verdict.

    `drift` where `value` is worse than `usual` by more than both samples' 99.9 % errors explain (`intervals.beyond`) and by at least
    `minimum_loss` of `usual`; `warn` where it is worse by less than that. The reference is a sample too: a segment of it may hold a
    handful of positives, and taking its value as exact would name every window.

    `threshold` is the value from which on the window would be named. `p_value` is the chance of a loss this large or larger without a
    change, on the normal scale of these errors: below 0.0005, one side of 99.9 %, exactly where the window is named.
    """
    if direction == "none":
        return Verdict(status="ok")
    lower, upper = beyond(value, interval, usual, usual_interval)
    explained = upper - value if direction == "higher" else value - lower
    loss = usual - value if direction == "higher" else value - usual
    if explained == inf:  # an order statistic beyond its sample (`intervals.of_quantile`)
        return Verdict(status="insufficient_data", reason=_UNKNOWN.format(n=n, n_reference=n_reference))
    threshold = usual - explained if direction == "higher" else usual + explained
    p_value = NormalDist().cdf(-_Z_OUTER * loss / explained) if explained > 0 else None
    if loss <= explained:
        return Verdict(status="ok", threshold=threshold, p_value=p_value)
    return Verdict(status="drift" if loss >= minimum_loss * abs(usual) else "warn", threshold=threshold, p_value=p_value, reason=(
        f"{value:.3g} is worse than the reference's {usual:.3g} by more than {explained:.3g}, what chance explains in 99.9 % of cases "
        f"({n:,} rows and {n_reference:,} of the reference)"
    ))  # fmt: skip


def within(verdict: Verdict, bounds: tuple[float, float]) -> Verdict:
    """The verdict with its threshold inside what the metric can be: a share of less than nothing would be named where none is."""
    if verdict.threshold is None:
        return verdict
    return replace(verdict, threshold=min(max(verdict.threshold, bounds[0]), bounds[1]))
