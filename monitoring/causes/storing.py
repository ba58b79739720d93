"""After a run: the causes of what is open, from the stored points into their own table."""

from __future__ import annotations

__all__ = ["explain_models"]

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from monitoring.causes.explaining import NEEDED, explain
from storage.errors import StorageError
from storage.store import Store

_log = logging.getLogger(__name__)


def explain_models(store: Store, model: str | None = None) -> int:
    """Look for the causes of every model of which windows were computed since the last look; how many open findings there are.

    Safe to kill: what was not looked at is found the next time. A model that cannot be explained is logged and stops no other.
    """
    found = 0
    for pending in store.unexplained(model):
        try:
            found += _explain(store, pending["model"], pending["window"], pending["up_to"])
        except StorageError as error:
            _log.warning("The causes for %s cannot be stored: %s", pending["model"], error)
    return found


def _explain(store: Store, model: str, window: str, up_to: datetime) -> int:
    points = store.points(model=model, window=window, metric=[*NEEDED, "rows"], segment="")

    def segments(start: datetime, end: datetime) -> Sequence[dict[str, Any]]:
        rows = store.points(model=model, window=window, since=start, until=end, metric=[*NEEDED, "rows"]).to_pylist()
        return [row for row in rows if row["segment"]]

    causes = explain(points, segments, importances=store.spec(model).get("importances"))
    store.save_causes(model, window, causes, up_to=up_to)
    return int(causes.num_rows)
