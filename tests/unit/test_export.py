"""Exported files hold exactly the numbers of the table."""

from __future__ import annotations

import csv
import json
import math
import struct
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors import InputError
from monitoring.export import write_table
from storage.points import POINTS

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
HOSTILE = ['plain', '', 'with, comma', 'with "quotes"', 'two\nlines', ' spaces ', '=cmd()', 'Ünïcødé 🦉', '<script>', 'a\r\nb']


def table() -> pa.Table:
    n = len(HOSTILE)
    return pa.table(
        {
            "text": pa.array(HOSTILE),
            "maybe": pa.array([None if place % 2 else text for place, text in enumerate(HOSTILE)]),
            "value": pa.array([0.1 + 0.2, 1e-300, -0.0, 1 / 3, 2.0**53, 5e-324, None, 1e22, 123456789.123456789, 1.0]),
            "n": pa.array([*range(n - 1), 2**62], pa.int64()),
            "at": pa.array([MOMENT] * n, pa.timestamp("us", tz="UTC")),
            "partial": pa.array([True, False] * (n // 2)),
        }
    )


def test_parquet_reads_back_as_the_same_table(tmp_path: Path) -> None:
    told = write_table(table(), tmp_path / "t.parquet", format="parquet")
    assert told == {"path": str(tmp_path / "t.parquet"), "rows": len(HOSTILE), "format": "parquet"}
    assert pq.read_table(tmp_path / "t.parquet").equals(table())


def test_csv_reads_back_equal_with_null_and_empty_text_told_apart(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "t.csv", format="csv")
    options = pc.ConvertOptions(column_types=table().schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
    back = pc.read_csv(tmp_path / "t.csv", parse_options=pc.ParseOptions(newlines_in_values=True), convert_options=options)
    assert back.to_pylist() == table().to_pylist()


def test_csv_times_are_iso_with_z(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "t.csv", format="csv")
    with (tmp_path / "t.csv").open(newline="") as stream:
        assert {row["at"] for row in csv.DictReader(stream)} == {"2026-03-01T12:30:00.123456Z"}


def test_json_is_a_list_of_objects_with_null_for_missing(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "t.json", format="json")
    back = json.loads((tmp_path / "t.json").read_text())
    assert [row["value"] for row in back] == table()["value"].to_pylist()
    assert [row["maybe"] for row in back] == table()["maybe"].to_pylist()
    assert back[0]["at"] == "2026-03-01T12:30:00.123456Z"


def test_json_names_the_numbers_that_json_has_not(tmp_path: Path) -> None:
    odd = pa.table({"x": pa.array([math.nan, math.inf, -math.inf, None])})
    write_table(odd, tmp_path / "t.json", format="json")
    assert [row["x"] for row in json.loads((tmp_path / "t.json").read_text())] == ["NaN", "Infinity", "-Infinity", None]


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
def test_an_empty_table_is_a_valid_file(tmp_path: Path, format_: str) -> None:
    write_table(POINTS.empty_table(), tmp_path / "t", format=format_)
    content = (tmp_path / "t").read_bytes()
    if format_ == "json":
        assert json.loads(content) == []
    elif format_ == "csv":
        assert content.decode().strip().split(",") == POINTS.names
    else:
        assert pq.read_table(tmp_path / "t").schema.equals(POINTS)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_every_finite_double_survives_csv_and_json_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    folder = tmp_path_factory.mktemp("doubles")
    numbers = pa.table({"x": pa.array(values, pa.float64())})
    write_table(numbers, folder / "t.csv", format="csv")
    write_table(numbers, folder / "t.json", format="json")
    as_csv = [float(line) for line in (folder / "t.csv").read_text().splitlines()[1:]]
    as_json = [row["x"] for row in json.loads((folder / "t.json").read_text())]
    bits = [struct.pack("d", value) for value in values]
    assert [struct.pack("d", value) for value in as_csv] == bits
    assert [struct.pack("d", value) for value in as_json] == bits


def test_more_rows_than_one_batch_are_all_written_in_order(tmp_path: Path) -> None:
    many = pa.table({"x": pa.array(range(45_001))})
    for format_ in ("csv", "json"):
        write_table(many, tmp_path / f"t.{format_}", format=format_)
    assert (tmp_path / "t.csv").read_text().split() == ["x", *map(str, range(45_001))]
    assert [row["x"] for row in json.loads((tmp_path / "t.json").read_text())] == list(range(45_001))


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='did you mean "parquet"'):
        write_table(table(), tmp_path / "t", format="parket")


def test_a_missing_folder_and_a_folder_as_target_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder: create it first"):
        write_table(table(), tmp_path / "nowhere" / "t.csv", format="csv")
    with pytest.raises(InputError, match="is a folder: name a file in it"):
        write_table(table(), tmp_path, format="csv")


def test_a_failed_export_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    target.write_text("old")
    beyond_python = pa.table({"at": pa.array([2**61], pa.timestamp("us", tz="UTC"))})  # the year 75,000
    with pytest.raises((OverflowError, ValueError)):
        write_table(beyond_python, target, format="csv")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
