"""One small model as files: description, reference, a log of five days with ground truth. Seeded."""

from __future__ import annotations

__all__ = ["DAY_ONE", "MODEL", "log_table", "reference_table", "write_files"]

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MODEL = "card-fraud"
DAY_ONE = datetime(2026, 3, 2, tzinfo=UTC)
PER_DAY = 120
DESCRIPTION = """\
name: card-fraud
version: "3"
task: binary
features: {amount: numerical, country: categorical}
timestamp: event_time
id: transaction_id
prediction: decision
score: fraud_score
positive_label: 1
label: is_fraud
latency: latency_ms
segments: [country]
label_delay: 1d
window: 1d
"""


def log_table(*, days: int = 5, shift: float = 0.0, first: datetime = DAY_ONE, name: str = "t") -> pa.Table:
    """`days` days of `PER_DAY` predictions each; on the last day every amount is larger by `shift`."""
    random = np.random.default_rng(7)
    rows = days * PER_DAY
    seconds = (np.arange(rows) * (86_400 / PER_DAY)).astype(int)
    score = random.uniform(0.02, 0.98, rows)
    amount = random.normal(50, 10, rows)
    amount[-PER_DAY:] += shift
    return pa.table(
        {
            "event_time": pa.array([first + timedelta(seconds=int(second)) for second in seconds], pa.timestamp("us", tz="UTC")),
            "transaction_id": [f"{name}{place}" for place in range(rows)],
            "amount": amount,
            "country": random.choice(["FR", "DE", "IT"], rows),
            "decision": (score > 0.5).astype(int),
            "fraud_score": score,
            "is_fraud": (random.uniform(0, 1, rows) < score).astype(int),
            "latency_ms": random.gamma(4, 3, rows),
        }
    )


def reference_table() -> pa.Table:
    """Five days before the log, from the same distribution."""
    return log_table(first=DAY_ONE - timedelta(days=30), name="r")


def write_files(folder: Path, *, shift: float = 0.0) -> None:
    """`fraud.yaml`, `reference.parquet` and `log.parquet` in `folder`."""
    (folder / "fraud.yaml").write_text(DESCRIPTION)
    pq.write_table(reference_table(), folder / "reference.parquet")
    pq.write_table(log_table(shift=shift), folder / "log.parquet")
