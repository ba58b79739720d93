"""What frames and files bring along that is no datum – row labels, dictionaries, byte order marks – and values that lie between types."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from monitoring import InputError, ModelSchema, PredictionLogger
from tests.unit.test_logger import records

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
TIMES = [NOON + timedelta(hours=hour) for hour in range(3)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLogger]:
    with PredictionLogger("m", home=tmp_path / "home") as log:
        yield log


def features(log: PredictionLogger) -> list[dict[str, Any]]:
    return [record["f"] for record in records(log.home.path)]


@pytest.mark.parametrize("index", [["u", "v", "w"], pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")]), [2, 0, 1]])
def test_row_labels_of_pandas_are_no_feature_and_change_no_id(log: PredictionLogger, index: Any) -> None:
    frame = pd.DataFrame({"timestamp": TIMES, "a": [1.0, 2.0, 3.0]})
    log.log_batch(frame)
    log.log_batch(frame.set_axis(index, axis=0))
    assert features(log) == [{"a": 1.0}, {"a": 2.0}, {"a": 3.0}] * 2
    ids = [record["id"] for record in records(log.home.path)]
    assert ids[:3] == ids[3:]


def test_a_named_index_of_pandas_is_a_column(log: PredictionLogger) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=pd.DatetimeIndex(TIMES, name="timestamp"))
    assert log.log_batch(frame).rows == 3
    mixed = pd.DataFrame({"a": [1.0, "x", {1}]}, index=pd.DatetimeIndex(TIMES, name="timestamp"))
    assert log.log_batch(mixed).refused == {"unsupported type": 1}
    assert features(log) == [{"a": 1.0}, {"a": 2.0}, {"a": 3.0}, {"a": 1.0}, {"a": "x"}]


def test_columns_of_pandas_need_not_be_called_by_texts(log: PredictionLogger) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log.log_batch(pd.DataFrame([[NOON, 2.5]], columns=["timestamp", 0]))
    assert features(log) == [{"0": 2.5}]
    for names in (["timestamp", 0, "0"], ["timestamp", "a", "a"]):
        with pytest.raises(InputError, match="Two columns are called"):
            log.log_batch(pd.DataFrame([[NOON, 1, 2]], columns=names))


def test_a_series_is_no_frame_and_is_refused_with_a_sentence(log: PredictionLogger) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        log.log_batch(pd.Series([1.0, 2.0], name="a"))


def test_enums_and_categories_of_polars_are_their_texts(log: PredictionLogger) -> None:
    kinds = pl.Enum(["FR", "DE"])
    frame = pl.DataFrame({"timestamp": TIMES, "enum": ["FR", None, "DE"], "cat": ["x", "y", None], "id": ["1", "2", "3"]})
    log.log_batch(frame.cast({"enum": kinds, "cat": pl.Categorical, "id": pl.Categorical}))
    assert features(log) == [{"enum": "FR", "cat": "x"}, {"enum": None, "cat": "y"}, {"enum": "DE", "cat": None}]
    assert [record["id"] for record in records(log.home.path)] == ["1", "2", "3"]


@pytest.mark.parametrize("kind", [pa.decimal128(12, 2), pa.decimal256(50, 2)])
def test_a_decimal_is_the_float_nearest_to_it(log: PredictionLogger, kind: pa.DataType) -> None:
    amounts = [Decimal(cents).scaleb(-2) for cents in range(0, 200_000, 97)]
    log.log_batch(pa.table({"timestamp": [NOON] * len(amounts), "amount": pa.array(amounts, kind)}))
    assert [row["amount"] for row in features(log)] == [float(amount) for amount in amounts]


def test_an_hour_that_a_clock_skips_is_read_alike_from_frames_and_rows(tmp_path: Path) -> None:
    schema = ModelSchema(task="regression", features={"x": "numerical"}, timezone="Europe/Paris")
    naive = [datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 12)]  # noqa: DTZ001
    rows = [{"timestamp": moment, "x": 1.0} for moment in naive]
    with PredictionLogger("m", schema=schema, home=tmp_path) as log:
        for source in (pd.DataFrame(rows), pl.DataFrame(rows), rows):
            log.log_batch(source)
        log.prediction({"x": 1.0}, timestamp=naive[0])
    found = [record["e"] for record in records(tmp_path)]
    assert found[:2] == found[2:4] == found[4:6] and found[6] == found[0]


def test_a_file_of_json_lines_may_begin_with_a_byte_order_mark_and_hold_what_python_writes(log: PredictionLogger, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    start = '{"timestamp": "2024-05-01T12:00Z", "a": '
    path.write_text("".join(f"{start}{value}}}\n" for value in ("1.5", "NaN", "-Infinity", "nan")) + '"line of my own"\n', "utf-8-sig")
    result = log.log_batch(path)
    assert result.refused == {"line is not valid JSON": 1, "row is not a mapping": 1}
    assert features(log) == [{"a": 1.5}, {"a": None}, {"a": None}]
    assert [record.get("nf") for record in records(log.home.path)] == [None, {"a": "NaN"}, {"a": "-Infinity"}]


def test_rows_of_a_csv_keep_their_numbers_behind_one_that_cannot_be_read(log: PredictionLogger, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    good = "2024-05-01T12:00Z,1\n"
    path.write_text("timestamp,a\n" + good + "2024-05-01T12:00Z\n\n" + ",2\n" + good * 100_000 + "1,2,3\n" + "never,1\n")
    result = log.log_batch(path)
    assert result.rows == 100_001
    assert result.examples == {
        "no timestamp": (3,), "timestamp is no ISO time": (100_005,), "row has another number of fields than the header": (2, 100_004),
    }  # fmt: skip


def test_a_refusal_names_the_column(log: PredictionLogger) -> None:
    log.log_batch([{"timestamp": NOON, "a": 1, "photo": b"\x89PNG"}])
    assert log.stats().last_refusal == 'unsupported type: row 1: bytes in "photo"'
    log.prediction({"a": 2**70})
    assert log.stats().last_refusal == 'number out of range: a whole number beyond 64 bits in "a"'
    log.log_batch([{"timestamp": None, "a": 1}])
    assert log.stats().last_refusal == "no timestamp: row 1"


def test_scores_of_classes_may_be_keyed_as_a_model_has_them_and_need_not_be_finite(log: PredictionLogger) -> None:
    shares = dict(zip(np.array([0, 1]), np.array([0.25, 0.75]), strict=True))  # classes_ and predict_proba of scikit-learn
    assert log.prediction({"a": 1}, score=shares)
    assert log.prediction({"a": 1}, score={True: 0.5, "x": float("nan"), 2.0: float("inf")})
    assert not log.prediction({"a": 1}, score={1: 0.5, "1": 0.5})
    found = records(log.home.path)
    assert [record["s"] for record in found] == [{"0": 0.25, "1": 0.75}, {"True": 0.5, "x": None, "2": None}]
    assert found[1]["nf"] == {"@score:x": "NaN", "@score:2": "Infinity"}
    assert log.stats().refused == {"class named twice": 1}
