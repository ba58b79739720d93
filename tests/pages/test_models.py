"""The models page: registering, the schema's sentences, references, versions, code, samples."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.errors import InputError, SchemaError
from monitoring.schema import ModelSchema
from monitoring.service import House
from pages.findings.sample import try_sample
from pages.findings.snippets import batch_code, commands, logging_code, schema_changes, yaml_of
from pages.set_up.uploads import from_yaml, kept, read_upload
from tests.pages import data
from tests.pages.test_frame import texts

Open = Callable[..., AppTest]
SMALL = """\
name: loans
version: "2"
task: binary
features: {amount: numerical, country: categorical}
positive_label: "yes"
timestamp: when
id: key
"""


class Uploaded:
    """A file as a browser hands it over."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._content = content

    def getvalue(self) -> bytes:
        return self._content


def rows(count: int = 20) -> pa.Table:
    """Rows that fit the small model."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pa.table({
        "when": [start + timedelta(hours=hour) for hour in range(count)], "key": [f"k{number}" for number in range(count)],
        "amount": [float(number) for number in range(count)], "country": ["FR", "DE"] * (count // 2),
        "prediction": ["yes", "no"] * (count // 2), "score": [0.9, 0.1] * (count // 2),
    })  # fmt: skip


def parquet(table: pa.Table) -> bytes:
    """The table as an upload's content."""
    buffer = io.BytesIO()
    pa_parquet.write_table(table, buffer)
    return buffer.getvalue()


def register(test: AppTest, text: str) -> AppTest:
    """Paste a text into the form and send it."""
    test.text_area(key="models.text").set_value(text)
    return next(button for button in test.button if button.label == "Register").click().run()


def test_an_empty_home_offers_to_register_and_the_demo(open_page: Open, empty_home: House) -> None:
    test = open_page("set_up/models", empty_home)
    assert not test.exception
    assert "No model is registered yet." in texts(test)
    assert {button.label for button in test.button} == {"Register", "Load the demo"}


def test_a_pasted_file_registers_a_model(open_page: Open, empty_home: House) -> None:
    test = register(open_page("set_up/models", empty_home), SMALL)
    assert not test.exception
    assert "loans 2 is registered." in test.success[0].value
    assert empty_home.store.models() == ["loans"]
    assert empty_home.store.spec("loans")["positive_label"] == "yes"


def test_a_wrong_file_gets_the_schemas_own_sentence(open_page: Open, empty_home: House) -> None:
    wrong = SMALL.replace("amount: numerical", "amount: numeric")
    with pytest.raises(SchemaError) as raised:
        from_yaml(wrong)
    assert "line 4" in str(raised.value)
    assert "numerical" in str(raised.value)
    test = register(open_page("set_up/models", empty_home), wrong)
    assert not test.exception
    assert "line 4" in test.error[0].value
    assert empty_home.store.models() == []


def test_the_schema_is_shown_as_the_file_that_registers_it_again(open_page: Open, full_home: House) -> None:
    test = open_page("set_up/models", full_home, model="card-fraud")
    assert not test.exception
    shown = next(code.value for code in test.code if code.language == "yaml")
    assert from_yaml(shown) == ModelSchema.from_dict(full_home.store.spec("card-fraud"))
    features = next(frame.value for frame in test.dataframe if "Feature" in frame.value.columns)
    assert dict(zip(features["Feature"], features["Kind"], strict=True)) == data.SPECS["card-fraud"]["features"]


def test_without_a_reference_the_page_says_what_to_do(open_page: Open, full_home: House) -> None:
    test = open_page("set_up/models", full_home, model="card-fraud")
    assert "There is no reference yet" in texts(test)
    assert "No predictions have been logged yet." in texts(test)


