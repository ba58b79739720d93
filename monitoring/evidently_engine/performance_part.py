"""The performance part: quality on labelled rows, as Evidently computes it.

Decisions are measured from the logged decision alone and scores from the logged score alone, because Evidently ignores the decision
where it sees a score and cuts the score at 0.5 (docs/decisions/decisions-are-the-truth.md).
"""

from __future__ import annotations

__all__ = ["performance_part"]

from collections.abc import MutableMapping
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Recsys, Regression, Report
from evidently.core.report import Snapshot
from evidently.metrics import (
    MAE,
    MAP,
    MAPE,
    MRR,
    NDCG,
    RMSE,
    Accuracy,
    F1ByLabel,
    F1Score,
    HitRate,
    LogLoss,
    MeanError,
    Precision,
    PrecisionByLabel,
    PrecisionTopK,
    R2Score,
    Recall,
    RecallByLabel,
    RecallTopK,
    RocAuc,
    RocAucByLabel,
)

from monitoring.engine_jobs import Job, Score

from .names import Names
from .snapshots import Page

Scores = MutableMapping[tuple[str, str], Score]
_DECISION = ("accuracy", "precision", "recall", "f1")
_SCORE = ("roc_auc", "log_loss")
_REGRESSION = ("mean_error", "mape", "rmse", "mae", "r2")
_RANKING = {"precision_at_k": PrecisionTopK, "recall_at_k": RecallTopK, "map_at_k": MAP, "ndcg_at_k": NDCG, "mrr": MRR,
            "hit_rate_at_k": HitRate}


def performance_part(job: Job, scores: Scores) -> Page | None:
    """Fills `scores` by (metric, column); returns the page, or None where nothing is labelled."""
    names = Names()
    work = {"regression": _regression, "ranking": _ranking}.get(job.task, _classification)
    snapshots = [s for s in work(job, names, scores) if s is not None]
    if not snapshots:
        return None
    whole = snapshots[0]
    for other in snapshots[1:]:
        whole._metrics.update(other._metrics)
        whole._top_level_metrics.extend(other._top_level_metrics)
        whole._widgets = [*whole._widgets, *other._widgets]
    return Page(whole, names)


def _rows(job: Job, *names: str) -> pa.Table | None:
    """The rows that have all of these; None where the window or the job's roles lack one."""
    if any(n not in job.current.column_names or (n.startswith("@") and job.roles is not None and n not in job.roles) for n in names):
        return None
    keep = None
    for name in names:
        column = job.current[name]
        valid = pc.is_valid(column)
        if pa.types.is_floating(column.type):
            valid = pc.and_(valid, pc.fill_null(pc.is_finite(column), False))
        keep = valid if keep is None else pc.and_(keep, valid)
    return job.current.select(list(names)).filter(keep)


def _run(frame: pd.DataFrame, definition: DataDefinition, metrics: list[Any], name: str) -> Snapshot:
    return Report(metrics).run(Dataset.from_pandas(frame, data_definition=definition), None, name=name or None)


def _result(snapshot: Snapshot, metric: Any) -> Any:
    return snapshot.metric_results[metric.metric_id]


def _put(scores: Scores, metric: str, column: str, value: Any, n: int, undefined: str | None = None) -> None:
    number = float(value) if undefined is None else float("nan")
    if isfinite(number):
        scores[metric, column] = Score(value=number, n=n)
    else:
        scores[metric, column] = Score(reason=undefined or f"Evidently's {metric} is no number on these rows.", n=n)


def _classification(job: Job, names: Names, scores: Scores) -> list[Snapshot | None]:
    return [_decisions(job, names, scores), _scored(job, names, scores)]


