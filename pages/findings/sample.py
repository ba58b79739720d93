"""What would become of a file of rows: the logger itself takes it, into a folder that is thrown away."""

from __future__ import annotations

__all__ = ["SAMPLE_ROWS", "Sample", "missing_columns", "try_sample"]

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from monitoring import PredictionLogger
from monitoring.schema import ModelSchema

SAMPLE_ROWS = 2_000
"""Rows of a sample that are tried: enough to see what is wrong, and done in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The outcome: rows tried, rows that would be logged, how many would be refused for which
    reason (with the numbers of the first such rows, from 1), columns that are not there."""

    tried: int
    accepted: int
    refused: Mapping[str, int]
    missing: tuple[str, ...]

    @property
    def good(self) -> bool:
        """True where every row would be logged, with all columns."""
        return not self.refused and not self.missing and self.accepted > 0


def missing_columns(table: pa.Table, schema: ModelSchema) -> list[str]:
    """Features and segments of the schema that the table does not have, in the schema's order."""
    return [name for name in (*schema.features, *schema.columns_beside_features) if name not in table.column_names]


def try_sample(table: pa.Table, schema: ModelSchema) -> Sample:
    """Log the first rows of `table` as `log_batch` would. Raises what `log_batch` raises for a table that it cannot use at all."""
    rows = table.slice(0, SAMPLE_ROWS)
    with (
        TemporaryDirectory(prefix="driftboard-sample-") as folder,
        PredictionLogger(schema.name, version=schema.version, schema=schema, home=Path(folder) / "home") as log,
    ):
        result = log.log_batch(rows)
    missing = tuple(missing_columns(table, schema))
    places = {reason: ", ".join(str(row) for row in result.examples.get(reason, ())[:3]) for reason in result.refused}
    refused = {f"{reason} (row {places[reason]})" if places[reason] else reason: count for reason, count in result.refused.items()}
    return Sample(tried=rows.num_rows, accepted=result.rows, refused=refused, missing=missing)
