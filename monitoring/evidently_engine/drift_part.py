"""The drift part: one `ValueDrift` per column, by a named method, with our threshold."""

from __future__ import annotations

__all__ = ["drift_part"]

from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from math import isfinite

import pandas as pd
import pyarrow as pa
from evidently import DataDefinition, Dataset, Report
from evidently.core.report import Snapshot
from evidently.legacy.calculations.stattests.registry import StatTest, get_stattest, register_stattest
from evidently.legacy.core import ColumnType
from evidently.legacy.renderers.html_widgets import CounterData, counter
from evidently.metrics import ValueDrift

from monitoring.drift import METHODS, Sample, base_method, comparable, effect, is_effect, method_label, resolve_method, score, why_not
from monitoring.engine_jobs import DriftColumn, Job, Score

from .names import Names, shown
from .snapshots import Page

_NEVER = {"distance": 1e9, "p_value": -1.0}  # thresholds that no score reaches, for columns without a verdict


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One column that Evidently can compare: its values per row, under which method."""

    column: DriftColumn
    method: str
    type: str  # Evidently's column type: numerical or categorical
    threshold: float
    effect: float | None
    current: pa.Array
    reference: pa.Array
    n: int
    n_reference: int


def drift_part(job: Job, scores: MutableMapping[str, Score]) -> Page | None:
    """Fills `scores`; returns the page, or None where no column can be compared or none is to be kept."""
    tasks = [task for task in (_task(job, column, scores) for column in job.columns) if task is not None]
    if not tasks:
        return None
    if job.snapshots is None:
        for task in tasks:
            scores[task.column.name] = _score(task)
        return None
    tasks = _at_their_rungs(tasks)
    names = Names(task.column.name for task in tasks)
    try:
        snapshots = [_run(tasks, names, job.name)]
    except BaseException:  # one column's error ends Evidently's whole report: find the others' values one by one
        snapshots = list(_one_by_one(tasks, names, job.name, scores))
    for snapshot in snapshots:
        _read(snapshot, {names.token(task.column.name): task for task in tasks}, scores)
    if not snapshots:
        return None
    whole = _merge(snapshots)
    whole._widgets = [_headline(tasks, scores), *whole._widgets]
    return Page(whole, names)


def _at_their_rungs(tasks: list[_Task]) -> list[_Task]:
    """The tasks with the thresholds that count for this window: those of the most columns that are past theirs together.

    That is Benjamini & Hochberg's step-up rule. The scores are computed for it beforehand; the charts cost several times as much.
    """
    longest = max((len(task.column.ladder) for task in tasks), default=0)
    family = [task for task in tasks if len(task.column.ladder) == longest and task.threshold == task.column.threshold]
    if longest < 2:
        return tasks
    values = [(task, _score(task).value) for task in family]
    past = (sum(value is not None and _is_past(task, value, task.column.ladder[rung]) for task, value in values) for rung in range(longest))
    reached = max((rung for rung, count in enumerate(past) if count > rung), default=0)
    return [replace(task, threshold=task.column.ladder[reached]) if task in family else task for task in tasks]


def _task(job: Job, column: DriftColumn, scores: MutableMapping[str, Score]) -> _Task | None:
    """What to give to Evidently, or None with the reason in `scores`."""
    if job.reference is None:
        scores[column.name] = Score(reason="The model has no reference to compare with; load one with `reference MODEL FILE`.")
        return None
    for table, owner in ((job.current, "window"), (job.reference, "reference")):
        if column.name not in table.column_names:
            scores[column.name] = Score(reason=f"The {owner} has no column of this name.")
            return None
    values = comparable(job.current, column.name, column.kind)
    usual, reference = _reference(job.reference, job.reference_hash, column)
    window = Sample.of(values)
    method = resolve_method(column.method, column.kind, reference, window)
    facts = Score(reason="", method=method, n=window.n, n_reference=reference.n)
    if base_method(method) not in METHODS:
        scores[column.name] = replace(facts, reason=f'"{column.method}" is no drift method; valid are: {", ".join(sorted(METHODS))}.')
        return None
    kinds = METHODS[base_method(method)].kinds
    if reference.categories is not None and "categorical" not in kinds:
        scores[column.name] = replace(facts, reason=f"{method} compares numbers, and this column is {column.kind}.")
        return None
    reason = why_not(method, reference, window)
    if reason is not None:
        scores[column.name] = replace(facts, reason=reason)
        return None
    distance = None if is_effect(method) else effect(method, 0.0, reference, window)
    small = distance is not None and column.minimum_effect is not None and distance < column.minimum_effect
    never = _NEVER[METHODS[base_method(method)].returns]
    threshold = never if small or column.threshold is None else column.threshold
    type_ = "numerical" if reference.numbers is not None and "numerical" in kinds else "categorical"
    return _Task(column, method, type_, threshold, distance, values, usual, window.n, reference.n)


_held: OrderedDict[tuple[str, str, str], tuple[pa.Array, Sample]] = OrderedDict()
_MOST_HELD = 256  # reference columns whose sorted values stay in the worker's memory


def _reference(table: pa.Table, content: str | None, column: DriftColumn) -> tuple[pa.Array, Sample]:
    """The reference's values per row and as a sample; kept between jobs where `content` names the table."""
    key = (content or "", column.name, column.kind)
    if content is not None and key in _held:
        _held.move_to_end(key)
        return _held[key]
    values = comparable(table, column.name, column.kind)
    found = values, Sample.of(values)
    if content is not None:
        _held[key] = found
        while len(_held) > _MOST_HELD:
            _held.popitem(last=False)
    return found


