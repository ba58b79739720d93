"""Performance, quality and traffic of many windows: CPU seconds beside scikit-learn's and Evidently's for the same windows.

Run: `python benchmarks/counts_at_scale.py [--rows N] [--features N] [--windows N] [--home DIR]`. Logs N predictions of a binary model with
labels, latencies and a reference into a temporary home (or uses the one given, and keeps it), then measures, each twice and the second
time counted: what a run of this version reads and computes for all windows; scikit-learn's and Evidently's metrics on the same labelled
rows, read beforehand, window by window (Evidently's preset on the first two windows, times their number). CPU seconds of all threads
(getrusage), how much the memory of this process grew at most (Linux), and how far the values lie apart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn import metrics as sk

from monitoring import ModelSchema, PredictionLogger
from monitoring.performance import Groups, measure_groups
from monitoring.windows import Window
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.memory import forget_the_peak, peak

_MODEL = "scale"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_AT_ONCE = 50_000
_EVIDENTLY = """
import os, sys, time
os.environ["DO_NOT_TRACK"] = "1"
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset
frames = [pd.read_parquet(path) for path in sys.argv[1:]]
task = BinaryClassification(target="label", prediction_labels="prediction", prediction_probas="score")
definition = DataDefinition(classification=[task], categorical_columns=["label", "prediction"], numerical_columns=["score"])
spent = []
for frame in frames[:1] + frames:  # the first one once more: it imports what is imported late
    began = time.process_time()
    Report([ClassificationPreset()]).run(Dataset.from_pandas(frame, data_definition=definition), None).dict()
    spent.append(time.process_time() - began)
print(sum(spent[1:]) / len(frames))
"""


def rows(n: int, features: int, first: int, total: int, windows: int) -> pd.DataFrame:
    """Rows `first` to `first + n` of a binary model's log: two thirds numbers, one third categories, some of them missing."""
    random = np.random.default_rng(first)
    hidden = random.normal(size=n)
    label = random.random(n) < 1 / (1 + np.exp(2 - 1.5 * hidden))
    score = 1 / (1 + np.exp(2.2 - 1.4 * hidden + random.normal(0, 0.3, n)))
    columns: dict[str, Any] = {"id": [f"{first + i:08d}" for i in range(n)],
                               "at": _START + (first + np.arange(n)) * (timedelta(days=windows) / total)}  # fmt: skip
    for number in range(features):
        if number % 3 == 2:
            columns[f"f{number}"] = np.array([f"v{i}" for i in range(12)], object)[random.integers(0, 12, n)]
        else:
            columns[f"f{number}"] = np.where(random.random(n) < 0.01, np.nan, random.normal(size=n))
    return pd.DataFrame(columns | {"prediction": (score > 0.3).astype(int), "score": score.round(4), "label": label.astype(int),
                                   "latency": random.lognormal(2, 0.5, n).round(3)})  # fmt: skip


def filled(home: Path, total: int, features: int, windows: int) -> None:
    """The log, collected; each window is a day."""
    kinds = {f"f{number}": "categorical" if number % 3 == 2 else "numerical" for number in range(features)}
    schema = ModelSchema.from_dict({"name": _MODEL, "version": "1", "task": "binary", "features": kinds, "positive_label": 1,
                                    "score": "score", "window": "1d"})  # fmt: skip
    with Store.open(Home(home)) as store, PredictionLogger(_MODEL, version="1", schema=schema, home=home, durability="memory") as log:
        collector = Collector(store)
        store.register_model(schema.to_dict())
        for first in range(0, total, _AT_ONCE):
            log.log_batch(rows(min(_AT_ONCE, total - first), features, first, total, windows), timestamp="at", id="id", label="label",
                          latency="latency")  # fmt: skip
            log.flush()
            collector.once()
        reference = rows(min(100_000, total), features, total, total, windows)
        table = pa.Table.from_pandas(reference.assign(prediction=reference.prediction.astype(str), label=reference.label.astype(str)))
        store.put_reference(_MODEL, table.drop_columns(["id", "at", "latency"]), "made")


