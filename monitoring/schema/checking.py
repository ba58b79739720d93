"""The rules of a model's description, key by key and then between keys."""

from __future__ import annotations

__all__ = ["checked"]

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from monitoring.schema.model import Feature, Kind, ModelSchema, Ranking, Task
from monitoring.schema.periods import parse_delay, window_name
from monitoring.schema.reading import (
    Path,
    Wrong,
    choice,
    drift_settings,
    fairness,
    mapping,
    name,
    named_strings,
    number,
    one_line,
    only,
    ranks,
    retention,
    string,
    timezone,
)
from monitoring.schema.settings import Costs

KEYS: tuple[str, ...] = ModelSchema.__slots__
MOST_FEATURES = 2_000  # as many as one logged record may have
# The column that plays a part where the description does not say.
_ROLES = {"timestamp": "timestamp", "id": "id", "prediction": "prediction", "label": "label", "latency": "latency_ms"}


def checked(said: Mapping[str, Any], *, named: bool) -> dict[str, Any]:
    """Every attribute of a ModelSchema, checked; `named` asks for a name. Raises Wrong."""
    said = {key: value for key, value in mapping(said, (), "a mapping such as {name: …, task: binary, …}").items() if value is not None}
    only(said, KEYS, ())
    if "task" not in said:
        raise Wrong((), "task is missing; add task: binary, multiclass, regression or ranking")
    if named and "name" not in said:
        raise Wrong((), "name is missing; add name: and how the model is called")
    found: dict[str, Any] = {
        "name": _word(said.get("name", ""), "name", may_lack=not named),
        "version": _version(said.get("version", "1" if named else "")),
        "task": Task(choice(said["task"], list(Task), ("task",), "task")),
        "features": _features(said.get("features", ())),
        "segments": _segments(said.get("segments", ())),
        "label_delay": _delay(said.get("label_delay", timedelta(0))),
        "window": _window(said.get("window", "1d")),
        "timezone": timezone(said["timezone"], ("timezone",)) if "timezone" in said else None,
    }
    found["ranking"] = _ranking(said.get("ranking"), found["task"])
    found |= _roles(said, found)
    found["positive_label"] = _positive_label(said.get("positive_label"), found["task"])
    found["privacy"] = _privacy(said.get("privacy", {}), found)
    kinds = {feature.name: str(feature.kind) for feature in found["features"].values()}
    found["fairness"] = fairness(said.get("fairness", {}), found["segments"])
    found["costs"] = _costs(said.get("costs"), found["task"])
    found["alert_budget"] = _alert_budget(said.get("alert_budget"), found["task"])
    found["importances"] = _importances(said.get("importances", {}), found["features"])
    found["retention"] = retention(said.get("retention", {}))
    found["drift"] = drift_settings(said.get("drift", {}), {"prediction": "", "score": "", "label": "", **kinds})
    return found


def _word(value: object, key: str, *, may_lack: bool) -> str:
    return "" if may_lack and isinstance(value, str) and not value else string(value, (key,))


