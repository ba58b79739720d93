"""What a run costs after the first one. Run: `python benchmarks/incremental.py [--days N --rows N … --features N --models N]`.

For each number of rows a day: CPU seconds (this process and Evidently's) and windows computed of the first run over all days, of a run
after one more day, after one late label, and of one with nothing new; then of nothing new with many models that have been computed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.growing import FIRST, LATER, Running, correct_label, log_days, register
from monitoring import runner
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.planning import CODE
from storage.home import Home
from storage.store import Store


def one_model(days: int, rows: int, features: int, worker: EvidentlyWorker) -> None:
    """Print the lines of one size."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Home(Path(folder))) as store:
        running = Running(store, worker)
        register(store, features)
        log_days(store, 0, days, rows, features)
        print(f"\n{days} days of {rows:,} predictions with {features} features{'windows':>24}{'CPU s':>12}")
        _line("first run", running)
        log_days(store, days, 1, rows, features)
        _line("one more day", running)
        correct_label(store, f"{days // 2}-{rows // 2}")
        _line("one label of an earlier day corrected", running)
        for _ in range(2):
            _line("nothing new", running)


def many_models(models: int, windows: int) -> None:
    """Nothing is due of so many models, each with so many computed windows."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Home(Path(folder))) as store:
        register(store, 4, models, reference=10)
        with store.writing() as cursor:
            cursor.execute(
                """
                INSERT INTO window_states
                SELECT 'model-' || m.range, '1', '1d', CAST($first AS TIMESTAMPTZ) + to_days(CAST(d.range AS INTEGER)),
                       CAST($first AS TIMESTAMPTZ) + to_days(CAST(d.range AS INTEGER) + 1), NULL, NULL, 'f', 'done', $first, 'r'
                FROM range($models) m, range($windows) d
                """,
                {"first": FIRST, "models": models, "windows": windows},
            )
            cursor.execute("INSERT INTO explained SELECT DISTINCT model, \"window\", $first FROM window_states", {"first": FIRST})
        for name in store.models():
            store.settle(name, window="", serial=store.count(name), code=CODE, since=LATER - timedelta(days=1), until=None)
        times = []
        for _ in range(5):
            began = process_time()
            assert runner.run(store, now=LATER).windows == 0
            times.append(process_time() - began)
        print(f"\nnothing new of {models} models × {windows} windows: {sorted(times)[2] * 1000:.0f} ms of CPU (median of 5)")


def _line(what: str, running: Running) -> None:
    found = running.run()
    print(f"  {what:<58}{found.windows:>16}{found.seconds:>12.3f}", flush=True)


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--days", type=int, default=30)
    asked.add_argument("--rows", type=int, nargs="*", default=[500, 5_000])
    asked.add_argument("--features", type=int, default=10)
    asked.add_argument("--models", type=int, default=800)
    asked.add_argument("--windows", type=int, default=365)
    options = asked.parse_args()
    logging.disable(logging.WARNING)
    with EvidentlyWorker() as worker:
        for rows in options.rows:
            one_model(options.days, rows, options.features, worker)
    many_models(options.models, options.windows)


if __name__ == "__main__":
    main()
