"""Importances: from the model's file, and from estimators of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from monitoring import ModelSchema
from monitoring.errors import SchemaError

SCHEMA = ModelSchema(task="binary", features={"amount": "numerical", "age": "numerical", "country": "categorical"})


def data() -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"amount": rng.normal(size=400), "age": rng.normal(size=400), "country": rng.choice(["DE", "FR", "IT"], 400)})
    return frame, (frame["amount"] > 0).astype(int)


def test_they_stand_in_the_models_file_and_come_back() -> None:
    schema = ModelSchema.from_dict({**SCHEMA.to_dict(), "importances": {"amount": 0.4, "age": 2}})
    assert schema.importances == {"amount": 0.4, "age": 2.0}
    assert ModelSchema.from_dict(schema.to_dict()) == schema
    assert "importances" not in SCHEMA.to_dict()


@pytest.mark.parametrize(("given", "sentence"), [
    ({"amuont": 1}, 'importances.amuont: unknown feature "amuont"; did you mean "amount"'),
    ({"amount": -1}, "must be finite and at least 0"), ({"amount": 0}, "all importances are 0"), ([1], "must be a mapping"),
])  # fmt: skip
def test_what_is_wrong_with_them_is_said(given: Any, sentence: str) -> None:
    with pytest.raises(SchemaError) as told:
        ModelSchema.from_dict({**SCHEMA.to_dict(), "importances": given})
    assert sentence in str(told.value)


def test_a_pipelines_encoded_columns_are_added_up_per_feature() -> None:
    frame, label = data()
    encode = ColumnTransformer([("number", StandardScaler(), ["amount", "age"]), ("word", OneHotEncoder(), ["country"])])
    for last in (RandomForestClassifier(20, random_state=1), LogisticRegression()):
        found = SCHEMA.with_importances(make_pipeline(encode, last).fit(frame, label)).importances
        assert sum(found.values()) == pytest.approx(1)
        assert set(found) == {"amount", "age", "country"}
        assert found["amount"] > 0.6


def test_an_estimator_fitted_without_names_has_the_models_order() -> None:
    frame, label = data()
    schema = ModelSchema(task="binary", features={"amount": "numerical", "age": "numerical"})
    forest = RandomForestClassifier(20, random_state=1).fit(frame[["amount", "age"]].to_numpy(), label)
    expected = dict(zip(schema.features, forest.feature_importances_, strict=True))
    assert schema.with_importances(forest).importances == pytest.approx(expected)


def test_an_estimator_that_says_nothing_is_refused_with_what_to_do() -> None:
    frame, label = data()
    with pytest.raises(SchemaError, match="neither feature_importances_ nor coef_; write importances: into the model's file"):
        SCHEMA.with_importances(KNeighborsClassifier().fit(frame[["amount", "age"]], label))
    with pytest.raises(SchemaError, match="no feature of this model"):
        SCHEMA.with_importances(LogisticRegression().fit(frame[["amount", "age"]].rename(columns={"age": "weight"}), label))
    with pytest.raises(SchemaError, match="2 importances and the model 3 features"):
        SCHEMA.with_importances(LogisticRegression().fit(frame[["amount", "age"]].to_numpy(), label))
