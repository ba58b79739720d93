"""What measuring one metric gave."""

from __future__ import annotations

__all__ = ["MINIMUM_LABELLED", "MINIMUM_OF_CLASS", "MINIMUM_OF_SHARE", "Key", "Measured", "gathered", "nothing", "too_few"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.plain import counted

from .intervals import Floats, Interval, Intervals

Key = tuple[str, str]
"""(metric, column) as in `points`."""

MINIMUM_LABELLED = 30  # the usual floor for trusting a normal approximation of a mean; Hogg, Tanis & Zimmerman 2015, §5.6
MINIMUM_OF_CLASS = 10  # at least ten of the rarer outcome: the rule np ≥ 10 for proportions; Moore & McCabe 2012, §5.2

MINIMUM_OF_SHARE = 5  # a recall of three frauds jumps by a third with each; exact intervals carry a verdict from here on


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A value with its interval, or the reason why there is none.

    `n` counts what the value is a mean of: labelled rows, positive decisions (precision), positive labels (recall), users (ranking).
    `rows` are the labelled rows that went in. `scarce` says why the value carries no verdict although it is defined. `weighted` says
    that rows counted by their weights.
    """

    value: float | None = None
    reason: str | None = None
    interval: Interval | None = None
    n: int = 0
    rows: int = 0
    scarce: str | None = None
    weighted: bool = False


def too_few(n: int, noun: str, minimum: int, *, of: str = "") -> str | None:
    """Why `n` are not enough to judge by, or None where they are; `noun` is the singular, and `of` says which."""
    return None if n >= minimum else f"Only {counted(n, noun)}{of and ' '}{of}; {minimum} are needed to judge."


def nothing(reason: str, *, rows: int = 0) -> Measured:
    """A metric that is undefined here, and why."""
    return Measured(reason=reason, rows=rows)


def gathered(values: Floats, intervals: Intervals, *, n: npt.NDArray[np.generic], rows: npt.NDArray[np.generic],
             scarce: Sequence[str | None], weighted: npt.NDArray[np.bool_] | None = None) -> list[Measured]:  # fmt: skip
    """One metric of many groups: what each gave, from one entry per group."""
    flags = np.zeros(len(values), bool) if weighted is None else weighted
    each = zip(values.tolist(), n.tolist(), rows.tolist(), scarce, flags.tolist(), strict=True)
    return [Measured(value=value, interval=intervals.at(group), n=int(many), rows=int(all_), scarce=few, weighted=heavy)
            for group, (value, many, all_, few, heavy) in enumerate(each)]  # fmt: skip
