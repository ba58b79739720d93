"""CPU of a verdict per feature and window once its null is known, and of a new null. Run: `python benchmarks/verdict_cost.py`.

Known: threshold, power, score, effect, p-value and verdict from sorted samples; sorting the window's column is shown beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pyarrow as pa

from monitoring.drift import Sample, effect, score
from monitoring.drift_nulls import NullCache
from monitoring.engine_jobs import Score
from monitoring.verdicts import Verdict, calibrate, judge_drift

_METHODS = {"numerical": ("wasserstein", "ks", "jensenshannon", "psi"), "categorical": ("jensenshannon", "chisquare_contingency")}


def verdict(method: str, reference: Sample, window: Sample, cache: NullCache) -> Verdict:
    """Everything that is done for a feature of a window."""
    given = calibrate(method, reference, window.n, key="benchmark", cache=cache)
    value = score(method, reference, window)
    scored = Score(value=value, effect=effect(method, value, reference, window), method=method, n=window.n, n_reference=reference.n)
    return judge_drift(scored, given)


def milliseconds(do: Callable[[], object], times: int) -> float:
    """CPU of one call, the median of five rounds."""
    rounds = []
    for _ in range(5):
        began = process_time()
        for _ in range(times):
            do()
        rounds.append((process_time() - began) / times * 1e3)
    return float(np.median(rounds))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    random = np.random.default_rng(1)
    print("| method | window | reference | known null, ms | sorting or counting, ms | new null, ms |\n|---|---|---|---|---|---|")
    for kind, methods in _METHODS.items():
        for n, n_reference in ((500, 5_000), (5_000, 20_000), (50_000, 100_000)):
            words = np.array([f"k{i}" for i in range(20)])
            columns = [pa.array(random.normal(size=size)) if kind == "numerical" else pa.array(words[random.integers(0, 20, size)].tolist())
                       for size in (n_reference, n)]  # fmt: skip
            reference, window = (Sample.of(column) for column in columns)
            for method in methods:
                cache = NullCache()
                began = process_time()
                verdict(method, reference, window, cache)
                new = (process_time() - began) * 1e3
                known = milliseconds(lambda m=method, r=reference, w=window, c=cache: verdict(m, r, w, c), times)  # type: ignore[misc]
                sorting = milliseconds(lambda column=columns[1]: Sample.of(column), 3)  # type: ignore[misc]
                print(f"| {method} ({kind}) | {n:,} | {n_reference:,} | {known:.2f} | {sorting:.2f} | {new:.0f} |", flush=True)


if __name__ == "__main__":
    main()