def _run(tasks: list[_Task], names: Names, name: str) -> Snapshot:
    token = {task.column.name: names.token(task.column.name) for task in tasks}
    definition = DataDefinition(
        numerical_columns=[token[t.column.name] for t in tasks if t.type == "numerical"],
        categorical_columns=[token[t.column.name] for t in tasks if t.type == "categorical"],
    )
    metrics = [ValueDrift(column=token[t.column.name], method=base_method(t.method), threshold=t.threshold) for t in tasks]
    current = pd.DataFrame({token[t.column.name]: t.current.to_pandas() for t in tasks})
    reference = pd.DataFrame({token[t.column.name]: t.reference.to_pandas() for t in tasks})
    return Report(metrics).run(Dataset.from_pandas(current, data_definition=definition),
                               Dataset.from_pandas(reference, data_definition=definition), name=name or None)


def _one_by_one(tasks: list[_Task], names: Names, name: str, scores: MutableMapping[str, Score]) -> list[Snapshot]:
    snapshots = []
    for task in tasks:
        try:
            snapshots.append(_run([task], names, name))
        except BaseException as error:
            scores[task.column.name] = _failed(task, error)
    return snapshots


def _score(task: _Task) -> Score:
    """The score alone, by the function that `ValueDrift` calls: drawing its charts costs several times as much as the score."""
    reference, current = task.reference.drop_null().to_pandas(), task.current.drop_null().to_pandas()
    type_ = ColumnType.Numerical if task.type == "numerical" else ColumnType.Categorical
    try:
        test = get_stattest(reference, current, type_, base_method(task.method))
        return _found(task, float(test(reference, current, type_, task.threshold).drift_score))
    except BaseException as error:
        return _failed(task, error)


def _failed(task: _Task, error: BaseException) -> Score:
    reason = f"Evidently cannot compute {task.method} here: {' '.join(str(error).split())[:300]}"
    return Score(reason=reason, method=task.method, n=task.n, n_reference=task.n_reference)


def _found(task: _Task, value: float) -> Score:
    facts = Score(reason=f"Evidently's {task.method} is no number on these values ({value}).", method=task.method, n=task.n,
                  n_reference=task.n_reference)
    is_p = METHODS[base_method(task.method)].returns == "p_value"
    return facts if not isfinite(value) else replace(facts, reason=None, value=value, p_value=value if is_p else None, effect=task.effect)


def _read(snapshot: Snapshot, tasks: Mapping[str, _Task], scores: MutableMapping[str, Score]) -> None:
    for result in snapshot.metric_results.values():
        task = tasks[result.metric_value_location.metric.params["column"]]
        scores[task.column.name] = _found(task, float(result.value))


def _merge(snapshots: list[Snapshot]) -> Snapshot:
    whole = snapshots[0]
    for other in snapshots[1:]:
        whole._metrics.update(other._metrics)
        whole._top_level_metrics.extend(other._top_level_metrics)
        whole._widgets = [*whole._widgets, *other._widgets]
    return whole


def _headline(tasks: list[_Task], scores: Mapping[str, Score]) -> object:
    """Our verdict in one line: Evidently's own headline would need half the columns to drift."""
    judged = [t for t in tasks if scores[t.column.name].value is not None and t.column.threshold is not None]
    drifted = [t for t in judged if _past(t, scores[t.column.name].value or 0.0)]
    names = ", ".join(f"{shown(t.column.name)} ({method_label(t.method)})" for t in drifted[:20])
    label = "columns drifted, by thresholds calibrated for this reference and window size"
    return counter(counters=[CounterData(f"{label}: {names}" if names else label, f"{len(drifted)} of {len(judged)}")])


def _past(task: _Task, value: float) -> bool:
    return _is_past(task, value, task.threshold)


def _is_past(task: _Task, value: float, threshold: float) -> bool:
    return value >= threshold if METHODS[base_method(task.method)].larger_is_drift else value <= threshold


def _contingency(reference: pd.Series, current: pd.Series, _kind: ColumnType, threshold: float) -> tuple[float, bool]:
    samples = (Sample.of(pa.array(s.astype(str).tolist(), pa.string())) for s in (reference, current))
    p_value = score("chisquare_contingency", *samples)
    return p_value, p_value <= threshold


register_stattest(
    StatTest(name="chisquare_contingency", display_name="chi-square p_value (contingency)",
             allowed_feature_types=[ColumnType.Categorical, ColumnType.Numerical]),
    _contingency,
)
