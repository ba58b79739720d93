"""Models described in YAML: every key of the contract, and errors that name line, key and the nearest valid word."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitoring import ModelSchema, SchemaError
from monitoring.errors import NotFound

CONTRACT = """\
name: card-fraud
version: "3"
task: binary                 # binary | multiclass | regression | ranking
features: {amount: numerical, country: categorical, comment: text, opened: datetime}
timestamp: event_time
id: transaction_id
prediction: decision
score: fraud_score
positive_label: 1
label: is_fraud
latency: latency_ms
segments: [country]
label_delay: 7d
window: 1d
timezone: UTC
ranking: {user: user_id, item: item_id, k: [5, 10]}
privacy: {email: drop, customer: hash, iban: mask}
drift:
  {method: {numerical: wasserstein, categorical: jensenshannon}, false_alarms: 0.05, minimum_effect: 0.1, features: {amount: {method: psi}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.yaml"


def error(file: Path, text: str | bytes) -> str:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SchemaError) as caught:
        ModelSchema.from_file(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_contracts_file(file: Path) -> None:
    file.write_text(CONTRACT)
    schema = ModelSchema.from_file(file)
    assert (schema.name, schema.version, schema.label_delay, schema.window) == ("card-fraud", "3", timedelta(days=7), "1d")
    assert {name: str(feature.kind) for name, feature in schema.features.items()} == {
        "amount": "numerical", "country": "categorical", "comment": "text", "opened": "datetime",
    }  # fmt: skip
    assert schema.drift.method_for("numerical", "amount") == "psi"
    assert schema.privacy == {"email": "drop", "customer": "hash", "iban": "mask"}
    assert ModelSchema.from_file(str(file)) == ModelSchema.from_dict(schema.to_dict())


def test_the_contracts_ranking_and_rows(file: Path) -> None:
    file.write_text("name: r\nversion: 1\ntask: ranking\nwindow: {rows: 5000}\nranking: {user: user_id, item: item_id, k: [5, 10]}\n")
    schema = ModelSchema.from_file(file)
    assert schema.ranking is not None and schema.ranking.k == (5, 10)
    assert (schema.window, schema.version) == ("rows:5000", "1")


def test_keys_are_the_text_that_stands_there(file: Path) -> None:
    file.write_text("name: x\ntask: regression\nfeatures: {no: categorical, 1: numerical, null: text, on: text}\n")
    assert list(ModelSchema.from_file(file).features) == ["no", "1", "null", "on"]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("task: binary ", "task: binry ", 'model.yaml: line 3, task: unknown task "binry"; did you mean "binary"?'),
        ("amount: numerical", "amount: numercial", 'line 4, features.amount: unknown kind "numercial"; did you mean "numerical"?'),
        ("segments:", "segment:", 'model.yaml: line 12, segment: unknown key "segment"; did you mean "segments"?'),
        ("[country]", "[no]", "model.yaml: line 12, segments.0: segments must be text, not false; write it in quotes"),
        ("window: 1d", "window: daily", 'model.yaml: line 14, window: "daily" is no window'),
        ("timezone: UTC", "timezone: Utopia", 'model.yaml: line 15, timezone: unknown timezone "Utopia"'),
        ("iban: mask", "iban: masked", 'model.yaml: line 17, privacy.iban: unknown privacy rule "masked"; did you mean "mask"?'),
        ("method: psi", "method: pis", 'line 19, drift.features.amount.method: unknown drift method "pis"; did you mean "psi"?'),
        ("id: transaction_id", "task: binary", 'model.yaml: line 6, task: the key "task" stands here again (first in line 3)'),
        ('version: "3"', "version: 1.10", "model.yaml: line 2, version: version must be text, not a number"),
        ('version: "3"', "version: 2024-13-45", ""),
        ("name: card-fraud", "", "name is missing"),
        ("score: fraud_score", "score: decision", "line 8, score: the column \"decision\" is both the prediction and the score"),
    ],
)
def test_an_error_names_the_line_the_key_and_the_nearest_word(file: Path, before: str, after: str, sentence: str) -> None:
    assert before in CONTRACT
    changed = CONTRACT.replace(before, after)
    if not sentence:
        file.write_text(changed)
        assert ModelSchema.from_file(file).version == "2024-13-45"
        return
    assert sentence in error(file, changed)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n- b\n", "must be a mapping"),
        ("just a text", "must be a mapping"),
        ("name: [a\nversion: 1", "line 2, not valid YAML"),
        ("name: a\n\tversion: 1", "line 2, not valid YAML"),
        ("name: &x a\nversion: *x\n", "line 1, not valid YAML: anchors and aliases"),
        ("name: !!python/object/apply:os.system [ls]\n", "has no place here"),
        ("name: !secret x\n", "has no place here"),
        ("name: !!binary x\n", "has no place here"),
        ("name: a\n---\nname: b\n", "not valid YAML"),
        ("? [a, b]\n: c\n", "a key must be a single word"),
        ("[" * 5_000, "model.yaml"),
        ("a: " + "{a: " * 30 + "1" + "}" * 30, "nested too deeply"),
        (b"name: \xff\xfe\n", "line 1, the file is not UTF-8"),
        (b"name: a\0b\n", "not valid YAML"),
        ("x" * (1 << 20) + "x", "more than 1 MiB"),
        ("name: a\ntask: binary\npositive_label: !!int x\n", "put it in quotes"),
    ],
    ids=range(18),
)
def test_what_is_no_description_is_refused_with_a_sentence(file: Path, text: str | bytes, sentence: str) -> None:
    assert sentence in error(file, text)


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, "nul\0.yaml"):
        with pytest.raises(NotFound, match="cannot be read"):
            ModelSchema.from_file(path)
