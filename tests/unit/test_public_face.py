"""The names that other people's scripts rely on."""

from __future__ import annotations

import importlib
import inspect

import pytest

import monitoring
from monitoring import ModelSchema, PredictionLogger

CONTRACT = {"PredictionLogger", "ModelSchema", "Feature", "Task", "run", "points", "export_report"}


def test_the_public_face_is_sorted_and_has_the_contracts_names() -> None:
    assert monitoring.__all__ == sorted(monitoring.__all__)
    assert set(monitoring.__all__) >= CONTRACT
    assert set(monitoring.__all__) == set(monitoring._HOMES)
    assert set(monitoring.__all__) <= set(dir(monitoring))


@pytest.mark.parametrize("name", monitoring.__all__)
def test_every_name_is_there_and_says_what_it_is_for(name: str) -> None:
    assert inspect.getdoc(getattr(monitoring, name))


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        _ = monitoring.predict


@pytest.mark.parametrize("verb", ["prediction", "ground_truth", "log_batch", "log_labels", "track", "watch", "stats", "flush", "close"])
def test_the_loggers_verbs_are_documented(verb: str) -> None:
    assert inspect.getdoc(getattr(PredictionLogger, verb))


def test_a_schema_has_the_contracts_keys() -> None:
    keys = "name version task features timestamp id prediction score positive_label label latency segments label_delay window timezone"
    beyond_the_contract = ["fairness", "costs", "alert_budget", "importances", "retention"]
    assert list(ModelSchema.__slots__) == [*keys.split(), "ranking", "privacy", "drift", *beyond_the_contract]


MODULES = "monitoring.logger monitoring.schema monitoring.batches monitoring.tracking storage.spool storage.frames"


@pytest.mark.parametrize("module", MODULES.split())
def test_what_a_module_offers_is_sorted_and_there(module: str) -> None:
    found = importlib.import_module(module)
    assert found.__all__ == sorted(found.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(found, name) for name in found.__all__)
