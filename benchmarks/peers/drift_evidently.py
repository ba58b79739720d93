"""What Evidently's defaults say of windows: `python -m benchmarks.peers.drift_evidently`, trials as JSON lines in, severities out.

A severity is 1 at the default threshold of the method that Evidently chooses by default, and more beyond it. The tests are called as
its `DataDriftPreset` calls them, without its report around them; `--report` checks that on the first window of each trial.
"""

from __future__ import annotations

import json
import sys
import warnings
from math import log

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

from benchmarks.drifting.streams import Rows, Trial, digest


def severity(reference: pd.Series, window: pd.Series) -> float:
    """Of one column, without what is missing, as its own `get_one_column_drift` does."""
    kind = ColumnType.Numerical if pd.api.types.is_numeric_dtype(reference) else ColumnType.Categorical
    reference, window = reference.dropna(), window.dropna()
    result = get_stattest(reference, window, kind, None)(reference, window, kind, None)
    value, threshold = float(result.drift_score), float(result.actual_threshold)
    if threshold == 0.1:  # a distance
        return value / threshold
    return log(max(value, 1e-300)) / log(threshold)


def _reported(reference: pd.DataFrame, window: pd.DataFrame) -> int:
    """Columns that the preset's report calls drifted."""
    numbers = [name for name in reference if pd.api.types.is_numeric_dtype(reference[name])]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=[name for name in reference if name not in numbers])
    report = Report([DataDriftPreset()]).run(Dataset.from_pandas(window, definition), Dataset.from_pandas(reference, definition))
    return int(report.dict()["metrics"][0]["value"]["count"])


def _frame(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame({name: values if values.dtype.kind == "f" else values.astype(object) for name, values in rows.items()})


def main() -> None:
    """Answer every line."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for line in sys.stdin:
        reference, windows = Trial(**json.loads(line)).rows()
        usual, frames = _frame(reference), [_frame(rows) for rows in windows]
        found = [[severity(usual[name], frame[name]) for name in frame] for frame in frames]
        if "--report" in sys.argv:
            drifted, reported = sum(one >= 1 for one in found[0]), _reported(usual, frames[0])
            assert drifted == reported, f"the report names {reported} columns, not {drifted}"
        print(json.dumps({"digest": digest(reference, *windows), "severity": found}), flush=True)


if __name__ == "__main__":
    main()
