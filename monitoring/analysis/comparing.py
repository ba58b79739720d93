"""A window's value against the reference's, with the sampling error of both."""

from __future__ import annotations

__all__ = ["judged"]

from dataclasses import replace

from monitoring.metrics import Direction
from monitoring.performance.intervals import Interval, beyond
from monitoring.verdicts import Verdict, judge_performance


def judged(value: float, interval: Interval, usual: float, usual_interval: Interval | None, direction: Direction, *, n: int,
           n_reference: int, minimum_loss: float = 0.05) -> Verdict:  # fmt: skip
    """`drift` or `warn` where `value` is worse than `usual` by more than both errors explain; see `verdicts.judge_performance`.

    The reference is a sample too: a segment of it may hold a handful of positives, and taking its value as exact would name every
    window , as a threshold from a window alone does for drift.
    """
    lower, upper = beyond(value, interval, usual, usual_interval)
    verdict = judge_performance(value, (lower, upper), usual, direction, n=n, minimum_loss=minimum_loss)
    if verdict.status not in {"warn", "drift"}:
        return verdict
    explained = upper - value if direction == "higher" else value - lower
    return replace(verdict, reason=(
        f"{value:.3g} is worse than the reference's {usual:.3g} by more than {explained:.3g}, what chance explains in 99.9 % of cases "
        f"({n:,} rows and {n_reference:,} of the reference)"
    ))
