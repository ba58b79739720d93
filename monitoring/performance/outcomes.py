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

from .groups import Groups

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ClassOutcomes:
    """Decisions and scores of classification, as codes of `classes` (strings, sorted).

    `label`/`decision`: rows with a label and a prediction, in the groups `decided`. `scored_label`/`scores`: rows with a label and all
    scores, in the groups `scored`; scores in the columns of `scored_classes` (binary: one column, of the positive class, and labels are
    1 for positive). `positive` is the code of the positive class, or None for multiclass. `weight` and `scored_weight` are the rows'
    weights, 1 on average in each group and None where all are equal in all of them.
    """

    classes: tuple[str, ...]
    decided: Groups
    label: Codes
    decision: Codes
    scored_classes: tuple[str, ...]
    scored: Groups
    scored_label: Codes
    scores: Floats
    positive: int | None
    weight: Floats | None = None
    scored_weight: Floats | None = None


@dataclass(frozen=True, slots=True)
class RegressionOutcomes:
    """Labels and predictions in the target's unit, of the rows that have both; `weight` is None where all rows count the same."""

    groups: Groups
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


def binary_outcomes(frame: pa.Table, *, positive_label: str | None, groups: Groups | None = None) -> ClassOutcomes:
    """Decision and score against the label, in groups (default: one of all rows); `positive_label` as the frame writes it."""
    whole = groups or Groups.whole(frame.num_rows)
    positive = "1" if positive_label is None else positive_label
    label, decision, names = _coded(frame, "@label", "@prediction")
    decided = whole.where((label >= 0) & (decision >= 0))
    classes, label_of, decision_of = _classes(names, label[decided.rows], decision[decided.rows], also=positive)
    score = _floats(frame, "@score")
    scored = whole.where((label >= 0) & np.isfinite(score))
    truth = (label[scored.rows] == (names.index(positive) if positive in names else -2)).astype(np.intp)
    return ClassOutcomes(classes, decided, label_of, decision_of, (positive,), scored, truth, score[scored.rows][:, None],
                         classes.index(positive), _weights(frame, decided), _weights(frame, scored))  # fmt: skip


def multiclass_outcomes(frame: pa.Table, *, groups: Groups | None = None) -> ClassOutcomes:
    """Decision and class scores against the label; rows whose label has no score column have no scores."""
    whole = groups or Groups.whole(frame.num_rows)
    label, decision, names = _coded(frame, "@label", "@prediction")
    decided = whole.where((label >= 0) & (decision >= 0))
    classes, label_of, decision_of = _classes(names, label[decided.rows], decision[decided.rows])
    columns = sorted(name for name in frame.column_names if name.startswith("@score:"))
    scored_classes = tuple(name.removeprefix("@score:") for name in columns)
    scores = np.column_stack([_floats(frame, name) for name in columns]) if columns else np.empty((frame.num_rows, 0))
    truth = np.array([scored_classes.index(name) if name in scored_classes else -1 for name in names] + [-1], np.intp)[label]
    scored = whole.where((truth >= 0) & np.isfinite(scores).all(axis=1))
    return ClassOutcomes(classes, decided, label_of, decision_of, scored_classes, scored, truth[scored.rows], scores[scored.rows], None,
                         _weights(frame, decided), _weights(frame, scored))  # fmt: skip


def regression_outcomes(frame: pa.Table, *, groups: Groups | None = None) -> RegressionOutcomes:
    """Prediction against label."""
    label, prediction = _floats(frame, "@label"), _floats(frame, "@prediction")
    known = (groups or Groups.whole(frame.num_rows)).where(np.isfinite(label) & np.isfinite(prediction))
    return RegressionOutcomes(known, label[known.rows], prediction[known.rows], _weights(frame, known))


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


def weights(rows: pa.Table) -> Floats | None:
    """The rows' weights with a mean of one (a missing one counts as 1), or None where all are equal: then nothing is to be weighted."""
    return _weights(rows, Groups.whole(rows.num_rows))


def _weights(frame: pa.Table, groups: Groups) -> Floats | None:
    """`weights` of each group's rows; those of a group whose rows all weigh the same are 1."""
    if not len(groups.rows) or not _has_values(frame, "@weight"):
        return None
    found = np.asarray(frame["@weight"].fill_null(1.0).to_numpy(), float)[groups.rows]
    found = np.where(np.isfinite(found) & (found >= 0), found, 1.0)
    filled = np.unique(groups.edges[:-1][groups.sizes > 0])
    first = groups.edges[:-1][groups.of]
    if not np.any(found != found[first]):
        return None
    flat = ~(np.add.reduceat(found != found[first], filled, dtype=np.intp) > 0) if len(filled) else np.empty(0, bool)
    return np.where(np.repeat(flat, groups.sizes[groups.sizes > 0]), 1.0, found / groups.means(found)[groups.of])


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


def _coded(frame: pa.Table, *columns: str) -> tuple[Codes, Codes, list[str]]:
    """A code per row of each of these columns (-1: missing) and what the codes, which they share, stand for."""
    chunks = [pa.nulls(frame.num_rows) if name not in frame.column_names else frame[name].combine_chunks() for name in columns]
    parts = [part for one in chunks for part in (one.chunks if isinstance(one, pa.ChunkedArray) else [one])]
    encoded = pa.chunked_array([part.cast(pa.string()) for part in parts], pa.string()).dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.intp)
    first, second = np.split(codes, [frame.num_rows])
    return first, second, [str(name) for name in encoded.dictionary.to_pylist()]


def _classes(names: list[str], label: Codes, decision: Codes, *, also: str | None = None) -> tuple[tuple[str, ...], Codes, Codes]:
    """The classes that occur, sorted, and both columns as their codes."""
    used = np.flatnonzero(np.bincount(np.r_[label, decision], minlength=len(names)))
    classes = tuple(sorted({*(names[code] for code in used), *([also] if also is not None else [])}))
    place_of = {name: place for place, name in enumerate(classes)}
    places = np.zeros(len(names), np.intp)
    places[used] = [place_of[names[code]] for code in used]
    return classes, places[label], places[decision]


def _floats(rows: pa.Table | None, name: str) -> Floats:
    """NaN where there is none."""
    if rows is None:
        return np.empty(0)
    if name not in rows.column_names:
        return np.full(rows.num_rows, np.nan)
    return np.asarray(rows[name].cast(pa.float64()).to_numpy(), float)
