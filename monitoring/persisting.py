"""At the end of a run: verdicts that ask for k of n windows, from the stored points back into them."""

from __future__ import annotations

__all__ = ["persist_models"]

import logging

from monitoring.persistence import METRICS, promised, settle
from monitoring.schema import ModelSchema
from storage.errors import StorageError
from storage.store import Store

_log = logging.getLogger(__name__)


def persist_models(store: Store, model: str | None = None) -> int:
    """Settle the verdicts of every model of which windows were computed since its causes were last looked for; how many changed.

    Before the causes, which read them: a run that is killed between the two is found by both the next time. A model that cannot be settled
    is logged, keeps its warnings and stops no other.
    """
    changed = 0
    for pending in store.unexplained(model):
        try:
            for version in store.versions(pending["model"]).column("version").to_pylist():
                changed += _persist(store, pending["model"], version, pending["window"])
        except StorageError as error:
            _log.warning("Which drift of %s lasts cannot be settled: %s", pending["model"], error)
    return changed


def _persist(store: Store, model: str, version: str, window: str) -> int:
    schema = ModelSchema.from_dict(store.spec(model, version))
    asked = schema.drift.persistence
    if asked is None:
        return 0
    points = store.points(model=model, version=version, window=window, metric=list(METRICS))
    found = settle(points, asked, share=promised(schema, asked))
    if found.num_rows:
        store.restate(found)
    return int(found.num_rows)
