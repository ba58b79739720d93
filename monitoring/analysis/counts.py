"""What is found of many windows at once: traffic, quality, what their labelled rows say of the model, and their drift, column by column."""

from __future__ import annotations

__all__ = ["Counted", "counted", "together"]

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.performance_points import measuring
from monitoring.analysis.weighing import Weighed, Weighing, weigh_windows
from monitoring.performance import Groups, Interval, Key, Measured, measure_groups
from monitoring.performance.timings import Timed, delay_quantiles, latency_intervals
from monitoring.planning import Due
from monitoring.profiles import label_delays_of
from monitoring.subject import Subject
from storage.store import Store

_AT_ONCE = 32  # windows read in one scan: many enough to be cheap, few enough that the first result comes soon
_MOST_ROWS = 1_000_000  # … and rows, about 300 bytes of memory each; a window with more has a scan of its own


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one window: its row of `Store.traffic`, its rows of `Store.quality`, its performance by (metric, column), the intervals of its
    latencies, the quantiles of its label delays, and its columns beside the reference. A window without rows has nothing; nor has one
    that was not read, because of its size (`refused` says so), or could not be (`failure` is what was raised)."""

    traffic: Mapping[str, Any] = field(default_factory=dict)
    quality: Sequence[Mapping[str, Any]] = ()
    performance: Mapping[Key, Measured] = field(default_factory=dict)
    latencies: Mapping[str, Interval | None] = field(default_factory=dict)
    delays: Mapping[str, Timed] = field(default_factory=dict)
    weighed: Mapping[str, Weighed] = field(default_factory=dict)
    refused: str = ""
    failure: Exception | None = None


def counted(store: Store, due: Sequence[Due], baseline: Callable[[str], Baseline | None],
            weighing: Callable[[Subject], Weighing | None], refusal: Callable[[Due], str]) -> Iterator[tuple[Due, Counted]]:  # fmt: skip
    """Each window, in order, with its counts; `baseline` gives a model's reference, `weighing` how its columns are compared with it, and
    `refusal` says before anything of a window is read why it is not (empty: it is). Nothing is raised: what fails is its window's."""
    for places in together([one.rows for one in due]):
        some = due[places.start : places.stop]
        by_version: dict[tuple[str, str], list[Due]] = defaultdict(list)
        counts: dict[int, Counted] = {}
        for one in some:
            if one.rows and not one.gone:
                counts[id(one)] = known = _refused(one, refusal)
                if not known.refused and known.failure is None:
                    by_version[one.subject.model, one.subject.version].append(one)
        for windows in by_version.values():
            counts |= zip(map(id, windows), _each(store, windows, baseline, weighing), strict=True)
        for one in some:
            yield one, counts.get(id(one), Counted())


def _refused(one: Due, refusal: Callable[[Due], str]) -> Counted:
    try:
        return Counted(refused=refusal(one))
    except Exception as error:
        return Counted(failure=error)


def _each(store: Store, due: Sequence[Due], baseline: Callable[[str], Baseline | None],
          weighing: Callable[[Subject], Weighing | None]) -> list[Counted]:  # fmt: skip
    """`_of_version`; where that fails, one window after the other, so that only those that cannot be counted have a `failure`."""
    try:
        return _of_version(store, due, baseline, weighing)
    except Exception as error:
        if len(due) == 1:
            return [Counted(failure=error)]
    return [_each(store, [one], baseline, weighing)[0] for one in due]


def together(rows: Sequence[int]) -> Iterator[range]:
    """The places of windows of so many rows each that are read in one scan: 32 windows or a million rows, unless a single one has more."""
    first = held = 0
    for place, here in enumerate(rows):
        if place > first and (place - first == _AT_ONCE or held + here > _MOST_ROWS):
            yield range(first, place)
            first, held = place, 0
        held += here
    if first < len(rows):
        yield range(first, len(rows))


def _of_version(store: Store, due: Sequence[Due], baseline: Callable[[str], Baseline | None],
                weighing: Callable[[Subject], Weighing | None]) -> list[Counted]:  # fmt: skip
    """The counts of some windows of one model's version."""
    subject, windows = due[0].subject, [one.window for one in due]
    traffic = store.traffic(subject.model, subject.version, windows).to_pylist()
    quality = store.quality(subject.model, subject.version, windows).to_pylist()
    each = len(quality) // len(windows)
    rows = store.outcomes(subject.model, subject.version, windows)
    groups = Groups.of_codes(rows["@window"].to_numpy(), len(windows))
    performance = measure_groups(rows, groups, **measuring(subject, baseline(subject.model)))
    latencies = latency_intervals(_floats(rows["@latency_ms"])[groups.rows], groups)
    delays = delay_quantiles(label_delays_of(rows)[groups.rows], groups)
    weighed = weigh_windows(store, weighing(subject), windows)
    return [Counted(traffic[place], quality[place * each : (place + 1) * each], performance[place], latencies[place], delays[place],
                    weighed[place]) for place in range(len(windows))]  # fmt: skip


def _floats(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(column.to_numpy(), float)