def _decisions(job: Job, names: Names, scores: Scores) -> Snapshot | None:
    rows = _rows(job, "@label", "@prediction")
    if rows is None or not rows.num_rows:
        for metric in _DECISION:
            scores[metric, ""] = Score(reason="No row of the window has both a prediction and a label.")
        return None
    label, decision = rows["@label"].to_pylist(), rows["@prediction"].to_pylist()
    if job.task == "binary":
        return _binary_decisions(job, names, label, decision, scores)
    classes = sorted({*label, *decision})
    tokens = {c: names.token(c) for c in classes}
    target, prediction = names.token("@label"), names.token("@prediction")
    frame = pd.DataFrame({target: [tokens[v] for v in label], prediction: [tokens[v] for v in decision]})
    task = MulticlassClassification(target=target, prediction_labels=prediction)
    metrics = [Accuracy(), Precision(conf_matrix=True), Recall(conf_matrix=False), F1Score(conf_matrix=False)]
    by_class = {"precision": PrecisionByLabel(), "recall": RecallByLabel(), "f1": F1ByLabel()}
    if len(classes) == 2:  # Evidently takes two classes for a binary task and asks for the positive one: take the macro mean ourselves
        task = BinaryClassification(target=target, prediction_labels=prediction, pos_label=tokens[classes[1]])
    definition = DataDefinition(categorical_columns=[target, prediction], classification=[task])
    snapshot = _run(frame, definition, [*metrics, *by_class.values()], job.name)
    _put(scores, "accuracy", "", _result(snapshot, metrics[0]).value, len(label))
    for (metric, of_classes), macro in zip(by_class.items(), metrics[1:], strict=True):
        values = {names.name(str(c)): v.value for c, v in _result(snapshot, of_classes).values.items()}
        _put(scores, metric, "", np.mean(list(values.values())) if len(classes) == 2 else _result(snapshot, macro).value, len(label))
        for name in classes:
            _put(scores, metric, name, values[name], len(label), _undefined(metric, name, label, decision))
    return snapshot


def _binary_decisions(job: Job, names: Names, label: list[str], decision: list[str], scores: Scores) -> Snapshot:
    positive = job.positive_label or "1"
    negative = next((v for v in sorted({*label, *decision}) if v != positive), "other")
    yes, no = names.token(positive), names.token(negative)
    target, prediction = names.token("@label"), names.token("@prediction")
    frame = pd.DataFrame({target: [yes if v == positive else no for v in label],
                          prediction: [yes if v == positive else no for v in decision]})
    definition = DataDefinition(categorical_columns=[target, prediction], classification=[
        BinaryClassification(target=target, prediction_labels=prediction, pos_label=yes)])
    metrics = {"accuracy": Accuracy(), "precision": Precision(conf_matrix=True), "recall": Recall(conf_matrix=False),
               "f1": F1Score(conf_matrix=False)}
    snapshot = _run(frame, definition, list(metrics.values()), job.name)
    for name, metric in metrics.items():
        _put(scores, name, "", _result(snapshot, metric).value, len(label), _undefined(name, positive, label, decision))
    right = frame[target] == frame[prediction]
    for name, where in (("true_positives", right & (frame[target] == yes)), ("false_positives", ~right & (frame[prediction] == yes)),
                        ("true_negatives", right & (frame[target] == no)), ("false_negatives", ~right & (frame[prediction] == no))):
        _put(scores, name, "", where.sum(), len(label))
    return snapshot


def _undefined(metric: str, name: str, label: list[str], decision: list[str]) -> str | None:
    """Why a ratio has no value for a class; Evidently would write 0, or 1 where only one class is left."""
    if metric == "precision" and name not in decision:
        return f'No row was predicted "{name}", so there is nothing to be precise about.'
    if metric == "recall" and name not in label:
        return f'No label is "{name}", so there is nothing to find.'
    if metric == "f1" and name not in decision and name not in label:
        return f'No row was predicted or labelled "{name}".'
    return None


def _scored(job: Job, names: Names, scores: Scores) -> Snapshot | None:
    columns = sorted(n for n in job.current.column_names if n.startswith("@score:")) if job.task == "multiclass" else ["@score"]
    rows = _rows(job, "@label", *columns) if columns else None
    if rows is None or not rows.num_rows:
        for metric in _SCORE:
            scores[metric, ""] = Score(reason="No row of the window has both a score and a label.")
        return None
    if job.task == "binary":
        return _binary_scored(job, names, rows, scores)
    return _multiclass_scored(job, names, rows, columns, scores)


