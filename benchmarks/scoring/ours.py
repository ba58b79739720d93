"""What we take: all windows of each column read at once, sorted or counted, and scored; beside merely fetching and sorting them."""

from __future__ import annotations

__all__ = ["Scored", "cpu", "floor", "median", "prepared", "score_all", "wide"]

import resource
import statistics
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.analysis.counts import together
from monitoring.drift import Sample, resolve_method, score
from monitoring.pictures import picture
from scoring.workload import REFERENCE, Load, column, windows
from storage.store import ColumnOfWindows, Store


@dataclass(frozen=True, slots=True)
class Scored:
    """CPU seconds, and the scores of the first window by column."""

    seconds: float
    first: dict[str, float]


def cpu() -> float:
    """CPU seconds of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def prepared(home: Path, load: Load) -> dict[str, Sample]:
    """The reference's columns, sorted; what scoring derives from them it derives with the first window."""
    table = pq.read_table(home / REFERENCE)
    return {name: Sample.of_column(table, name, kind) for name, kind in load.columns}


def score_all(store: Store, load: Load, references: dict[str, Sample], *, pictures: bool = False) -> Scored:
    """Every window of every column by Evidently's own choice of method; with the bars that a page draws where asked for. As many windows
    are read in one scan as a run reads."""
    first, start, each = dict[str, float](), cpu(), windows(load)
    for places in together(np.diff(_edges(load)).tolist()):
        with store.window_columns("m", "1", each[places.start : places.stop]) as columns:
            for found in columns.read(load.columns):
                scores = _score_column(found, references[found.name], dict(load.columns)[found.name], len(places), pictures=pictures)
                first.setdefault(found.name, scores[0])
    return Scored(cpu() - start, first)


def _score_column(found: ColumnOfWindows, reference: Sample, kind: str, count: int, *, pictures: bool) -> list[float]:
    scores = []
    for place in range(count):
        window = _sample(found, place)
        method = resolve_method("auto", kind, reference, window)
        scores.append(score(method, reference, window))
        if pictures:
            picture(method, reference, window)
    return scores


def _edges(load: Load) -> list[int]:
    """The row at which each window begins, and the number of all."""
    return [load.rows * place // load.windows for place in range(load.windows + 1)]


def _sample(found: ColumnOfWindows, place: int) -> Sample:
    if found.numbers is not None:
        return Sample(numbers=found.numbers[place])
    assert found.categories is not None
    return Sample(categories=found.categories[place])


def floor(store: Store, load: Load) -> float:
    """CPU seconds of fetching each column in a query of its own, and sorting the numbers of each window; categories are only fetched."""
    fields = {field["name"]: field["column"] for field in store.feature_columns("m")}
    edges = _edges(load)
    start = cpu()
    for name, kind in load.columns:
        values = store.select(f"SELECT {fields[name]} AS c FROM pred_000001 WHERE NOT duplicate AND version = '1'").column("c")
        if kind == "numerical":
            numbers = values.to_numpy()
            for low, high in pairwise(edges):
                np.sort(numbers[low:high])
    return cpu() - start


def wide(load: Load) -> dict[str, float]:
    """CPU seconds of making, sorting or counting, and scoring one column after the other, none of which is stored."""
    random, seconds = np.random.default_rng(3), {"made": 0.0, "sorted": 0.0, "scored": 0.0}
    edges = _edges(load)
    for place, (name, kind) in enumerate(load.columns):
        marks = [cpu()]
        table = pa.table({name: column(place, load.reference, random)})
        values = column(place, load.rows, random, 0.05)
        marks.append(cpu())
        reference = Sample.of_column(table, name, kind)
        samples = [Sample.of_column(pa.table({name: values[low:high]}), name, kind) for low, high in pairwise(edges)]
        marks.append(cpu())
        for window in samples:
            score(resolve_method("auto", kind, reference, window), reference, window)
        marks.append(cpu())
        for key, (before, after) in zip(seconds, pairwise(marks), strict=True):
            seconds[key] += after - before
    return seconds


def median(seconds: list[float]) -> float:
    """Of some rounds."""
    return statistics.median(seconds)
