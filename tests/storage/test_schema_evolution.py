"""Features come, go and change their types: no batch fails, every value is kept, and what did not fit is counted by feature and day."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from storage.collector import Collector
from storage.store import Store
from storage.store._widening import MAX_COLUMNS
from tests.storage.conftest import FRAUD, Log, prediction, rows

KINDS = ("int", "float", "text", "object")


def conflicts(store: Store) -> dict[str, int]:
    """By feature: how many values today's event says did not fit."""
    found = store.select("SELECT subject, count FROM events WHERE kind = 'type_conflict' AND model = 'fraud'").to_pylist()
    assert len({row["subject"] for row in found}) == len(found)
    return {row["subject"]: row["count"] for row in found}


def kept_beside(store: Store) -> Counter[str]:
    """By name: in how many rows `_extra` has a value of it."""
    return Counter(name for row in store.predictions("fraud").to_pylist() for name in json.loads(row["extra"] or "{}"))


def test_values_that_do_not_fit_are_one_event_a_day_and_feature_with_their_number(fraud: Store, log: Log, collector: Collector) -> None:
    for first in (0, 20):  # two transactions
        log.predictions(range(first, first + 10), f={"amount": "a lot", "country": "FR"})
        log.predictions(range(first + 10, first + 13), f={"amount": 1.0, "opened": "never", "country": ["FR"]})
        collector.once()
    assert conflicts(fraud) == {"amount": 20, "opened": 6, "country": 6}
    told = [row["text"] for row in fraud.events().to_pylist() if "amount" in row["text"]]
    assert told == ["Values of amount did not fit (numerical): they are kept as they came and counted as type errors. That day: 20."]
    assert kept_beside(fraud) == {"amount": 20, "opened": 6, "country": 6}


def test_what_reads_as_a_number_is_used_and_counted_all_the_same(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions(range(9), f={"amount": "12.5"})
    collector.once()
    assert {row["amount"] for row in rows(fraud)} == {12.5}
    assert conflicts(fraud) == {"amount": 9}


def test_another_day_has_an_event_of_its_own(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions(range(9), f={"amount": "a lot"})
    collector.once()
    with fraud.writing() as cursor:
        cursor.execute("UPDATE events SET happened_at = happened_at - INTERVAL 1 DAY")
    log.predictions(range(10, 13), f={"amount": "a lot"})
    collector.once()
    counts = fraud.select("SELECT count FROM events WHERE kind = 'type_conflict' ORDER BY happened_at").column("count").to_pylist()
    assert counts == [9, 3]


def test_a_feature_that_is_described_later_is_filled_from_what_was_logged_before(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions(range(12), f={"amount": 1.0, "age": 33, "a/b~c": "x"})
    collector.once()
    fraud.register_model({**FRAUD, "features": {**FRAUD["features"], "age": "numerical", "a/b~c": "text", "amount": "categorical"}})
    assert {(row["age"], row["a/b~c"], row["amount"]) for row in rows(fraud)} == {(33.0, "x", "1")}


def test_five_hundred_features_that_come_and_go_and_change_their_types(store: Store, log: Log, collector: Collector) -> None:
    """Of a model that nobody described: what is first seen of a feature is its kind, the rest is counted where it does not fit."""
    die = random.Random(27)
    names = [f"f{number}" for number in range(500)]
    kind_of: dict[str, str] = {}
    misfits: Counter[str] = Counter()
    logged: Counter[str] = Counter()
    for turn in range(12):
        batch = []
        alive = die.sample(names, 120)
        for row in range(25):
            features: dict[str, Any] = {}
            for name in die.sample(alive, 60):
                # A feature begins as a number or a text in all rows of its first turn, and then is anything.
                kind = kind_of.get(name) and die.choice(KINDS)
                features[name] = _value(kind or ("text" if int(name[1:]) % 5 == 0 else "float"), row)
            batch.append(prediction(turn * 100 + row, f=features, x={}))
        log.write(*(("pred", one) for one in batch))
        assert collector.once() == {"ingested": 25, "duplicates": 0, "quarantined": 0, "pending": 0}
        for one in batch:
            for name, value in one["f"].items():
                logged[name] += 1
                if name in kind_of:
                    misfits[name] += not _fits(value, kind_of[name])
        kind_of |= {name: "text" if int(name[1:]) % 5 == 0 else "float" for one in batch for name in one["f"]}
    assert conflicts(store) == {name: count for name, count in misfits.items() if count}
    assert store.quarantine().num_rows == 0
    found = rows(store)
    extra = [json.loads(row["extra"] or "{}") for row in store.predictions("fraud").to_pylist()]
    for name in logged:  # a value is in its column, beside it, or – a number as text – in both
        columns = sum(row[name] is not None for row in found)
        beside = sum(name in kept for kept in extra)
        assert columns <= logged[name] <= columns + beside, name


def _value(kind: str, row: int) -> Any:
    return {"int": row, "float": row + 0.5, "text": f"t{row}", "object": {"row": row}}[kind]


def _fits(value: Any, kind: str) -> bool:
    return isinstance(value, (int, float)) if kind == "float" else isinstance(value, (str, int, float))


def test_more_names_than_a_table_takes_are_kept_beside(store: Store, log: Log, collector: Collector) -> None:
    for part in range(3):
        log.predictions([part], f={f"f{part}-{number}": float(number) for number in range(900)}, x={})
        assert collector.once()["ingested"] == 1
    assert len(store.feature_columns("fraud")) == MAX_COLUMNS
    assert sum(kept_beside(store).values()) == 2_700 - MAX_COLUMNS
    assert sorted(row["f0-899"] for row in rows(store) if row["f0-899"] is not None) == [899.0]


@pytest.mark.parametrize("described", [True, False])
def test_as_many_features_as_a_table_takes_come_at_once(store: Store, log: Log, collector: Collector, described: bool) -> None:
    features = {f"f{number}": float(number) for number in range(MAX_COLUMNS)}
    if described:
        store.register_model({**FRAUD, "features": dict.fromkeys(features, "numerical"), "segments": []})
    log.predictions([1], f=features, x={})
    collector.once()
    assert {name: value for name, value in rows(store)[0].items() if name in features} == features
