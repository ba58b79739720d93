"""The columns of many windows, one at a time: what is compared of each, grouped by window, without reading a window by itself.

Which row belongs to which window is worked out once. A column is then one plain scan with the same condition, and a scan of
one table yields its rows in the order in which they lie there (duckdb.org/docs/current/sql/dialect/order_preservation), so the
n-th value belongs to the n-th row. All scans see the same rows: they are one transaction.
"""

from __future__ import annotations

__all__ = ["ColumnOfWindows", "WindowColumns", "merged"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.store._catalog import Model
from storage.store._database import ReadCursor, table
from storage.store._frames import LATEST, Window, titles
from storage.store._pruned import pruned_of
from storage.store._values import microseconds_of

Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Span = tuple[int, int]
T = TypeVar("T", datetime, int)

_VALUES_AT_ONCE = 4_000_000  # of all columns of a scan together: 32 MB of doubles
_FEW = 64  # categories found by going through a list of them; where the file has a text of its own for each row, more would be dear
_COUNTS = "NOT p.duplicate AND p.version = $version AND p.id IS NOT NULL"
_KEPT = "($before IS NULL OR p.t >= CAST($before AS TIMESTAMPTZ))"
_BY_PLACE = "ORDER BY p.rowid"
_OF_LABELS = frozenset({"@label", "@labelled_at"})


@dataclass(frozen=True, slots=True, eq=False)
class ColumnOfWindows:
    """One column in each of some windows, in their order: what `monitoring.drift.comparable` would leave of it.

    `numbers` has each window's finite values, ascending (ages in seconds of datetimes, characters of texts); `categories` has each
    window's rows per category. One of the two is None.
    """

    name: str
    numbers: tuple[Floats, ...] | None = None
    categories: tuple[dict[str, int], ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Membership:
    """Which of the `rows` that a scan with `condition` yields belong to which window.

    `order` puts them into the order of windows (None: they are in it), and each window is one of the `spans` of that order.
    """

    condition: str
    parameters: dict[str, Any]
    rows: int
    spans: tuple[Span, ...]
    order: Places | None

    @classmethod
    def of(cls, condition: str, parameters: dict[str, Any], keys: Places, edges: Sequence[Span]) -> _Membership:
        """From what orders the rows, one key per row of the scan, and each window's half-open range of keys."""
        order = None if (keys[1:] >= keys[:-1]).all() else np.argsort(keys, kind="stable")
        if order is not None:
            keys = keys[order]
        spans = [(int(np.searchsorted(keys, start)), int(np.searchsorted(keys, end))) for start, end in edges]
        return cls(condition, parameters, len(keys), tuple(spans), order)


class WindowColumns:
    """The columns of some windows of one version, all of time or all of rows. What `cursor` is asked is of one moment."""

    def __init__(self, cursor: ReadCursor, model: Model, version: str, windows: Sequence[Window]) -> None:
        self._cursor, self._model = cursor, model
        self._order = _order(cursor, model)
        self._titles = dict(titles(model, "p", "l"))
        by_rows = any(window.rows for window in windows)
        self._member = _by_rows(cursor, model, version, windows) if by_rows else _by_time(cursor, model, version, windows, self._order)

    @property
    def names(self) -> list[str]:
        """The names of all columns, as in a frame."""
        return list(self._titles)

    @property
    def rows(self) -> tuple[int, ...]:
        """How many rows each window has."""
        return tuple(end - start for start, end in self._member.spans)

    def read(self, columns: Sequence[tuple[str, str]]) -> Iterator[ColumnOfWindows]:
        """Each column (name, kind) in turn; kinds are numerical, categorical, text and datetime. An unknown name has no values.

        Columns are scanned together as long as that is at most four million values. Beside those, one column takes about 24 bytes for
        each row of the windows (of categories also their texts), however many columns and windows there are.
        """
        at_once = max(_VALUES_AT_ONCE // max(self._member.rows, 1), 1)
        for first in range(0, len(columns), at_once):
            some = columns[first : first + at_once]
            words = [self._few_words(name) if kind == "categorical" else [] for name, kind in some]
            found = self._scan(some, words).columns
            for (name, kind), few in zip(some, words, strict=True):
                yield self._grouped(name, kind, found.pop(0), few)

    def _few_words(self, name: str) -> list[str]:
        """The categories of a column that has but a few; none where a scan brings their texts."""
        if name in _OF_LABELS:
            return []
        word = self._expression(name, "categorical")
        sql = f"SELECT DISTINCT {word} AS word FROM {self._model.predictions} p WHERE {self._member.condition} LIMIT {_FEW + 2}"  # noqa: S608
        words = table(self._cursor, sql, self._member.parameters).column("word").drop_null().to_pylist()
        return sorted(words) if len(words) <= _FEW else []

    def _scan(self, columns: Sequence[tuple[str, str]], words: Sequence[list[str]]) -> pa.Table:
        """The columns; of those with a few words each row has the number of its own, counted from 1, in the place of the text.

        Texts that recur lie in the file once, and DuckDB finds the number of each once, not once per row; nor is any text copied.
        """
        expressions, parameters = [self._expression(name, kind) for name, kind in columns], dict(self._member.parameters)
        for place, few in enumerate(words):
            if few:
                expressions[place], parameters[f"words{place}"] = f"list_position($words{place}, {expressions[place]})", few
        chosen = ", ".join(f"{expression} AS c{place}" for place, expression in enumerate(expressions))
        source, order = f"{self._model.predictions} p", self._order
        if any(name in _OF_LABELS for name, _ in columns):  # a join promises no order
            source, order = f"{source} LEFT JOIN {LATEST.format(labels=self._model.labels)} l ON l.id = p.id", _BY_PLACE
        sql = f"SELECT {chosen} FROM {source} WHERE {self._member.condition} {order}"  # noqa: S608 – surrogate names only
        return table(self._cursor, sql, parameters)

    def _expression(self, name: str, kind: str) -> str:
        column = self._titles.get(name, "NULL")
        if kind == "text":
            return f"CAST(length(CAST({column} AS VARCHAR)) AS DOUBLE)"
        if kind == "datetime":
            return f"CAST(epoch_us(p.t) - epoch_us(CAST({column} AS TIMESTAMPTZ)) AS DOUBLE) / 1e6"
        return f"CAST({column} AS {'VARCHAR' if kind == 'categorical' else 'DOUBLE'})"

    def _grouped(self, name: str, kind: str, values: pa.ChunkedArray, words: list[str]) -> ColumnOfWindows:
        member = self._member
        if kind == "categorical":
            return ColumnOfWindows(name, categories=tuple(_counted(*((words, values) if words else _numbered(values)), member)))
        numbers = values.to_numpy()
        if member.order is not None:
            numbers = numbers[member.order]
        return ColumnOfWindows(name, numbers=tuple(_finite(np.sort(numbers[start:end])) for start, end in member.spans))


def _order(cursor: ReadCursor, model: Model) -> str:
    """What a scan has to say to have its rows in their order: nothing of a table, but a home without an owner has views in their place."""
    views = table(cursor, "SELECT 1 FROM duckdb_views() WHERE view_name = ? AND NOT internal", [model.predictions])
    return _BY_PLACE if len(views) else ""


def _by_time(cursor: ReadCursor, model: Model, version: str, windows: Sequence[Window], order: str) -> _Membership:
    ranges = merged([(window.start, window.end) for window in windows])
    parameters: dict[str, Any] = {"version": version}
    for place, (start, end) in enumerate(ranges):
        parameters |= {f"start{place}": start, f"end{place}": end}
    times = " OR ".join(f"(p.t >= $start{place} AND p.t < $end{place})" for place in range(len(ranges)))
    condition = f"{_COUNTS} AND ({times or 'false'})"
    sql = f"SELECT epoch_us(p.t) AS t FROM {model.predictions} p WHERE {condition} {order}"  # noqa: S608
    keys = _whole(table(cursor, sql, parameters).column("t"))
    return _Membership.of(condition, parameters, keys, [(microseconds_of(window.start), microseconds_of(window.end)) for window in windows])


def _by_rows(cursor: ReadCursor, model: Model, version: str, windows: Sequence[Window]) -> _Membership:
    """Rows are numbered as they are for windows: erased subjects' rows count, and so do those that were pruned."""
    edges = [window.rows or (0, 0) for window in windows]
    gone = pruned_of(cursor, model.model_id, version)
    numbered = f"""
        SELECT rowid AS place_in_scan, t, id, row_number() OVER (ORDER BY t, written_at, n, id) - 1 + $pruned AS place
        FROM {model.predictions} p WHERE NOT p.duplicate AND p.version = $version AND {_KEPT}
    """  # noqa: S608
    known = {"version": version, "pruned": gone["rows"] if gone else 0, "before": gone["before"] if gone else None}
    wanted = {"first": min(first for first, _ in edges), "last": max(last for _, last in edges)}
    inside = f"SELECT min(t) AS first, max(t) AS last FROM ({numbered}) WHERE place >= $first AND place < $last"  # noqa: S608
    [between] = table(cursor, inside, {**known, **wanted}).to_pylist()
    parameters = {"version": version, "first": between["first"], "last": between["last"], "before": known["before"]}
    condition = f"{_COUNTS} AND p.t >= $first AND p.t <= $last AND {_KEPT}"
    sql = f"SELECT place FROM ({numbered}) p WHERE id IS NOT NULL AND t >= $first AND t <= $last ORDER BY place_in_scan"  # noqa: S608
    keys = _whole(table(cursor, sql, {**known, **parameters}).column("place"))
    return _Membership.of(condition, parameters, keys, edges)


def merged(ranges: Sequence[tuple[T, T]]) -> list[tuple[T, T]]:
    """The same stretches of time, or of row numbers, in order, those that touch as one."""
    found: list[tuple[T, T]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _whole(values: pa.ChunkedArray) -> Places:
    return np.asarray(values.to_numpy(), np.int64)


def _finite(ascending: Floats) -> Floats:
    """Sorted numbers without infinities and NaN, which lie at their ends."""
    return ascending[np.searchsorted(ascending, -np.inf, "right") : np.searchsorted(ascending, np.inf, "left")]


def _numbered(texts: pa.ChunkedArray) -> tuple[list[str], pa.Array]:
    """The distinct texts, and the number of its own for each row, counted from 1; null where it has none."""
    coded = texts.dictionary_encode().combine_chunks()
    coded = pa.concat_arrays(coded.chunks) if isinstance(coded, pa.ChunkedArray) else coded
    return coded.dictionary.to_pylist(), pc.add(coded.indices, 1)


def _counted(words: list[str], numbers: pa.Array | pa.ChunkedArray, member: _Membership) -> Iterator[dict[str, int]]:
    """The rows per word in each window; `numbers` says which word each row has, counted from 1."""
    codes = np.asarray(pc.fill_null(numbers, 0))
    if member.order is not None:
        codes = codes[member.order]
    for start, end in member.spans:
        counts = np.bincount(codes[start:end], minlength=len(words) + 1)[1:]
        places = np.flatnonzero(counts)
        yield {words[place]: count for place, count in zip(places.tolist(), counts[places].tolist(), strict=True)}
