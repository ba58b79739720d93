"""The summaries of all models, kept from one view to the next: only models whose points changed are looked at again."""

from __future__ import annotations

__all__ = ["MOST_CARDS", "MOST_STRIPS", "strips_of", "summaries_of"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any, Protocol, TypeVar

from monitoring.windows import own_window
from pages.findings.overview import NEEDED, READ, STRIP_READ, Strip, Summary, strip_of, summarise, summary_of
from pages.findings.rows import rows_by
from storage.store import Reader

T = TypeVar("T", Strip, Summary)

MOST_CARDS = 12  # beyond a dozen models a table is faster to read than cards
MOST_STRIPS = 40  # of many models, so many have their windows drawn
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
    zone, marks = chosen.zone, reader.points_marks()

    def newest(stale: Sequence[str]) -> list[Summary]:
        specs, (since, until) = reader.specs(), _days(chosen)
        points = reader.recent_points({name: own_window(specs[name]) for name in stale}, NEEDED, since, until)
        rows = rows_by(points, "model", READ)
        return [_bare(summary_of(name, specs[name], rows.get(name, ()), zone=zone)) for name in stale]

    if len(marks) <= MOST_CARDS:
        found = [_whole(reader, name, spec, chosen.since, chosen.until, zone) for name, spec in reader.specs().items()]
    else:
        found = _remembered(reader.home.path, "table", chosen, marks, newest)
    return sorted(found, key=lambda one: (-one.status.rank, one.model))


def strips_of(reader: Reader, chosen: _Chosen, models: Sequence[str]) -> list[Strip]:
    """How each window of some of many models was."""
    marks = reader.points_marks()

    def made(stale: Sequence[str]) -> list[Strip]:
        since, until = _days(chosen)
        points = reader.strip_points({name: own_window(reader.spec(name)) for name in stale}, NEEDED, since, until)
        rows = rows_by(points, "model", STRIP_READ)
        return [strip_of(name, rows.get(name, ())) for name in stale]

    return _remembered(reader.home.path, "strip", chosen, {name: marks[name] for name in models}, made)


def _remembered(home: Path, what: str, chosen: _Chosen, marks: Mapping[str, str], make: Callable[[Sequence[str]], Sequence[T]]) -> list[T]:
    """What is said of the models that have `marks`: `make` gives those that are not kept, or whose points have changed since."""
    with _lock:  # one session makes them, the others wait for it and have them
        view = (home, what, *_days(chosen), chosen.zone)
        kept = _views.pop(view, {})
        _views[view] = kept  # the newest last
        while len(_views) > _KEPT:
            del _views[next(iter(_views))]
        stale = [name for name, mark in marks.items() if name not in kept or kept[name][0] != mark]
        if stale:
            kept |= {one.model: (marks[one.model], one) for one in make(stale)}
        return [kept[name][1] for name in marks]


def _days(chosen: _Chosen) -> tuple[datetime | None, datetime | None]:
    """The range in whole days: one that ends with the newest window has no end, so that another window is no other range."""
    if ".." in chosen.range or chosen.since is None:
        return chosen.since, chosen.until
    return chosen.since.replace(hour=0, minute=0, second=0, microsecond=0), None


def _whole(reader: Reader, model: str, spec: Mapping[str, Any], since: datetime | None, until: datetime | None, zone: str) -> Summary:
    points = reader.points(model=model, since=since, until=until, metric=NEEDED, segment="", window=own_window(spec))
    return summarise(model, spec, points, zone=zone)


def _bare(summary: Summary) -> Summary:
    return replace(summary, facts=tuple(replace(fact, course=()) for fact in summary.facts), strip={})
