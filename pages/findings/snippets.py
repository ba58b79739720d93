"""Code and commands for one model, filled in from its schema, ready to be copied."""

from __future__ import annotations

__all__ = ["batch_code", "commands", "logging_code", "schema_changes", "yaml_of"]

import json
from collections.abc import Sequence
from shlex import quote
from typing import Any

import yaml

from monitoring.schema import ModelSchema

_EXAMPLES: dict[str, Any] = {"numerical": 12.5, "categorical": "A", "text": "some words", "datetime": "2026-01-31T12:00:00Z"}
_MOST = 6  # features written out; a reader sees the pattern


def logging_code(schema: ModelSchema) -> str:
    """Python that logs one prediction of this model and its ground truth."""
    shown = list(schema.features.values())[:_MOST]
    lines = [f"    {feature.name!r}: {_EXAMPLES[feature.kind.value]!r}," for feature in shown]
    lines += ["    # …"] * (len(schema.features) > _MOST)
    lines += [f"    {name!r}: 'A'," for name in schema.columns_beside_features]
    return "\n".join([
        "from monitoring import PredictionLogger",
        "",
        f"log = PredictionLogger({schema.name!r}, version={schema.version!r})",
        "",
        "prediction_id = log.prediction({",
        *lines,
        f"}}, {_outcome(schema)}, latency_ms=12.4)",
        "",
        "# when the truth is known, minutes or months later:",
        f"log.ground_truth(prediction_id, {_truth(schema)!r})",
    ])  # fmt: skip


def batch_code(schema: ModelSchema) -> str:
    """Python that logs a frame or a file; logging it twice changes nothing."""
    named = {role: getattr(schema, role) for role in ("id", "timestamp", "prediction", "label") if getattr(schema, role)}
    columns = ", ".join(str(name) for name in named.values())
    return "\n".join([
        "from monitoring import PredictionLogger",
        "",
        f"log = PredictionLogger({schema.name!r}, version={schema.version!r})",
        f'log.log_batch("predictions.parquet")  # or a frame; columns: features, {columns}',
    ])  # fmt: skip


def commands(schema: ModelSchema) -> str:
    """The command line's way: reference, rows, ground truth, findings, report."""
    name = quote(schema.name)
    return "\n".join([
        f"python -m monitoring reference {name} reference.parquet",
        f"python -m monitoring log {name} predictions.parquet",
        f"python -m monitoring label {name} labels.parquet",
        f"python -m monitoring run {name}",
        f"python -m monitoring check {name} --fail-on drift",
        f"python -m monitoring export {name} --what points --format parquet -o points.parquet",
    ])  # fmt: skip


def yaml_of(spec: dict[str, Any]) -> str:
    """The schema as the file that `models register` takes."""
    text: str = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return text


def schema_changes(specs: Sequence[str]) -> list[str]:
    """What each stored schema (JSON text, oldest first) changed: `features: + tenure; window: 1d → 1w`."""
    said, before = [], None
    for spec in map(json.loads, specs):
        keys = [key for key in (*spec, *(before or {})) if before is not None and key != "version" and spec.get(key) != before.get(key)]
        said.append("the first" if before is None else "; ".join(_changed(key, before.get(key), spec.get(key))
                                                                  for key in dict.fromkeys(keys)) or "nothing but its version")
        before = spec
    return said


def _changed(key: str, old: Any, new: Any) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        parts = [f"+ {name}" for name in new if name not in old] + [f"− {name}" for name in old if name not in new]
        parts += [f"{name}: {old[name]} → {new[name]}" for name in new if name in old and old[name] != new[name]]
        return f"{key}: {', '.join(parts)}"
    return f"{key}: {'none' if old is None else old} → {'none' if new is None else new}"


def _outcome(schema: ModelSchema) -> str:
    task = schema.task.value
    if task == "binary":
        return f"prediction={schema.positive_label!r}, score=0.93"
    if task == "multiclass":
        classes = list(schema.score) if isinstance(schema.score, dict) else []
        scores = ", ".join(f"{name!r}: {1 / len(classes):.2f}" for name in classes)
        return f"prediction={(classes or ['A'])[0]!r}" + (f", score={{{scores}}}" if scores else "")
    return "prediction=42.0" if task == "regression" else "prediction=1, score=0.93"


def _truth(schema: ModelSchema) -> Any:
    task = schema.task.value
    if task == "binary":
        return schema.positive_label
    if task == "multiclass":
        return (list(schema.score) if isinstance(schema.score, dict) else ["A"])[0]
    return 40.0 if task == "regression" else 1
