"""What two samples of a column are compared by: numbers or categories, and a sample's usable values with what is derived from them."""

from __future__ import annotations

__all__ = ["Floats", "Sample", "comparable", "distinct_of_both"]

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]


def comparable(table: pa.Table, name: str, kind: str) -> pa.Array:
    """A column of a window or reference as numbers or categories, null where it cannot be compared; one value per row.

    Numbers stay (NaN and ±Inf become null) and categories stay. A text is compared by its length in characters. A datetime is
    compared by its age in seconds at the prediction (`@t` minus the value), because calendar time itself always moves on; without
    `@t` nothing is comparable. docs/decisions/drift-of-text-and-time.md says why. `Store.column_samples` follows the same rules.
    """
    column = table.column(name).combine_chunks() if name in table.column_names else pa.nulls(table.num_rows)
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0)
    if kind == "text":
        column = pc.utf8_length(column.cast(pa.string())).cast(pa.float64())
    elif kind == "datetime":
        column = _age(table, column)
    elif kind == "categorical":
        return column.cast(pa.string())
    numbers = column.cast(pa.float64())
    return pc.if_else(pc.fill_null(pc.is_finite(numbers), False), numbers, pa.scalar(None, pa.float64()))


def _age(table: pa.Table, column: pa.Array) -> pa.Array:
    if "@t" not in table.column_names:
        return pa.nulls(len(column), pa.float64())
    moment = pa.timestamp("us", tz="UTC")
    times = pc.cast(table.column("@t"), moment).cast(pa.int64())
    age = pc.subtract(times, pc.cast(column, moment).cast(pa.int64())).cast(pa.float64())
    age = pc.divide(age, 1e6)
    return age.combine_chunks() if isinstance(age, pa.ChunkedArray) else age


@dataclass(frozen=True)
class Sample:
    """The usable values of one column: `numbers` sorted (numerical), or `categories` with their counts. Nulls are gone.

    What comparing needs beyond that is worked out once and kept, so that one reference can be compared with many windows.
    """

    numbers: Floats | None = None
    categories: Mapping[str, int] | None = None

    @classmethod
    def of(cls, values: pa.Array) -> Sample:
        """From what `comparable` returns: doubles or strings."""
        values = values.drop_null()
        if pa.types.is_string(values.type):
            return cls(categories={str(p["values"]): p["counts"] for p in values.value_counts().to_pylist()})
        return cls(numbers=np.sort(values.to_numpy(zero_copy_only=False).astype(np.float64)))

    @classmethod
    def of_column(cls, table: pa.Table, name: str, kind: str) -> Sample:
        """From a table in the shape of `Store.frame`."""
        return cls.of(comparable(table, name, kind))

    @cached_property
    def n(self) -> int:
        """How many values there are."""
        return sum(self.categories.values()) if self.categories is not None else len(self.values)

    @property
    def values(self) -> Floats:
        """The sorted numbers; categories have none."""
        assert self.numbers is not None, "categories have no numbers"
        return self.numbers

    @cached_property
    def counts(self) -> Mapping[Any, int]:
        """Rows per distinct value."""
        if self.categories is not None:
            return self.categories
        return dict(zip(self.distinct_values.tolist(), self.distinct_counts.tolist(), strict=True))

    @cached_property
    def distinct(self) -> int:
        """How many distinct values there are."""
        return len(self.categories) if self.categories is not None else len(self._starts)

    @cached_property
    def distinct_values(self) -> Floats:
        """The distinct numbers, ascending."""
        return self.values if len(self._starts) == len(self.values) else self.values[self._starts]

    @property
    def distinct_counts(self) -> npt.NDArray[np.int64]:
        """Rows per distinct number."""
        return np.diff(np.append(self._starts, len(self.values)))

    @cached_property
    def _starts(self) -> npt.NDArray[np.intp]:
        """Where each distinct number begins among the sorted ones."""
        numbers = self.values
        return np.flatnonzero(np.append(len(numbers) > 0, numbers[1:] != numbers[:-1]))

    @cached_property
    def std(self) -> float:
        """Population standard deviation; infinite where squares of the values are too large for a double.

        Of the values less one of them: far from zero the mean itself is rounded too roughly (seconds since 1970 that differ by
        milliseconds lose the 8th digit).
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.std(self.centred)) if len(self.values) else 0.0

    @cached_property
    def moments(self) -> tuple[float, float, float]:
        """The mean, and the sums of the second and third powers of the distances from it; not finite where they are too large."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.mean(self.values))
            apart = self.values - mean
            square = apart * apart
            return mean, float(square.sum()), float((square * apart).sum())

    @property
    def centre(self) -> float:
        """The value in the middle."""
        return float(self.values[len(self.values) // 2])

    @cached_property
    def ordered_categories(self) -> tuple[dict[str, int], Floats]:
        """Each category's place in order, and the counts in that order."""
        assert self.categories is not None, "numbers have no categories"
        names = sorted(self.categories)
        return {name: place for place, name in enumerate(names)}, np.array([self.categories[name] for name in names], np.float64)

    @cached_property
    def centred(self) -> Floats:
        """The sorted numbers less the centre."""
        with np.errstate(over="ignore"):
            return self.values - self.centre

    @cached_property
    def sums(self) -> tuple[Floats, Floats]:
        """The running sums of `centred` (one more than there are numbers; the first is 0), and what each lost when it was rounded.

        Added up in the widest floats there are: scores are differences of neighbouring sums, whose error would grow with the rows.
        """
        wide = np.zeros(len(self.values) + 1, np.longdouble)
        with np.errstate(over="ignore", invalid="ignore"):
            np.cumsum(self.centred, dtype=np.longdouble, out=wide[1:])
            sums = wide.astype(np.float64)
            return sums, (wide - sums).astype(np.float64)


def distinct_of_both(a: Sample, b: Sample) -> int:
    """How many distinct values two samples have together."""
    if a.numbers is None or b.numbers is None:
        return len(a.counts.keys() | b.counts.keys())
    few, many = sorted((a.distinct_values, b.distinct_values), key=len)
    places = np.searchsorted(many, few)
    inside = places < len(many)
    return int(len(many) + len(few) - np.count_nonzero(many[places[inside]] == few[inside]))