def test_a_reference_without_rows_says_since_when(open_page: Open, empty_home: House) -> None:
    empty_home.register(spec=from_yaml(SMALL).to_dict())
    with kept(Uploaded("reference.parquet", parquet(rows())), "reference") as path:
        empty_home.reference(model="loans", path=path)
    assert empty_home.forget_reference(model="loans")["rows"] == 20
    test = open_page("set_up/models", empty_home, model="loans")
    assert not test.exception
    shown = texts(test)
    assert "**20 rows**" in shown
    assert f"The rows were deleted {datetime.now(UTC).day} " in shown
    assert not [frame for frame in test.dataframe if "amount" in frame.value.columns]


def test_a_reference_is_described_and_previewed(open_page: Open, empty_home: House) -> None:
    empty_home.register(spec=from_yaml(SMALL).to_dict())
    with kept(Uploaded("../../my reference.parquet", parquet(rows())), "reference") as path:
        assert path.name == "reference.parquet"
        empty_home.reference(model="loans", path=path)
    test = open_page("set_up/models", empty_home, model="loans")
    assert not test.exception
    assert "**20 rows**, from 1 Jan 2026 00:00 to 1 Jan 2026 19:00 UTC" in texts(test)
    preview = next(frame.value for frame in test.dataframe if "amount" in frame.value.columns)
    assert list(preview["amount"]) == [float(number) for number in range(20)]


@pytest.mark.parametrize("model", list(data.SPECS))
def test_the_code_is_python_and_names_this_model(model: str) -> None:
    schema = ModelSchema.from_dict(data.SPECS[model])
    for code in (logging_code(schema), batch_code(schema)):
        assert f"PredictionLogger({model!r}, version={schema.version!r})" in code
        ast.parse(code)
    assert f"python -m monitoring run {model}" in commands(schema)


def test_the_code_really_logs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_HOME", str(tmp_path_factory.mktemp("snippets")))
    for spec in data.SPECS.values():
        names: dict[str, object] = {}
        exec(compile(logging_code(ModelSchema.from_dict(spec)), "snippet", "exec"), names)
        assert names["prediction_id"]
        assert names["log"].stats().refused == {}  # type: ignore[attr-defined]
        names["log"].close()  # type: ignore[attr-defined]


def test_names_that_need_quotes_are_quoted() -> None:
    schema = ModelSchema.from_dict({**data.SPECS["bike-demand"], "name": "it's; rm -rf"})
    assert "run 'it'\"'\"'s; rm -rf'" in commands(schema)
    ast.parse(logging_code(schema))
    assert from_yaml(yaml_of(schema.to_dict())) == schema


def test_a_good_sample_would_be_logged_whole() -> None:
    result = try_sample(rows(), from_yaml(SMALL))
    assert (result.tried, result.accepted, dict(result.refused), result.missing) == (20, 20, {}, ())
    assert result.good


def test_a_bad_sample_says_which_rows_and_why() -> None:
    table = rows().set_column(0, "when", pa.array([None] * 20, pa.timestamp("us", tz="UTC"))).drop_columns(["country"])
    result = try_sample(table, from_yaml(SMALL))
    assert not result.good
    assert result.missing == ("country",)
    assert sum(result.refused.values()) + result.accepted == 20


def test_an_upload_that_is_no_table_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="no table"):
        read_upload(Uploaded("rows.exe", b"MZ"), from_yaml(SMALL))
    with pytest.raises(InputError, match="cannot be read"):
        read_upload(Uploaded("rows.parquet", b"not parquet"), from_yaml(SMALL))


def test_what_each_schema_changed_is_said_key_by_key() -> None:
    first = {"name": "m", "version": "1", "features": {"a": "numerical", "b": "text"}, "window": "1d"}
    second = {**first, "version": "2", "features": {"a": "categorical", "c": "text"}, "label_delay": "7d"}
    said = schema_changes([json.dumps(spec) for spec in (first, second, {**second, "version": "3"})])
    assert said == ["the first", "features: + c, − b, a: numerical → categorical; label_delay: none → 7d", "nothing but its version"]
