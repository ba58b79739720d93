"""The reference of a model, asked many times: each answer is worked out of its rows once, kept, and read by every later run."""

from __future__ import annotations

__all__ = ["Baseline", "bounded"]

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from monitoring.drift import Sample, comparable
from monitoring.own_windows import NO_TIMES, OwnWindows, Span, own_windows
from monitoring.performance import Groups
from monitoring.performance.timings import QUANTILES, Timed, latency_intervals
from monitoring.profiles import Binning, binning
from monitoring.reference.column import Beside, ReferenceColumn, Rows, block_of
from monitoring.reference.kept import Kept, RowsGone
from monitoring.reference.telling import binning_of, tell_binning, tell_timed, timed_of
from monitoring.segments.naming import Where
from storage.custody.reference_profiles import Fact

T = TypeVar("T")

_SEED = 20_260_102
MOST_COMPARED = 200_000  # rows given to Evidently at once: about 20 s for 30 columns; more are sampled, and the points say so


def bounded(table: pa.Table, most: int | None = None) -> pa.Table:
    """The rows that Evidently sees: all of them, or a seeded sample, in order, where there are more than it can take."""
    most = most or MOST_COMPARED
    if table.num_rows <= most:
        return table
    rows = np.random.default_rng([_SEED, table.num_rows]).choice(table.num_rows, most, replace=False)
    return table.take(pa.array(np.sort(rows)))


