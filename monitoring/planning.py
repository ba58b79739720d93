"""Which windows are to be computed: those that are due, and those whose rows, labels, reference, description or code changed."""

from __future__ import annotations

__all__ = ["Due", "Plan", "Settled", "plan", "plan_model"]

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, cast

from monitoring.moments import just_after
from monitoring.schema import ModelSchema
from monitoring.subject import Subject
from monitoring.windows import Window, WindowSpec, is_dirty, later, newest_first, of_rows
from storage.store import Store

CODE = "20"  # raise it when the same rows give other points, so that all windows are computed anew
RETRY = timedelta(minutes=15)  # a window that failed is tried again, but not on every turn of the owner's clock
_MOST_EMPTY = 2_000  # windows without a row that are marked as such, per version: a year of hours is 8,760
_SUMMARIES = 2  # newest windows per version: a summary takes twice the time of drift and performance; others are made when asked for
# Keys of a description that change no value.
_NOT_COMPUTED_FROM = ("name", "version", "window", "timezone", "privacy", "timestamp", "id", "importances", "retention")


@dataclass(frozen=True, slots=True)
class Due:
    """One window to compute. `gone` says that it no longer exists: late rows moved the row windows' edges."""

    subject: Subject
    spec: WindowSpec
    window: Window
    fingerprint: str
    rows: int
    gone: bool = False
    summary: bool = False  # whether Evidently's data summary is made too


@dataclass(frozen=True, slots=True)
class Plan:
    """One model version's windows to compute, newest first."""

    subject: Subject
    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """When what was planned is done, nothing is due of a model until its rows, labels, description or reference change – their `serial`
    is then another – or the clock reaches `until` (None: it changes nothing)."""

    model: str
    serial: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A window with its rows' fingerprint; "empty" where it has none."""

    window: Window
    fingerprint: str
    rows: int


def plan(store: Store, model: str, *, window: str | None, since: datetime | None, until: datetime | None, everything: bool,
         now: datetime) -> list[Plan]:  # fmt: skip
    """One plan for each version of a model that logged."""
    return plan_model(store, model, window=window, since=since, until=until, everything=everything, now=now)[0]


def plan_model(store: Store, model: str, *, window: str | None, since: datetime | None, until: datetime | None, everything: bool,
               now: datetime) -> tuple[list[Plan], Settled | None]:  # fmt: skip
    """The plans of a model's versions, and until when they hold; None where only a part of its windows was asked for.

    Without [since, until) the rows are looked at as far as they changed since the last look; else those of the range are.
    """
    part = since is not None or until is not None
    serial = None if part else store.count(model)  # before all else: what changes while the plan is made, makes another serial
    info = store.reference_info(model)
    plans, turns = [], _Turns(now)
    for row in (store.versions(model) if part else store.counted_versions(model)).to_pylist():
        schema = ModelSchema.from_dict(store.spec(model, row["version"]))
        subject = Subject(model, row["version"], schema)
        spec = WindowSpec.parse(window or schema.window)
        frozen = store.pruned_before(model, row["version"])
        there = row if frozen is None else {**row, "first": max(row["first"], frozen)}
        seen = [found for found in _seen(store, subject, spec, there, since, until, now) if frozen is None or found.window.start >= frozen]
        known = {_place(spec, state["start"], state["end"]): state
                 for state in store.window_states(model, subject.version, spec.name).to_pylist()}  # fmt: skip
        basis = _basis(schema, info)
        due: list[Due] = []
        turns.beginning(spec, there["first"], there["last"])
        for found in newest_first_of(seen):
            fingerprint = _fingerprint(found, basis, schema.label_delay, now)
            state = known.get(_place(spec, found.window.start, found.window.end))
            turns.window(found.window, schema.label_delay, state)
            if is_dirty(fingerprint, state, everything=everything) and not _just_failed(state, fingerprint, now, everything=everything):
                summary = len(due) < _SUMMARIES
                due.append(Due(subject, spec, found.window, fingerprint, found.rows, summary=summary))
        stored = [state for state in known.values() if frozen is None or state["start"] >= frozen]  # the others stand as they are
        gone = _gone(subject, spec, stored, seen) if spec.unit == "rows" and not part else ()
        plans.append(Plan(subject, (*due, *gone)))
    return plans, None if serial is None else Settled(model, serial, turns.next)


def _place(spec: WindowSpec, start: datetime, end: datetime) -> tuple[datetime, datetime | None]:
    """What makes a version's window the same one: where it starts, and of ranges of somebody's choice where it ends too."""
    return start, end if spec.unit == "range" else None


