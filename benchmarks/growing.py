"""Homes of any size for the benchmarks of runs, and what a run of them costs, Evidently's process included."""

from __future__ import annotations

__all__ = ["Measured", "Running", "correct_label", "log_days", "reference_rows", "register"]

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring import ModelSchema, PredictionLogger, runner
from monitoring.evidently_worker import EvidentlyWorker
from storage.collector import Collector
from storage.store import Store

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 9, 1, tzinfo=UTC)  # the clock of every run: all windows are over and their labels due
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """A run: CPU seconds of this process and of Evidently's, and the windows that it computed."""

    seconds: float
    windows: int


class Running:
    """Runs over one home with one Evidently process, which is started before anything is measured."""

    def __init__(self, store: Store, worker: EvidentlyWorker) -> None:
        self._store, self._worker = store, worker
        worker.warm()

    def run(self) -> Measured:
        """Compute what is due."""
        began, theirs = process_time(), self._theirs()
        done = runner.run(self._store, workers=(self._worker,), jobs=1, now=LATER)
        return Measured(process_time() - began + self._theirs() - theirs, done.windows)

    def _theirs(self) -> float:
        fields = Path(f"/proc/{self._worker.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS  # utime, stime: proc(5)


def register(store: Store, features: int, models: int = 1, reference: int = 2_000) -> None:
    """Models `model-0` … with a reference."""
    for number in range(models):
        schema = _schema(number, features)
        store.register_model(schema.to_dict())
        store.put_reference(f"model-{number}", reference_rows(np.random.default_rng(1), reference, features), "reference.parquet")


def log_days(store: Store, first: int, days: int, rows: int, features: int, models: int = 1) -> None:
    """`rows` predictions on each of so many days, with their labels, through the log into the database."""
    for number in range(models):
        logger = PredictionLogger(f"model-{number}", version="1", schema=_schema(number, features), home=store.home.path)
        for day in range(first, first + days):
            moments = [FIRST + timedelta(days=day, seconds=86_000 * row / rows) for row in range(rows)]
            table = reference_rows(np.random.default_rng(day + 2), rows, features).append_column("at", pa.array(moments))
            table = table.append_column("key", pa.array([f"{day}-{row}" for row in range(rows)]))
            logger.log_batch(table, timestamp="at", id="key")
        logger.close()
    Collector(store).once()


def correct_label(store: Store, identity: str) -> None:
    """Another ground truth of one prediction of the first model."""
    rows = store.frame("model-0", "1", columns=["@id", "@label"]).to_pylist()
    known = next(row["@label"] for row in rows if row["@id"] == identity)
    logger = PredictionLogger("model-0", version="1", home=store.home.path)
    logger.ground_truth(identity, 1 - int(known))
    logger.close()
    Collector(store).once()


def _schema(number: int, features: int) -> ModelSchema:
    said: dict[str, Any] = {
        "name": f"model-{number}", "version": "1", "task": "binary", "positive_label": 1, "window": "1d", "timestamp": "at", "id": "key",
        "prediction": "decision", "score": "risk", "label": "truth", "label_delay": "1d",
        "features": {f"f{place}": "categorical" if place % 4 == 3 else "numerical" for place in range(features)},
    }  # fmt: skip
    return ModelSchema.from_dict(said)


def reference_rows(random: np.random.Generator, rows: int, features: int) -> pa.Table:
    """Rows without time or id, as logged ones are made of too."""
    risk = random.random(rows)
    columns: dict[str, Any] = {
        f"f{place}": random.choice(np.array(["a", "b", "c"]), rows) if place % 4 == 3 else random.normal(size=rows)
        for place in range(features)
    }
    return pa.table({**columns, "risk": risk, "decision": (risk > 0.5).astype(int), "truth": (random.random(rows) < risk).astype(int)})
