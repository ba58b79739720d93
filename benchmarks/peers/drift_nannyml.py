"""What NannyML's defaults say of windows: `python -m benchmarks.peers.drift_nannyml`, trials as JSON lines in, severities out.

Each chunk of the reference has as many rows as a window. A severity is 1 where NannyML's threshold of three standard deviations of the
reference's chunks lies, 0 at their mean. With `--all` the data reconstruction and missing values calculators follow the columns' own.
"""

from __future__ import annotations

import json
import sys
import warnings

import nannyml
import numpy as np
import pandas as pd

from benchmarks.drifting.streams import Rows, Trial, digest


def severities(usual: pd.DataFrame, after: pd.DataFrame, rows: int, *, everything: bool) -> list[list[float]]:
    """Of each window and column."""
    names = list(usual)
    words = [name for name in names if not pd.api.types.is_numeric_dtype(usual[name])]
    univariate = nannyml.UnivariateDriftCalculator(column_names=names, treat_as_categorical=words, chunk_size=rows)
    found = univariate.fit(usual).calculate(after).to_df(multilevel=False)
    columns = [_severity(found, f"{name}_jensen_shannon") for name in names]
    if everything:
        rebuilt = nannyml.DataReconstructionDriftCalculator(column_names=names, chunk_size=rows)
        columns.append(_severity(rebuilt.fit(usual).calculate(after).to_df(multilevel=False), "reconstruction_error"))
        missing = nannyml.MissingValuesCalculator(column_names=names, chunk_size=rows)
        told = missing.fit(usual).calculate(after).to_df(multilevel=False)
        columns += [_severity(told, name) for name in names]
    return [list(map(float, row)) for row in np.array(columns).T]


def _severity(found: pd.DataFrame, name: str) -> np.ndarray:
    """Distances from the mean of the reference's chunks, in threshold's widths; below its lower threshold too where there is one."""
    period = found[next(column for column in found if column.endswith("period"))]
    values, upper = found[f"{name}_value"].to_numpy(float), found[f"{name}_upper_threshold"].to_numpy(float)[-1]
    centre, width = values[period == "reference"].mean(), 3 * values[period == "reference"].std()
    away = values[period == "analysis"] - centre
    lower = found[f"{name}_lower_threshold"].iloc[-1]
    assert np.isnan(upper) or width == 0 or abs(upper - centre - width) < 1e-6 * max(width, 1e-9), (name, upper, centre, width)
    if lower is not None and not pd.isna(lower):
        away = np.abs(away)
    return np.where(width > 0, away / max(width, 1e-300), np.where(away > 0, np.inf, 0.0)).clip(-1e9, 1e9)


def _frame(rows: list[Rows]) -> pd.DataFrame:
    joined = {name: np.concatenate([part[name] for part in rows]) for name in rows[0]}
    return pd.DataFrame({name: values if values.dtype.kind == "f" else values.astype(object) for name, values in joined.items()})


def main() -> None:
    """Answer every line."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        asked = Trial(**json.loads(line))
        reference, windows = asked.rows()
        found = severities(_frame([reference]), _frame(windows), asked.n_window, everything="--all" in sys.argv)
        print(json.dumps({"digest": digest(reference, *windows), "severity": found}), flush=True)


if __name__ == "__main__":
    main()
