"""Models described by their data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from monitoring import ModelSchema, SchemaError
from monitoring.errors import InputError

ROWS = 60
DATA: dict[str, list[Any]] = {
    "event_time": [datetime(2024, 1, 1, tzinfo=UTC)] * ROWS,
    "id": [str(row) for row in range(ROWS)],
    "amount": [row / 7 for row in range(ROWS)],
    "pieces": list(range(ROWS)),
    "country": ["FR", "DE", None] * 20,
    "premium": [True, False] * 30,
    "comment": [f"the customer wrote {row} lines about it" for row in range(ROWS)],
    "prediction": [0, 1] * 30,
    "score": [0.25, 0.75] * 30,
    "label": [0, 1, 1] * 20,
}


def arrow(data: dict[str, list[Any]]) -> Any:
    return pl.DataFrame(data).to_arrow()


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, arrow])
def test_a_frame_of_any_make_says_the_same(make: Any) -> None:
    schema = ModelSchema.infer(make(DATA), name="fraud", segments=["country"])
    assert {name: str(feature.kind) for name, feature in schema.features.items()} == {
        "amount": "numerical", "pieces": "numerical", "country": "categorical", "premium": "categorical", "comment": "text",
    }  # fmt: skip
    assert (schema.task, schema.positive_label, schema.timestamp, schema.score) == ("binary", 1, "event_time", "score")
    assert (schema.name, schema.segments) == ("fraud", ("country",))


def test_a_csv_file_says_the_same_but_for_words_that_look_like_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pl.DataFrame(DATA).write_csv(path)
    schema = ModelSchema.infer(path, name="fraud")
    assert schema.timestamp == "event_time"
    assert str(schema.features["amount"].kind) == "numerical" and str(schema.features["country"].kind) == "categorical"


@pytest.mark.parametrize(
    ("label", "task"),
    [
        ([1.5, 2.5, 3.25], "regression"),
        (list(range(60)), "regression"),
        (["cat", "dog", "cow"], "multiclass"),
        ([1, 2, 3], "multiclass"),
        ([True, False, True], "binary"),
    ],
)
def test_the_task_follows_from_the_labels(label: list[Any], task: str) -> None:
    schema = ModelSchema.infer(pd.DataFrame({"x": range(len(label)), "label": label}))
    assert schema.task == task


def test_the_callers_word_wins() -> None:
    schema = ModelSchema.infer(pd.DataFrame(DATA), task="regression", label="amount", features={"pieces": "categorical"})
    assert list(schema.features) == ["pieces"]
    assert (schema.task, schema.label) == ("regression", "amount")


def test_what_cannot_be_guessed_is_asked_for() -> None:
    with pytest.raises(SchemaError, match=r"give positive_label=… *\."):
        ModelSchema.infer(pd.DataFrame({"label": ["good", "bad"]}))
    with pytest.raises(SchemaError, match="The task cannot be guessed"):
        ModelSchema.infer(pd.DataFrame({"x": [1]}))
    with pytest.raises(SchemaError, match="there is no such part"):
        ModelSchema.infer(pd.DataFrame({"x": [1]}), lable="x")
    with pytest.raises(InputError):
        ModelSchema.infer(3)
    with pytest.raises(InputError, match="no columns"):
        ModelSchema.infer([])


def test_ranking_and_multiclass_are_told_by_their_columns() -> None:
    frame = pd.DataFrame({"user": ["a"], "item": ["b"], "score": [0.5], "label": [1]})
    assert ModelSchema.infer(frame, ranking={"user": "user", "item": "item"}).task == "ranking"
    scored = pd.DataFrame({"p_a": [0.5], "p_b": [0.5], "x": [1.0], "label": ["a"]})
    schema = ModelSchema.infer(scored, score={"a": "p_a", "b": "p_b"})
    assert (schema.task, list(schema.features)) == ("multiclass", ["x"])
