"""From plain values – a YAML file's, a JSON object's, a caller's – to checked ones. Every refusal names its place and what is valid."""

from __future__ import annotations

__all__ = [
    "Wrong",
    "choice",
    "drift_settings",
    "fairness",
    "mapping",
    "name",
    "named_strings",
    "number",
    "one_line",
    "only",
    "ranks",
    "retention",
    "string",
    "timezone",
]

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from monitoring.errors import nearest
from monitoring.schema.periods import parse_delay
from monitoring.schema.settings import DEFAULT, METHODS, ColumnDrift, DriftSettings, Fairness, Persistence, Retention

Path = tuple[str | int, ...]
_MOST_PERSISTENT = 100  # windows that a verdict may ask for
LONGEST_NAME = 256  # characters, as the log refuses longer ones


class Wrong(ValueError):  # noqa: N818  caught here and turned into a SchemaError with the file's line
    """Something is wrong at `path`, the keys that lead to it."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


def only(found: Mapping[str, Any], valid: Iterable[str], path: Path) -> None:
    """Refuse keys that nobody knows."""
    known = tuple(valid)
    for key in found:
        if key not in known:
            raise Wrong((*path, key), f'unknown key {one_line(key)}; {nearest(str(key)[:LONGEST_NAME], known)}')


def mapping(value: object, path: Path, what: str) -> Mapping[str, Any]:
    """A mapping with text keys."""
    if not isinstance(value, Mapping):
        raise Wrong(path, f"{_last(path)} must be {what}, not {_kind_of(value)}")
    for key in value:
        if not isinstance(key, str):
            raise Wrong(path, f"the key {one_line(key)} in {_last(path)} must be text; write it in quotes")
    return value


def string(value: object, path: Path) -> str:
    """A text that is not empty, has no control characters and is no longer than a name may be."""
    if not isinstance(value, str):
        raise Wrong(path, f"{_last(path)} must be text, not {_kind_of(value)}; write it in quotes")
    if not value or len(value) > LONGEST_NAME:
        raise Wrong(path, f"{_last(path)} must have 1 to {LONGEST_NAME} characters; it has {len(value)}")
    if not value.isprintable() and any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise Wrong(path, f"{one_line(value)} has control characters; leave them out")
    if any(0xD800 <= ord(c) < 0xE000 for c in value):
        raise Wrong(path, f"{one_line(value)} is not valid Unicode; leave lone surrogates out")
    return value


def name(value: object, path: Path) -> str:
    """The name of a column; those that start with @ are ours."""
    found = string(value, path)
    if found.startswith("@"):
        raise Wrong(path, f"{one_line(found)} starts with @, which is kept for the columns that monitoring adds; rename it")
    return found


def choice(value: object, valid: Iterable[str], path: Path, what: str) -> str:
    """One word of a list."""
    words = tuple(valid)
    if isinstance(value, str) and value in words:
        return str(value)
    shown = value if isinstance(value, str) else _kind_of(value)
    raise Wrong(path, f"unknown {what} {one_line(shown)}; {nearest(str(shown)[:LONGEST_NAME], words)}")


def number(value: object, path: Path, *, low: float, high: float) -> float:
    """A finite number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(path, f"{_last(path)} must be a number, not {_kind_of(value)}")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not (math.isfinite(found) and low <= found <= high):
        bounds = f"between {low:g} and {high:g}" if math.isfinite(high) else f"finite and at least {low:g}"
        raise Wrong(path, f"{_last(path)} must be {bounds}, not {one_line(value)}")
    return found


def named_strings(value: object, path: Path, what: str) -> dict[str, str]:
    """A mapping of names to names of columns."""
    return {string(key, (*path, key)): name(item, (*path, key)) for key, item in mapping(value, path, what).items()}


def ranks(value: object, path: Path) -> tuple[int, ...]:
    """The cuts k of a ranking: whole numbers from 1 to 10,000, sorted, each once."""
    items = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    for place, item in enumerate(items):
        if isinstance(item, bool) or not isinstance(item, int) or not 1 <= item <= 10_000:
            raise Wrong((*path, place), f"k must be whole numbers from 1 to 10000, not {one_line(item)}")
    if not items:
        raise Wrong(path, "k is empty; write for example k: [5, 10]")
    return tuple(sorted(set(items)))


def timezone(value: object, path: Path) -> str:
    """The name of a time zone that this machine knows."""
    found = string(value, path)
    if found == "UTC":
        return found
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(found).key
    except (KeyError, ValueError, OSError):  # not found; a path; a folder of zones such as "Europe"
        raise Wrong(path, f"unknown timezone {one_line(found)}; {_nearest_zone(found, available_timezones())}") from None


def drift_settings(value: object, kinds: Mapping[str, str], path: Path = ("drift",)) -> DriftSettings:
    """Drift settings from the contract's mapping. `kinds` maps the columns that may be named to their kinds ("" where it is open)."""
    if isinstance(value, DriftSettings):
        value = value.to_dict()
    said = mapping(value, path, "a mapping such as {method: psi}")
    only(said, ("method", "false_alarms", "minimum_effect", "sought_effect", "persistence", "features"), path)
    alarms, effect, sought = said.get("false_alarms"), said.get("minimum_effect"), said.get("sought_effect")
    return DriftSettings(
        method=_methods(said.get("method", DEFAULT), (*path, "method")),
        false_alarms=None if alarms is None else number(alarms, (*path, "false_alarms"), low=1e-6, high=0.5),
        minimum_effect=None if effect is None else _effect(effect, (*path, "minimum_effect")),
        sought_effect=None if sought is None else number(sought, (*path, "sought_effect"), low=1e-9, high=math.inf),
        persistence=_persistence(said.get("persistence"), (*path, "persistence")),
        features=_columns(said.get("features", {}), kinds, (*path, "features")),
    )


