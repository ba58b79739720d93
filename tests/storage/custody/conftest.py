"""Homes with something of everything in them, and what can be counted in them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.storage.conftest import FRAUD, Log, collector, fraud, home, log, prediction, store, truth

__all__ = ["collector", "content", "fill", "fraud", "home", "log", "more", "store"]

REFERENCE = pa.table({"amount": [1.0, 2.0, 3.0], "country": ["FR", "DE", "FR"], "decision": [0, 1, 0], "is_fraud": [0, 1, 1]})


def fill(home: Home) -> None:
    """A model with a reference, 120 predictions (one repeated), 40 labels and two bad lines, collected and archived."""
    log = Log(home)
    with Store.open(home) as store:
        store.register_model(FRAUD)
        store.put_reference("fraud", REFERENCE, "reference.parquet")
        for part in range(3):
            log.predictions(range(part * 40, part * 40 + 40))
            log.write(*(("label", truth(number, number % 2)) for number in range(part * 40, part * 40 + 40, 3)))
        log.write(("pred", prediction(3, p=1)), ("pred", {"m": "fraud", "id": ""}))
        (home.spool / "damaged-1-0-0-00000000.seg.jsonl").write_bytes(b"no frame at all\n")
        Collector(store).once()


def more(home: Home, first: int = 1000, count: int = 30) -> None:
    """Further rows, collected and archived, with a column that is new."""
    log = Log(home)
    log.write(*(("pred", prediction(first + number, x={"channel": "app", "device": "phone"})) for number in range(count)))
    log.write(*(("label", truth(first + number, 1)) for number in range(0, count, 2)))
    with Store.open(home) as store:
        Collector(store).once()


def content(home: Home) -> dict[str, Any]:
    """What a home holds, whatever the order in which it came: rows, labels, reference, counters."""
    with Store.open(home) as store:
        Collector(store).once()
        found: dict[str, Any] = {"accounting": store.health()["accounting"], "models": store.models()}
        for model in store.models():
            rows = store.predictions(model).drop_columns(["ingested_at"]).to_pylist()
            labels = store.labels(model).drop_columns(["ingested_at"]).to_pylist()
            reference, info = store.reference(model), store.reference_info(model) or {}
            found[model] = {
                "spec": store.spec(model),
                "rows": sorted(rows, key=str),
                "labels": sorted(labels, key=str),
                "reference": None if reference is None else reference.to_pylist(),
                "reference_hash": (info.get("hash"), info.get("rows"), info.get("source")),
            }
        found["quarantine"] = sorted((row["segment"], row["position"], row["reason"]) for row in store.quarantine().to_pylist())
        return found
