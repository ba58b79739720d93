"""Processes that log predictions until they are killed: `python -m benchmarks.peers.writers WAY FOLDER LEDGER RATE`.

Each notes every call that returned. Stdlib at import: a peer's own environment holds nothing of ours.
"""

from __future__ import annotations

__all__ = ["WAYS"]

import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.soaking.ledger import Ledger

Call = Callable[[int], object]
_ROWS = 1_000  # a buffering loop writes so many at once


def driftboard(folder: Path) -> Call:
    """`PredictionLogger.prediction`, durability process."""
    from monitoring import PredictionLogger

    log = PredictionLogger("fraud", version="1", home=folder)
    return lambda number: log.prediction({"amount": number * 0.5, "country": "FR"}, prediction=number % 2, prediction_id=f"p-{number}")


def _whylogs(folder: Path, interval: int, when: str) -> Call:
    import whylogs

    logger = whylogs.logger(mode="rolling", interval=interval, when=when, base_name="profile")
    logger.append_writer("local", base_dir=str(folder))
    return lambda number: logger.log({"amount": number * 0.5, "country": "FR", "prediction": number % 2})


def whylogs_hour(folder: Path) -> Call:
    """whylogs' rolling logger as it is by default: a profile an hour."""
    return _whylogs(folder, 1, "H")


def whylogs_second(folder: Path) -> Call:
    """whylogs' rolling logger at its shortest: a profile a second."""
    return _whylogs(folder, 1, "S")


def duckdb_row(folder: Path) -> Call:
    """A loop that inserts each row into DuckDB in a transaction of its own."""
    insert = _duckdb(folder)
    return lambda number: insert([(number, number * 0.5, "FR", number % 2)])


def duckdb_buffer(folder: Path) -> Call:
    """A loop that keeps rows and inserts a thousand at once."""
    insert = _duckdb(folder)
    waiting: list[tuple[int, float, str, int]] = []

    def call(number: int) -> None:
        waiting.append((number, number * 0.5, "FR", number % 2))
        if len(waiting) == _ROWS:
            insert(waiting)
            waiting.clear()

    return call


def _duckdb(folder: Path) -> Callable[[list[tuple[int, float, str, int]]], object]:
    import duckdb

    connection = duckdb.connect(str(folder / "log.duckdb"))
    connection.execute("CREATE TABLE predictions (number BIGINT, amount DOUBLE, country VARCHAR, prediction INTEGER)")

    def insert(rows: list[tuple[int, float, str, int]]) -> None:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO predictions VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    return insert


WAYS: dict[str, Callable[[Path], Call]] = {
    "driftboard": driftboard,
    "whylogs, a profile an hour (default)": whylogs_hour,
    "whylogs, a profile a second": whylogs_second,
    "DuckDB, a transaction a row": duckdb_row,
    "DuckDB, a transaction per 1,000 rows": duckdb_buffer,
}


def main(way: str, folder: str, ledger_path: str, rate: float) -> None:
    """Log at `rate` calls a second, without end."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    call, ledger = WAYS[way](Path(folder)), Ledger(Path(ledger_path))
    start, calls = time.monotonic(), 0
    while True:
        call(calls)
        ledger.add("predictions")
        calls += 1
        time.sleep(max(0.0, start + calls / rate - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