def _version(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _word(value, "version", may_lack=True)  # 1.10 as a number would lose its zero: it must be text


def _features(value: object) -> dict[str, Feature]:
    path: Path = ("features",)
    if isinstance(value, Mapping):
        found = [_feature(key, kind, (*path, key)) for key, kind in mapping(value, path, "a mapping").items()]
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        found = [_feature(getattr(item, "name", None), item, (*path, place)) for place, item in enumerate(value)]
    else:
        raise Wrong(path, "features must be a mapping such as {amount: numerical}")
    if len(found) > MOST_FEATURES:
        raise Wrong(path, f"there are {len(found)} features; at most {MOST_FEATURES} can be logged")
    by_name = {feature.name: feature for feature in found}
    if len(by_name) < len(found):
        raise Wrong(path, "a feature is named twice; leave one out")
    return by_name


def _feature(key: object, value: object, path: Path) -> Feature:
    if isinstance(value, Feature):
        if value.name != key:
            raise Wrong(path, f"the feature {one_line(key)} is a Feature called {one_line(value.name)}; give both the same name")
        value = value.kind
    found = name(key, path)
    return Feature(found, Kind(choice(value, list(Kind), path, "kind")))


def _segments(value: object) -> tuple[str, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise Wrong(("segments",), "segments must be a list of columns, such as [country]")
    return tuple(dict.fromkeys(name(item, ("segments", place)) for place, item in enumerate(value)))


def _delay(value: object) -> timedelta:
    try:
        return parse_delay(value)
    except ValueError as error:
        raise Wrong(("label_delay",), str(error)) from None


def _window(value: object) -> str:
    try:
        return window_name(value)
    except ValueError as error:
        raise Wrong(("window",), str(error)) from None


def _ranking(value: object, task: Task) -> Ranking | None:
    if isinstance(value, Ranking):
        value = {"user": value.user, "item": value.item, "k": value.k}
    if value is None:
        if task is not Task.RANKING:
            return None
        raise Wrong((), "ranking is missing; add ranking: {user: …, item: …, k: [5, 10]}")
    said = mapping(value, ("ranking",), "a mapping such as {user: user_id, item: item_id, k: [5, 10]}")
    only(said, ("user", "item", "k"), ("ranking",))
    for key in ("user", "item"):
        if said.get(key) is None:
            raise Wrong(("ranking",), f"{key} is missing in ranking; add {key}: and its column")
    user, item = name(said["user"], ("ranking", "user")), name(said["item"], ("ranking", "item"))
    if user == item:
        raise Wrong(("ranking", "item"), f"user and item are both {one_line(user)}; they are two columns")
    ranking = Ranking(user=user, item=item, k=ranks(said.get("k", (5, 10)), ("ranking", "k")))
    return ranking if task is Task.RANKING else None  # the contract's own file names it for a binary model, where it plays no part


def _roles(said: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    ranking: Ranking | None = found["ranking"]
    taken = {**dict.fromkeys(found["features"], "a feature"), **dict.fromkeys(found["segments"], "a segment")}
    if ranking:
        taken |= {ranking.user: "the user", ranking.item: "the item"}
    roles: dict[str, Any] = {}
    for role in _ROLES:
        if role in said:
            roles[role] = _taken(name(said[role], (role,)), taken, role, (role,))
    roles["score"] = _score(said, found["task"], taken)
    for role, usual in _ROLES.items():
        if role not in said:
            roles[role] = None if usual in taken else usual
    return roles


def _score(said: Mapping[str, Any], task: Task, taken: dict[str, str]) -> str | dict[str, str] | None:
    value, path = said.get("score"), ("score",)
    if task is Task.MULTICLASS:
        columns = {} if value is None else named_strings(value, path, "a mapping of each class to its column, for a multiclass model")
        for label, column in columns.items():
            _taken(column, taken, f"score of {label}", (*path, label))
        return columns or None
    if task is Task.REGRESSION:
        if value is not None:
            raise Wrong(path, "a regression model has no score; its value is the prediction")
        return None
    if value is not None:
        return _taken(name(value, path), taken, "score", path)
    return None if "score" in taken else "score"


def _taken(column: str, taken: dict[str, str], role: str, path: Path) -> str:
    if column in taken:
        raise Wrong(path, f"the column {one_line(column)} is both {taken[column]} and the {role}; a column plays one part")
    taken[column] = f"the {role}"
    return column


def _positive_label(value: object, task: Task) -> str | int | float | bool | None:
    path = ("positive_label",)
    if value is None:
        return 1 if task is Task.BINARY else None  # scikit-learn's and Evidently's convention
    if task is not Task.BINARY:
        raise Wrong(path, f"positive_label is for task: binary, not {task}; leave it out")
    if isinstance(value, str):
        return string(value, path)
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    if isinstance(value, int):
        return value
    raise Wrong(path, f"positive_label must be a text, a number, true or false, not {one_line(value)}")


def _costs(value: object, task: Task) -> Costs | None:
    if value is None:
        return None
    path: Path = ("costs",)
    if task is not Task.BINARY:
        raise Wrong(path, f"costs are those of a binary model's wrong decisions; leave them out of task: {task}")
    wanted = "a mapping such as {false_positive: 1, false_negative: 50}"
    said = value.to_dict() if isinstance(value, Costs) else mapping(value, path, wanted)
    only(said, ("false_positive", "false_negative"), path)
    for key in ("false_positive", "false_negative"):
        if said.get(key) is None:
            raise Wrong(path, f"{key} is missing in costs; add {key}: and what one costs")
    found = {key: number(cost, (*path, key), low=0.0, high=math.inf) for key, cost in said.items()}
    if not any(found.values()):
        raise Wrong(path, "both costs are 0; leave costs out")
    return Costs(**found)


def _importances(value: object, features: Mapping[str, Feature]) -> dict[str, float]:
    path: Path = ("importances",)
    said = mapping(value, path, "a mapping such as {amount: 0.4}")
    for key in said:
        choice(key, features, (*path, key), "feature")
    found = {key: number(weight, (*path, key), low=0.0, high=math.inf) for key, weight in said.items()}
    if found and not any(found.values()):
        raise Wrong(path, "all importances are 0; leave importances out")
    return found


def _alert_budget(value: object, task: Task) -> int | None:
    if value is None:
        return None
    path: Path = ("alert_budget",)
    if task is not Task.BINARY:
        raise Wrong(path, f"alert_budget is how many predictions of a binary model are looked at per day; leave it out of task: {task}")
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Wrong(path, f"alert_budget must be a whole number of predictions per day, such as 100, not {one_line(value)}")
    return value


def _privacy(value: object, found: Mapping[str, Any]) -> dict[str, str]:
    said = mapping(value, ("privacy",), "a mapping such as {email: drop}")
    scores = found["score"].values() if isinstance(found["score"], dict) else [found["score"]]
    roles = {found[role] for role in _ROLES} | set(scores)
    ranking: Ranking | None = found["ranking"]
    for column, rule in said.items():
        path: Path = ("privacy", column)
        name(column, path)
        choice(rule, ("drop", "hash", "mask"), path, "privacy rule")
        if column == found["id"]:
            if rule != "hash":
                raise Wrong(path, f"predictions are told apart by the column {one_line(column)}, so it can only be hashed; use hash")
        elif column in roles:
            raise Wrong(path, f"the column {one_line(column)} is needed as it is; privacy takes features and other columns")
        if rule == "drop" and ranking and column in (ranking.user, ranking.item):
            raise Wrong(path, f"the column {one_line(column)} says whose list it is and cannot be dropped; use hash")
        feature = found["features"].get(column)
        if rule != "drop" and feature and feature.kind in (Kind.NUMERICAL, Kind.DATETIME):
            raise Wrong(path, f"{one_line(column)} is {feature.kind} and {rule} makes a text of it; declare it categorical or drop it")
    return dict(said)
