"""A description for a model that was logged before it was described, guessed from its first rows. Pure."""

from __future__ import annotations

__all__ = ["infer"]

from collections.abc import Mapping, Sequence
from typing import Any

from storage.store._values import decision_text

_LARGEST_GUESS = 2_000  # rows looked at; features beyond the first 2,000 names go to _extra (storage specification)


def infer(name: str, version: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A spec in the contract's shape from records of kind `pred`: numbers are numerical, bools and text categorical.

    The task follows from prediction and score: a mapping of scores or more than two named classes is multiclass, one score or
    two classes binary, other numbers regression.
    """
    seen = records[:_LARGEST_GUESS]
    features: dict[str, str] = {}
    for record in seen:
        values = record.get("f")
        for feature, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, (bool, str)):
                features[feature] = "categorical"
            elif isinstance(value, (int, float)) or feature in (record.get("nf") or ()):
                features.setdefault(feature, "numerical")
    usable = {feature: kind for feature, kind in list(features.items())[:_LARGEST_GUESS] if not feature.startswith("@")}
    spec: dict[str, Any] = {"name": name, "version": version, **_task(seen), "features": usable}
    return spec if version else {key: value for key, value in spec.items() if key != "version"}


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
