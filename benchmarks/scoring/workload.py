"""Rows to score: numbers of four shapes, categories of three sizes, later windows drifting a little; in a home, or in Parquet."""

from __future__ import annotations

__all__ = ["KINDS", "REFERENCE", "SPEC", "Load", "column", "fill", "for_peers", "windows"]

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.windows import Window
from storage.home import Home
from storage.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
REFERENCE = "reference.parquet"
_BLOCK = 20_000_000  # values inserted at once
_MOMENT = pa.timestamp("us", tz="UTC")
KINDS = ("numerical", "numerical", "categorical", "numerical", "numerical", "categorical")  # a third are categories
_WORDS = (3, 12, 50)


@dataclass(frozen=True, slots=True)
class Load:
    """How many rows over how many daily windows, how many features, and how many rows in the reference."""

    rows: int
    features: int
    windows: int
    reference: int

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Name and kind of each feature."""
        return [(f"f{place:04d}", KINDS[place % len(KINDS)]) for place in range(self.features)]


def SPEC(load: Load) -> dict[str, Any]:  # noqa: N802 – reads as the constant that it is for one load
    """The model's description."""
    return {"name": "m", "version": "1", "task": "binary", "positive_label": 1, "features": dict(load.columns), "window": "1d"}


def windows(load: Load) -> list[Window]:
    """The daily windows."""
    return [Window(START + DAY * place, START + DAY * (place + 1)) for place in range(load.windows)]


def column(place: int, n: int, random: np.random.Generator, drift: float = 0.0) -> np.ndarray | pa.Array:
    """n values of the feature with this number; `drift` is a shift in standard deviations, or so."""
    kind = place % len(KINDS)
    if KINDS[kind] == "categorical":
        words = _WORDS[place // len(KINDS) % len(_WORDS)]
        weights = np.arange(1, words + 1) ** (1.0 + drift)
        codes = np.searchsorted(np.cumsum(weights / weights.sum())[:-1], random.random(n)).astype(np.int32)
        return pa.DictionaryArray.from_arrays(codes, [f"word-{number}" for number in range(words)]).cast(pa.string())
    values = random.standard_normal(n) + drift
    if kind in (1, 3):
        values = np.exp(values)
    return values if kind < 2 else np.floor(values * 40) if kind == 3 else np.round(values, 2)


def _block(load: Load, first: int, last: int, random: np.random.Generator) -> dict[str, Any]:
    drift = 0.05 * first / load.rows
    return {name: column(place, last - first, random, drift) for place, (name, _) in enumerate(load.columns)}


def _blocks(load: Load) -> Iterator[tuple[int, int, dict[str, Any]]]:
    random, size = np.random.default_rng(1), max(_BLOCK // max(load.features, 1), 1_000)
    for first in range(0, load.rows, size):
        last = min(first + size, load.rows)
        yield first, last, _block(load, first, last, random)


def _times(load: Load, first: int, last: int) -> pa.Array:
    step = load.windows * 86_400_000_000 // load.rows
    return pa.array(np.arange(first, last) * step + int(START.timestamp() * 1e6), pa.int64()).cast(_MOMENT)


def reference(load: Load) -> pa.Table:
    """The rows that windows are compared with."""
    return pa.table(_block(load, 0, load.reference, np.random.default_rng(2)))


def fill(path: Path, load: Load) -> None:
    """A home whose database holds the rows as a collector would have put them there, and the reference as a file beside it."""
    with Store.open(Home(path)) as store:
        store.register_model(SPEC(load))
        columns = {field["name"]: field["column"] for field in store.feature_columns("m")}
        for first, last, block in _blocks(load):
            times = _times(load, first, last)
            rows = pa.table({"i": np.arange(first, last), "t": times, **{columns[name]: values for name, values in block.items()}})
            names = ", ".join(columns.values())
            with store.writing() as cursor:
                cursor.register("block", rows)
                cursor.execute(f"INSERT INTO pred_000001 (version, id, t, written_at, n, duplicate, content, {names}) "
                               f"SELECT '1', 'p' || i, t, t, i, false, hash(i), {names} FROM block")  # fmt: skip
                cursor.unregister("block")
    pq.write_table(reference(load), path / REFERENCE)


def for_peers(path: Path, load: Load, most: int | None = None) -> Path:
    """The same rows with their times as one Parquet file, of the first `most` windows only."""
    file, rows = path / f"rows-{most or 'all'}.parquet", load.rows if most is None else -(-load.rows * most // load.windows)
    writer = None
    for first, last, block in _blocks(load):
        table = pa.table({"t": _times(load, first, last), **block})
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table.slice(0, max(rows - first, 0)))
        if last >= rows:
            break
    assert writer is not None
    writer.close()
    return file
