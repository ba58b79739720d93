"""A description for a model that was logged before it was described, guessed from its first rows. Pure."""

from __future__ import annotations

__all__ = ["features_of", "infer", "may_name", "names_more"]

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from storage.store._values import Values, decision_text

_LARGEST_GUESS = 2_000  # rows looked at; features beyond the first 2,000 names go to _extra (storage specification)


def infer(name: str, version: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A spec in the contract's shape from records of kind `pred`: numbers are numerical, bools and text categorical.

    The task follows from prediction and score: a mapping of scores or more than two named classes is multiclass, one score or
    two classes binary, other numbers regression.
    """
    spec: dict[str, Any] = {"name": name, "version": version, **_task(records[:_LARGEST_GUESS]), "features": features_of(records)}
    return spec if version else {key: value for key, value in spec.items() if key != "version"}


def features_of(records: Sequence[Mapping[str, Any]], *, but: Collection[str] = ()) -> dict[str, str]:
    """The features of records of kind `pred` by name, with their kinds, in the order in which they first have a value; without some."""
    features: dict[str, str] = {}
    for record in records[:_LARGEST_GUESS]:
        values = record.get("f")
        for feature, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, (bool, str)):
                features[feature] = "categorical"
            elif isinstance(value, (int, float)) or feature in (record.get("nf") or ()):
                features.setdefault(feature, "numerical")
    usable = [feature for feature in features if feature not in but and not feature.startswith("@")]
    return {feature: features[feature] for feature in usable[: max(_LARGEST_GUESS - len(but), 0)]}


def names_more(record: Mapping[str, Any], known: Collection[str]) -> bool:
    """Whether a record has a feature with a value that is not among the known."""
    values, marks = record.get("f"), record.get("nf") or ()
    if not isinstance(values, dict) or values.keys() <= set(known):
        return False
    said = (name for name, value in values.items() if isinstance(value, (bool, str, int, float)) or name in marks)
    return any(name not in known and not name.startswith("@") for name in said)


def may_name(features: Mapping[str, Values], columns: Mapping[str, Values], known: Collection[str]) -> bool:
    """Whether any of some records of one shape may: not where all their features are known, or missing throughout."""
    unknown = [values for name, values in features.items() if name not in known]
    present = any(map(_has_any, unknown))
    return present or (bool(unknown) and "nf" in columns)


def _has_any(values: Values) -> bool:
    return values.null_count < len(values) if isinstance(values, pa.Array) else any(value is not None for value in values)


def _task(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scores = [record.get("s") for record in records]
    classes = dict.fromkeys(label for score in scores if isinstance(score, dict) for label in score)
    if classes:
        return {"task": "multiclass", "score": {label: f"score {label}" for label in classes}}
    decisions = [value for record in records if (value := record.get("p")) is not None]
    distinct = {decision_text(value): value for value in decisions if not isinstance(value, (dict, list))}
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in distinct.values())
    scored = any(score is not None for score in scores)
    if numeric and not (set(distinct) <= {"0", "1"} or (scored and len(distinct) <= 2)):
        return {"task": "regression"}
    if len(distinct) > 2:
        return {"task": "multiclass"}
    # The larger of two is the positive one: 1 of 0/1, True of False/True, "yes" of "no"/"yes".
    positive = distinct[max(distinct, key=str)] if distinct else 1
    return {"task": "binary", "positive_label": 1 if positive == 0 and not isinstance(positive, bool) else positive}
