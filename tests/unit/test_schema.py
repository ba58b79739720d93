"""Models described from Python and from mappings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from monitoring import Feature, Kind, ModelSchema, SchemaError, Task
from monitoring.schema import METHODS, ColumnDrift, DriftSettings, Ranking


def binary(**said: Any) -> ModelSchema:
    return ModelSchema(**{"task": "binary", "features": {"amount": "numerical"}, "positive_label": 1, **said})


def test_the_contracts_line_of_python() -> None:
    schema = ModelSchema(task="binary", features={"amount": "numerical"}, positive_label=1, label_delay="7d")
    assert schema.task is Task.BINARY
    assert schema.features == {"amount": Feature("amount", Kind.NUMERICAL)}
    assert schema.label_delay == timedelta(days=7)
    assert schema.window == "1d"


@pytest.mark.parametrize(
    "features",
    [
        {"amount": "numerical"},
        {"amount": Kind.NUMERICAL},
        {"amount": Feature("amount", Kind.NUMERICAL)},
        [Feature("amount", Kind.NUMERICAL)],
    ],
)
def test_features_may_be_words_kinds_or_features(features: Any) -> None:
    assert binary(features=features) == binary()


def test_roles_have_their_usual_names_unless_a_feature_has_them() -> None:
    schema = binary(features={"score": "numerical", "id": "text"})
    assert (schema.timestamp, schema.id, schema.prediction, schema.score) == ("timestamp", None, "prediction", None)
    assert (schema.label, schema.latency) == ("label", "latency_ms")
    assert ModelSchema.from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize(
    "schema",
    [
        binary(),
        binary(name="x", version="2", positive_label=False, segments=["land", "amount"], window="rows:5000", timezone="Europe/Paris"),
        binary(positive_label=0, label_delay="90min", privacy={"email": "drop", "customer": "hash"}),
        binary(drift={"method": "psi", "false_alarms": 0.01, "minimum_effect": {"psi": 0.2}, "features": {"amount": {"method": "ks"}}}),
        binary(costs={"false_positive": 1, "false_negative": 50.5}, alert_budget=100),
        ModelSchema(task="multiclass", score={"cat": "p_cat", "dog": "p_dog"}),
        ModelSchema(task="multiclass", features={"size": "numerical"}),
        ModelSchema(task="regression", features={"opened": "datetime", "comment": "text"}, window={"rows": 100}),
        ModelSchema(task="ranking", ranking={"user": "user_id", "item": "item_id", "k": [10, 5, 5]}),
        ModelSchema(task=Task.RANKING, ranking=Ranking(user="u", item="i")),
    ],
    ids=lambda schema: str(schema.task),
)
def test_a_schema_reads_back_equal_from_its_mapping_even_through_json(schema: ModelSchema) -> None:
    assert ModelSchema.from_dict(schema.to_dict()) == schema
    assert ModelSchema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


def test_ranks_are_sorted_and_named_once() -> None:
    schema = ModelSchema(task="ranking", ranking={"user": "u", "item": "i", "k": [10, 5, 5]})
    assert schema.ranking == Ranking(user="u", item="i", k=(5, 10))
    assert schema.columns_beside_features == ("u", "i")


@pytest.mark.parametrize("window", ["1d", "6h", "15min", "30s", "1w", "1mo", "rows:5000"])
def test_windows_of_the_contract(window: str) -> None:
    assert binary(window=window).window == window


@pytest.mark.parametrize("window", [{"rows": 5000}, "rows: 5000", "rows:05000"])
def test_windows_of_rows_have_one_spelling(window: Any) -> None:
    assert binary(window=window).window == "rows:5000"


def test_a_ranking_plays_no_part_in_another_task() -> None:
    assert binary(ranking={"user": "u", "item": "i"}) == binary()


def test_a_share_of_false_alarms_is_kept_even_if_it_is_the_usual_one() -> None:
    assert binary().drift.false_alarms is None
    said = binary(drift={"false_alarms": 0.05})
    assert said.drift.false_alarms == ModelSchema.from_dict(said.to_dict()).drift.false_alarms == 0.05


def test_drift_settings_answer_for_a_column() -> None:
    drift = binary(
        features={"amount": "numerical", "fee": "numerical", "land": "categorical"},
        drift={
            "method": {"numerical": "wasserstein"},
            "minimum_effect": 0.1,
            "features": {"amount": {"method": "psi", "minimum_effect": 0.2}},
        },
    ).drift
    assert drift.features == {"amount": ColumnDrift(method="psi", minimum_effect=0.2)}
    assert [drift.method_for("numerical", name) for name in ("amount", "fee")] == ["psi", "wasserstein"]
    assert drift.method_for("categorical", "land") == "distance"
    assert [drift.minimum_effect_for("psi", name) for name in ("amount", "fee")] == [0.2, 0.1]
    assert DriftSettings(minimum_effect={"psi": 0.3}).minimum_effect_for("ks") is None


def test_one_method_for_all_holds_for_the_kinds_that_it_takes() -> None:
    drift = binary(drift={"method": "ks"}).drift
    assert (drift.method_for("numerical"), drift.method_for("categorical")) == ("ks", "distance")


EVIDENTLYS_METHODS = """
import json
from evidently.legacy.calculations.stattests import registry
print(json.dumps({name: sorted(kind.value for kind in found) for name, found in registry._registered_stat_tests.items() if name}))
"""


@pytest.mark.slow
def test_every_method_of_evidently_is_known_by_name_and_kind() -> None:
    """In a process of its own: importing Evidently warns, and sends word home unless it is told not to."""
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    done = subprocess.run([sys.executable, "-c", EVIDENTLYS_METHODS], capture_output=True, text=True, check=True, env=environment)
    kinds = {"num": "numerical", "cat": "categorical", "text": "text"}
    theirs = {name: {kinds[kind] for kind in found} for name, found in json.loads(done.stdout.splitlines()[-1]).items()}
    ours = {name: set(found) - {"datetime"} for name, found in METHODS.items() if name not in ("auto", "distance", "chisquare_contingency")}
    assert ours == theirs


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"task": "binery"}, 'task: unknown task "binery"; did you mean "binary"?'),
        ({"task": 3}, "task: unknown task"),
        ({"positive_label": [1]}, "positive_label: positive_label must be"),
        ({"positive_label": float("nan")}, "positive_label must be"),
        ({"features": {"amount": "numeric"}}, 'features.amount: unknown kind "numeric"; did you mean "numerical"?'),
        ({"features": {"@amount": "numerical"}}, "starts with @"),
        ({"features": {"a\nb": "numerical"}}, "control characters"),
        ({"features": {"x" * 257: "numerical"}}, "must have 1 to 256 characters"),
        ({"features": {"": "numerical"}}, "must have 1 to 256 characters"),
        ({"features": {"a\ud800": "numerical"}}, "not valid Unicode"),
        ({"features": {1: "numerical"}}, "must be text"),
        ({"features": {"amount": Feature("other", Kind.TEXT)}}, "give both the same name"),
        ({"features": [Feature("a", Kind.TEXT), Feature("a", Kind.TEXT)]}, "named twice"),
        ({"features": "amount"}, "features must be a mapping"),
        ({"features": ["amount"]}, "features.0"),
        ({"features": {f"f{number}": "numerical" for number in range(2_001)}}, "at most 2000"),
        ({"label": "amount"}, 'the column "amount" is both a feature and the label'),
        ({"label": "y", "prediction": "y"}, 'the column "y" is both'),
        ({"label": "@y"}, "starts with @"),
        ({"timezone": "Europe/Pariss"}, 'unknown timezone "Europe/Pariss"; did you mean "Europe/Paris"?'),
        ({"timezone": "../../etc/passwd"}, "unknown timezone"),
        ({"timezone": "Europe"}, "unknown timezone"),
        ({"window": "1y"}, 'window: "1y" is no window'),
        ({"window": "0d"}, "is no window"),
        ({"window": {"rows": "many"}}, "is no window"),
        ({"window": 5000}, "is no window"),
        ({"label_delay": "soon"}, 'label_delay: "soon" is no length of time'),
        ({"label_delay": timedelta(days=-1)}, "out of range"),
        ({"segments": "country"}, "segments must be a list"),
        ({"segments": [5]}, "segments.0"),
        ({"ranking": {"user": "u"}}, "item is missing in ranking"),
        ({"task": "ranking", "positive_label": None}, "ranking is missing"),
        ({"task": "ranking", "positive_label": None, "ranking": {"user": "u"}}, "item is missing in ranking"),
        ({"task": "ranking", "positive_label": None, "ranking": {"user": "u", "item": "u"}}, "they are two columns"),
        ({"task": "ranking", "positive_label": None, "ranking": {"user": "u", "item": "i", "k": [0]}}, "whole numbers from 1"),
        ({"task": "ranking", "positive_label": None, "ranking": {"user": "u", "item": "i", "K": 5}}, 'unknown key "K"; valid are: item'),
        ({"task": "regression", "positive_label": None, "score": "s"}, "a regression model has no score"),
        ({"task": "regression"}, "positive_label is for task: binary"),
        ({"task": "multiclass", "positive_label": None, "score": "s"}, "must be a mapping of each class"),
        ({"privacy": {"email": "crypt"}}, 'unknown privacy rule "crypt"; valid are: drop, hash, mask.'),
        ({"privacy": {"id": "mask"}}, "so it can only be hashed; use hash"),
        ({"privacy": {"decision": "hash"}, "prediction": "decision"}, "is needed as it is"),
        ({"privacy": {"amount": "hash"}}, "declare it categorical or drop it"),
        ({"drift": {"method": "wassertein"}}, 'did you mean "wasserstein"?'),
        ({"drift": {"methods": "ks"}}, 'drift.methods: unknown key "methods"; did you mean "method"?'),
        ({"drift": {"method": {"numerical": "chisquare"}}}, "does not take numerical columns"),
        ({"drift": {"method": {"number": "ks"}}}, 'unknown kind "number"'),
        ({"drift": {"false_alarms": 2}}, "must be between"),
        ({"drift": {"false_alarms": "5 %"}}, "must be a number, not text"),
        ({"drift": {"false_alarms": True}}, "must be a number, not true"),
        ({"drift": {"minimum_effect": -1}}, "finite and at least 0"),
        ({"drift": {"minimum_effect": 10**400}}, "finite and at least 0"),
        ({"drift": {"features": {"amont": {"method": "ks"}}}}, 'did you mean "amount"?'),
        ({"drift": {"features": {"amount": {"method": "TVD"}}}}, "does not take numerical columns"),
        ({"drift": 5}, "must be a mapping"),
        ({"name": "a\0b"}, "control characters"),
        ({"version": 1.1}, "version must be text, not a number; write it in quotes"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_its_place(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SchemaError) as caught:
        binary(**said)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_parts_of_a_mapping_are_refused() -> None:
    with pytest.raises(SchemaError, match='featurs: unknown key "featurs"; did you mean "features"\\?'):
        ModelSchema.from_dict({"task": "regression", "featurs": {}})
    with pytest.raises(SchemaError, match="must be a mapping"):
        ModelSchema.from_dict([1])  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="task is missing"):
        ModelSchema.from_dict({})


def test_a_schema_cannot_be_changed_and_takes_a_name() -> None:
    schema = binary()
    with pytest.raises(AttributeError):
        schema.task = Task.RANKING  # type: ignore[misc]
    named = schema.named("card-fraud", "3")
    assert (named.name, named.version, named.features) == ("card-fraud", "3", schema.features)


def test_the_positive_label_of_a_binary_model_is_one_unless_it_is_named() -> None:
    assert binary(positive_label=None).positive_label == 1
    assert binary(positive_label="fraud").positive_label == "fraud"


@pytest.mark.parametrize(("said", "sentence"), [
    ({"costs": {"false_positive": 1}}, "costs: false_negative is missing in costs"),
    ({"costs": {"false_positive": 1, "false_negative": -2}}, "costs.false_negative: false_negative must be finite and at least 0"),
    ({"costs": {"false_positive": 0, "false_negative": 0}}, "costs: both costs are 0"),
    ({"costs": {"false_positives": 1, "false_negative": 2}}, "costs.false_positives: unknown key"),
    ({"costs": 5}, "costs: costs must be a mapping such as {false_positive: 1, false_negative: 50}"),
    ({"alert_budget": 0}, "alert_budget: alert_budget must be a whole number of predictions per day"),
    ({"alert_budget": 2.5}, "alert_budget: alert_budget must be a whole number of predictions per day"),
    ({"task": "multiclass", "positive_label": None, "alert_budget": 3}, "alert_budget: alert_budget is how many predictions of a binary"),
    ({"task": "regression", "positive_label": None, "costs": {"false_positive": 1, "false_negative": 2}}, "costs: costs are those of a"),
])  # fmt: skip
def test_costs_and_alert_budget_are_checked(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SchemaError) as caught:
        binary(**said)
    assert str(caught.value).startswith(sentence)
