"""Slices that a search names: how often the interval of their gap holds the gap that the slice has in the population."""

from __future__ import annotations

__all__ = ["SLICES"]

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product

import numpy as np
import pyarrow as pa

from benchmarks.covering.populations import Key, Population
from monitoring import ModelSchema
from monitoring.analysis.labels import Labels
from monitoring.analysis.search_points import add_worst_slices
from monitoring.findings import Findings
from monitoring.performance import Measured
from monitoring.performance.found import nothing
from monitoring.performance.intervals import Interval
from monitoring.segments.naming import conditions
from monitoring.subject import Subject
from monitoring.windows import Window

_VALUES = {"site": "abcd", "drug": "xyz", "sex": "fm"}
_START = datetime(2026, 3, 2, tzinfo=UTC)
_WINDOW = Window(_START, _START + timedelta(days=1))
_COMMON = {"model": "m", "version": "1", "window_start": _WINDOW.start, "window_end": _WINDOW.end, "window": "1d", "partial": False,
           "computed_at": _WINDOW.end, "run": "r"}  # fmt: skip


def _subject(task: str) -> Subject:
    positive = {"positive_label": 1} if task == "binary" else {}
    described = {"task": task, "features": {"score": "numerical"}, "segments": list(_VALUES), **positive}
    return Subject("m", "1", ModelSchema.from_dict(described))


def decisions(random: np.random.Generator, n: int, *, worse: float) -> pa.Table:
    """Four times n calls, a quarter of them at site b: one decision in ten is wrong, there the share `worse` more."""
    rows = _rows(random, 4 * n)
    label = random.random(4 * n) < 0.5
    wrong = random.random(4 * n) < 0.1 + worse * (rows["site"] == "b")
    return pa.table(rows | {"@label": np.where(label, "1", "0"), "@prediction": np.where(label ^ wrong, "1", "0")})


def estimates(random: np.random.Generator, n: int, *, worse: float) -> pa.Table:
    """The same with exponential errors of 0.1 on average, there `worse` more."""
    rows = _rows(random, 4 * n)
    return pa.table(rows | {"@label": np.zeros(4 * n), "@prediction": random.exponential(0.1 + worse * (rows["site"] == "b"))})


def _rows(random: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    day = random.integers(1 << 40)  # the search halves the rows by their ids, which no two windows share
    drawn = {name: random.choice(list(values), n) for name, values in _VALUES.items()}
    return drawn | {"score": np.zeros(n), "@id": np.array([f"{day}-{place}" for place in range(n)])}


def named(frame: pa.Table, *, task: str, worse: float) -> dict[Key, Measured]:
    """The gap of the surest slice less its gap in the population, so that the interval has to hold zero; nothing where none is named."""
    found = Findings(_COMMON, rows=frame.num_rows, labelled=frame.num_rows, n_reference=None)
    labels = Labels.of(frame, _WINDOW, timedelta(0), _WINDOW.end + timedelta(days=9))
    add_worst_slices(found, _subject(task), frame, labels, None)
    slices = [point for point in found.table().to_pylist() if point["metric"] == "slice_loss_gap"]
    if not slices:
        return {("slice_loss_gap", ""): nothing("no slice is named")}
    first = slices[0]
    true = _gap(first["segment"], worse)
    lower, upper = first["lower"] - true, first["upper"] - true
    return {("slice_loss_gap", ""): Measured(value=first["value"] - true, n=first["n"], rows=frame.num_rows,
                                             interval=Interval(lower, upper, lower, upper, "holdout"))}  # fmt: skip


def _gap(segment: str, worse: float) -> float:
    """Mean loss within the slice less that outside; all combinations of values are equally frequent."""
    where = conditions(segment)
    cells = [dict(zip(_VALUES, values, strict=True)) for values in product(*_VALUES.values())]
    inside = [all(cell[column] == value for column, value in where) for cell in cells]
    loss = np.array([0.1 + worse * (cell["site"] == "b") for cell in cells])
    return float(loss[np.array(inside)].mean() - loss[~np.array(inside)].mean())


def _slices(name: str, draw: Callable[..., pa.Table], task: str, worse: float) -> Population:
    return Population(name, partial(draw, worse=worse), {"task": task, "worse": worse}, large=1_000, measured=named)


SLICES = (
    _slices("a slice plainly worse, decisions", decisions, "binary", 0.4),
    _slices("a slice worse, decisions", decisions, "binary", 0.15),
    _slices("a slice plainly worse, errors", estimates, "regression", 0.2),
    _slices("a slice worse, errors", estimates, "regression", 0.05),
)
