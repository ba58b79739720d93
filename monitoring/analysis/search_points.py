"""Points of the search for slices in which the model has become worse than elsewhere."""

from __future__ import annotations

__all__ = ["add_worst_slices", "keep_slices"]

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.labels import Labels
from monitoring.findings import Findings
from monitoring.plain import counted
from monitoring.reference.kept import RowsGone
from monitoring.segments.atoms import Atoms, atoms
from monitoring.segments.naming import segment_name
from monitoring.segments.outcomes import rates
from monitoring.segments.search import MINIMUM_ROWS, Finding, Half, Searched, Totals, search, totals
from monitoring.subject import Subject
from monitoring.verdicts import percent
from storage.custody.reference_profiles import Fact

_MOST_ROWS = 20_000  # of the window and of the reference
_SEED = 20_260_103
_BUDGET = 0.02  # of windows without a worse slice, where the model's file says nothing; measured far below (docs/segments.md)
_SPLITS = 5  # each half finds once and confirms once: ten turns, of which five must agree
_LOSS = {"binary": "accuracy_gap", "multiclass": "accuracy_gap", "regression": "mae_gap"}
_Z = 1.959964  # 95 %
_SUMS = ("n", "loss", "squared")


def add_worst_slices(found: Findings, subject: Subject, frame: pa.Table, labels: Labels, baseline: Baseline | None) -> None:
    """A `slice_loss_gap` per confirmed slice, and `slices_found`: how many there are. Rankings have no loss of a row, and no points."""
    if subject.task not in _LOSS:
        return
    if not labels.labelled:
        found.add("slices_found", reason=labels.missing)
        return
    rows, loss = _losses(subject, _bounded(frame))
    if rows.num_rows < MINIMUM_ROWS:
        found.add("slices_found", status="insufficient_data", n=rows.num_rows,
                  reason=f"Only {counted(rows.num_rows, 'row')} with decision and label; {MINIMUM_ROWS} are needed to search.")  # fmt: skip
        return
    share = subject.schema.drift.false_alarms or _BUDGET
    reference, unknown = None, ""
    try:
        reference = _of_reference(subject, baseline) if baseline else None
    except RowsGone as error:
        unknown = f". What slices lose in the reference was not kept, so that each is compared with the window's other rows alone. {error}"
    made = reference[0] if reference else _atoms(subject, rows)
    parts = _split(rows, made, loss)
    usual = reference[1] if reference else [(None, None)] * len(parts)
    splits = [(Half(a, then), Half(b, later)) for (a, b), (then, later) in zip(parts, usual, strict=True)]
    order = {name: place for place, name in enumerate(dict.fromkeys(column for column, _ in made.conditions))}
    columns = np.array([order[column] for column, _ in made.conditions], np.int64)
    result = search(splits, columns, share=subject.classifies, budget=share)
    for one in result.findings:
        _add(found, made, one, result, labels)
    _add_count(found, result, share, rows.num_rows, labels, unknown)


def _add(found: Findings, made: Atoms, one: Finding, result: Searched, labels: Labels) -> None:
    name = segment_name(made.conditions[place] for place in one.atoms)
    than = "that of all other rows" if one.usual is None else f"that of all other rows; in the reference it was {one.usual:+.3g}"
    said = (f"the mean loss of {one.loss:.3g} differs by {one.gap:+.3g} from {than} (p = {one.p_value:.2g} on halves of the rows that "
            f"had no part in choosing it, of {result.tried:,} slices tried)")  # fmt: skip
    found.add("slice_loss_gap", one.gap, segment=name, status="drift", method="holdout", lower=one.gap - _Z * one.error,
              upper=one.gap + _Z * one.error, p_value=one.p_value, threshold=one.usual, reason=_provisional(said, labels),
              detail={"group": one.loss, "rest": one.rest, "reference": one.usual, "tried": result.tried,
                      "provisional": labels.provisional or None},
              **(found.of_segment(one.n, one.n) | {"n_reference": one.n_reference}))  # fmt: skip


def _add_count(found: Findings, result: Searched, share: float, rows: int, labels: Labels, unknown: str) -> None:
    many = len(result.findings)
    confirmed = "none was" if not many else "one was" if many == 1 else f"{many} were"
    said = (f"{result.tried:,} slices were tried on halves of the rows; {result.again} looked worse and {confirmed} confirmed on the "
            f"other halves. Without a worse slice at most {percent(share)} of windows name one{unknown}")  # fmt: skip
    found.add("slices_found", float(many), status="drift" if many else "ok", n=rows, reason=_provisional(said, labels) if many else said,
              detail={"tried": result.tried, "again": result.again, "false_alarms": share,
                      "provisional": labels.provisional or None})  # fmt: skip


