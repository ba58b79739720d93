"""What peers take for the same rows; runs in their own environments: `python peers.py evidently|nannyml FOLDER ROWS WINDOWS OF_WINDOWS`.

Prints one JSON object: CPU seconds of the process by name, and for Evidently the scores of the first window by column.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pandas as pd

warnings.simplefilter("ignore")


def main(peer: str, folder: str, file: str, windows: int, of_windows: int) -> dict[str, Any]:
    reference, rows = pd.read_parquet(Path(folder) / "reference.parquet"), pd.read_parquet(file)
    return {"evidently": evidently, "nannyml": nannyml}[peer](reference, rows, windows, of_windows)


def evidently(reference: pd.DataFrame, rows: pd.DataFrame, windows: int, of_windows: int) -> dict[str, Any]:
    """Each of the windows by itself, the sum scaled to all of them."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    names = list(reference.columns)
    numbers = [name for name in names if reference[name].dtype == float]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=[name for name in names if name not in numbers])
    before = Dataset.from_pandas(reference, data_definition=definition)
    days = (rows["t"] - rows["t"].min()).dt.days
    found: dict[str, Any] = {"value_drift": 0.0, "preset": 0.0}
    for day in range(windows):
        current = Dataset.from_pandas(rows[days == day][names].reset_index(drop=True), data_definition=definition)
        seconds, snapshot = timed(lambda c=current: Report([ValueDrift(column=name) for name in names]).run(c, before))
        found["value_drift"] += seconds * of_windows / windows
        if not day:
            results = snapshot.metric_results.values()
            found["scores"] = {result.metric_value_location.metric.params["column"]: float(result.value) for result in results}
        found["preset"] += timed(lambda c=current: Report([DataDriftPreset()]).run(c, before))[0] * of_windows / windows
    return found


def nannyml(reference: pd.DataFrame, rows: pd.DataFrame, _windows: int, of_windows: int) -> dict[str, Any]:
    """All windows at once, as it means to be used; fitting on the reference apart."""
    import nannyml as nml

    names = list(reference.columns)
    words = [name for name in names if reference[name].dtype != float]
    found: dict[str, Any] = {}
    for continuous in ("wasserstein", "jensen_shannon"):
        calculator = nml.UnivariateDriftCalculator(
            column_names=names, treat_as_categorical=words, continuous_methods=[continuous], categorical_methods=["jensen_shannon"],
            chunk_number=of_windows,
        )  # fmt: skip
        found[f"{continuous}_fit"] = timed(lambda c=calculator: c.fit(reference))[0]
        found[continuous] = timed(lambda c=calculator: c.calculate(rows[names]))[0]
    return found


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of all threads, and what was returned."""
    start = process_time()
    made = act()
    return process_time() - start, made


if __name__ == "__main__":
    peer, folder, file, windows, of_windows = sys.argv[1:]
    print(json.dumps(main(peer, folder, file, int(windows), int(of_windows))))
