"""Frames of the store → arrays that metrics are made of. Only rows with a label count; what else a metric needs, it asks for."""

from __future__ import annotations

__all__ = [
    "ClassOutcomes",
    "RankingOutcomes",
    "RegressionOutcomes",
    "binary_outcomes",
    "multiclass_outcomes",
    "ranking_outcomes",
    "regression_outcomes",
    "weights",
]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ClassOutcomes:
    """Decisions and scores of classification, as codes of `classes` (strings, sorted).

    `label`/`decision`: rows with a label and a prediction. `scored_label`/`scores`: rows with a label and all scores, scores in the
    columns of `scored_classes` (binary: one column, of the positive class, and labels are 1 for positive). `positive` is the code of
    the positive class, or None for multiclass. `weight` and `scored_weight` are the rows' weights, None where all are equal.
    """

    classes: tuple[str, ...]
    label: Codes
    decision: Codes
    scored_classes: tuple[str, ...]
    scored_label: Codes
    scores: Floats
    positive: int | None
    weight: Floats | None = None
    scored_weight: Floats | None = None


@dataclass(frozen=True, slots=True)
class RegressionOutcomes:
    """Labels and predictions in the target's unit, of the rows that have both; `weight` is None where all rows count the same."""

    label: Floats
    prediction: Floats
    weight: Floats | None = None


@dataclass(frozen=True, slots=True)
class RankingOutcomes:
    """Rows that have a user, a score and a label, sorted by user and then by falling score.

    `first[u]` is where user u's rows begin, `rank` counts from 1 within the user, `relevant` is 0 or 1, `item` are names, `user` is
    each user's name.
    """

    first: Codes
    sizes: Codes
    rank: Codes
    relevant: Floats
    item: npt.NDArray[np.object_] | None
    user: npt.NDArray[np.object_]


def binary_outcomes(frame: pa.Table, *, positive_label: str | None) -> ClassOutcomes:
    """Decision and score against the label; `positive_label` as the frame writes it."""
    decided = _rows_with(frame, "@label", "@prediction")
    label, decision = _texts(decided, "@label"), _texts(decided, "@prediction")
    positive = "1" if positive_label is None else positive_label
    classes = tuple(sorted({*label, *decision, positive}))
    scored = _rows_with(frame, "@label", "@score")
    scores = _floats(scored, "@score") if scored is not None else np.empty(0)
    truth = (_texts(scored, "@label") == positive).astype(np.intp)
    return ClassOutcomes(
        classes, _codes(label, classes), _codes(decision, classes), (positive,), truth, scores.reshape(-1, 1), classes.index(positive),
        weights(decided), weights(scored),
    )  # fmt: skip


def multiclass_outcomes(frame: pa.Table) -> ClassOutcomes:
    """Decision and class scores against the label; rows whose label has no score column have no scores."""
    decided = _rows_with(frame, "@label", "@prediction")
    label, decision = _texts(decided, "@label"), _texts(decided, "@prediction")
    classes = tuple(sorted({*label, *decision}))
    names = sorted(name for name in frame.column_names if name.startswith("@score:"))
    scored_classes = tuple(name.removeprefix("@score:") for name in names)
    scored = _rows_with(frame, "@label", *names) if names else None
    if scored is not None:
        scored = scored.filter(pc.is_in(scored["@label"], pa.array(scored_classes, pa.string())))
    scores = np.column_stack([_floats(scored, name) for name in names]) if scored is not None else np.empty((0, len(names)))
    truth = _codes(_texts(scored, "@label"), scored_classes)
    return ClassOutcomes(classes, _codes(label, classes), _codes(decision, classes), scored_classes, truth, scores, None,
                         weights(decided), weights(scored))  # fmt: skip


def regression_outcomes(frame: pa.Table) -> RegressionOutcomes:
    """Prediction against label."""
    rows = _rows_with(frame, "@label", "@prediction")
    return RegressionOutcomes(_floats(rows, "@label"), _floats(rows, "@prediction"), weights(rows))


def ranking_outcomes(frame: pa.Table, *, user: str | None, item: str | None, labelled: bool = True) -> RankingOutcomes:
    """Lists per user, best first, by `@score` (by `@prediction` where no score is logged); a label above zero is relevant.

    Of labelled rows only, because an unlabelled row in between is neither a hit nor a miss; or of all rows, with no relevance known.
    """
    score = "@score" if _has_values(frame, "@score") else "@prediction"
    rows = _rows_with(frame, *(["@label"] if labelled else []), score, *([user] if user else []))
    if rows is None or user is None:
        empty = np.empty(0, np.intp)
        return RankingOutcomes(empty, empty, empty, np.empty(0), None, np.empty(0, object))
    codes, users = pd.factorize(rows[user].to_pandas(), sort=True)
    order = np.lexsort((-_floats(rows, score), codes))  # stable: rows of equal score keep the order of time and id
    codes = codes[order]
    first = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(codes) else np.empty(0, np.intp)
    sizes = np.diff(np.r_[first, len(codes)])
    rank = np.arange(len(codes)) - np.repeat(first, sizes) + 1
    relevant = (_floats(rows, "@label")[order] > 0).astype(float) if labelled else np.zeros(len(codes))
    items = rows[item].to_pandas().astype(object).to_numpy()[order] if item and item in rows.column_names else None
    return RankingOutcomes(first, sizes, rank, relevant, items, np.asarray(users.astype(str), object))


def weights(rows: pa.Table | None) -> Floats | None:
    """The rows' weights with a mean of one (a missing one counts as 1), or None where all are equal: then nothing is to be weighted."""
    if rows is None or not rows.num_rows or not _has_values(rows, "@weight"):
        return None
    found = np.asarray(rows["@weight"].fill_null(1.0).to_numpy(), float)
    found = np.where(np.isfinite(found) & (found >= 0), found, 1.0)
    return None if np.ptp(found) == 0 else np.asarray(found / found.mean())


def _has_values(frame: pa.Table, name: str) -> bool:
    return name in frame.column_names and frame[name].null_count < frame.num_rows


def _rows_with(frame: pa.Table, *names: str) -> pa.Table | None:
    """The rows in which each of these columns has a value; None where a column is missing altogether."""
    if any(name not in frame.column_names for name in names):
        return None
    valid = None
    for name in names:
        column = frame[name]
        here = pc.is_valid(column)
        if pa.types.is_floating(column.type):
            here = pc.and_(here, pc.fill_null(pc.is_finite(column), False))
        valid = here if valid is None else pc.and_(valid, here)
    return frame.filter(valid)


def _texts(rows: pa.Table | None, name: str) -> npt.NDArray[np.object_]:
    if rows is None:
        return np.empty(0, object)
    return np.array(rows[name].to_pylist(), dtype=object)


def _floats(rows: pa.Table | None, name: str) -> Floats:
    if rows is None:
        return np.empty(0)
    return np.asarray(rows[name].cast(pa.float64()).to_numpy(), float)


def _codes(values: npt.NDArray[np.object_], classes: tuple[str, ...]) -> Codes:
    return np.asarray(pd.Index(classes, dtype=object).get_indexer(pd.Index(values, dtype=object)), np.intp)
