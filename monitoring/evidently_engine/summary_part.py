"""The summary part: Evidently's data summary of the window beside the reference. For reading; it gives no points."""

from __future__ import annotations

__all__ = ["frame_of", "summary_part"]

import pandas as pd
import pyarrow as pa
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataSummaryPreset

from monitoring.engine_jobs import Job

from .names import Names
from .snapshots import Page

_MOST_ROWS = 100_000  # of each table: the summary is for reading, and Evidently's cost is linear in rows


def summary_part(job: Job) -> Page | None:
    """The summary of the job's columns that hold any value; None where there is none."""
    kinds = {c.name: c.kind for c in job.columns if c.name in job.current.column_names}
    kinds = {name: kind for name, kind in kinds.items() if job.current[name].null_count < job.current.num_rows}
    if not kinds:
        return None
    names = Names(kinds)
    current = frame_of(job.current, kinds, names)
    reference = None
    if job.reference is not None and set(kinds) <= set(job.reference.column_names):
        reference = frame_of(job.reference, kinds, names)
    definition = DataDefinition(
        numerical_columns=[names.token(n) for n, kind in kinds.items() if kind == "numerical"],
        categorical_columns=[names.token(n) for n, kind in kinds.items() if kind == "categorical"],
        text_columns=[names.token(n) for n, kind in kinds.items() if kind == "text"],
        datetime_columns=[names.token(n) for n, kind in kinds.items() if kind == "datetime"],
    )
    snapshot = Report([DataSummaryPreset()]).run(
        Dataset.from_pandas(current, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition) if reference is not None else None,
        name=job.name or None,
    )
    return Page(snapshot, names)


def frame_of(table: pa.Table, kinds: dict[str, str], names: Names) -> pd.DataFrame:
    """The columns under their tokens, at most `_MOST_ROWS` evenly chosen rows."""
    step = max(1, -(-table.num_rows // _MOST_ROWS))
    frame = table.select(list(kinds)).to_pandas()[::step]
    for name, kind in kinds.items():
        if kind == "datetime":
            frame[name] = frame[name].dt.tz_localize(None)  # Evidently compares with naive times
    renamed: pd.DataFrame = frame.rename(columns=names.token).reset_index(drop=True)
    return renamed
