"""What each row of a window contributes to the rates that groups are compared by: who counts, and as what. Pure."""

from __future__ import annotations

__all__ = ["Rate", "rates"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rate:
    """One mean over rows: `counts` says which rows it is over, `values` what each adds (0 or 1 where it is a `share`).

    `metric` is the gap that comes of it, `column` the class it is about. `of` names the rows, as in "positive labels".
    """

    metric: str
    column: str
    counts: Mask
    values: Floats
    share: bool
    of: str


def rates(frame: pa.Table, *, task: str, positive_label: str | None) -> list[Rate]:
    """The rates of a task on one frame (`Store.frame`'s shape); none for rankings, whose rows are items and not decisions.

    Binary: of the positive label. Multiclass: each class against the others. The calibration of a multiclass model is that of its
    highest score.
    """
    if task == "regression":
        return _errors(frame)
    if task not in {"binary", "multiclass"}:
        return []
    label, decision = _texts(frame, "@label"), _texts(frame, "@prediction")
    known, decided = label != "", decision != ""
    both = known & decided
    if task == "binary":
        named = {"1" if positive_label is None else positive_label: ""}
    else:
        named = {name: name for name in sorted({*label[known], *decision[decided]})}
    found = [Rate("accuracy_gap", "", both, (label == decision).astype(float), True, "labelled rows")]
    for name, column in named.items():
        chosen, true = (decision == name).astype(float), label == name
        found += [
            Rate("selection_rate_gap", column, decided, chosen, True, "decisions"),
            Rate("tpr_gap", column, both & true, chosen, True, f'labels "{name}"'),
            Rate("fpr_gap", column, both & ~true, chosen, True, f'labels other than "{name}"'),
        ]
    return found + _calibration(frame, task, label, next(iter(named), ""))


def _errors(frame: pa.Table) -> list[Rate]:
    label, prediction = _numbers(frame, "@label"), _numbers(frame, "@prediction")
    known = np.isfinite(label) & np.isfinite(prediction)
    error = np.where(known, prediction - label, 0.0)
    return [
        Rate("mean_error_gap", "", known, error, False, "labelled rows"),
        Rate("mae_gap", "", known, np.abs(error), False, "labelled rows"),
    ]


def _calibration(frame: pa.Table, task: str, label: npt.NDArray[np.str_], positive: str) -> list[Rate]:
    """Score minus outcome: its mean is the mean score minus the outcome's rate."""
    if task == "binary":
        score, right = _numbers(frame, "@score"), label == positive
    else:
        names = sorted(name for name in frame.column_names if name.startswith("@score:"))
        if not names:
            return []
        scores = np.column_stack([_numbers(frame, name) for name in names])
        classes = np.array([name.removeprefix("@score:") for name in names])
        score = scores.max(axis=1)
        right = classes[np.where(np.isfinite(scores), scores, -np.inf).argmax(axis=1)] == label
    counts = (label != "") & np.isfinite(score)
    if not counts.any() or (score[counts] < 0).any() or (score[counts] > 1).any():  # no probability: it has no calibration
        return []
    return [Rate("calibration_gap", "", counts, np.where(counts, score - right, 0.0), False, "labelled rows with a score")]


def _texts(frame: pa.Table, name: str) -> npt.NDArray[np.str_]:
    """Empty where there is none."""
    if name not in frame.column_names:
        return np.full(frame.num_rows, "")
    return np.array(frame[name].cast(pa.string()).fill_null("").to_pylist(), dtype=np.str_)


def _numbers(frame: pa.Table, name: str) -> Floats:
    """NaN where there is none."""
    if name not in frame.column_names:
        return np.full(frame.num_rows, np.nan)
    return np.asarray(frame[name].cast(pa.float64()).to_numpy(), float)