def _binary_scored(job: Job, names: Names, rows: pa.Table, scores: Scores) -> Snapshot | None:
    positive = job.positive_label or "1"
    truth, values = [v == positive for v in rows["@label"].to_pylist()], rows["@score"].to_numpy()
    if all(truth) or not any(truth):
        for metric in _SCORE:
            scores[metric, ""] = Score(reason="All labels are of one class; both are needed.", n=len(truth))
        return None
    yes, no, target, score = names.token(positive), names.token(f"not {positive}"), names.token("@label"), names.token("@score")
    frame = pd.DataFrame({target: np.where(truth, yes, no), score: values})
    definition = DataDefinition(categorical_columns=[target], numerical_columns=[score], classification=[
        BinaryClassification(name="default", target=target, prediction_probas=score, pos_label=yes)])
    metrics = {"roc_auc": RocAuc(roc_curve=True)}
    if _probabilities(values):
        metrics["log_loss"] = LogLoss()
        snapshot = _run(frame, definition, list(metrics.values()), job.name)
    else:  # a score outside 0 to 1 still ranks: any increasing map keeps the area
        scores["log_loss", ""] = Score(reason="Scores outside 0 to 1 are no probabilities.", n=len(truth))
        ranks = pd.Series(values).rank(method="average")
        snapshot = _run(frame.assign(**{score: ranks / (len(ranks) + 1)}), definition, list(metrics.values()), job.name)
    for name, metric in metrics.items():
        _put(scores, name, "", _result(snapshot, metric).value, len(truth))
    return snapshot


def _multiclass_scored(job: Job, names: Names, rows: pa.Table, columns: list[str], scores: Scores) -> Snapshot | None:
    classes = [c.removeprefix("@score:") for c in columns]
    rows = rows.filter(pc.is_in(rows["@label"], pa.array(classes, pa.string())))
    label = rows["@label"].to_pylist()
    values = np.column_stack([rows[c].to_numpy() for c in columns]) if label else np.empty((0, len(columns)))
    missing = [c for c in classes if c not in set(label)]
    reason = None
    if missing:
        reason = f'No label is "{missing[0]}"; one of each class is needed.' if label else "No row of the window has a label with a score."
    elif len(classes) < 3:
        reason = "Evidently needs scores of at least three classes; describe the model as binary."
    elif not _probabilities(values):
        reason = "Scores outside 0 to 1 are no probabilities."
    if reason is not None:
        for metric in _SCORE:
            scores[metric, ""] = Score(reason=reason, n=len(label))
        return None
    tokens, target = {c: names.token(c) for c in classes}, names.token("@label")
    frame = pd.DataFrame({target: [tokens[v] for v in label]} | {tokens[c]: values[:, i] for i, c in enumerate(classes)})
    definition = DataDefinition(categorical_columns=[target], numerical_columns=list(tokens.values()), classification=[
        MulticlassClassification(target=target, prediction_labels=None, prediction_probas=list(tokens.values()))])
    metrics = {"roc_auc": RocAuc(roc_curve=True), "log_loss": LogLoss()}
    by_class = RocAucByLabel()
    snapshot = _run(frame, definition, [*metrics.values(), by_class], job.name)
    for name, metric in metrics.items():
        _put(scores, name, "", _result(snapshot, metric).value, len(label))
    for token, value in _result(snapshot, by_class).values.items():
        _put(scores, "roc_auc", names.name(str(token)), value.value, len(label))
    return snapshot


