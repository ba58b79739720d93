"""Models: described, described anew, or logged before anyone described them."""

from __future__ import annotations

from typing import Any

import pytest

from storage.collector import Collector
from storage.errors import StoreError
from storage.store import Store
from storage.store._catalog import find
from tests.storage.conftest import FRAUD, Log, prediction, rows


def test_registering_the_same_description_again_changes_nothing(store: Store) -> None:
    assert store.register_model(FRAUD) is True
    assert store.register_model(FRAUD) is False
    assert store.models() == ["fraud"]
    assert store.spec("fraud") == FRAUD
    assert store.schema_history("fraud").column("revision").to_pylist() == [1]


def test_each_version_keeps_its_description_and_an_unknown_one_takes_the_newest(fraud: Store) -> None:
    newer = {**FRAUD, "version": "2", "features": {**FRAUD["features"], "device": "categorical"}}
    assert fraud.register_model(newer)
    assert fraud.spec("fraud", "1") == FRAUD
    assert fraud.spec("fraud") == fraud.spec("fraud", "2") == fraud.spec("fraud", "77") == newer
    assert [column["name"] for column in fraud.feature_columns("fraud")] == ["amount", "country", "opened", "device", "channel"]
    assert [column["name"] for column in fraud.feature_columns("fraud", "1")] == ["amount", "country", "opened", "channel"]
    history = fraud.schema_history("fraud").to_pylist()
    assert [(row["version"], row["origin"]) for row in history] == [("1", "registered"), ("2", "registered")]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"version": "1"}, 'without its "name"'),
        ({"name": "", "version": "1"}, 'without its "name"'),
        ({"name": "a", "features": {"b": "colour"}}, 'kind "colour" is unknown: use one of categorical, datetime, numerical, text'),
    ],
)
def test_a_description_that_cannot_be_used_is_refused_whole(store: Store, spec: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        store.register_model(spec)
    assert store.models() == []


def test_an_unknown_model_is_answered_with_the_known_ones(store: Store) -> None:
    with pytest.raises(StoreError, match="register one, or log to it, first"):
        store.spec("fraud")
    store.register_model(FRAUD)
    with pytest.raises(StoreError, match="There is no model 'frod' here: there are fraud"):
        store.frame("frod", "1")


def test_a_feature_added_later_is_filled_from_what_was_logged_before(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(("pred", prediction(1, f={"amount": 1.0, "device": "tv", "a/b~c": 3})), ("pred", prediction(2)))
    collector.once()
    assert "device" not in fraud.frame("fraud", "1").column_names
    fraud.register_model({**FRAUD, "features": {**FRAUD["features"], "device": "categorical", "a/b~c": "numerical"}})
    assert [(row["device"], row["a/b~c"]) for row in rows(fraud)] == [("tv", 3.0), (None, None)]
    log.write(("pred", prediction(3, f={"device": "car"})))
    collector.once()
    assert [row["device"] for row in rows(fraud)] == ["tv", None, "car"]


def test_a_feature_whose_kind_changes_keeps_every_value(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(*(("pred", prediction(number, f={"amount": value})) for number, value in enumerate([1, 2.5, "many", None])))
    collector.once()
    assert [row["amount"] for row in rows(fraud)] == [1.0, 2.5, None, None]
    fraud.register_model({**FRAUD, "version": "2", "features": {**FRAUD["features"], "amount": "categorical"}})
    log.write(("pred", prediction(9, ver="2", f={"amount": "few"})), ("pred", prediction(8, f={"amount": 8})))
    collector.once()
    assert [row["amount"] for row in rows(fraud)] == [1.0, 2.5, None, None, 8.0]
    assert [row["amount"] for row in rows(fraud, version="2")] == ["few"]
    fraud.register_model({**FRAUD, "features": {**FRAUD["features"], "amount": "categorical"}})
    assert [row["amount"] for row in rows(fraud)] == ["1", "2.5", "many", None, None]  # the last came after the change, as a number


def test_a_model_logged_before_it_was_described_is_described_from_its_rows(store: Store, log: Log, collector: Collector) -> None:
    features: list[dict[str, Any]] = [{"size": 1, "red": True}, {"size": 2.5, "red": False, "note": "a"}]
    log.write(*(("pred", prediction(number, m="new", ver="7", f=values)) for number, values in enumerate(features)))
    collector.once()
    assert store.models() == ["new"]
    assert store.spec("new") == {
        "name": "new", "version": "7", "task": "binary", "positive_label": 1,
        "features": {"size": "numerical", "red": "categorical", "note": "categorical"},
    }  # fmt: skip
    (event,) = store.events().to_pylist()
    assert (event["level"], event["kind"], event["model"]) == ("warning", "model_inferred", "new")
    log.write(("pred", prediction(3, m="new", ver="7", f={"size": 3, "late": 4})))
    collector.once()
    found = [(row["size"], row["red"], row["late"]) for row in rows(store, "new", "7")]
    assert found == [(1, "True", None), (2.5, "False", None), (3, None, 4)]
    assert store.schema_history("new").column("origin").to_pylist() == ["inferred", "inferred"]
    assert store.register_model({**FRAUD, "name": "new", "version": "7"})
    assert store.spec("new")["features"] == FRAUD["features"]


@pytest.mark.parametrize(
    ("records", "task"),
    [
        ([{"p": 3.7}, {"p": 8.1}], {"task": "regression"}),
        ([{"p": 3}, {"p": 8}, {"p": 5}], {"task": "regression"}),
        ([{"p": 0}, {"p": 0}], {"task": "binary", "positive_label": 1}),
        ([{"p": True}, {"p": False}], {"task": "binary", "positive_label": True}),
        ([{"p": "no", "s": 0.1}, {"p": "yes", "s": 0.8}], {"task": "binary", "positive_label": "yes"}),
        ([{"p": "a"}, {"p": "b"}, {"p": "c"}], {"task": "multiclass"}),
        ([{"p": "a", "s": {"a": 0.7, "b": 0.3}}], {"task": "multiclass", "score": {"a": "score a", "b": "score b"}}),
    ],
)
def test_the_task_is_inferred_from_prediction_and_score(
    store: Store, log: Log, collector: Collector, records: list[dict[str, Any]], task: dict[str, Any]
) -> None:
    log.write(*(("pred", {"m": "new", "ver": "1", "id": str(number), **record}) for number, record in enumerate(records)))
    collector.once()
    assert store.spec("new") == {"name": "new", "version": "1", "features": {}, **task}


@pytest.mark.parametrize("statement", ["DELETE FROM models", "SELECT 1; DELETE FROM models", "COMMIT", ""])
def test_whoever_only_reads_gets_rows_as_tuples_too_and_changes_nothing(fraud: Store, statement: str) -> None:
    with fraud._database.read() as cursor:
        assert cursor.execute("SELECT model_id, name FROM models WHERE name = $name", {"name": "fraud"}).fetchall() == [(1, "fraud")]
        with pytest.raises(StoreError, match="Only a single SELECT is answered here"):
            cursor.execute(statement)
    assert fraud.models() == ["fraud"]


def test_a_model_is_the_same_seen_by_a_reader_and_a_writer(fraud: Store) -> None:
    fraud.register_model({**FRAUD, "version": "2", "score": {"yes": "p_yes"}})
    with fraud._database.read() as reader:
        read = [find(reader, "fraud", version) for version in ("1", "2", "77", None)] + [find(reader, "frod")]
    with fraud.writing() as writer:
        assert [find(writer, "fraud", version) for version in ("1", "2", "77", None)] + [find(writer, "frod")] == read
    assert [model.spec["version"] if model else None for model in read] == ["1", "2", "2", "2", None]
    assert [(field.title, field.column) for field in read[0].fields][-1] == ("@score:yes", "s0005")
