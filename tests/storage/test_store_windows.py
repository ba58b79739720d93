"""What each window holds: traffic, quality, versions; and the reference it is compared with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from storage.collector import Collector
from storage.errors import StoreError
from storage.store import Store
from tests.storage.conftest import FRAUD, META, T0, Log, Span, day, hour, prediction, rows, truth


def test_traffic_counts_calls_errors_latency_and_repeats_per_window(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(*(("pred", prediction(number, lat=float(number))) for number in range(1, 12)), ("pred", prediction(30, lat=None, err="E: x")))
    log.predictions([1, 2])
    collector.once()
    first, second, third = fraud.traffic("fraud", "1", [day(0), day(1), day(2)]).to_pylist()
    assert (first["rows"], first["errors"], first["duplicates"], first["n_latency"]) == (11, 0, 2, 11)
    assert (first["latency_p50"], first["latency_mean"]) == (6.0, 6.0)
    assert (first["latency_p95"], first["latency_p99"]) == (pytest.approx(10.5), pytest.approx(10.9))  # linear between ranks
    assert (second["rows"], second["errors"], second["n_latency"], second["latency_p50"]) == (1, 1, 0, None)
    assert (third["start"], third["rows"], third["duplicates"], third["latency_mean"]) == (day(2).start, 0, 0, None)


def test_traffic_tells_how_many_calls_the_rows_of_a_sample_stand_for(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(("pred", prediction(1, w=4.0)), ("pred", prediction(2, w=4.0)), ("pred", prediction(3, err="E: x")), ("pred", prediction(30)))
    collector.once()
    first, second, third = fraud.traffic("fraud", "1", [day(0), day(1), day(2)]).to_pylist()
    assert (first["rows"], first["weight"], first["weight_squares"], first["error_weight"]) == (3, 9.0, 33.0, 1.0)
    assert (second["rows"], second["weight"], second["weight_squares"], second["error_weight"]) == (1, 1.0, 1.0, 0.0)
    assert (third["rows"], third["weight"], third["error_weight"]) == (0, 0.0, 0.0)


def test_quality_compares_with_the_reference_where_there_is_one(fraud: Store, log: Log, collector: Collector) -> None:
    values = [(-1, "FR"), (5, "DE"), (99, "XX"), (None, None), (7, "YY")]
    log.write(*(("pred", prediction(number, f={"amount": a, "country": c})) for number, (a, c) in enumerate(values)))
    collector.once()
    nothing = {row["column"]: row for row in fraud.quality("fraud", "1", [day(0)]).to_pylist()}
    assert (nothing["amount"]["n"], nothing["amount"]["missing"]) == (5, 1)
    assert (nothing["amount"]["above"], nothing["country"]["new_categories"]) == (None, None)
    fraud.put_reference("fraud", pa.table({"amount": [0.0, float("nan"), 10.0], "country": ["FR", "DE", None]}), source="r")
    found = {row["column"]: row for row in fraud.quality("fraud", "1", [day(0), day(1)]).to_pylist() if row["start"] == T0}
    amount, country = found["amount"], found["country"]
    assert (amount["below"], amount["above"], amount["new_categories"]) == (1, 1, None)
    assert (country["below"], country["missing"], country["new_categories"]) == (None, 1, 2)
    assert found["opened"]["missing"] == 5


def test_windows_that_overlap_and_more_than_one_query_holds_are_counted_as_each_alone(
    fraud: Store, log: Log, collector: Collector
) -> None:
    fraud.put_reference("fraud", pa.table({"amount": [0.0, 50.0], "country": ["FR", "DE"]}), source="r")
    given = [{"amount": n / 2 if n % 5 else "much", "country": ["FR", "XX"][n % 2]} for n in range(150)]
    log.write(*(("pred", prediction(n, lat=n / 3 if n % 4 else None, f=features)) for n, features in enumerate(given)))
    log.predictions([1, 2, 3])
    log.write(("pred", {**prediction(4), "s": 0.99}))
    collector.once()
    hours = [Span(hour(n), hour(n + 1)) for n in range(100)]
    of_rows = [Span(T0, T0, (0, 40)), Span(T0, T0, (30, 60)), Span(T0, T0, (60, 61))]
    windows = [*reversed(hours), day(0), Span(hour(3), hour(30)), day(9), *of_rows]
    for verb in (fraud.traffic, fraud.quality):
        together = verb("fraud", "1", windows).to_pylist()
        assert together == [row for window in windows for row in verb("fraud", "1", [window]).to_pylist()]
    whole = {row["column"]: row for row in fraud.quality("fraud", "1", [Span(T0, hour(200))]).to_pylist()}
    counted = fraud.quality("fraud", "1", [Span(hour(n), hour(n + 1)) for n in range(200)]).to_pylist()
    for name, row in whole.items():
        for count in ("n", "missing", "type_errors", "above", "new_categories"):
            assert sum(one[count] or 0 for one in counted if one["column"] == name) == (row[count] or 0)
    assert (whole["amount"]["type_errors"], whole["amount"]["above"], whole["country"]["new_categories"]) == (30, 40, 75)


def test_windows_of_rows_count_in_order_of_time_and_id(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions([4, 2, 0, 1, 3])
    log.predictions([9], e=None)
    log.write(("label", truth(3, 1)))
    collector.once()
    windows = fraud.row_windows("fraud", "1", 2).to_pylist()
    counts = [(row["first_row"], row["last_row"], row["rows"], row["labelled"]) for row in windows]
    assert counts == [(0, 2, 2, 0), (2, 4, 2, 1), (4, 6, 2, 0)]
    spans = [Span(row["start"], row["end"], (row["first_row"], row["last_row"])) for row in windows]
    assert [[row["@id"] for row in rows(fraud, window=span)] for span in spans] == [["p0", "p1"], ["p2", "p3"], ["p4", "p9"]]
    assert [row["rows"] for row in fraud.traffic("fraud", "1", spans).to_pylist()] == [2, 2, 2]
    assert [row["n"] for row in fraud.quality("fraud", "1", spans).to_pylist()] == [2] * 9
    with pytest.raises(StoreError, match="at least one row"):
        fraud.row_windows("fraud", "1", 0)


def test_row_windows_that_begin_at_the_same_moment_have_starts_of_their_own(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(*(("pred", prediction(number, e=prediction(0)["e"])) for number in range(6)))
    collector.once()
    windows = fraud.row_windows("fraud", "1", 2).to_pylist()
    assert [row["start"] - T0 for row in windows] == [timedelta(microseconds=number) for number in range(3)]
    assert all(row["end"] > row["start"] for row in windows)


def test_versions_are_kept_apart_and_labels_are_shared(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(("pred", prediction(1)), ("pred", prediction(1, ver="2", p=0)), ("pred", prediction(30, ver="2")), ("label", truth(1, 1)))
    collector.once()
    assert fraud.versions("fraud").to_pylist() == [
        {"version": "1", "rows": 1, "first": hour(1), "last": hour(1)},
        {"version": "2", "rows": 2, "first": hour(1), "last": hour(30)},
    ]
    active = fraud.activity("fraud", [(span.start, span.end) for span in (day(0), day(1), day(2))]).to_pylist()
    assert [(row["version"], row["start"], row["rows"], row["labelled"]) for row in active] == [
        ("1", T0, 1, 1), ("2", T0, 1, 1), ("2", hour(24), 1, 0),
    ]  # fmt: skip


def test_a_reference_has_the_shape_of_a_frame_and_a_hash_of_its_values(fraud: Store) -> None:
    assert fraud.reference("fraud") is None
    assert fraud.reference_info("fraud") is None
    given = pa.table({
        "at": [datetime(2025, 5, 2), datetime(2025, 5, 1)],  # noqa: DTZ001  as files without zones have them
        "amount": pa.array([2, 1], pa.int16()),
        "country": pa.array(["FR", "DE"]).dictionary_encode(), "decision": [True, False], "risk": [0.9, 0.2], "is_fraud": [1, 0],
        "unknown": [1, 2], "channel": [1, 2],
    })  # fmt: skip
    said = fraud.put_reference("fraud", given, source="may.parquet")
    found = fraud.reference("fraud")
    assert found is not None
    assert found.schema == fraud.frame("fraud", "1").schema
    assert found.to_pylist()[1] == {
        **dict.fromkeys(META), "@id": "0", "@t": datetime(2025, 5, 2, tzinfo=UTC), "@prediction": "1", "@score": 0.9, "@label": "1",
        "amount": 2.0, "country": "FR", "opened": None, "channel": "1",
    }  # fmt: skip
    info = fraud.reference_info("fraud")
    assert info is not None
    assert (info["rows"], info["source"], info["missing_columns"]) == (2, "may.parquet", ["opened"])
    assert (info["start"], info["end"]) == (datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 5, 2, tzinfo=UTC))
    assert said == {"rows": 2, "hash": info["hash"]}
    assert fraud.put_reference("fraud", given, source="again")["hash"] == said["hash"]
    changed = given.set_column(1, "amount", pa.array([2, 3]))
    assert fraud.put_reference("fraud", changed, source="other")["hash"] != said["hash"]
    only = fraud.reference("fraud", columns=["amount"])
    assert only is not None
    assert only.to_pylist() == [{"amount": 3.0}, {"amount": 2.0}]


def test_decimals_of_a_reference_are_the_floats_that_the_log_has(fraud: Store) -> None:
    amounts = [Decimal(cents).scaleb(-2) for cents in range(0, 200_000, 97)]
    fraud.put_reference("fraud", pa.table({"amount": pa.array(amounts, pa.decimal128(12, 2))}), source="decimals.parquet")
    found = fraud.reference("fraud", columns=["amount"])
    assert found is not None
    assert sorted(found.column(0).to_pylist()) == [float(amount) for amount in amounts]


def test_a_reference_that_cannot_be_used_leaves_the_old_one(fraud: Store) -> None:
    good = fraud.put_reference("fraud", pa.table({"amount": [1.0]}), source="good")
    for bad, sentence in (
        (pa.table({"amount": pa.array([], pa.float64())}), "has no rows"),
        (pa.table({"other": [1]}), "none of the model's features: it needs columns such as amount, country, opened"),
        (pa.table([[1.0], [2.0]], names=["amount", "amount"]), "2 columns called 'amount'"),
    ):
        with pytest.raises(StoreError, match=sentence):
            fraud.put_reference("fraud", bad, source="bad")
    fraud.register_model({**FRAUD, "timezone": None})
    with pytest.raises(StoreError, match='The column "at" has times without a zone: add "timezone: UTC"'):
        fraud.put_reference("fraud", pa.table({"amount": [1.0], "at": [datetime(2025, 1, 1)]}), source="bad")  # noqa: DTZ001
    info = fraud.reference_info("fraud")
    assert info is not None
    assert info["hash"] == good["hash"]