def _persistence(value: object, path: Path) -> Persistence | None:
    if value is None:
        return None
    said = mapping(value, path, "a mapping such as {windows: 2, of: 3}")
    only(said, ("windows", "of"), path)
    windows, of = said.get("windows"), said.get("of", said.get("windows"))
    for name, count in (("windows", windows), ("of", of)):
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_PERSISTENT:
            raise Wrong((*path, name), f"{name} must be a whole number of windows from 1 to {_MOST_PERSISTENT}, such as "
                        f"{{windows: 2, of: 3}}, not {one_line(count)}")  # fmt: skip
    assert isinstance(windows, int)
    assert isinstance(of, int)
    if windows > of:
        raise Wrong((*path, "windows"), f"{windows} of {of} windows can never be; windows is at most of")
    return Persistence(windows=windows, of=of)


def retention(value: object, path: Path = ("retention",)) -> Retention:
    """How long rows and their hourly counts are kept."""
    if isinstance(value, Retention):
        value = value.to_dict()
    said = mapping(value, path, "a mapping such as {raw: 30d, hourly: 400d}")
    only(said, ("raw", "hourly"), path)
    found = Retention(**{key: _period(period, (*path, key)) for key, period in said.items() if period is not None})
    if found.raw is not None and found.hourly is not None and found.hourly < found.raw:
        raise Wrong((*path, "hourly"), "hourly counts are what is left of rows: keep them at least as long as raw, or leave hourly out")
    return found


def _period(value: object, path: Path) -> timedelta:
    try:
        period = parse_delay(value)
    except ValueError as error:
        raise Wrong(path, str(error)) from None
    if period <= timedelta(0):
        raise Wrong(path, f"{_last(path)} must be longer than nothing; write 30d, say")
    return period


def fairness(value: object, segments: Sequence[str], path: Path = ("fairness",)) -> Fairness:
    """Fairness settings from a list of columns or a mapping; only segments can be named, for they are what is logged and shown apart."""
    if isinstance(value, Fairness):
        value = value.to_dict()
    if isinstance(value, list | tuple):
        value = {"columns": value}
    said = mapping(value, path, "a list of segments such as [sex], or a mapping such as {columns: [sex], limit: 0.1}")
    only(said, ("columns", "limit"), path)
    columns, limit = said.get("columns", ()), said.get("limit")
    if not isinstance(columns, list | tuple):
        raise Wrong((*path, "columns"), "columns must be a list of segments, such as [sex]")
    for place, column in enumerate(columns):
        if column not in segments:
            raise Wrong((*path, "columns", place), f"{one_line(column)} is no segment; add it to the list of segments")
    limit = None if limit is None else number(limit, (*path, "limit"), low=0.0, high=1.0)
    return Fairness(columns=tuple(dict.fromkeys(columns)), limit=limit)


def one_line(value: object) -> str:
    """A value as it may stand in a sentence: quoted where it is text, on one line, short."""
    try:
        text = f'"{value}"' if isinstance(value, str) else str(value)
    except Exception:
        text = f"a {type(value).__name__}"
    text = "".join(c if c.isprintable() else "�" for c in text[:200])
    return text if len(text) <= 80 else text[:76] + '…"'


def _methods(value: object, path: Path) -> dict[str, str]:
    if isinstance(value, str):
        method = choice(value, METHODS, path, "drift method")
        return {} if method == DEFAULT else dict.fromkeys(sorted(METHODS[method]), method)
    said = mapping(value, path, "a method's name, or a mapping such as {numerical: wasserstein}")
    return {choice(kind, METHODS["auto"], (*path, kind), "kind"): _method(method, kind, (*path, kind)) for kind, method in said.items()}


def _method(value: object, kind: str, path: Path) -> str:
    method = choice(value, METHODS, path, "drift method")
    if kind and kind not in METHODS[method]:
        fitting = [other for other, kinds in METHODS.items() if kind in kinds]
        raise Wrong(path, f'the drift method "{method}" does not take {kind} columns; {nearest(method, fitting)}')
    return method


def _effect(value: object, path: Path) -> float | dict[str, float]:
    if not isinstance(value, Mapping):
        return number(value, path, low=0.0, high=math.inf)
    return {
        choice(method, METHODS, (*path, method), "drift method"): number(effect, (*path, method), low=0.0, high=math.inf)
        for method, effect in mapping(value, path, "a number or a mapping by method").items()
    }


def _columns(value: object, kinds: Mapping[str, str], path: Path) -> dict[str, ColumnDrift]:
    found: dict[str, ColumnDrift] = {}
    for column, settings in mapping(value, path, "a mapping such as {amount: {method: psi}}").items():
        at = (*path, column)
        choice(column, kinds, at, "feature")
        said = mapping(settings, at, "a mapping such as {method: psi}")
        only(said, ("method", "minimum_effect"), at)
        method, effect = said.get("method"), said.get("minimum_effect")
        found[column] = ColumnDrift(
            method=None if method is None else _method(method, kinds[column], (*at, "method")),
            minimum_effect=None if effect is None else number(effect, (*at, "minimum_effect"), low=0.0, high=math.inf),
        )
    return found


def _nearest_zone(found: str, zones: set[str]) -> str:
    hint = nearest(found, zones)
    return hint if hint.startswith("did") else "write a name such as UTC or Europe/Paris"


def _last(path: Path) -> str:
    words = [str(part) for part in path if not isinstance(part, int)]
    return one_line(words[-1]).strip('"') if words else "the description"


def _kind_of(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    words = {int: "a number", float: "a number", str: "text", dict: "a mapping", list: "a list", tuple: "a list"}
    return words.get(type(value), f"a {type(value).__name__}")
