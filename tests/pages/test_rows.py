"""Rows made quickly are the rows that Arrow makes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pages.findings.rows import rows_by, rows_of

TYPES = {"word": pa.string(), "when": pa.timestamp("us", tz="UTC"), "number": pa.float64(), "count": pa.int64(), "yes": pa.bool_()}
ROW = st.fixed_dictionaries({
    "word": st.none() | st.sampled_from(["", "a", "b"]),
    "when": st.none() | st.integers(0, 3).map(lambda day: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)),
    "number": st.none() | st.floats(allow_nan=False), "count": st.none() | st.integers(-5, 5), "yes": st.none() | st.booleans(),
})  # fmt: skip


def made(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema(list(TYPES.items())))


@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=8))
def test_they_are_arrows_own(first: list[dict[str, object]], second: list[dict[str, object]]) -> None:
    table = pa.concat_tables([made(first), made(second)])
    assert rows_of(table) == table.to_pylist()
    assert rows_of(table, ["count", "word"]) == table.select(["count", "word"]).to_pylist()


def test_groups_keep_the_order_of_the_table() -> None:
    table = pa.table({"model": ["b", "a", "b"], "value": [1.0, None, 3.0]})
    assert rows_by(table, "model", ["value"]) == {"b": [{"value": 1.0}, {"value": 3.0}], "a": [{"value": None}]}


def test_no_rows_are_no_rows() -> None:
    assert rows_of(made([])) == []
    assert rows_by(made([]), "word", ["count"]) == {}