def _provisional(said: str, labels: Labels) -> str:
    return f"provisional, labels are due by {labels.mature_at:%Y-%m-%d %H:%M} UTC: {said}" if labels.provisional else said


def _bounded(table: pa.Table) -> pa.Table:
    if table.num_rows <= _MOST_ROWS:
        return table
    return table.take(pa.array(np.sort(np.random.default_rng([_SEED, table.num_rows]).choice(table.num_rows, _MOST_ROWS, replace=False))))


def _losses(subject: Subject, table: pa.Table) -> tuple[pa.Table, npt.NDArray[np.float64]]:
    """The rows that have a loss, and it: whether the decision was wrong, or how far off the prediction was."""
    rate = next(one for one in rates(table, task=subject.task, positive_label=subject.positive_label) if one.metric == _LOSS[subject.task])
    values = rate.values[rate.counts]
    return table.filter(pa.array(rate.counts)), 1 - values if subject.classifies else values


def _split(rows: pa.Table, made: Atoms, loss: npt.NDArray[np.float64]) -> list[tuple[Totals, Totals]]:
    """Sums over both halves of each split: by the bits of a hash of the id, so that a row stays in its halves whenever it is computed."""
    names = np.array(rows["@id"].to_pylist(), dtype=object) if "@id" in rows.column_names else np.arange(rows.num_rows)
    hashed, masks = pd.util.hash_array(names), made.masks(rows)
    whole, found = totals(masks, loss), []
    for bit in range(_SPLITS):
        half = (hashed >> np.uint64(bit)) & np.uint64(1) == 1
        first = totals(masks[half], loss[half])
        found.append((first, whole - first))
    return found


def _of_reference(subject: Subject, baseline: Baseline) -> tuple[Atoms, list[tuple[Totals, Totals]]] | None:
    """As `_prepared` says it. Raises RowsGone."""
    kinds = {name: str(feature.kind) for name, feature in subject.schema.features.items()}
    key = f"slices/{subject.task}/{subject.positive_label}/{list(subject.schema.segments)}/{kinds}"
    return baseline.once(key, lambda: _kept(baseline.kept.get(key, lambda: _to_fact(_prepared(subject, baseline)))))


def keep_slices(subject: Subject, baseline: Baseline) -> None:
    """Keep the reference's sums over all slices."""
    if subject.task in _LOSS:
        _of_reference(subject, baseline)


def _to_fact(found: tuple[Atoms, list[tuple[Totals, Totals]]] | None) -> Fact:
    """The sums of all halves below each other, one row per pair of atoms."""
    if found is None:
        return Fact(pa.table({}), None)
    made, parts = found
    halves = [half for pair in parts for half in pair]
    sums = {name: np.concatenate([getattr(half, name).ravel() for half in halves]) for name in _SUMS}
    said = {"atoms": made.to_list(), "whole": [half.whole for half in halves]}
    return Fact(pa.table(sums), said, of=tuple(dict.fromkeys(column for column, _ in made.conditions)))


def _kept(fact: Fact) -> tuple[Atoms, list[tuple[Totals, Totals]]] | None:
    """What `_to_fact` told."""
    if fact.said is None:
        return None
    made = Atoms.from_list(fact.said["atoms"])
    size, wholes = len(made.conditions), fact.said["whole"]
    n, loss, squared = (fact.table[name].to_numpy().reshape(len(wholes), size, size) for name in _SUMS)
    halves = [Totals(n[i], loss[i], squared[i], (whole[0], whole[1], whole[2])) for i, whole in enumerate(wholes)]
    return made, list(zip(halves[::2], halves[1::2], strict=True))


def _prepared(subject: Subject, baseline: Baseline) -> tuple[Atoms, list[tuple[Totals, Totals]]] | None:
    """The reference's atoms, and the sums over each of its halves; None where it has too few labels."""
    if baseline.missing("@label") is None:
        return None
    rows, loss = _losses(subject, _bounded(baseline.table))
    if rows.num_rows < MINIMUM_ROWS:
        return None
    made = _atoms(subject, rows)
    return made, _split(rows, made, loss)


def _atoms(subject: Subject, rows: pa.Table) -> Atoms:
    return atoms(rows, segments=subject.schema.segments, kinds={f.name: str(f.kind) for f in subject.schema.features.values()})
