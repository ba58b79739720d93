"""label_selection: how the labelled rows of a window differ from those whose label is not known."""

from __future__ import annotations

__all__ = ["add_selection"]

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.analysis.labels import Labels
from monitoring.drift import comparable
from monitoring.findings import Findings
from monitoring.multiplicity import column_level
from monitoring.performance.selection import Selection, compare
from monitoring.subject import Subject
from monitoring.verdicts import percent

_MATTERS = 0.1  # of the rows, at the least: a difference that moves a metric by more than its usual interval
_ALL_COLUMNS = 0.001  # the share of windows without selection in which any column is named


def add_selection(found: Findings, subject: Subject, frame: pa.Table, labels: Labels) -> None:
    """A point per feature, prediction and score, with a warning where labelled and unlabelled rows differ; one point where no two
    groups are there to compare. `n` counts the labelled rows, `n_reference` the unlabelled ones they are compared with."""
    unlabelled = frame.num_rows - labels.labelled
    if not labels.labelled or not unlabelled:
        found.add("label_selection", reason=labels.missing if unlabelled else "every prediction has its label, so nothing was selected")
        return
    labelled = np.asarray(pc.is_valid(frame["@label"]).to_numpy(), bool)
    columns = [column for column in subject.compared(frame) if column.name != "@label"]
    level = column_level(_ALL_COLUMNS, len(columns))
    for column in columns:
        _add(found, column.column, compare(comparable(frame, column.name, column.kind), labelled), level, labels)


def _add(found: Findings, column: str, selection: Selection, level: float, labels: Labels) -> None:
    more: dict[str, Any] = {"column": column, "method": selection.method, "n": selection.n, "n_reference": selection.n_other}
    if selection.value is None or selection.p_value is None:
        found.add("label_selection", status="insufficient_data", reason=selection.reason, **more)
        return
    differs = selection.p_value < level and selection.value >= _MATTERS
    reason = (f"labelled rows differ from unlabelled ones in {100 * selection.value:.0f} % of the distribution ({selection.n:,} and "
              f"{selection.n_other:,} rows; by chance in {percent(_ALL_COLUMNS)} of windows for any column), so what is measured on them "
              "need not hold for all") if differs else ""  # fmt: skip
    found.add("label_selection", selection.value, status="warn" if differs else "ok", reason=reason, threshold=_MATTERS,
              p_value=selection.p_value, detail={"provisional": labels.provisional or None}, **more)  # fmt: skip
