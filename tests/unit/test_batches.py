"""Batches: frames, files and iterables end up in the log as the same records, and logging them twice changes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring import InputError, ModelSchema, PredictionLogger
from monitoring.errors import NotFound
from tests.unit.test_logger import records

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MICROS = 1_714_564_800_000_000
SCHEMA = ModelSchema(
    task="binary",
    features={"amount": "numerical", "country": "categorical", "opened": "datetime"},
    timestamp="event_time", id="order_id", prediction="decision", score="fraud_score", positive_label=1, label="is_fraud",
    segments=["site"], label_delay="7d", timezone="UTC",
)  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {
        "event_time": NOON, "order_id": "o-1", "amount": 12.5, "country": "FR", "opened": NOON, "site": "a", "note": "x",
        "decision": 1, "fraud_score": 0.9, "latency_ms": 3.5, "is_fraud": 0,
    },
    {
        "event_time": NOON + timedelta(seconds=1), "order_id": "o-2", "amount": None, "country": None, "opened": None, "site": "b",
        "note": "y", "decision": 0, "fraud_score": 0.25, "latency_ms": None, "is_fraud": None,
    },
]  # fmt: skip
NOTHING = {"amount": None, "country": None, "opened": None}
OPENED = "2024-05-01T12:00:00+00:00"
EXPECTED = [
    {"id": "o-1", "e": MICROS, "f": {"amount": 12.5, "country": "FR", "opened": OPENED}, "x": {"site": "a"}, "p": 1, "s": 0.9, "lat": 3.5},
    {"id": "o-2", "e": MICROS + 1_000_000, "f": NOTHING, "x": {"site": "b"}, "p": 0, "s": 0.25, "lat": None},
]
OURS = ("v", "k", "n", "t", "m", "ver")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLogger]:
    with PredictionLogger("fraud", schema=SCHEMA, home=tmp_path / "home") as log:
        yield log


def logged(log: PredictionLogger, kind: str = "pred") -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key not in OURS} for record in records(log.home.path, kind)]


def _file(path: Path) -> Path:
    frame = pl.DataFrame(ROWS)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".csv":
        frame.write_csv(path)
    else:
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in ROWS))
    return path


SOURCES: dict[str, Any] = {
    "pandas": lambda _: pd.DataFrame(ROWS),
    "polars": lambda _: pl.DataFrame(ROWS),
    "arrow": lambda _: pa.Table.from_pylist(ROWS),
    "reader": lambda _: pa.Table.from_pylist(ROWS).to_reader(),
    "mappings": lambda _: iter(ROWS),
    "parquet": lambda folder: _file(folder / "rows.parquet"),
    "csv": lambda folder: str(_file(folder / "rows.csv")),
    "jsonl": lambda folder: _file(folder / "rows.jsonl"),
    "ndjson": lambda folder: _file(folder / "rows.NDJSON"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_records(log: PredictionLogger, tmp_path: Path, source: str) -> None:
    result = log.log_batch(SOURCES[source](tmp_path))
    found = [{**record, "f": {**record["f"], "opened": _without_fraction(record["f"]["opened"])}} for record in logged(log)]
    assert found == EXPECTED
    assert logged(log, "label") == [{"id": "o-1", "y": 0, "e": MICROS + 7 * 86_400_000_000}]
    assert (result.model, result.rows, result.labels, result.refused, result.ignored, result.missing) == ("fraud", 2, 1, {}, ("note",), ())
    assert log.stats().accepted == 3


def _without_fraction(moment: str | None) -> str | None:
    return datetime.fromisoformat(moment).isoformat() if moment else None


def test_columns_can_be_named_in_the_call(tmp_path: Path) -> None:
    with PredictionLogger("m", home=tmp_path) as log:
        row = {"at": NOON, "key": 7, "x": 1.5, "said": "yes", "cat": 0.25, "dog": 0.75, "truth": "no", "known": NOON, "failure": None}
        rows = [{**row, "junk": 1}]
        result = log.log_batch(
            rows, timestamp="at", id="key", prediction="said", score={"cat": "cat", "dog": "dog"}, label="truth", labelled_at="known",
            error="failure", ignore=["junk"],
        )  # fmt: skip
        assert logged(log) == [{"id": "7", "e": MICROS, "f": {"x": 1.5}, "p": "yes", "s": {"cat": 0.25, "dog": 0.75}, "err": None}]
        assert logged(log, "label") == [{"id": "7", "y": "no", "e": MICROS}]
        assert result.ignored == ("junk",)


def test_an_ignored_column_plays_no_part_at_all(log: PredictionLogger) -> None:
    result = log.log_batch(ROWS, ignore=["is_fraud", "order_id", "amount"])
    assert (result.rows, result.labels, result.ignored) == (2, 0, ("order_id", "amount", "note", "is_fraud"))
    assert all(record["id"] not in ("o-1", "o-2") and "amount" not in record["f"] for record in logged(log))


def test_without_a_schema_every_other_column_is_a_feature(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("timestamp,prediction,amount,zip,word\n2024-05-01T12:00Z,1,1.5,01,NA\n2024-05-01T12:00Z,0,,02,b\n")
    with PredictionLogger("m", home=tmp_path / "home") as log:
        log.log_batch(path)
        assert [record["f"] for record in logged(log)] == [
            {"amount": 1.5, "zip": 1.0, "word": "NA"}, {"amount": None, "zip": 2.0, "word": "b"},
        ]  # fmt: skip


def test_a_file_without_types_is_typed_by_the_schema(log: PredictionLogger, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "event_time,order_id,amount,country,decision,fraud_score,is_fraud,latency_ms\n"
        '2024-05-01 12:00:00,007,12,NA,1.0,0.5,True,3\n2024-05-01T12:00:00+00:00,2,dear,"",0,nan,0.0, 4 \n2024-05-01T12:00Z,3,NA,x,1,,1,\n'
    )
    log.log_batch(path)
    found = logged(log)
    assert [record["id"] for record in found] == ["007", "2", "3"]
    assert [record["f"]["amount"] for record in found] == [12.0, "dear", None]
    assert [record["f"]["country"] for record in found] == ["NA", "", "x"]
    assert [record["p"] for record in found] == [1, 0, 1]
    assert [record["s"] for record in found] == [0.5, None, None] and found[1]["nf"] == {"@score": "NaN"}
    assert [record["lat"] for record in found] == [3.0, 4.0, None]
    assert [record["y"] for record in logged(log, "label")] == ["True", 0, 1]


def test_rows_that_cannot_be_used_are_refused_by_reason_and_number(log: PredictionLogger) -> None:
    good = {"event_time": NOON, "order_id": "a"}
    rows: list[Any] = [
        good, {**good, "event_time": None}, {**good, "order_id": ""}, {**good, "event_time": "soon"}, {**good, "fraud_score": "high"},
        {**good, "amount": {1}}, 5, {**good, "order_id": "b" * 300}, {**good, "latency_ms": -1}, {**good, "country": "\ud800"},
        {**good, "country": "x" * 300_000}, {**good, "order_id": None}, {**good, "is_fraud": {1: 2}}, {**good, "order_id": "last"},
    ]  # fmt: skip
    result = log.log_batch(rows)
    assert result.rows == 3 and [record["id"] for record in logged(log)] == ["a", "a", "last"]
    assert result.refused == {
        "no timestamp": 1, "no prediction id": 2, "timestamp is no ISO time": 1, "score is not a number": 1, "unsupported type": 1,
        "row is not a mapping": 1, "prediction id too long": 1, "latency is no number of milliseconds": 1, "text is not valid Unicode": 1,
        "record too large": 1, "ground truth is not a single value": 1,
    }  # fmt: skip
    assert result.examples["no prediction id"] == (3, 12) and result.examples["row is not a mapping"] == (7,)
    assert log.stats().refused == result.refused


def test_arrow_columns_of_the_wrong_kind_are_judged_value_by_value(log: PredictionLogger) -> None:
    table = pa.table(
        {
            "event_time": pa.array([NOON] * 3, pa.timestamp("ns", "UTC")),
            "order_id": pa.array([1, 2, 3]),
            "amount": pa.array([Decimal("1.5"), None, Decimal("2.5")], pa.decimal128(5, 2)),
            "country": pa.array(["a", "b", "a"]).dictionary_encode(),
            "fraud_score": pa.array(["0.5", "x", None]),
            "decision": pa.array([True, False, None]),
            "opened": pa.array([date(2024, 5, 1)] * 3),
            "latency_ms": pa.array([1.0, -1.0, math.nan]),
        }
    )
    result = log.log_batch(table)
    assert result.refused == {"score is not a number": 2}
    (found,) = logged(log)
    assert (found["id"], found["f"], found["p"]) == ("3", {"amount": 2.5, "country": "a", "opened": "2024-05-01"}, None)


def test_not_finite_is_told_from_missing(log: PredictionLogger) -> None:
    table = pa.table({"event_time": [NOON] * 3, "amount": [math.nan, None, -math.inf], "fraud_score": [0.5, math.inf, None]})
    log.log_batch(table)
    assert [record.get("nf") for record in logged(log)] == [{"amount": "NaN"}, {"@score": "Infinity"}, {"amount": "-Infinity"}]
    assert [record["f"]["amount"] for record in logged(log)] == [None] * 3


def test_pandas_says_missing_by_nan(log: PredictionLogger) -> None:
    log.log_batch(pd.DataFrame({"event_time": [NOON] * 2, "amount": [1.0, np.nan], "is_fraud": [1.0, np.nan]}))
    assert [record["f"]["amount"] for record in logged(log)] == [1.0, None] and not any("nf" in record for record in logged(log))
    assert [record["y"] for record in logged(log, "label")] == [1]


def test_a_frame_of_mixed_objects_is_taken_object_by_object(log: PredictionLogger) -> None:
    result = log.log_batch(pd.DataFrame({"event_time": [NOON] * 4, "country": ["a", 1, None, {1}], "amount": [1.0, 2.0, 3.0, 4.0]}))
    assert [record["f"]["country"] for record in logged(log)] == ["a", 1, None]
    assert result.refused == {"unsupported type": 1}


@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_naive_times_need_the_schemas_timezone(tmp_path: Path, zone: str | None) -> None:
    schema = ModelSchema(task="regression", features={"x": "numerical", "opened": "datetime"}, timezone=zone)
    naive = [datetime(2024, 5, 1, 14), datetime(2024, 10, 27, 2, 30)]  # noqa: DTZ001  the second one happens twice in Paris
    for place, source in enumerate([pd.DataFrame({"timestamp": naive, "x": [1, 2]}), [{"timestamp": moment, "x": 1} for moment in naive]]):
        with PredictionLogger("m", schema=schema, home=tmp_path / str(place)) as log:
            result = log.log_batch(source)
            if zone is None:
                assert result.refused == {"naive timestamp": 2}
            else:
                assert [record["e"] for record in logged(log)] == [MICROS, 1_729_989_000_000_000]


def test_times_beyond_the_calendar_are_refused(log: PredictionLogger) -> None:
    for unit in ("s", "us"):
        far = pa.array([2**62, MICROS // (1_000_000 if unit == "s" else 1)], pa.int64()).cast(pa.timestamp(unit, "UTC"))
        result = log.log_batch(pa.table({"event_time": far, "amount": [1.0, 2.0]}))
        assert (result.rows, sum(result.refused.values())) == (1, 1)


def test_rows_without_an_id_get_the_same_one_each_time(log: PredictionLogger, tmp_path: Path) -> None:
    rows = [{"event_time": NOON, "amount": amount, "decision": 1} for amount in (1.0, 2.0, 1.0, 1.0)]
    for source in (rows, pd.DataFrame(rows), pl.DataFrame(rows)):
        log.log_batch(source)
    ids = [record["id"] for record in logged(log)]
    assert len(set(ids[:4])) == 4, "equal rows are all kept"
    assert ids[:4] == ids[4:8] == ids[8:]
    log.log_batch([{**row, "is_fraud": 1} for row in rows])  # the truth comes later and is no part of the question
    assert [record["id"] for record in logged(log)][12:] == ids[:4]
    assert [record["id"] for record in logged(log, "label")] == ids[:4]


def test_private_columns_are_never_written_in_clear(tmp_path: Path) -> None:
    schema = ModelSchema(
        task="regression", features={"x": "numerical", "who": "categorical", "secret": "text"}, segments=["team"],
        privacy={"who": "hash", "secret": "drop", "team": "mask"},
    )  # fmt: skip
    with PredictionLogger("m", schema=schema, home=tmp_path) as log:
        result = log.log_batch(pd.DataFrame({"timestamp": [NOON], "x": [1.0], "who": ["Jo"], "secret": ["s3cret"], "team": ["blue"]}))
        key = log.prediction({"who": "Jo"})
        found = logged(log)
    assert key and found[0]["f"] == {"x": 1.0, "who": found[1]["f"]["who"]} and found[0]["x"] == {"team": "…"}
    assert result.ignored == ("secret",) and result.missing == ()


def test_many_chunks_keep_their_row_numbers(log: PredictionLogger) -> None:
    rows = ({"event_time": NOON if number % 10_000 else None, "order_id": str(number), "amount": 1} for number in range(1, 20_001))
    result = log.log_batch(rows)
    assert (result.rows, result.examples) == (19_998, {"no timestamp": (10_000, 20_000)})
    assert len(logged(log)) == 19_998


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder / "none.parquet", "none.parquet is not a file"),
        (lambda folder: folder, "is not a file"),
        (lambda folder: _written(folder / "rows.xlsx", b""), 'ends in ".xlsx"'),
        (lambda folder: _written(folder / "rows.parquet", b"PAR1nonsense"), "rows.parquet cannot be read"),
        (lambda folder: _written(folder / "rows.csv", b""), "rows.csv cannot be read"),
        (lambda folder: _written(folder / "rows.csv", b"a,a\n1,2\n"), 'Two columns are called "a"'),
        (lambda folder: _written(folder / "rows.csv", b"event_time\n\xff\xfe\n"), "rows.csv cannot be read"),
        (lambda folder: pd.DataFrame([[NOON, 1, 2]], columns=["event_time", "amount", "amount"]), "mount"),
        (lambda folder: pl.DataFrame(ROWS).lazy(), "give it as frame.collect()"),
        (lambda folder: 5, "Rows cannot be read from a int"),
        (lambda folder: {"event_time": NOON}, "Rows cannot be read from a dict"),
        (lambda folder: [{"time": NOON}], 'There is no column "event_time" with the time of each prediction; did you mean "time"?'),
        (lambda folder: pd.DataFrame({"event_time": [NOON], "amonut": [1]}), 'none of the model\'s columns; did you mean "amonut"?'),
        (lambda folder: _failing_rows(), "The rows stopped with RuntimeError"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_with_a_sentence(log: PredictionLogger, tmp_path: Path, make: Any, sentence: str) -> None:
    with pytest.raises((InputError, NotFound)) as caught:
        log.log_batch(make(tmp_path))
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"timestamp": "evnt_time"}, 'There is no column "evnt_time"; did you mean "event_time"?'),
        ({"lable": "is_fraud"}, 'There is no role "lable"; did you mean "label"?'),
        ({"ignore": ["nothing"]}, 'There is no column "nothing"'),
        ({"score": {"a": "none"}}, 'There is no column "none"'),
        ({"id": 5}, 'There is no column "int"'),
    ],
)
def test_columns_that_are_not_there_are_refused_with_a_hint(log: PredictionLogger, keywords: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match="There is no") as caught:
        log.log_batch(ROWS, **keywords)
    assert sentence in str(caught.value)


def test_nothing_to_log_is_no_error(log: PredictionLogger) -> None:
    assert log.log_batch([]).rows == 0
    assert log.log_batch(pd.DataFrame({"event_time": pd.Series([], dtype="datetime64[ns, UTC]"), "amount": []})).rows == 0


def test_broken_lines_of_a_file_cost_themselves(log: PredictionLogger, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    line = b'{"event_time": "2024-05-01T12:00Z", "amount": 1.5}\n'
    path.write_bytes(line + b"{broken\n" + b"\n" + b"[1]\n" + b'{"x": "' + b"y" * (3 << 20) + b'"}\n' + line)
    result = log.log_batch(path)
    assert (result.rows, result.refused) == (2, {"line is not valid JSON": 1, "row is not a mapping": 1, "line too long": 1})
    text = tmp_path / "rows.csv"
    text.write_text("event_time,amount\n2024-05-01T12:00Z,1\n2024-05-01T12:00Z,1,2,3\n2024-05-01T12:00Z,2\n")
    result = log.log_batch(text)
    assert (result.rows, result.refused) == (2, {"row has another number of fields than the header": 1})


def test_labels_come_alone_too(log: PredictionLogger, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    at = "2024-05-01T12:00Z"
    path.write_text(f"order_id,is_fraud,labelled_at,more\no-1,1,{at},x\no-2,,{at},x\n,1,{at},x\no-3,0,never,x\n")
    result = log.log_labels(path)
    assert (result.rows, result.labels, result.ignored) == (0, 1, ("more",))
    assert result.refused == {"no ground truth value": 1, "no prediction id": 1, "timestamp is no ISO time": 1}
    assert logged(log, "label") == [{"id": "o-1", "y": 1, "e": MICROS}]


def test_labels_may_be_called_id_and_label(log: PredictionLogger) -> None:
    assert log.log_labels(pd.DataFrame({"id": ["a"], "label": [1]})).labels == 1
    assert log.log_labels([{"key": "b", "truth": True}], id="key", label="truth").labels == 1
    assert [(record["id"], record["y"]) for record in logged(log, "label")] == [("a", 1), ("b", True)]
    with pytest.raises(InputError, match='There is no column "is_fraud"'):
        log.log_labels([{"id": "a", "truth": 1}])


def test_a_full_disk_refuses_the_rest_and_says_so(log: PredictionLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    log.prediction({"amount": 1})
    real, calls = __import__("os").write, iter(range(100))
    fill = lambda fd, content: real(fd, content if next(calls) < 3 else content[:100])  # noqa: E731
    monkeypatch.setattr("storage._segment_writer.write", fill)
    rows = [{"event_time": NOON, "order_id": str(number), "country": "x" * 400, "is_fraud": 1} for number in range(5_000)]
    result = log.log_batch(rows)
    assert 0 < result.rows < 5_000 and result.labels == 0
    assert result.refused["disk full"] == 5_000 - result.rows + 5_000
    monkeypatch.undo()
    assert len(logged(log)) == result.rows + 1


def test_a_strict_logger_stops_at_the_first_bad_row(tmp_path: Path) -> None:
    log = PredictionLogger("m", schema=SCHEMA, home=tmp_path, strict=True)
    with log, pytest.raises(InputError, match="no timestamp: row 2"):
        log.log_batch([{"event_time": NOON, "amount": 1}, {"event_time": None}])


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _failing_rows() -> Iterator[dict[str, Any]]:
    yield {"event_time": NOON}
    raise RuntimeError("connection lost")


SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not beside the checkout")
def test_real_files_go_in_whole(tmp_path: Path) -> None:
    schema = ModelSchema.infer(SHARED / "bike_hour.parquet", timestamp="ts", label="cnt", prediction="pred_rf_jan", timezone="UTC")
    with PredictionLogger("bike", schema=schema, home=tmp_path) as log:
        result = log.log_batch(SHARED / "bike_hour.parquet")
        assert result.rows == pq.read_metadata(SHARED / "bike_hour.parquet").num_rows == 17_379
        assert (result.labels, result.refused, result.missing) == (17_379, {}, ())
        assert log.stats().accepted == 2 * 17_379