def spent(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives and the CPU seconds of its second run."""
    work()
    began = process_time()
    return work(), process_time() - began


def ours(store: Store, windows: list[Window]) -> tuple[list[dict[Any, Any]], dict[str, float]]:
    """Performance of each window with its intervals, and CPU seconds by part."""
    found: dict[str, float] = {}
    _, found["traffic"] = spent(lambda: store.traffic(_MODEL, "1", windows))
    _, found["quality"] = spent(lambda: store.quality(_MODEL, "1", windows))
    read, found["performance: labelled rows read"] = spent(lambda: store.outcomes(_MODEL, "1", windows))
    groups = Groups.of_codes(read["@window"].to_numpy(), len(windows))
    values, found["performance: 14 metrics, intervals"] = spent(lambda: measure_groups(read, groups, task="binary", positive_label="1"))
    return values, found


def by_scikit_learn(label: np.ndarray, decision: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """The same metrics as far as scikit-learn has them; it has no intervals."""
    cells = sk.confusion_matrix(label, decision)
    return {
        "accuracy": sk.accuracy_score(label, decision), "precision": sk.precision_score(label, decision),
        "recall": sk.recall_score(label, decision), "f1": sk.f1_score(label, decision), "roc_auc": sk.roc_auc_score(label, score),
        "average_precision": sk.average_precision_score(label, score), "log_loss": sk.log_loss(label, score),
        "brier": sk.brier_score_loss(label, score), "true_positives": float(cells[1, 1]), "false_positives": float(cells[0, 1]),
        "true_negatives": float(cells[0, 0]), "false_negatives": float(cells[1, 0]),
    }  # fmt: skip


def by_evidently(frames: list[pd.DataFrame]) -> float:
    """CPU seconds of Evidently's ClassificationPreset per window, without its import."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for place, frame in enumerate(frames):
            paths.append(str(Path(folder) / f"{place}.parquet"))
            frame.to_parquet(paths[-1])
        told = subprocess.run([sys.executable, "-W", "ignore", "-c", _EVIDENTLY, *paths], check=True, capture_output=True, text=True)
    return float(told.stdout.strip().splitlines()[-1])


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        if not Home(home).database.exists():
            filled(home, given.rows, given.features, given.windows)
        windows = [Window(_START + timedelta(days=day), _START + timedelta(days=day + 1)) for day in range(given.windows)]
        forget_the_peak()
        before = peak()
        with Store.open(Home(home)) as store:
            values, parts = ours(store, windows)
            most = peak()
            read = store.outcomes(_MODEL, "1", windows)
    place = read["@window"].to_numpy()
    columns = [np.array(read[name].to_pylist(), int) for name in ("@label", "@prediction")] + [read["@score"].to_numpy()]
    arrays = [tuple(column[place == number] for column in columns) for number in range(len(windows))]
    theirs, sklearn = spent(lambda: [by_scikit_learn(*each) for each in arrays])
    apart = max(abs(mine[metric, ""].value - value) / max(1, abs(value))
                for mine, other in zip(values, theirs, strict=True) for metric, value in other.items())  # fmt: skip
    frames = [pd.DataFrame(dict(zip(("label", "prediction", "score"), each, strict=True))) for each in arrays[:2]]
    evidently = by_evidently(frames) * len(windows)
    _print(parts, sklearn, evidently, apart, (most - before) // 1024, (len(read), given.features, len(windows)))


def _print(parts: dict[str, float], sklearn: float, evidently: float, apart: float, megabytes: int, shape: tuple[int, int, int]) -> None:
    performance = sum(seconds for name, seconds in parts.items() if name.startswith("performance"))
    print(f"{shape[0]:,} rows × {shape[1]} features × {shape[2]} windows, CPU seconds for all windows; memory grew by {megabytes} MB\n")
    print("| work | CPU s | beside our performance |\n|---|---|---|")
    for name, seconds in parts.items():
        print(f"| {name} | {seconds:.2f} | |")
    for name, seconds in (("performance together", performance), ("scikit-learn, window by window, rows read beforehand", sklearn),
                          ("Evidently's ClassificationPreset, window by window", evidently)):  # fmt: skip
        print(f"| {name} | {seconds:.2f} | × {seconds / performance:.1f} |")
    print(f"\nLargest relative difference from scikit-learn: {apart:.1e}")


if __name__ == "__main__":
    main()
