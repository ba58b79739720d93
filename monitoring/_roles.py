"""Which column of a batch plays which part: by the caller's word, else by the schema's, else by its usual name."""

from __future__ import annotations

__all__ = ["Roles", "label_roles", "merged", "roles_of"]

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from monitoring._values import Refused, check_name
from monitoring.errors import InputError, nearest
from monitoring.schema import Kind, ModelSchema, Task
from monitoring.schema.reading import one_line

_USUAL = {  # the score aside, which may be several columns
    "timestamp": "timestamp", "id": "id", "prediction": "prediction", "label": "label", "latency": "latency_ms",
    "labelled_at": "labelled_at", "error": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The parts of a source's columns. A role is None where the source has no column for it."""

    timestamp: str | None = None
    id: str | None = None
    prediction: str | None = None
    score: str | Mapping[str, str] | None = None
    label: str | None = None
    labelled_at: str | None = None
    latency: str | None = None
    error: str | None = None
    features: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    numerical: frozenset[str] = frozenset()  # features that are numbers, though a file without types has them as text
    decides_numbers: bool = False  # predictions and labels are numbers, or classes that are
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    whole: bool = False  # without a schema: a text column is numbers only if every value is one


def roles_of(schema: ModelSchema | None, columns: Iterable[str], said: Mapping[str, Any]) -> Roles:
    """The parts of predictions' columns. Raises InputError for columns that are not there and where nothing tells the time."""
    there = tuple(columns)
    ignore = _ignored(said, there)
    candidates = tuple(name for name in there if name not in ignore)
    found = _named(schema, candidates, said, tuple(_USUAL))
    score = _score(schema, candidates, said)
    if found["timestamp"] is None:
        wanted = schema.timestamp if schema and schema.timestamp else "timestamp"
        told = f"There is no column {one_line(wanted)} with the time of each prediction; {_hint(wanted, there)}"
        raise InputError(told + ' Or give timestamp="…".')
    scores = tuple(score.values()) if isinstance(score, Mapping) else (score,)
    parts = {name for name in (*found.values(), *scores) if name}
    features, others, missing = _inputs(schema, there, parts, ignore)
    if schema and schema.features and not features and not found["prediction"]:
        first = next(iter(schema.features))
        raise InputError(f"The source has none of the model's columns; {_hint(first, there)}")
    return Roles(
        **found,
        score=score,
        features=features,
        others=others,
        numerical=_numerical(schema, features),
        decides_numbers=_decides_numbers(schema),
        whole=schema is None,
        ignored=tuple(name for name in there if name not in parts and name not in features and name not in others),
        missing=missing,
    )


def label_roles(schema: ModelSchema | None, columns: Iterable[str], said: Mapping[str, Any]) -> Roles:
    """The parts of labels' columns: id, label, and perhaps labelled_at. Raises InputError where one of the first two is missing."""
    there = tuple(columns)
    found = _named(schema, there, said, ("id", "label", "labelled_at"))
    for role in ("id", "label"):
        if found[role] is None and role in there:
            found[role] = role
        if found[role] is None:
            wanted = (schema and getattr(schema, role)) or role
            raise InputError(f'There is no column {one_line(wanted)}; {_hint(wanted, there)} Or give {role}="…".')
    used = set(found.values())
    ignored = tuple(name for name in there if name not in used)
    return Roles(**found, decides_numbers=_decides_numbers(schema), whole=schema is None, ignored=ignored)


def merged(before: Roles | None, now: Roles) -> Roles:
    """The later of two chunks' roles, with what either ignored and what both missed."""
    if before is None:
        return now
    ignored = tuple(dict.fromkeys((*before.ignored, *now.ignored)))
    return replace(now, ignored=ignored, missing=tuple(name for name in before.missing if name in now.missing))


def _named(schema: ModelSchema | None, there: tuple[str, ...], said: Mapping[str, Any], roles: tuple[str, ...]) -> dict[str, Any]:
    valid = (*roles, "score", "ignore") if "prediction" in roles else roles
    for key in said:
        if key not in valid:
            raise InputError(f'There is no role {one_line(key)}; {nearest(key, valid)}')
    found: dict[str, Any] = {}
    for role in roles:
        name = said.get(role)
        if name is not None:
            found[role] = _present(name, there)
            continue
        usual = getattr(schema, role) if schema and hasattr(schema, role) else _USUAL[role]
        is_input = schema is not None and usual in schema.features
        found[role] = usual if usual in there and not is_input else None
    return found


def _score(schema: ModelSchema | None, there: tuple[str, ...], said: Mapping[str, Any]) -> str | dict[str, str] | None:
    name = said.get("score")
    if isinstance(name, Mapping):
        return {str(label): _present(column, there) for label, column in name.items()}
    if name is not None:
        return _present(name, there)
    usual = schema.score if schema else "score"
    if isinstance(usual, Mapping):
        return {label: column for label, column in usual.items() if column in there} or None
    return usual if usual in there else None


def _inputs(
    schema: ModelSchema | None, there: tuple[str, ...], parts: set[str], ignore: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Features, other logged columns, and features that are missing."""
    free = [name for name in there if name not in parts and name not in ignore]
    if schema is None:
        for name in free:
            try:
                check_name(name)
            except Refused as why:
                raise InputError(f"A column cannot be a feature: {why}; rename it or leave it out by ignore=[…].") from None
        return tuple(free), (), ()
    kept = [name for name in free if schema.privacy.get(name) != "drop"]
    features = tuple(name for name in kept if name in schema.features)
    beside = schema.columns_beside_features
    return features, tuple(name for name in kept if name in beside), tuple(name for name in schema.features if name not in there)


def _ignored(said: Mapping[str, Any], there: tuple[str, ...]) -> frozenset[str]:
    names = said.get("ignore", ())
    return frozenset(_present(name, there) for name in ([names] if isinstance(names, str) else names))


def _numerical(schema: ModelSchema | None, features: tuple[str, ...]) -> frozenset[str]:
    return frozenset(features if schema is None else (name for name in features if schema.features[name].kind is Kind.NUMERICAL))


def _decides_numbers(schema: ModelSchema | None) -> bool:
    if schema is None or not schema.task.classifies:
        return True
    positive = schema.positive_label
    return schema.task is Task.BINARY and isinstance(positive, int | float) and not isinstance(positive, bool)


def _present(name: Any, there: tuple[str, ...]) -> str:
    if isinstance(name, str) and name in there:
        return name
    shown = name if isinstance(name, str) else type(name).__name__
    raise InputError(f"There is no column {one_line(shown)}; {_hint(shown, there)}")


def _hint(wanted: str, there: tuple[str, ...]) -> str:
    return nearest(wanted[:200], [one_line(name)[1:-1] for name in there[:50]]) if there else "the source has no columns."
