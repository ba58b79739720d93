"""What a fitted scikit-learn estimator says of its features' importance, by the names of a model's description. Imports nothing of it."""

from __future__ import annotations

__all__ = ["importances_of"]

from collections.abc import Iterable
from typing import Any

from monitoring.errors import SchemaError


def importances_of(estimator: Any, features: Iterable[str]) -> dict[str, float]:
    """Each feature's share of `feature_importances_`, or of the absolute `coef_` (their mean over classes); shares sum to 1.

    A pipeline is asked for its last step and the names before it; columns that an encoder made of one feature (`onehot__country_FR`,
    `country_FR`) are added up. Coefficients compare only where inputs were scaled. Raises SchemaError where the estimator says nothing,
    or of other features.
    """
    known = list(features)
    names, last = _names(estimator), _last(estimator)
    values = _values(last)
    if names is None:
        names = known
    if len(names) != len(values):
        raise SchemaError(f"The estimator has {len(values)} importances and the model {len(names)} features; fit it on a frame with "
                          "the features' names, or write importances: into the model's file.")  # fmt: skip
    found = dict.fromkeys(known, 0.0)
    for name, value in zip(names, values, strict=True):
        found[_feature(name, known)] += value
    total = sum(found.values())
    if not total > 0:
        raise SchemaError("All importances of the estimator are 0, so they say nothing.")
    return {name: value / total for name, value in found.items() if value > 0}


def _last(estimator: Any) -> Any:
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if steps else estimator


def _names(estimator: Any) -> list[str] | None:
    """The names of what the last step was fitted on; None where it knows none."""
    steps = getattr(estimator, "steps", None)
    if steps and len(steps) > 1:
        try:
            return [str(name) for name in estimator[:-1].get_feature_names_out()]
        except (AttributeError, ValueError, TypeError):
            return None
    names = getattr(_last(estimator), "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _values(last: Any) -> list[float]:
    given = getattr(last, "feature_importances_", None)
    if given is not None:
        return [float(value) for value in given]
    given = getattr(last, "coef_", None)
    if given is None:
        raise SchemaError(f"A {type(last).__name__} has neither feature_importances_ nor coef_; write importances: into the model's file.")
    rows = [list(row) for row in given] if getattr(given, "ndim", 1) > 1 else [list(given)]
    return [sum(abs(float(value)) for value in column) / len(rows) for column in zip(*rows, strict=True)]


def _feature(name: str, known: list[str]) -> str:
    plain = name.split("__", 1)[-1]
    for candidate in (name, plain):
        if candidate in known:
            return candidate
    begins = [feature for feature in known if plain.startswith(f"{feature}_")]
    if not begins:
        raise SchemaError(f'The estimator speaks of "{name[:100]}", which is no feature of this model.')
    return max(begins, key=len)
