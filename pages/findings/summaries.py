"""The summaries of all models, kept from one view to the next: only models whose points changed are looked at again."""

from __future__ import annotations

__all__ = ["MOST_CARDS", "strips_of", "summaries_of"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pages.findings.overview import NEEDED, Strip, Summary, strip_of, summarise
from storage.points import POINTS
from storage.store import Reader

T = TypeVar("T", Strip, Summary)

MOST_CARDS = 12  # beyond a dozen models a table is faster to read than cards
_KEPT = 6  # views whose summaries are kept: of 800 models each takes some MB

_View = tuple[Path, str, datetime | None, datetime | None, str]
_views: dict[_View, dict[str, tuple[str, Any]]] = {}
_lock = RLock()


class _Chosen(Protocol):
    """A range as the page's selectors give it, and the time zone of what is said."""

    @property
    def range(self) -> str: ...
    @property
    def since(self) -> datetime | None: ...
    @property
    def until(self) -> datetime | None: ...
    @property
    def zone(self) -> str: ...


def summaries_of(reader: Reader, chosen: _Chosen) -> list[Summary]:
    """The summaries of all models over the range in their default windows, worst first.

    Those of many models hold what a table says of them – how they are now and since when – and neither courses nor strip nor points.
    """
    specs, zone = reader.specs(), chosen.zone

    def newest(stale: Sequence[str]) -> list[Summary]:
        since, until = _days(chosen)
        points = reader.recent_points({name: _window(specs[name]) for name in stale}, NEEDED, since, until)
        return [_bare(summarise(name, specs[name], some, zone=zone)) for name, some in _by_model(points, stale)]

    if len(specs) <= MOST_CARDS:
        found = [_whole(reader, name, spec, chosen.since, chosen.until, zone) for name, spec in specs.items()]
    else:
        found = _remembered(reader, "table", chosen, list(specs), newest)
    return sorted(found, key=lambda one: (-one.status.rank, one.model))


def strips_of(reader: Reader, chosen: _Chosen, models: Sequence[str]) -> list[Strip]:
    """How each window of some of many models was."""

    def made(stale: Sequence[str]) -> list[Strip]:
        since, until = _days(chosen)
        points = reader.strip_points({name: _window(reader.spec(name)) for name in stale}, NEEDED, since, until)
        return [strip_of(name, some) for name, some in _by_model(points, stale)]

    return _remembered(reader, "strip", chosen, models, made)


def _remembered(reader: Reader, what: str, chosen: _Chosen, models: Sequence[str], make: Callable[[Sequence[str]], Sequence[T]]) -> list[T]:
    """What is said of the models, of which `make` gives those that are not kept, or whose points have changed since."""
    marks = reader.points_marks()
    with _lock:  # one session makes them, the others wait for it and have them
        view = (reader.home.path, what, *_days(chosen), chosen.zone)
        kept = _views.pop(view, {})
        _views[view] = kept  # the newest last
        while len(_views) > _KEPT:
            del _views[next(iter(_views))]
        stale = [name for name in models if name not in kept or kept[name][0] != marks.get(name)]
        if stale:
            kept |= {one.model: (marks.get(one.model, ""), one) for one in make(stale)}
        return [kept[name][1] for name in models]


def _days(chosen: _Chosen) -> tuple[datetime | None, datetime | None]:
    """The range in whole days: one that ends with the newest window has no end, so that another window is no other range."""
    if ".." in chosen.range or chosen.since is None:
        return chosen.since, chosen.until
    return chosen.since.replace(hour=0, minute=0, second=0, microsecond=0), None


def _whole(reader: Reader, model: str, spec: Mapping[str, Any], since: datetime | None, until: datetime | None, zone: str) -> Summary:
    points = reader.points(model=model, since=since, until=until, metric=NEEDED, segment="", window=_window(spec))
    return summarise(model, spec, points, zone=zone)


def _bare(summary: Summary) -> Summary:
    return replace(summary, facts=tuple(replace(fact, course=()) for fact in summary.facts), strip={}, shown=POINTS.empty_table())


def _by_model(points: pa.Table, models: Sequence[str]) -> list[tuple[str, pa.Table]]:
    """Each model's points; they come in the order of models."""
    runs = pc.run_end_encode(points["model"].combine_chunks()) if points.num_rows else None
    found: dict[str, pa.Table] = {}
    if runs is not None:
        start = 0
        for end, name in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
            found[name] = points.slice(start, end - start)
            start = end
    return [(name, found.get(name, points.slice(0, 0))) for name in models]


def _window(spec: Mapping[str, Any]) -> str:
    return str(spec.get("window") or "")
