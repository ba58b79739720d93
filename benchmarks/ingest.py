"""What taking in one logged prediction costs, beside what merely reading the lines costs. Run: `python benchmarks/ingest.py`.

Prints rows per CPU second (user and system, all threads) and the ratio to ingest: our collector end to end – read, check, cast, insert
with repeats flagged, archive –, orjson.loads of the same lines and nothing else (the floor in Python), and DuckDB's own read_json into a
table, with no checksum, repeats, quarantine or position. All ways are measured in turn, a few rounds each: compare the ratios, not
the machine. `--known N` puts N predictions into the database first, for repeats are looked for among all of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import duckdb
import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from monitoring import ModelSchema, PredictionLogger
from storage.collector import Collector
from storage.home import Home
from storage.store import Store

FEATURES = 20


def log(home: Path, rows: int, ids: Sequence[str] | None = None) -> list[Path]:
    """Log predictions with 20 features, four of them text; the segments."""
    kinds = {f"feature_{number:02d}": "categorical" if number % 5 == 0 else "numerical" for number in range(FEATURES)}
    schema = ModelSchema(task="binary", features=kinds, positive_label=1)
    logger = PredictionLogger("fraud", version="1", schema=schema, home=home)
    for row in range(rows):
        features = {
            name: ("FR", "DE", "GB")[row % 3] if kind == "categorical" else row * 1.2345 + place
            for place, (name, kind) in enumerate(kinds.items())
        }
        logger.prediction(features, prediction=row % 2, score=row % 100 / 100, latency_ms=12.4, prediction_id=ids[row] if ids else None)
    logger.close()
    return sorted((home / "spool").glob("*.seg.jsonl"))


def collect(home: Path) -> int:
    """Everything in the spool, into the database and the archive."""
    with Store.open(Home(home)) as store:
        start = process_time()
        found = Collector(store).once()
        assert found["quarantined"] == found["pending"] == 0, found
        collect.seconds = process_time() - start  # type: ignore[attr-defined]  # opening a database is no work per row
        return found["ingested"] + found["duplicates"]


def parse(paths: Sequence[Path]) -> int:
    """orjson.loads of every line."""
    rows = 0
    for path in paths:
        for line in path.read_bytes().splitlines():
            rows += orjson.loads(line)["d"]["k"] == "pred"
    return rows


def read_json(paths: Sequence[Path], folder: Path) -> int:
    """DuckDB's read_json of the same files into a table of a file, features in columns."""
    with duckdb.connect(str(folder / f"{uuid.uuid4().hex}.duckdb")) as connection:
        features = ", ".join(f"d.f.feature_{number:02d}" for number in range(FEATURES))
        files = [str(path) for path in paths]
        connection.execute(
            f"CREATE TABLE rows AS SELECT d.id, d.e, d.p, d.s, d.lat, {features} "
            "FROM read_json($files, format = 'newline_delimited', maximum_object_size = 1000000, union_by_name = true) WHERE d.k = 'pred'",
            {"files": files},
        )
        (rows,) = connection.execute("SELECT count(*) FROM rows").fetchone() or (0,)
        return int(rows)


def per_second(work: Callable[[], int], rows: int) -> float:
    """Rows per CPU second of one call."""
    start = process_time()
    assert work() == rows
    return rows / (process_time() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--known", type=int, default=0, help="predictions in the database beforehand")
    parser.add_argument("--ids", choices=("own", "uuid4"), default="own", help="the logger's own ids, or random ones")
    options = parser.parse_args()
    found: dict[str, list[float]] = {"collector": [], "orjson.loads alone": [], "DuckDB read_json": []}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        if options.known:
            log(base / "home", options.known)
            collect(base / "home")
        for turn in range(options.rounds):
            ids = [str(uuid.uuid4()) for _ in range(options.rows)] if options.ids == "uuid4" else None
            home = base / "home" if options.known else base / str(turn)
            paths = log(home, options.rows, ids)
            found["orjson.loads alone"].append(per_second(lambda paths=paths: parse(paths), options.rows))  # type: ignore[misc]
            found["DuckDB read_json"].append(per_second(lambda paths=paths: read_json(paths, base), options.rows))  # type: ignore[misc]
            collect(home)
            found["collector"].append(options.rows / collect.seconds)  # type: ignore[attr-defined]
    ours = statistics.median(found["collector"])
    print(f"{'way':<24}{'rows per CPU s':>16}{'ratio':>8}")
    for name, rates in found.items():
        rate = statistics.median(rates)
        print(f"{name:<24}{rate:>16,.0f}{rate / ours:>8.2f}")


if __name__ == "__main__":
    main()
