"""What a reference costs a run. Run: `python benchmarks/reference_profile.py [--reference N --features N --rows N]`.

One day of a model against a reference with times, computed again and again: the first time all that is asked of the reference is worked
out of its rows, later it is read from what was kept, and last the rows are deleted. CPU seconds of this process; nulls are drawn before
anything is measured, Evidently's pages are left out. Then the disk, and whether all points were the same.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.growing import FIRST, LATER, log_days, reference_rows, register
from monitoring import runner
from monitoring.engine_jobs import Job, Result
from monitoring.reference.forgetting import forget_rows
from storage.home import Home
from storage.store import Store

MODEL = "model-0"
_DAYS = 100  # of the reference, so that it has windows of its own


class NoPages:
    """Evidently is measured elsewhere."""

    def analyse(self, _: Job) -> Result:
        """Nothing."""
        return Result()


def computed(store: Store) -> tuple[float, list[dict[str, Any]]]:
    """CPU seconds of computing everything again, and the points."""
    began = process_time()
    done = runner.run(store, workers=[NoPages()], jobs=1, now=LATER, everything=True)
    seconds = process_time() - began
    assert not done.failed
    return seconds, sorted(store.points(MODEL).drop_columns(["computed_at", "run"]).to_pylist(), key=str)


def size(*places: Path) -> float:
    """MB of files."""
    return sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--reference", type=int, default=100_000)
    asked.add_argument("--features", type=int, default=30)
    asked.add_argument("--rows", type=int, default=1_000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, Store.open(Home(Path(folder))) as store:
        home = store.home
        register(store, given.features)
        moments = [FIRST - timedelta(days=_DAYS * (1 - place / given.reference)) for place in range(given.reference)]
        rows = reference_rows(np.random.default_rng(1), given.reference, given.features).append_column("at", pa.array(moments))
        store.put_reference(MODEL, rows, "reference.parquet")
        log_days(store, 0, 1, given.rows, given.features)
        computed(store)  # nulls and imports
        found = []
        shutil.rmtree(home.references)
        print(f"{given.rows:,} rows against a reference of {given.reference:,} × {given.features}\n")
        for name in ("worked out of the rows", "read from what was kept", "the same again"):
            found.append(computed(store))
            print(f"  {name:<44}{found[-1][0]:>10.2f} CPU s", flush=True)
        raw, kept = size(home.export / "references"), size(home.references)
        began = process_time()
        forget_rows(store, MODEL)
        print(f"  {'keeping the rest, deleting the rows':<44}{process_time() - began:>10.2f} CPU s")
        found.append(computed(store))
        print(f"  {'without the rows':<44}{found[-1][0]:>10.2f} CPU s")
        print(f"\n  the reference as Parquet {raw:.1f} MB, what one run keeps {kept:.1f} MB, with the rest {size(home.references):.1f} MB")
        print(f"  {len(found[0][1])} points, all the same: {all(one[1] == found[0][1] for one in found)}")


if __name__ == "__main__":
    main()