class Baseline:
    """A reference's hash, its rows in the shape of `Store.frame` – or what reads them where they are needed –, and what is derived from
    them, each once. `kept` holds what was derived before; `beside` says what of time and segments is kept with each column. Safe for
    threads. Raises RowsGone where the rows were deleted and what is asked for was not derived before."""

    def __init__(self, table: pa.Table | Callable[[], pa.Table], digest: str, *, kept: Kept | None = None,
                 beside: Beside | None = None) -> None:  # fmt: skip
        self.digest = digest
        self.kept = kept or Kept()
        self._rows = table
        self._wanted = beside or Beside()
        self._known: dict[Hashable, Any] = {}
        self._lock = self.kept.lock

    def __len__(self) -> int:
        return int(self._shape["rows"])

    @property
    def gone(self) -> str:
        """Why there are no rows any more; "" where there are."""
        return self.kept.gone

    @property
    def table(self) -> pa.Table:
        """All rows; read now if they were not before."""
        if self.kept.gone:
            raise RowsGone(self.kept.gone)
        rows = self._rows
        return rows if isinstance(rows, pa.Table) else self.once("table", rows)

    @property
    def compared(self) -> pa.Table:
        """The rows that windows are compared with."""
        return self.once("compared", lambda: bounded(self.table))

    @property
    def compared_rows(self) -> int:
        """How many they are."""
        return int(self._shape["compared"])

    def missing(self, name: str) -> int | None:
        """How many rows have no value of a column; None where the reference has no such column."""
        found: int | None = self._shape["missing"].get(name)
        return found

    def sample(self, name: str, kind: str) -> Sample:
        """The usable values of a column among the compared rows: scores and thresholds rest on the same ones."""
        return self._column(name, kind)[0].sample

    def own_windows(self, name: str, kind: str, span: Span) -> OwnWindows | str:
        """The compared rows cut into windows like `span`, or why they cannot be."""
        return self.once(("windows", name, kind, span.name), lambda: self._own_windows(name, kind, span))

    def binning(self, name: str, column: str, kind: str) -> Binning | None:
        """The bins of a column that all windows share; None where the reference has no value of it."""
        return self.once(("binning", name, column, kind), lambda: self._binning(name, column, kind))

    def segment_sample(self, where: Where, name: str, kind: str) -> Sample:
        """The usable values of a column in one segment's rows: of at most 10,000 of them, a seeded choice."""
        return self.once(("sample", where, name, kind), lambda: self._segment_sample(where, name, kind))

    def segment_windows(self, where: Where, name: str, kind: str, span: Span) -> OwnWindows | str:
        """The rows of `segment_sample` cut into windows like `span`, or why they cannot be."""
        return self.once(("windows", where, name, kind, span.name), lambda: self._segment_windows(where, name, kind, span))

    @property
    def has_labels(self) -> bool:
        """Whether any row has one."""
        missing = self.missing("@label")
        return missing is not None and missing < len(self)

    def popularity(self, item: str | None) -> dict[str, float] | None:
        """Each item's share of the reference's rows."""
        return self.once(("popularity", item), lambda: self._popularity(item))

    def users(self, user: str | None) -> frozenset[str] | None:
        """The users of the reference's rows."""
        return self.once(("users", user), lambda: self._users(user))

    @property
    def latencies(self) -> dict[str, Timed]:
        """The reference's own latency metrics; empty without any."""
        return self.once("latencies", lambda: timed_of(self.kept.say("latencies", lambda: tell_timed(self._latencies()))))

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made once per key and held with the reference."""
        with self._lock:
            if key not in self._known:
                self._known[key] = make()
            found: T = self._known[key]
            return found

    def rows(self, name: str, choose: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """Rows that `choose` takes of all, kept under a name: what compares whole rows gets no others."""
        return self.kept.get(f"rows/{name}", lambda: _with_columns(choose(self.table))).table

    @cached_property
    def _shape(self) -> Any:
        return self.kept.say("shape", lambda: {
            "rows": self.table.num_rows, "compared": self.compared.num_rows,
            "missing": {name: self.table[name].null_count for name in self.table.column_names}})  # fmt: skip

    def _column(self, name: str, kind: str) -> tuple[ReferenceColumn, Any]:
        """The column and what is told of its bins."""
        return self.once(("column", name, kind), lambda: self._kept_column(name, kind))

    def _kept_column(self, name: str, kind: str) -> tuple[ReferenceColumn, Any]:
        fact_name = f"column/{kind}/{name}"
        never = self.missing(name) is None or (bool(self.gone) and not self.kept.was_kept(fact_name))
        if never:  # the reference has no such column, or had none of this kind while it had rows
            return ReferenceColumn.of(Rows(pa.table({"@t": pa.array([], pa.timestamp("us", "UTC"))}), Beside()), name, kind), {}
        segments = tuple(column for column in self._wanted.segments if self.missing(column) is not None)
        beside = Beside(self._wanted.blocks, segments)

        def make() -> Fact:
            made = ReferenceColumn.of(self.once(("rows", beside), lambda: Rows(self.compared, beside)), name, kind)
            values = comparable(self.table, name, kind)
            bins = binning(name, values) if len(values.drop_null()) else None
            seen = sorted(bins.seen) if bins is not None and bins.seen != frozenset(made.sample.categories or ()) else None
            return Fact(made.rows, {"timed": made.timed, "bins": tell_binning(bins), "seen": seen}, of=(name, *segments))

        def read(fact: Fact) -> ReferenceColumn:
            return ReferenceColumn(fact.table, fact.said["timed"])

        fact = self.kept.get(fact_name, make, holds=lambda fact: bool(self.gone) or read(fact).has(beside))
        return read(fact), fact.said

    def _own_windows(self, name: str, kind: str, span: Span) -> OwnWindows | str:
        found = self._column(name, kind)[0].own_windows(span)
        if found is not None:
            return found
        if self.gone:
            return f"how its windows of this length differ was not kept. {self.gone}"
        times = self.compared["@t"] if "@t" in self.compared.column_names else None
        return own_windows(comparable(self.compared, name, kind), times, span)

    def _binning(self, name: str, column: str, kind: str) -> Binning | None:
        found, told = self._column(name, kind)
        seen = told.get("seen")
        return binning_of(told.get("bins"), column, frozenset((found.sample.categories or ()) if seen is None else seen))

    def _segment_sample(self, where: Where, name: str, kind: str) -> Sample:
        if any(self.missing(column) is None for column, _ in where):
            return self._column(name, kind)[0].nothing
        found = self._column(name, kind)[0].segment(where)
        if found is not None:
            return found
        rows = self.once(("rows of", where), lambda: Rows(self.compared, Beside(segments=tuple(column for column, _ in where))))
        made = ReferenceColumn.of(rows, name, kind).segment(where)
        assert made is not None, "these are its segments"
        return made

    def _segment_windows(self, where: Where, name: str, kind: str, span: Span) -> OwnWindows | str:
        if any(self.missing(column) is None for column, _ in where):
            return "the reference does not have the segment's column"
        found = self._column(name, kind)[0].own_windows(span, where)
        if found is not None:
            return found
        block = block_of(span)
        if block is None:
            return "a segment's rows in the reference are cut along the calendar only, which this range does not fit"
        if self.gone:
            return f"how the segment's windows of this length differ was not kept. {self.gone}"
        columns = tuple(column for column, _ in where)
        rows = self.once(("rows of", where, block), lambda: Rows(self.compared, Beside((block,), columns)))
        return ReferenceColumn.of(rows, name, kind).own_windows(span, where) or NO_TIMES

    def _popularity(self, item: str | None) -> dict[str, float] | None:
        if item is None or self.missing(item) is None:
            return None
        fact = self.kept.get(f"popularity/{item}", lambda: _shares(self.table[item], item))
        return dict(zip(fact.table[item].to_pylist(), fact.table["@share"].to_pylist(), strict=True)) or None

    def _users(self, user: str | None) -> frozenset[str] | None:
        if user is None or self.missing(user) is None:
            return None
        fact = self.kept.get(f"users/{user}", lambda: _distinct(self.table[user], user))
        return frozenset(fact.table[user].to_pylist()) or None

    def _latencies(self) -> dict[str, Timed]:
        if self.missing("@latency_ms") is None:
            return {}
        values = np.asarray(self.table["@latency_ms"].drop_null().to_numpy(), float)
        values = values[np.isfinite(values)]
        if not len(values):
            return {}
        found = {metric: float(np.quantile(values, share)) for metric, share in QUANTILES.items()} | {"latency_mean": float(values.mean())}
        intervals = latency_intervals(values, Groups.whole(len(values)))[0]
        return {metric: (value, intervals[metric], len(values)) for metric, value in found.items()}


def _with_columns(rows: pa.Table) -> Fact:
    return Fact(rows, None, of=tuple(rows.column_names))


def _shares(values: pa.ChunkedArray, item: str) -> Fact:
    counts = values.drop_null().value_counts().to_pylist()
    total = sum(pair["counts"] for pair in counts)
    shares = {str(pair["values"]): pair["counts"] / total for pair in counts}
    table = pa.table({item: pa.array(list(shares), pa.string()), "@share": pa.array(list(shares.values()), pa.float64())})
    return Fact(table, None, of=(item,))


def _distinct(values: pa.ChunkedArray, user: str) -> Fact:
    names = sorted({str(name) for name in values.drop_null().unique().to_pylist()})
    return Fact(pa.table({user: pa.array(names, pa.string())}), None, of=(user,))
