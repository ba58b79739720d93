"""Up to which moment the rows of a version may go: to the edge of windows whose findings stand, and never past a window that is due."""

from __future__ import annotations

__all__ = ["Cut", "Periods", "cuts", "due_keys", "periods", "rebase"]

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.errors import InputError
from monitoring.planning import Due, plan
from monitoring.schema import ModelSchema
from monitoring.settings import Settings
from monitoring.windows import WindowSpec, later
from storage.store import Store

_DueKey = tuple[str, str, str, datetime]


@dataclass(frozen=True, slots=True)
class Periods:
    """How long one model's rows are kept (None: for ever), and the hourly counts of those that went."""

    raw: timedelta | None
    hourly: timedelta


def periods(store: Store, model: str, settings: Settings) -> Periods:
    """What the newest description of a model says, for all its versions; else the settings."""
    said = ModelSchema.from_dict(store.spec(model)).retention
    raw = said.raw or (None if settings.raw_days is None else timedelta(days=settings.raw_days))
    return Periods(raw, said.hourly or timedelta(days=settings.rollup_days))


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows of one version before this moment may go."""

    model: str
    version: str
    before: datetime


def cuts(store: Store, model: str, *, older_than: timedelta, now: datetime) -> Iterator[Cut]:
    """One cut per version that has rows old enough. Rows whose ground truth is still expected (label_delay) stay in any case."""
    for row in store.versions(model).to_pylist():
        schema = ModelSchema.from_dict(store.spec(model, row["version"]))
        before = later(now, -max(older_than, schema.label_delay))
        specs = (WindowSpec.parse(name) for name in sorted(_window_names(store, model, row["version"], schema)))
        for spec in sorted(specs, key=lambda spec: spec.unit == "rows"):  # windows of rows last: it is they that must keep all their rows
            before = _edge(store, model, row["version"], spec, before)
        waiting = [one.window.start for one in _due(store, model, now) if one.subject.version == row["version"]]
        before = min([before, *waiting])
        frozen = store.pruned_before(model, row["version"])
        if row["first"] < before and (frozen is None or frozen < before):
            yield Cut(model, row["version"], before)


def rebase(store: Store, model: str, were_due: set[_DueKey], now: datetime) -> int:
    """Let the points of windows that an erasure touched, and that were not due before it, stand as they are. How many."""
    count = 0
    for one in _due(store, model, now):
        if key(one) not in were_due:
            store.rebase_window(model, one.subject.version, one.spec.name, one.window.start, one.fingerprint)
            count += 1
    return count


def due_keys(store: Store, model: str, now: datetime) -> set[_DueKey]:
    """What is due of a model, over all kinds of window that were ever computed."""
    return {key(one) for one in _due(store, model, now)}


def key(one: Due) -> _DueKey:
    """What makes a window the same one."""
    return (one.subject.model, one.subject.version, one.spec.name, one.window.start)


def _due(store: Store, model: str, now: datetime) -> list[Due]:
    names = {
        name
        for row in store.versions(model).to_pylist()
        for name in _window_names(store, model, row["version"], ModelSchema.from_dict(store.spec(model, row["version"])))
    }
    plans = [plan(store, model, window=name, since=None, until=None, everything=False, now=now) for name in sorted(names)]
    return [one for found in plans for part in found for one in part.due if not one.gone]


def _window_names(store: Store, model: str, version: str, schema: ModelSchema) -> set[str]:
    """The model's own window and those that somebody computed; a range of somebody's choice stands as it is."""
    found = {schema.window}
    for name in store.window_names(model, version):
        try:
            if WindowSpec.parse(name).unit != "range":
                found.add(name)
        except InputError:
            continue
    return found


def _edge(store: Store, model: str, version: str, spec: WindowSpec, before: datetime) -> datetime:
    """The newest beginning of a window that is not after `before`; of windows of rows, of one that has all its rows."""
    if spec.unit != "rows":
        return spec.floor(before)
    windows = store.row_windows(model, version, spec.count).to_pylist()
    whole = [row["start"] for row in windows if row["rows"] == spec.count and row["start"] <= before]
    starts: list[datetime] = [max(whole)] if whole else [row["start"] for row in windows]
    return min(starts, default=before)
