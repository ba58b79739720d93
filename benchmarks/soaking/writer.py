"""A serving process: `python -m benchmarks.soaking.writer HOME LEDGER RATE CLOCK`. Logs RATE predictions a second, labels every tenth.

CLOCK is by how many seconds its clock is wrong. Ends cleanly on SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.soaking.ledger import Ledger
from monitoring import ModelSchema, PredictionLogger, logger
from storage import _segment_writer

SCHEMA = ModelSchema(
    task="binary", positive_label=1, window="1min", label_delay="0s",
    features={**{f"feature_{number:02d}": "numerical" for number in range(10)}, "country": "categorical"},
)  # fmt: skip


def features_of(number: int) -> dict[str, float | str]:
    """What the prediction of this number is made of."""
    return {f"feature_{place:02d}": (number * (place + 7) % 1000) / 10 for place in range(10)} | {"country": "FR"}


def main(home: str, ledger_path: str, rate: float, clock: float) -> None:
    """Log until told to stop."""
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    for room in (_segment_writer, logger):  # the clock of a process is one: were they to disagree, each record would begin a segment
        room.time_ns = lambda: time.time_ns() + int(clock * 1e9)  # type: ignore[attr-defined]
    ledger = Ledger(Path(ledger_path))
    log = PredictionLogger("soak", version="1", schema=SCHEMA, home=home)
    start, calls = time.monotonic(), 0
    while going:
        number = ledger["predictions"]
        features = features_of(number)
        key, score = f"{ledger.name}-{number}", number % 100 / 100
        happened = datetime.now(UTC)  # whatever the logger's clock says: the probe looks for the newest row
        began = time.perf_counter_ns()
        given = log.prediction(features, prediction=number % 2, score=score, latency_ms=1.5, prediction_id=key, timestamp=happened)
        ledger.took((time.perf_counter_ns() - began) // 1000)
        ledger.add("predictions" if given else "refused")
        if given and number % 10 == 0:
            ledger.add("labels" if log.ground_truth(given, number % 2) else "refused")
        calls += 1
        time.sleep(max(0.0, start + calls / rate - time.monotonic()))
    log.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
