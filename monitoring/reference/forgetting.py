"""A reference's rows deleted, once nothing will be asked of them any more."""

from __future__ import annotations

__all__ = ["forget_rows"]

from collections.abc import Callable
from typing import Any

from monitoring.drift_nulls import NullCache
from monitoring.errors import NotFound
from monitoring.reference.completing import complete
from monitoring.reference.opening import baseline_of, subjects, view_of
from storage.store import Store


def forget_rows(store: Store, model: str, tell: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Keep everything that windows may ask of the model's reference, then delete its rows: `rows, hash, forgotten_at, bytes`.

    Raises NotFound without a reference; whatever keeps a fact from being worked out or written is raised before anything is deleted.
    """
    baseline, profile = baseline_of(store, model), store.reference_profile(model)
    if baseline is None or profile is None:
        raise NotFound(f'"{model}" has no reference whose rows could be deleted: python -m monitoring reference {model} FILE loads one.')
    if not baseline.gone:
        baseline.kept.strictly()
        complete(baseline, subjects(store, model), NullCache(store.home.path / "cache" / "nulls"), tell)
    return {**store.forget_reference(model, view=view_of(store, model)), "bytes": profile.bytes()}