def _probabilities(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _regression(job: Job, names: Names, scores: Scores) -> list[Snapshot | None]:
    rows = _rows(job, "@label", "@prediction")
    if rows is None or rows.num_rows < 2:
        n = rows.num_rows if rows is not None else 0
        why = "Evidently needs at least two rows with a label" if n else "No row of the window has both a prediction and a label"
        scores.update({(metric, ""): Score(reason=f"{why}.", n=n) for metric in _REGRESSION})
        return []
    label, prediction = rows["@label"].to_numpy(), rows["@prediction"].to_numpy()
    target, predicted = names.token("@label"), names.token("@prediction")
    definition = DataDefinition(numerical_columns=[target, predicted], regression=[Regression(target=target, prediction=predicted)])
    metrics = {"mean_error": MeanError(error_plot=True), "mape": MAPE(perc_error_plot=False), "rmse": RMSE(error_distr=True),
               "mae": MAE(error_distr=False), "r2": R2Score()}
    snapshot = _run(pd.DataFrame({target: label, predicted: prediction}), definition, list(metrics.values()), job.name)
    for name, metric in metrics.items():
        found = _result(snapshot, metric)
        value = found.mean.value if hasattr(found, "mean") else found.value
        if name == "mape" and (label < 0).any():  # Evidently divides by the label, clipped at zero, not by its size
            value = 100 * np.mean(np.abs(prediction - label) / np.where(label == 0, np.nan, np.abs(label)))
        _put(scores, name, "", value, len(label), _undefined_error(name, label))
    return [snapshot]


def _undefined_error(metric: str, label: np.ndarray) -> str | None:
    zeros = int((label == 0).sum())
    if metric == "mape" and zeros:
        return f"Percentage errors are undefined for labels of zero, and {zeros:,} of {len(label):,} labels are."
    return "R² is undefined where all labels are equal." if metric == "r2" and np.ptp(label) == 0 else None


def _ranking(job: Job, names: Names, scores: Scores) -> list[Snapshot | None]:
    frame = _lists(job)
    users = frame.loc[frame["target"] > 0, "user"].nunique() if frame is not None else 0
    if frame is None or not users:
        reason = "No user of the window has a relevant item." if frame is not None and len(frame) else (
            "No row of the window has a user, a score and a label.")
        scores.update({(metric, f"k={k}"): Score(reason=reason) for metric in _RANKING for k in job.ks})
        return []
    longest = int(frame[frame["user"].isin(frame.loc[frame["target"] > 0, "user"])].groupby("user").size().max())
    most = min(max(job.ks), longest)
    tokens = {c: names.token(shown) for c, shown in (("user", job.user or ""), ("prediction", "@score"), ("target", "@label"))}
    item = names.token(job.item or "item")
    frame = frame.rename(columns=tokens).assign(**{item: np.arange(len(frame))})
    definition = DataDefinition(
        numerical_columns=[tokens["target"], tokens["prediction"]], categorical_columns=[tokens["user"], item],
        ranking=[Recsys(user_id=tokens["user"], item_id=item, target=tokens["target"], prediction=tokens["prediction"])])
    metrics = {name: metric(k=most, no_feedback_users=False) for name, metric in _RANKING.items()}
    snapshot = _run(frame, definition, list(metrics.values()), job.name)
    for name, metric in metrics.items():
        values = _result(snapshot, metric).value["value"].to_list()  # by position: NDCG's and MRR's own rank column is one too high
        for k in job.ks:
            _put(scores, name, f"k={k}", values[min(k, most) - 1], users)
    return [snapshot]


def _lists(job: Job) -> pd.DataFrame | None:
    """Users, relevance and a score that falls by one from item to item: Evidently ranks ties by a mean that it then cuts off.

    Items of equal score keep the order of time and id.
    """
    scored = _rows(job, "@score")
    score = "@score" if scored is not None and scored.num_rows else "@prediction"
    rows = _rows(job, "@label", score, job.user) if job.user else None
    if rows is None:
        return None
    frame = pd.DataFrame({"user": rows[job.user].cast(pa.string()).to_pandas(), "target": rows["@label"].to_numpy(),
                          "score": rows[score].to_numpy()})
    frame = frame.sort_values(["user", "score"], ascending=[True, False], kind="stable")
    frame["prediction"] = -frame.groupby("user").cumcount().astype(float)
    if (frame["target"] == frame["target"].round()).all():
        frame["target"] = frame["target"].astype(np.int64)
    return frame.drop(columns="score").reset_index(drop=True)
