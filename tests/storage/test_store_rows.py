"""Rows: what was logged comes back as it was, in columns of the agreed types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from storage.collector import Collector
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store
from tests.storage.conftest import FRAUD, META, T0, Log, Span, day, hour, prediction, rows, truth


def test_a_frame_has_the_agreed_columns_in_the_agreed_types_and_order(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(*(("pred", prediction(number)) for number in (5, 1, 3)), ("label", truth(1, 0, known=30)))
    collector.once()
    found = fraud.frame("fraud", "1")
    assert found.column_names == [*META, "amount", "country", "opened", "channel"]
    moment = pa.timestamp("us", tz="UTC")
    types = dict(zip(found.column_names, found.schema.types, strict=True))
    assert {name for name, kind in types.items() if kind == moment} == {"@t", "@labelled_at", "opened"}
    assert {name for name, kind in types.items() if kind == pa.float64()} == {"@score", "@latency_ms", "@weight", "amount"}
    assert found.to_pylist()[0] == {
        "@id": "p1", "@t": hour(1), "@version": "1", "@prediction": "1", "@score": 0.01, "@label": "0", "@labelled_at": hour(30),
        "@latency_ms": 5.0, "@error": None, "@weight": None, "amount": 1.0, "country": "FR", "opened": datetime(2026, 1, 1, tzinfo=UTC),
        "channel": "web",
    }  # fmt: skip
    assert found.column("@id").to_pylist() == ["p1", "p3", "p5"]


def test_a_window_is_half_open_and_columns_and_limit_narrow_it(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions(range(30))
    collector.once()
    assert [row["@id"] for row in rows(fraud, window=Span(hour(3), hour(6)))] == ["p3", "p4", "p5"]
    assert rows(fraud, window=Span(hour(3), hour(6)), columns=["amount", "@t"], limit=1) == [{"amount": 3.0, "@t": hour(3)}]
    assert [row["@id"] for row in rows(fraud, window=Span(T0, T0, (28, 40)))] == ["p28", "p29"]
    assert [row["@id"] for row in rows(fraud, window=Span(T0, T0, (10, 20)), limit=2)] == ["p10", "p11"]
    with pytest.raises(StoreError, match="no column 'amuont': its columns are @id, "):
        fraud.frame("fraud", "1", columns=["amuont"])


def test_numbers_that_are_none_stay_apart_from_missing_ones(fraud: Store, log: Log, collector: Collector) -> None:
    marks = {"amount": "NaN", "@score": "Infinity"}
    log.write(("pred", prediction(1, f={"amount": None}, s=None, nf=marks)), ("pred", prediction(2, f={"amount": None}, s=None)))
    collector.once()
    first, second = rows(fraud)
    assert first["amount"] != first["amount"]
    assert first["@score"] == float("inf")
    assert (second["amount"], second["@score"]) == (None, None)
    (counted,) = [row for row in fraud.quality("fraud", "1", [day(0)]).to_pylist() if row["column"] == "amount"]
    assert (counted["n"], counted["missing"]) == (2, 1)


def test_what_does_not_fit_its_column_is_counted_and_kept(fraud: Store, log: Log, collector: Collector) -> None:
    odd = {"amount": {"deep": [1]}, "country": ["FR"], "opened": "long ago"}
    log.write(("pred", prediction(1, f=odd)), ("pred", prediction(2, f={"amount": "12.5", "country": 33, "opened": "2026-02-01"})))
    collector.once()
    first, second = rows(fraud)
    assert (first["amount"], first["country"], first["opened"]) == (None, None, None)
    assert (second["amount"], second["country"], second["opened"]) == (12.5, "33", datetime(2026, 2, 1, tzinfo=UTC))
    errors = {row["column"]: row["type_errors"] for row in fraud.quality("fraud", "1", [day(0)]).to_pylist()}
    assert errors == {"amount": 2, "country": 1, "opened": 1}  # "12.5" is a number in the wrong type
    kept = {row["id"]: row["extra"] for row in fraud.predictions("fraud").to_pylist()}
    assert '"deep"' in kept["p1"]
    assert '"long ago"' in kept["p1"]


def test_a_category_is_the_same_whether_it_came_as_an_int_or_as_a_float(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(*(("pred", prediction(number, f={"country": value})) for number, value in enumerate([3, 3.0, "3", True, 2.5])))
    collector.once()
    assert [row["country"] for row in rows(fraud)] == ["3", "3", "3", "True", "2.5"]


def test_decisions_are_text_for_classes_and_numbers_for_the_rest(store: Store, log: Log, collector: Collector) -> None:
    store.register_model(FRAUD)
    store.register_model({"name": "price", "version": "1", "task": "regression", "features": {}})
    log.write(
        ("pred", prediction(1, p=True)), ("label", truth(1, 1.0)),
        ("pred", prediction(1, m="price", p=3)), ("label", truth(1, "4.5", m="price")),
    )  # fmt: skip
    collector.once()
    assert [(row["@prediction"], row["@label"]) for row in rows(store)] == [("1", "1")]
    assert [(row["@prediction"], row["@label"]) for row in rows(store, "price")] == [(3.0, 4.5)]


def test_every_class_that_has_a_score_gets_a_column(store: Store, log: Log, collector: Collector) -> None:
    scores = {"Mole": "s1", "mole": "s2"}
    store.register_model({"name": "skin", "version": "1", "task": "multiclass", "features": {"a": "numerical"}, "score": scores})
    log.write(("pred", prediction(1, m="skin", s={"mole": 0.6, "Mole": 0.3, "new class": 0.1})), ("pred", prediction(2, m="skin", s=0.5)))
    collector.once()
    found = store.frame("skin", "1")
    assert found.column_names == [*META, "@score:Mole", "@score:mole", "@score:new class", "a"]
    assert [found.column(name)[0].as_py() for name in found.column_names[-4:-1]] == [0.3, 0.6, 0.1]
    assert [row["@score"] for row in found.to_pylist()] == [None, 0.5]
    assert [column["role"] for column in store.feature_columns("skin")] == ["feature", "score", "score", "score"]


@pytest.mark.parametrize(
    ("positive", "no", "yes"), [(1, "0", "1"), (1.0, "0", "1"), ("1", "0", "1"), (True, "False", "True"), ("true", "false", "true")]
)
def test_yes_and_no_are_the_positive_labels_words_however_they_were_written_and_whenever_it_was_described(
    store: Store, log: Log, collector: Collector, positive: Any, no: str, yes: str
) -> None:
    said = [1, 1.0, True, "1", "true", "TRUE", 0, False, "0", "False", "maybe"]
    records = [(("pred", prediction(number, p=value)), ("label", truth(number, value))) for number, value in enumerate(said)]
    log.write(*(record for pair in records[::2] for record in pair))
    collector.once()
    store.register_model({**FRAUD, "positive_label": positive})
    log.write(*(record for pair in records[1::2] for record in pair))
    collector.once()
    expected = [yes] * 6 + [no] * 4 + ["maybe"]
    assert [(row["@prediction"], row["@label"]) for row in rows(store)] == [(word, word) for word in expected]
    assert sorted(store.labels("fraud")["label"].to_pylist()) == sorted(expected)
    assert sorted(store.predictions("fraud")["prediction"].to_pylist()) == sorted(expected)


def test_another_positive_label_leaves_the_words_alone(store: Store, log: Log, collector: Collector) -> None:
    store.register_model({**FRAUD, "positive_label": "yes"})
    log.write(*(("pred", prediction(number, p=value)) for number, value in enumerate(["yes", "no", "true", 1])))
    collector.once()
    assert [row["@prediction"] for row in rows(store)] == ["yes", "no", "true", "1"]


def test_a_score_that_is_no_number_is_told_from_a_feature_of_the_same_name(store: Store, log: Log, collector: Collector) -> None:
    store.register_model({"name": "skin", "version": "1", "task": "multiclass", "features": {"mole": "numerical"}, "score": {"mole": "s"}})
    log.write(
        ("pred", prediction(1, m="skin", f={"mole": None}, s={"mole": 0.5}, nf={"mole": "NaN"})),
        ("pred", prediction(2, m="skin", f={"mole": 1.0}, s={"mole": None}, nf={"@score:mole": "NaN"})),
        ("pred", prediction(3, m="skin", f={"mole": None}, s={"mole": None}, nf={"mole": "NaN"})),
    )
    collector.once()
    assert [(str(row["mole"]), str(row["@score:mole"])) for row in rows(store, "skin")] == [("nan", "0.5"), ("1.0", "nan"), ("nan", "None")]


HOSTILE = [
    '"; drop table models; --', "../../x", "🎭", "ÄÖÜ ß", "select", "Amount", "amount", "a" * 10_000,
    "'", "\\", "{x}", "$pointer", "a.b[0]", "@id",
]  # fmt: skip


def test_hostile_names_are_values_and_nothing_else(store: Store, log: Log, collector: Collector, home: Home) -> None:
    features = dict.fromkeys(HOSTILE, "numerical")
    before = {path.relative_to(home.path) for path in home.path.rglob("*")}
    for name in HOSTILE:
        spec = {"name": name, "version": name, "task": "regression", "features": features, "segments": [*HOSTILE, "seg'"]}
        assert store.register_model(spec)
    values = {**dict.fromkeys(HOSTILE, 2.0), 'odd"': 1}
    log.write(*(("pred", {"m": name, "ver": name, "id": name, "p": 1.0, "f": values}) for name in HOSTILE))
    log.write(*(("label", {"m": name, "id": name, "y": 3.0}) for name in HOSTILE))
    assert collector.once() == {"ingested": 2 * len(HOSTILE), "duplicates": 0, "quarantined": 0, "pending": 0}
    assert store.models() == sorted(HOSTILE)
    for name in HOSTILE:
        found = store.frame(name, name)
        assert found.column_names == [*META, *HOSTILE, "seg'"]
        assert [value.as_py() for value in (found.column(0)[0], found.column(5)[0], found.column(12)[0])] == [name, 3.0, 2.0]
        store.put_reference(name, pa.table([[1.0]] * len(HOSTILE), names=HOSTILE), source=name)
        assert store.quality(name, name, [Span(T0, T0 + timedelta(days=9999))]).num_rows == len(HOSTILE)
        assert store.points(model=name, metric=name, column=name).num_rows == 0
    inside = {path.relative_to(home.path) for path in home.path.rglob("*")} - before
    assert all(path.parts[0] in ("archive", "db", "export") for path in inside)


def test_an_error_keeps_its_class_and_text(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(("pred", prediction(1, p=None, s=None, err="ValueError: too: much")), ("pred", prediction(2, err=["KeyError", "'x'"])))
    collector.once()
    assert [row["@error"] for row in rows(fraud)] == ["ValueError", "KeyError"]
    assert {row["error_text"] for row in fraud.predictions("fraud").to_pylist()} == {"too: much", "'x'"}
