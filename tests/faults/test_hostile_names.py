"""Names of models, versions, features and ids are anything a user or an attacker types: stored as they are or refused, and nothing else.

All tables stay as they were made, the account holds, and no file appears anywhere but in the home.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from monitoring import PredictionLogger
from monitoring.errors import InputError
from storage.collector import Collector
from storage.home import Home
from storage.spool import SegmentWriter
from storage.store import Store

HOSTILE = (
    '"; DROP TABLE models; --', "'; DELETE FROM pred_000001; --", "$$; ATTACH '/tmp/x' --", "pred_000001", "../../outside", "/etc/passwd",
    "..", ".", "a/b\\c", "nul\0byte", "line\nbreak", "x" * 100_000, "🦆" * 60, "é", "e\u0301", "Amount", "amount", "AMOUNT", "select",
    "NULL", "true", "1", "", " ", "@id", "@prediction", "a~0b~1", "{}", "%s %(x)s", "$model", "?", "\u202egnp.exe", "\ud800", "'", '"', "`",
    ";--",
)  # fmt: skip


def shape(store: Store) -> dict[str, tuple[str, ...]]:
    """Every table that is no model's own, and its columns."""
    found: dict[str, list[str]] = {}
    asked = "SELECT table_name AS t, column_name AS c FROM duckdb_columns() WHERE NOT internal ORDER BY t, column_index"
    for row in store.select(asked).to_pylist():
        found.setdefault(row["t"], []).append(row["c"])
    return {name: tuple(columns) for name, columns in found.items() if not name.startswith(("pred_", "label_", "ref_"))}


def outside(folder: Path, home: Home) -> list[Path]:
    return [path for path in folder.rglob("*") if home.path not in (path, *path.parents)]


def names_of(home: Home) -> list[str]:
    return [path.name for path in home.path.rglob("*")]


def intact(store: Store, before: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """The account, once the tables and its sums were checked."""
    assert shape(store) == before
    account: dict[str, Any] = store.health()["accounting"]
    assert account["accepted"] == sum(account[place] for place in ("ingested", "duplicates", "quarantined", "in_spool", "lost"))
    return account


def test_through_the_logger_a_hostile_name_is_stored_as_it_is_or_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with Store.open(home) as store:
        before = shape(store)
        logged: Counter[str] = Counter()
        for name in HOSTILE:
            try:
                log = PredictionLogger(name, version=name or "1", home=home)
            except InputError:
                log = PredictionLogger("tame", home=home)
            for _ in range(10):
                pid = log.prediction({name: 1.5, "tame": name[:300]}, prediction=1, prediction_id=name or None, segment="a")
                logged[log.model] += pid is not None
                log.ground_truth(pid, 1)
            log.close()
        Collector(store).once()
        account = intact(store, before)
        assert account["quarantined"] == 0  # what could not be kept was refused at the door
        assert account["ingested"] + account["duplicates"] == account["accepted"]
        for model in store.models():
            kept = store.predictions(model).to_pylist()
            assert len(kept) == logged[model], model
            for row in kept:
                if model in row:  # the feature of that name
                    assert row[model] == 1.5
        assert {"Amount", "amount", "AMOUNT"} <= set(store.models())
    assert outside(tmp_path, home) == []
    assert not [name for name in names_of(home) if any(part in name for part in ("DROP", "passwd", "outside", "🦆", "select"))]


@pytest.mark.parametrize("key", ["m", "ver", "id", "f", "x", "s", "nf", "p"])
def test_past_the_logger_too(tmp_path: Path, key: str) -> None:
    """A writer of somebody's own, that checks nothing: the store takes what it gets or sets it aside."""
    home = Home(tmp_path / "home")
    with Store.open(home) as store:
        before = shape(store)
        writer = SegmentWriter(home.spool)
        for number, name in enumerate(HOSTILE):
            text = name.encode("utf-8", "replace").decode()
            value = {text: "NaN" if key == "nf" else 0.5} if key in ("f", "x", "s", "nf") else text
            record = {"m": "tame", "ver": "1", "id": f"p{number}", "e": 1_770_000_000_000_000 + number, "f": {"a": 1.0}, "p": 1, key: value}
            for _ in range(2):
                assert writer.append("pred", orjson.dumps(record)) is None
            label = {"m": record["m"], "id": record["id"], "y": text, "e": record["e"]}
            assert writer.append("label", orjson.dumps(label)) is None
        writer.close()
        told = Collector(store).once()
        account = intact(store, before)
        assert told["pending"] == 0
        assert account["accepted"] == 3 * len(HOSTILE)
        assert account["quarantined"] <= 3  # the empty name of a model, and the empty id
        for model in store.models():
            for version in store.versions(model).to_pylist():
                assert store.frame(model, version["version"]).num_rows == version["rows"]
            store.spec(model)
            store.feature_columns(model)
    assert outside(tmp_path, home) == []
