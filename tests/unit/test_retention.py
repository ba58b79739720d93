"""How long a model's rows are kept is said in its file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitoring import ModelSchema
from monitoring.errors import SchemaError
from monitoring.schema import Retention

MODEL = {"name": "fraud", "version": "1", "task": "regression", "features": {"amount": "numerical"}}


def test_it_is_read_and_written_as_the_file_has_it() -> None:
    schema = ModelSchema.from_dict({**MODEL, "retention": {"raw": "30d", "hourly": "57w"}})
    assert schema.retention == Retention(raw=timedelta(days=30), hourly=timedelta(days=399))
    assert schema.to_dict()["retention"] == {"raw": "30d", "hourly": "399d"}
    assert ModelSchema.from_dict(schema.to_dict()) == schema
    assert ModelSchema(**{**MODEL, "retention": Retention(raw=timedelta(days=1))}).retention.hourly is None
    assert "retention" not in ModelSchema.from_dict(MODEL).to_dict()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("30d", "line 5, retention: retention must be a mapping such as {raw: 30d, hourly: 400d}, not text"),
        ("{rows: 30d}", 'line 5, retention.rows: unknown key "rows"; '),
        ("{raw: 30}", "line 5, retention.raw: 30 is no length of time; write a number and s, min, h, d or w, such as 7d"),
        ("{raw: 0d}", "line 5, retention.raw: raw must be longer than nothing; write 30d, say"),
        ("{raw: -3d}", "line 5, retention.raw: "),
        ("{raw: 30d, hourly: 29d}", "line 5, retention.hourly: hourly counts are what is left of rows: keep them at least as long as raw"),
    ],
)
def test_what_is_wrong_with_it_is_one_sentence(tmp_path: Path, said: str, sentence: str) -> None:
    path = tmp_path / "fraud.yaml"
    path.write_text(f"name: fraud\nversion: '1'\ntask: regression\nfeatures: {{amount: numerical}}\nretention: {said}\n")
    with pytest.raises(SchemaError) as refusal:
        ModelSchema.from_file(path)
    assert str(refusal.value).startswith(f"fraud.yaml: {sentence}"), str(refusal.value)
    assert "\n" not in str(refusal.value)
