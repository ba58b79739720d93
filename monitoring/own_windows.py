"""The reference's own windows: how much its windows differ from each other by season and memory, which is no drift. Pure."""

from __future__ import annotations

__all__ = ["LEAST_WINDOWS", "NO_TIMES", "OwnWindows", "Span", "by_value", "moments_of", "numbered", "own_windows", "whole_windows"]

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.windows import Window, WindowSpec, month_number

LEAST_WINDOWS = 10  # with fewer, how much windows differ is a guess: a 99.9 % limit from 9 is 1.5 times that from very many
NO_TIMES = "the reference has no times"
_LEAST_ROWS = 20  # per window on average
_MOST_WINDOWS = 200
_SEED = 20_260_801
_MOMENT = pa.timestamp("us", tz="UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """The window that is judged: how long it is and where it starts, so that the reference can be cut alike.

    `rows` is the number of rows of a window that is counted in rows; then the times do not matter.
    """

    start: datetime
    end: datetime
    rows: int | None = None

    @classmethod
    def of(cls, window: Window) -> Span:
        """The judged window's."""
        return cls(window.start, window.end, window.rows[1] - window.rows[0] if window.rows else None)

    @classmethod
    def like(cls, spec: WindowSpec) -> Span | None:
        """A window of this kind: all others cut the reference in the same places. None for a range, which has no others."""
        now = datetime.now(UTC)
        if spec.unit == "rows":
            return cls(now, now, spec.count)
        if spec.unit == "range":
            return None
        start = spec.floor(now)
        return cls(start, spec.after(start))

    @property
    def name(self) -> str:
        """What nulls depend on: equal for windows that cut the reference in the same places."""
        if self.rows is not None:
            return f"rows:{self.rows}"
        if self.months:
            return f"{self.months}mo+{month_number(self.start.astimezone(UTC)) % self.months}"
        return f"{self.length}us+{self.begins % self.length}"

    @property
    def months(self) -> int:
        """How many calendar months (UTC) these are, which are alike though they have 28 to 31 days; 0 for any other window."""
        ends = [one.astimezone(UTC) for one in (self.start, self.end)]
        whole = self.rows is None and all(one == one.replace(day=1, hour=0, minute=0, second=0, microsecond=0) for one in ends)
        return month_number(ends[1]) - month_number(ends[0]) if whole else 0

    @property
    def begins(self) -> int:
        """µs since 1970."""
        return int(self.start.timestamp() * 1e6)

    @property
    def length(self) -> int:
        """µs, at least one."""
        return max(int((self.end - self.start).total_seconds() * 1e6), 1)

    def cut(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The number of each row's window, by its time in µs; rows are in order of time."""
        if self.rows is not None:
            return np.arange(len(times)) // self.rows
        if self.months:
            month = times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)  # since January 1970
            return np.asarray((month + month_number(_EPOCH) - month_number(self.start.astimezone(UTC))) // self.months)
        return np.asarray((times - self.begins) // self.length)


@dataclass(frozen=True, slots=True)
class OwnWindows:
    """The reference's windows of the judged window's length: for each usable value, in ascending order of the values, the number of its
    window (-1 for rows of windows that are not whole). `count` windows, at least `LEAST_WINDOWS`."""

    of: npt.NDArray[np.int64]
    count: int

    def counts(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Rows per window and cell: one row per window; cells are runs of the sorted values that begin at `starts`."""
        cell = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(self.of))))
        inside = self.of >= 0
        flat = np.bincount(self.of[inside] * len(starts) + cell[inside], minlength=self.count * len(starts))
        return flat.reshape(self.count, len(starts)).astype(np.float64)


def own_windows(values: pa.Array, times: pa.Array | pa.ChunkedArray | None, span: Span) -> OwnWindows | str:
    """The reference cut into windows like `span`, or the sentence that says why it cannot be.

    `values` are what `drift.comparable` returns, `times` the moments of the same rows in ascending order. Windows with less than half
    of the usual number of rows (the first and the last, mostly) are left out; of very many, 200 are drawn.
    """
    usable = values.is_valid().to_numpy(zero_copy_only=False)
    found = numbered(times, span, usable)
    if isinstance(found, str):
        return found
    number, count = found
    return OwnWindows(number[usable][by_value(values)], count)


def numbered(times: pa.Array | pa.ChunkedArray | None, span: Span, usable: npt.NDArray[np.bool_] | None = None, *,
             least_rows: int = _LEAST_ROWS) -> tuple[npt.NDArray[np.int64], int] | str:  # fmt: skip
    """The number of each row's window (-1 where it is in none that is whole) and how many there are, or why there are none.

    Of the rows only `usable` ones count. Of more than 200 windows so many are drawn.
    """
    if times is None or times.null_count == len(times):
        return NO_TIMES
    timed = np.asarray(times.is_valid())
    return whole_windows(span.cut(moments_of(times)), timed if usable is None else usable & timed, least_rows=least_rows)


def moments_of(times: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """µs since 1970; 0 where there is no time."""
    return np.asarray(pc.cast(times, _MOMENT).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False))


def whole_windows(window: npt.NDArray[np.int64], usable: npt.NDArray[np.bool_], *,
                  least_rows: int = _LEAST_ROWS) -> tuple[npt.NDArray[np.int64], int] | str:  # fmt: skip
    """`numbered` of rows, in whatever order, of which it is known into which window of the span each falls."""
    names, rows = np.unique(window[usable], return_counts=True)
    whole = names[rows >= np.median(rows) / 2] if len(names) else names
    if len(whole) < LEAST_WINDOWS:
        return f"the reference has {len(whole)} windows of this length, and {LEAST_WINDOWS} are needed to see how they differ"
    if np.median(rows) < least_rows:
        return f"the reference's windows of this length have {np.median(rows):.0f} rows; {least_rows} are needed to see how they differ"
    random = np.random.default_rng(_SEED)
    if len(whole) > _MOST_WINDOWS:
        whole = np.sort(random.choice(whole, _MOST_WINDOWS, replace=False))
    place = np.minimum(np.searchsorted(whole, window), len(whole) - 1)
    number = np.where((whole[place] == window) & usable, place, -1)
    return number.astype(np.int64), len(whole)


def by_value(values: pa.Array) -> npt.NDArray[np.intp]:
    """The places of the usable values in ascending order; of equal values at random, lest they stay in order of time."""
    there = values.drop_null()
    if pa.types.is_string(values.type):
        coded = there.dictionary_encode()
        words = coded.dictionary.to_pylist()
        rank = {word: place for place, word in enumerate(sorted(words))}
        keys = np.array([rank[word] for word in words])[coded.indices.to_numpy()] if words else np.array([])
    else:
        keys = there.to_numpy(zero_copy_only=False)
    return np.asarray(np.lexsort((np.random.default_rng(_SEED).random(len(keys)), keys)))
