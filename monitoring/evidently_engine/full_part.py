"""The full part: Evidently's own `DataDriftPreset` on raw rows, with our methods and thresholds. Made when somebody asks for it."""

from __future__ import annotations

__all__ = ["full_part"]

import pandas as pd
import pyarrow as pa
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from monitoring.drift import METHODS, base_method, comparable
from monitoring.engine_jobs import DriftColumn, Job

from .drift_part import NEVER
from .names import Names
from .snapshots import Page


def full_part(job: Job) -> Page | None:
    """The preset of all columns that have values on both sides; None where there is none or no reference."""
    if job.reference is None:
        return None
    usable = [c for c in job.columns if base_method(c.method) in METHODS and _has_values(job.current, c) and _has_values(job.reference, c)]
    if not usable:
        return None
    names = Names(column.name for column in usable)
    tokens = {column.name: names.token(column.name) for column in usable}
    numbers = [tokens[c.name] for c in usable if c.kind != "categorical" and "numerical" in METHODS[base_method(c.method)].kinds]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=[t for t in tokens.values() if t not in numbers])
    preset = DataDriftPreset(
        per_column_method={tokens[c.name]: base_method(c.method) for c in usable},
        per_column_threshold={tokens[c.name]: _threshold(c) for c in usable},
        drift_share=1 / len(usable),  # drift of the whole where any column is named, as our own share says it
    )
    current, reference = (Dataset.from_pandas(pd.DataFrame({tokens[c.name]: comparable(table, c.name, c.kind).to_pandas() for c in usable}),
                                              data_definition=definition) for table in (job.current, job.reference))  # fmt: skip
    return Page(Report([preset]).run(current, reference, name=job.name or None), names)


def _has_values(table: pa.Table, column: DriftColumn) -> bool:
    return column.name in table.column_names and comparable(table, column.name, column.kind).null_count < table.num_rows


def _threshold(column: DriftColumn) -> float:
    return column.threshold if column.threshold is not None else NEVER[METHODS[base_method(column.method)].returns]
