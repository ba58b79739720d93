"""What was pruned of a model's versions: from when on rows are there, and how many are not."""

from __future__ import annotations

__all__ = ["pruned_of"]

from typing import Any

from storage.store._database import ReadCursor, dicts


def pruned_of(cursor: ReadCursor, model_id: int, version: str) -> dict[str, Any] | None:
    """before, rows, duplicates, labels, first, last, newest_label of a version's pruned rows; None where none were."""
    rows = dicts(cursor, "SELECT * EXCLUDE (model_id, version) FROM pruned WHERE model_id = ? AND version = ?", [model_id, version])
    return rows[0] if rows else None
