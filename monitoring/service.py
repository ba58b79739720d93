"""One face to a home, whether this process owns it, another one does, or nobody.

DuckDB lets one process open a file, so a home has one owner. `call` hides that: it uses this process's `House`, else asks
the running owner over its socket, else becomes the owner for the length of the call – or, where a home is to stay as it is,
reads it without becoming one.
"""

from __future__ import annotations

__all__ = ["House", "call", "cancel", "current", "doctor", "export_report", "forget_reference", "points", "rebuild", "run"]

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from monitoring.doctor import examine
from monitoring.errors import InputError
from monitoring.house import VERBS, House, opened
from monitoring.questions import QUESTIONS, Questions, bound
from monitoring.settings import Settings
from storage import wire
from storage.custody import rebuilding
from storage.custody.backup import LIST
from storage.errors import OwnerBusy
from storage.home import Home, default_home
from storage.reading import reading

_PAUSE = 0.2  # seconds between two attempts at an owner that is starting or stopping


def current(home: Path | str | None = None) -> House:
    """This process's House for `home` (default: the settings'), opened without background work where none is open yet.

    Raises `OwnerBusy` with the holder's pid where another process owns the home.
    """
    path = _path(home)
    return opened(path) or House.open(path)


def call(
    home: Path | str | None, verb: str, /, *, progress: Callable[[dict[str, Any]], None] | None = None, **params: Any
) -> Any:
    """What `House.<verb>(**params)` returns: JSON-able values or an Arrow table.

    `progress` receives what a long verb reports on its way. Raises what the verb raises, on whichever side it ran, and
    `OwnerBusy` where a process holds the home and does not answer within the settings' `busy_seconds`.
    """
    if verb not in VERBS:
        raise InputError(f'There is no verb "{verb}": use one of {", ".join(sorted(VERBS))}.')
    path = _path(home)
    house = opened(path)
    if house is not None:
        return house.do(verb, params, progress)
    deadline = time.monotonic() + Settings.read().busy_seconds
    while True:
        try:
            reply = wire.ask(Home(path), verb, _plain(params), progress)
            return reply.value if reply.table is None else reply.table
        except wire.NoOwner:
            pass
        try:
            if (why := _stays_as_it_is(path)) and (verb in QUESTIONS or not os.access(path, os.W_OK)):
                return _asked(path, verb, params, why)
            with House.open(path) as house:
                return house.do(verb, params, progress)
        except OwnerBusy:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)


def _stays_as_it_is(path: Path) -> str:
    """Why a home is read without being owned, or "": who becomes its owner takes in its spool, and may have to migrate its database."""
    if path.is_dir() and not os.access(path, os.W_OK):
        return "cannot be written here"
    return "is a backup" if (path / LIST).exists() else ""


def _asked(path: Path, verb: str, params: dict[str, Any], why: str) -> Any:
    if verb not in QUESTIONS:
        raise InputError(f'The home {path} {why}, which "{verb}" has to do: copy it, or ask {", ".join(sorted(QUESTIONS))}.')
    with reading(Home(path)) as reader:
        return bound(verb, getattr(Questions(reader), verb), params)()


def cancel(home: Path | str | None = None, *, request: str = "") -> str | None:
    """End a request in a home's owner – the run that is under way, unless one is named –, after the windows that it is at.

    Whether it was "waiting" or "under way"; "" where there is none, None where no owner answers.
    """
    path = _path(home)
    house = opened(path)
    try:
        told = house.cancel(request=request) if house is not None else wire.ask(Home(path), "cancel", {"request": request}).value
    except wire.NoOwner:
        return None
    return str(told["was"])


def doctor(home: Path | str | None = None) -> dict[str, Any]:
    """Examine a home without changing it; see `monitoring.doctor.examine`. Raises `OwnerBusy` where its owner does not answer."""
    path = _path(home)
    house = opened(path)

    def ask_owner() -> dict[str, Any]:
        return cast("dict[str, Any]", house.health() if house is not None else wire.ask(Home(path), "health", {}).value)

    return examine(Home(path), ask_owner)


def rebuild(home: Path | str | None = None, *, progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Make a home's database anew, in its owner where there is one, else here: a database that is damaged has no owner."""
    path = _path(home)
    house = opened(path)
    if house is not None:
        return cast("dict[str, Any]", house.do("rebuild", {}, progress))
    try:
        return cast("dict[str, Any]", wire.ask(Home(path), "rebuild", {}, progress).value)
    except wire.NoOwner:
        return asdict(rebuilding.rebuild(Home(path), progress=lambda text: progress({"message": text}) if progress else None))


def forget_reference(
    model: str, *, home: Path | str | None = None, progress: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Delete the rows of a model's reference once everything that its windows are compared with was worked out of them and kept.

    Drift, quality and verdicts go on with the same numbers. `{"model", "rows", "hash", "forgotten_at", "bytes", "left"}`, see the verb.
    """
    return cast("dict[str, Any]", call(home, "forget_reference", model=model, progress=progress))


def run(
    model: str | None = None,
    *,
    window: str | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    everything: bool = False,
    home: Path | str | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Collect what was logged and compute the windows that are due: `{"windows", "points", "failed", "insufficient", "seconds"}`."""
    result = call(
        home, "run", progress=progress, model=model, window=window, since=since, until=until, everything=everything
    )
    return cast("dict[str, Any]", result)


def points(
    model: str | None = None,
    *,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    metric: str | None = None,
    column: str | None = None,
    window: str | None = None,
    as_of: datetime | str | None = None,
    home: Path | str | None = None,
) -> pa.Table:
    """The findings, one row each, in the shape of `storage.points.POINTS`; with `as_of` those that held at that moment."""
    result = call(home, "points", model=model, since=since, until=until, metric=metric, column=column, window=window, as_of=as_of)
    return cast("pa.Table", result)


def export_report(
    model: str,
    *,
    path: Path | str,
    kind: str = "drift",
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    format: str | None = None,  # noqa: A002 – the word of the command line
    version: str | None = None,
    home: Path | str | None = None,
) -> Path:
    """Write a report of [since, until) – of the newest window, a complete one first, by default – to `path`; returns the path.

    `kind` is Evidently's `drift`, `performance` or `summary`, `full` for Evidently's whole drift preset on the raw rows, or `findings` for
    our own small page of everything found in the window; `format` is `html` or `json`, taken from the path's ending by default.
    """
    target = Path(path)
    chosen = format or target.suffix.lstrip(".").lower() or "html"
    rendered = call(home, "report", model=model, kind=kind, since=since, until=until, format=chosen, version=version)
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target.absolute().parent} is not a folder: create it first, or choose another path.")
    shutil.copyfile(rendered["file"], target)
    return target


def _path(home: Path | str | None) -> Path:
    return Path(home).absolute() if home is not None else default_home().absolute()


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON can carry them; every verb reads times and paths from text too."""
    return {key: _as_text(value) for key, value in params.items()}


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
