"""What an owner's memory is made of while it only takes in. Run: `python benchmarks/owner_memory.py`.

Prints, as rows come in: the process's resident memory, what DuckDB says it holds – blocks of the database file (a cache, up to its memory
limit) and rows that only the write-ahead log has, until the next checkpoint –, what malloc has in use and keeps free, and the sizes of
both files. In MiB. `--database-memory N` gives DuckDB N MiB, as `MONITORING_MEMORY_LIMIT` does with half of it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.soaking.processes import resident
from benchmarks.soaking.writer import SCHEMA, features_of
from monitoring import PredictionLogger
from storage.collector import Collector
from storage.home import Home
from storage.store import Store

_MIB = 1 << 20
_HEAD = ("rows", "resident", "file's blocks", "rows in the log", "malloc in use", "malloc free", "database", "write-ahead log")


class _Heap(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]


def size(path: Path) -> float:
    """In MiB; 0 where there is no file."""
    return path.stat().st_size / _MIB if path.exists() else 0.0


def held(store: Store) -> dict[str, float]:
    """MiB by what DuckDB holds them for."""
    with store.reading() as cursor:
        return {tag: used / _MIB for tag, used in cursor.execute("SELECT tag, memory_usage_bytes FROM duckdb_memory()").fetchall()}


def log(logger: PredictionLogger, first: int, rows: int) -> None:
    """Predictions as the soak logs them; a tenth gets its label at once."""
    for row in range(first, first + rows):
        name = logger.prediction(features_of(row), prediction=row % 2, score=row % 100 / 100, latency_ms=1.5, prediction_id=f"w0-{row}",
                                 timestamp=datetime.now(UTC))  # fmt: skip
        if row % 10 == 0:
            logger.ground_truth(name, row % 2)


def main() -> None:
    """Log and take in, step by step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--step", type=int, default=40_000, help="rows between two lines")
    parser.add_argument("--database-memory", type=int, default=0, help="MiB")
    given = parser.parse_args()
    libc = ctypes.CDLL("libc.so.6")
    libc.mallinfo2.restype = _Heap
    print(f"| {' | '.join(_HEAD)} |\n|{'---|' * len(_HEAD)}")
    with tempfile.TemporaryDirectory(prefix="driftboard-memory-") as folder:
        home = Home(Path(folder) / "home")
        home.make()
        logger = PredictionLogger("soak", version="1", schema=SCHEMA, home=home.path)
        with Store.open(home, memory_bytes=given.database_memory * _MIB or None) as store:
            collector = Collector(store)
            for first in range(0, given.rows, given.step // 10):
                log(logger, first, given.step // 10)
                collector.once()
                taken = first + given.step // 10
                if taken % given.step == 0:
                    duck, heap = held(store), libc.mallinfo2()
                    wal = size(Path(f"{home.database}.wal"))
                    figures = (resident(os.getpid()), duck.get("BASE_TABLE", 0.0), duck.get("IN_MEMORY_TABLE", 0.0), heap.uordblks / _MIB,
                               heap.fordblks / _MIB, size(home.database), wal)  # fmt: skip
                    print(f"| {taken:,} | {' | '.join(f'{figure:.0f}' for figure in figures)} |", flush=True)


if __name__ == "__main__":
    main()
