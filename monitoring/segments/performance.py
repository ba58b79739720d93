"""Performance of segments: all metrics of all segments of a window judged together. Pure."""

from __future__ import annotations

__all__ = ["EACH", "judge_together"]

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

from monitoring.multiplicity import decide
from monitoring.verdicts import Verdict, percent

EACH = 0.0005  # of one metric of all rows, without a change: the bad side of 99.9 %
_NAMED = frozenset({"warn", "drift"})


def judge_together(verdicts: Sequence[Verdict], usual: Sequence[float | None], *, metrics: int) -> list[Verdict]:
    """The verdicts on all metrics of all segments, so that without a change as few windows name any of them as name any metric of all rows.

    `verdicts` are what each would be by itself, `usual` the reference's values, `metrics` how many different ones there are. One that is
    named by itself is named here too if Benjamini and Hochberg's rule names it among all; thresholds move as normal quantiles do.
    """
    family = [verdict.p_value for verdict in verdicts if verdict.p_value is not None]
    if not family:
        return list(verdicts)
    share = metrics * EACH
    decision = decide(family, share=share)
    further = NormalDist().inv_cdf(min(decision.level, EACH)) / NormalDist().inv_cdf(EACH)
    said = (f"; among {len(family):,} metrics of segments judged together that is no surprise: without a change at most {percent(share)} "
            "of windows name any")  # fmt: skip
    found, named = [], iter(decision.named)
    for verdict, known in zip(verdicts, usual, strict=True):
        if verdict.p_value is not None:
            if not next(named) and verdict.status in _NAMED:
                verdict = replace(verdict, status="ok", reason=verdict.reason + said)
            if verdict.threshold is not None and known is not None:
                verdict = replace(verdict, threshold=known + (verdict.threshold - known) * further)
        found.append(verdict)
    return found
