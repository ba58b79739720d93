"""How the cost of a whole first run grows. Run: `python benchmarks/growth.py [--steps N]`.

One of rows a day, features, windows and models is doubled a few times while the others stay: printed are CPU seconds (this process and
Evidently's), windows, and the exponent b of seconds = a · size^b by least squares in logarithms, over all sizes and over the largest two:
1 is linear, less is a fixed cost that is shared, more would be trouble.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.growing import Measured, Running, log_days, register
from monitoring.evidently_worker import EvidentlyWorker
from storage.home import Home
from storage.store import Store

START = {"rows": 1_000, "features": 5, "days": 4, "models": 1}
_NAMES = {"rows": "rows a day", "features": "features", "days": "windows", "models": "models"}


def measure(worker: EvidentlyWorker, size: dict[str, int]) -> Measured:
    """A first run over a new home of this size."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Home(Path(folder))) as store:
        register(store, size["features"], size["models"])
        log_days(store, 0, size["days"], size["rows"], size["features"], size["models"])
        return Running(store, worker).run()


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """b of seconds = a · size^b."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main() -> None:
    """Print a table for each of the four."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=4, help="sizes of each, every one twice the one before")
    steps = asked.parse_args().steps
    logging.disable(logging.WARNING)
    with EvidentlyWorker() as worker:
        measure(worker, START)  # what is imported and computed once
        for what, name in _NAMES.items():
            print(f"\n{name:<12}{'windows':>10}{'CPU s':>10}{'ms a window':>14}   ({_others(what)})")
            sizes, seconds = [START[what] * 2**step for step in range(steps)], []
            for size in sizes:
                found = measure(worker, {**START, what: size})
                seconds.append(found.seconds)
                print(f"{size:<12,}{found.windows:>10}{found.seconds:>10.2f}{1000 * found.seconds / found.windows:>14.0f}", flush=True)
            print(f"exponent {exponent(sizes, seconds):.2f}; of the largest two {exponent(sizes[-2:], seconds[-2:]):.2f}")


def _others(what: str) -> str:
    return ", ".join(f"{value:,} {_NAMES[key]}" for key, value in START.items() if key != what)


if __name__ == "__main__":
    main()
