"""What drift scores cost, ours and others': `python benchmarks/drift_scores.py [--rows N] [--features N] [--windows N] [--no-peers]`.

Fills a home with rows of a third categories and two thirds numbers over daily windows, and prints CPU seconds (user and system, all
threads), as ratios to ours too, of the drift scores of all windows and features by Evidently's default methods:

- ours: read from the database column by column, sorted, scored; with the bars of a page; and the floor, fetching and sorting alone. They
  take turns for some rounds, and medians are printed;
- Evidently's `ValueDrift` per column and its `DataDriftPreset`, of `--measured` windows, one after the other, scaled to all of them;
- NannyML's univariate drift of all windows at once, in its pinned environment.

The largest difference between our scores and Evidently's of the first window is printed beside, and the peak memory of a process that
scores and does nothing else, in which DuckDB may keep `--cache` of the file. `--growth 250000,1000000,…` scores homes of those sizes
and fits how time grows with rows.
`--shape wide` makes, sorts and scores columns one after the other without storing any: for very many of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from peers.environment import python_of
from scoring import ours
from scoring.workload import Load, fill, for_peers

from storage.home import Home
from storage.store import Store, _database
from tests.memory import forget_the_peak, peak

_QUIET = {"OPENBLAS_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}  # one BLAS thread, no telemetry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument("--reference", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measured", type=int, default=2, help="windows that Evidently is measured on")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--growth", default="", help="numbers of rows, separated by commas")
    parser.add_argument("--shape", choices=("tall", "wide"), default="tall")
    parser.add_argument("--cache", default="512MB", help="what DuckDB may keep of the file in memory where peak memory is measured")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)  # a home to score once in this process, for its peak memory
    given = parser.parse_args()
    load = Load(given.rows, given.features, given.windows, given.reference)
    if given.alone:
        print(json.dumps(_alone(given.alone, load, given.cache)))
    elif given.shape == "wide":
        _wide(load)
    elif given.growth:
        _growth([Load(int(rows), given.features, given.windows, given.reference) for rows in given.growth.split(",")], given.cache)
    else:
        _tall(load, given.rounds, 0 if given.no_peers else min(given.measured, given.windows), given.cache)


def _tall(load: Load, rounds: int, measured: int, cache: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(home, load)
        alone = _in_a_process_of_its_own(home, load, cache)
        seconds: dict[str, list[float]] = {"ours": [], "floor": [], "pictures": []}
        with Store.open(Home(home)) as store:
            references = ours.prepared(home, load)
            first = ours.score_all(store, load, references).first
            for _ in range(rounds):
                seconds["ours"].append(ours.score_all(store, load, references).seconds)
                seconds["floor"].append(ours.floor(store, load))
                seconds["pictures"].append(ours.score_all(store, load, references, pictures=True).seconds)
        rows = {"ours, scores only": ours.median(seconds["ours"]), "floor: fetch and sort": ours.median(seconds["floor"]),
                "ours, scores and the bars of a page": ours.median(seconds["pictures"])}  # fmt: skip
        differences = ""
        if measured:
            peers = _peers(home, load, measured)
            theirs = peers.pop("scores")
            rows |= peers
            largest = max(abs(first[name] - theirs[name]) for name in first)
            differences = f"\nLargest difference from Evidently's scores of the first window: {largest:.1e}."
        _table(load, rows)
        print(f"\nPeak memory of a process that scores: {alone['peak']:.0f} MiB, and {alone['before']:.0f} before it began; DuckDB may "
              f"keep {cache} of the file.{differences}")  # fmt: skip


def _table(load: Load, rows: dict[str, float]) -> None:
    print(f"{load.rows:,} rows × {load.features} features × {load.windows} windows, reference {load.reference:,} rows\n")
    print("| | CPU seconds | times ours |\n|---|---:|---:|")
    for name, seconds in rows.items():
        print(f"| {name} | {seconds:.2f} | {seconds / rows['ours, scores only']:.2f} |")


def _peers(home: Path, load: Load, measured: int) -> dict[str, Any]:
    found = _peer(Path(sys.executable), "evidently", home, for_peers(home, load, measured), measured, load)
    rows: dict[str, Any] = {f"Evidently `ValueDrift` per window ({measured} measured, scaled)": found["value_drift"],
                            f"Evidently `DataDriftPreset` per window ({measured} measured, scaled)": found["preset"]}  # fmt: skip
    rows["scores"] = found["scores"]
    found = _peer(python_of("nannyml"), "nannyml", home, for_peers(home, load), load.windows, load)
    for method in ("wasserstein", "jensen_shannon"):
        rows[f"NannyML, {method} and jensen_shannon, without fitting"] = found[method]
        rows[f"NannyML, {method} and jensen_shannon, fitting"] = found[f"{method}_fit"]
    return rows


def _peer(python: Path, peer: str, home: Path, file: Path, windows: int, load: Load) -> dict[str, Any]:
    script, environment = Path(__file__).parent / "scoring" / "peers.py", {**os.environ, **_QUIET}
    command = [str(python), str(script), peer, str(home), str(file), str(windows), str(load.windows)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found


def _in_a_process_of_its_own(home: Path, load: Load, cache: str) -> dict[str, float]:
    shape = ["--rows", load.rows, "--features", load.features, "--windows", load.windows, "--reference", load.reference,
             "--cache", cache]  # fmt: skip
    command = [sys.executable, __file__, "--alone", str(home), *map(str, shape)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def _alone(home: Path, load: Load, cache: str) -> dict[str, float]:
    """Scores once. DuckDB would keep the whole file in memory where there is room, which says nothing of what scoring needs."""
    _database.SETTINGS = (*_database.SETTINGS, f"SET memory_limit = '{cache}'")
    with Store.open(Home(home)) as store:
        references = ours.prepared(home, load)
        forget_the_peak()
        before = peak() / 1024
        seconds = ours.score_all(store, load, references).seconds
        return {"seconds": seconds, "before": before, "peak": peak() / 1024}


def _growth(loads: list[Load], cache: str) -> None:
    print(f"{loads[0].features} features × {loads[0].windows} windows, reference {loads[0].reference:,} rows\n")
    print("| rows | CPU seconds | peak memory, MiB |\n|---:|---:|---:|")
    seconds = []
    for load in loads:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder) / "home", load)
            _in_a_process_of_its_own(Path(folder) / "home", load, cache)  # the files are in memory, as they were for the first
            found = _in_a_process_of_its_own(Path(folder) / "home", load, cache)
        seconds.append(found["seconds"])
        print(f"| {load.rows:,} | {found['seconds']:.2f} | {found['peak']:.0f} |", flush=True)
    exponent = np.polyfit(np.log([load.rows for load in loads]), np.log(seconds), 1)[0]
    print(f"\nTime grows with the rows to the power of {exponent:.2f}.")


def _wide(load: Load) -> None:
    start = monotonic()
    seconds = ours.wide(load)
    print(f"{load.rows:,} rows × {load.features:,} columns × {load.windows} windows, reference {load.reference:,} rows, nothing stored\n")
    print("| CPU seconds | |\n|---|---:|")
    for name, label in (("made", "making the values"), ("sorted", "sorting and counting"), ("scored", "scoring")):
        print(f"| {label} | {seconds[name]:.1f} |")
    print(f"\n{(monotonic() - start) / 60:.1f} minutes by the clock, peak memory {peak() / 1024:.0f} MiB.")


if __name__ == "__main__":
    main()
