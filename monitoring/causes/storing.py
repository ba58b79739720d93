"""After a run: the causes of what is open, from the stored points into their own table."""

from __future__ import annotations

__all__ = ["explain_models", "explained"]

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from monitoring.causes.explaining import NEEDED, explain
from storage.errors import StorageError
from storage.store import Reader, Store

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
    causes = explained(store, model, window)
    store.save_causes(model, window, causes, up_to=up_to)
    return int(causes.num_rows)


def explained(store: Reader, model: str, window: str, *, as_of: datetime | None = None) -> pa.Table:
    """The causes of what is open in a model's windows of this name, in the shape of `storage.points.CAUSES`; with `as_of` from the points
    that held then."""
    points = store.points(model=model, window=window, metric=[*NEEDED, "rows"], segment="", as_of=as_of)

    def segments(start: datetime, end: datetime) -> Sequence[dict[str, Any]]:
        rows = store.points(model=model, window=window, since=start, until=end, metric=[*NEEDED, "rows"], as_of=as_of).to_pylist()
        return [row for row in rows if row["segment"]]

    return explain(points, segments, importances=store.spec(model).get("importances"))