class _Turns:
    """The next moment after `now` at which the clock alone makes another plan: a window begins, ends, matures or may be tried again."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.next: datetime | None = None

    def beginning(self, spec: WindowSpec, first: datetime, last: datetime) -> None:
        """Rows from a clock that is ahead have no window before it begins."""
        self._at(first)
        if last >= self._now and spec.unit not in ("rows", "range"):
            self._at(spec.after(spec.floor(self._now)))

    def window(self, window: Window, label_delay: timedelta, state: Mapping[str, Any] | None) -> None:
        """What becomes of a window that has begun."""
        self._at(window.end)
        self._at(later(window.end, label_delay))
        if state is not None and state["state"] == "failed":
            self._at(state["computed_at"] + RETRY)

    def _at(self, moment: datetime) -> None:
        if moment > self._now and (self.next is None or moment < self.next):
            self.next = moment


def newest_first_of(seen: Iterable[_Seen]) -> list[_Seen]:
    """Windows with their fingerprints, newest first."""
    by_window = {found.window: found for found in seen}
    return [by_window[window] for window in newest_first(by_window)]


def _seen(store: Store, subject: Subject, spec: WindowSpec, version: Mapping[str, Any], since: datetime | None, until: datetime | None,
          now: datetime) -> Iterator[_Seen]:  # fmt: skip
    if spec.unit == "rows":
        rows = store.row_windows(subject.model, subject.version, spec.count).to_pylist()
        for window, row in zip(of_rows(rows, size=spec.count), rows, strict=True):
            if (since is None or window.end > since) and (until is None or window.start < until):
                yield _Seen(window, row["fingerprint"], row["rows"])
        return
    first, last = version["first"], just_after(version["last"])
    start, end = since or first, until or last
    if spec.unit != "range":
        start, end = max(first, start), min(last, end)
    windows = spec.between(start, end, now) if start < end else []
    active = _active(store, subject.model, spec, windows, part=since is not None or until is not None)
    filled = {row["start"]: row for row in active if row["version"] == subject.version}
    empty = sum(window.start not in filled for window in windows)
    for window in windows:
        row = filled.get(window.start)
        if row is not None:
            yield _Seen(window, row["fingerprint"], row["rows"])
        elif empty <= _MOST_EMPTY:
            yield _Seen(window, "empty", 0)


def _active(store: Store, model: str, spec: WindowSpec, windows: Sequence[Window], *, part: bool) -> list[dict[str, Any]]:
    """Rows and fingerprint of each version and window: from the counts, which know what changed, or for a part of them from the rows."""
    if not windows:
        return []
    edges = [(window.start, window.end) for window in windows]
    if part or spec.unit == "range":
        return cast("list[dict[str, Any]]", store.activity(model, edges).to_pylist())
    store.count(model, spec.seconds)
    return cast("list[dict[str, Any]]", store.counted_activity(model, edges).to_pylist())


def _basis(schema: ModelSchema, reference: Mapping[str, Any] | None) -> str:
    """What all windows of a version rest on beside their rows."""
    said = {key: value for key, value in schema.to_dict().items() if key not in _NOT_COMPUTED_FROM}
    return json.dumps([CODE, said, reference["hash"] if reference else None], sort_keys=True)


def _fingerprint(found: _Seen, basis: str, label_delay: timedelta, now: datetime) -> str:
    """Changes when the window's points would: also when it ends, and when its labels are no longer provisional."""
    mature = now >= later(found.window.end, label_delay)
    parts = [found.fingerprint, basis, found.window.end.isoformat(), found.window.partial, mature]
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _just_failed(state: Mapping[str, Any] | None, fingerprint: str, now: datetime, *, everything: bool) -> bool:
    """Whether the window failed a moment ago, and nothing has changed since."""
    if everything or state is None or state["state"] != "failed" or state["fingerprint"] != fingerprint:
        return False
    return bool(timedelta(0) <= now - state["computed_at"] < RETRY)


def _gone(subject: Subject, spec: WindowSpec, known: Iterable[Mapping[str, Any]], seen: Iterable[_Seen]) -> Iterator[Due]:
    there = {found.window.start for found in seen}
    for state in known:
        if state["start"] not in there and state["state"] != "gone":
            window = Window(state["start"], state["end"], (state["first_row"] or 0, state["last_row"] or 0))
            yield Due(subject, spec, window, "gone", 0, gone=True)
