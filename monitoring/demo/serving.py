"""The serving side of the demo: what a release served goes through the logger, in each of the ways that a service has."""

from __future__ import annotations

__all__ = ["log_labels", "log_release"]

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring import ModelSchema, PredictionLogger

_ONE_BY_ONE = 200  # the newest rows of a release are logged call by call, the others as a batch
_RAISED = {kind.__name__: kind for kind in (TimeoutError, ValueError)}


def log_release(home: Path, schema: ModelSchema, served: pa.Table) -> int:
    """Log what one version served; returns the number of predictions. Raises InputError where the logger refuses one."""
    if not served.num_rows:
        return 0
    answered = pc.is_null(served["error"])
    fine, failed = served.filter(answered).drop_columns(["error"]), served.filter(pc.invert(answered))
    first = max(0, fine.num_rows - _ONE_BY_ONE)
    with PredictionLogger(schema.name, version=schema.version, schema=schema, home=home, strict=True) as log:
        if first:
            log.log_batch(fine.slice(0, first))
        for row in fine.slice(first).to_pylist():
            log.prediction(_features(schema, row), row[schema.prediction], score=_score(schema, row), **_circumstances(schema, row))
        for row in failed.to_pylist():
            kind, _, text = row["error"].partition(": ")
            with suppress(_RAISED[kind]), log.track(_features(schema, row), **_circumstances(schema, row)):
                raise _RAISED[kind](text)
    return int(served.num_rows)


def log_labels(home: Path, schema: ModelSchema, labels: pa.Table) -> int:
    """Log what has become known: all but the newest as a batch, those one by one. Returns the number of labels."""
    if not labels.num_rows:
        return 0
    first = max(0, labels.num_rows - _ONE_BY_ONE)
    with PredictionLogger(schema.name, version=schema.version, schema=schema, home=home, strict=True) as log:
        if first:
            log.log_labels(labels.slice(0, first))
        for row in labels.slice(first).to_pylist():
            log.ground_truth(row[schema.id], row[schema.label], labelled_at=row["labelled_at"])
    return int(labels.num_rows)


def _features(schema: ModelSchema, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in schema.features}


def _score(schema: ModelSchema, row: Mapping[str, Any]) -> Any:
    """A number, or a mapping of classes to numbers."""
    if isinstance(schema.score, Mapping):
        return {label: row[column] for label, column in schema.score.items()}
    return None if schema.score is None else row[schema.score]


def _circumstances(schema: ModelSchema, row: Mapping[str, Any]) -> dict[str, Any]:
    """What `prediction` and `track` take besides: time, id, latency, and the columns that are no features."""
    ranking = [schema.ranking.user, schema.ranking.item] if schema.ranking else []
    others = [name for name in (*schema.segments, *ranking) if name not in schema.features]
    return {
        "timestamp": row[str(schema.timestamp)],
        "prediction_id": row[str(schema.id)],
        "latency_ms": row[str(schema.latency)],
        **{name: row[name] for name in others},
    }
