"""What the overview says of each model, and the sentence above all of them."""

from __future__ import annotations

__all__ = [
    "MAIN_METRIC", "NEEDED", "READ", "STRIP_READ", "Fact", "Strip", "Summary", "headline", "sentences", "strip_of", "summarise",
    "summary_of",
]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from monitoring.charts.numbers import days, interval, moment, number, with_unit
from monitoring.charts.status import Status, status_of, worst
from monitoring.metrics import METRICS
from monitoring.windows import own_window
from pages.findings.causes import Cause, alarming_metric, causes, mature, one_column, statuses
from pages.findings.drift import DRIFT_COLUMNS, DriftRow, drift_rows_of, is_output, newest_judged_of
from pages.findings.rows import Row, rows_of
from pages.findings.timeline import Timeline
from storage.points import POINTS

MAIN_METRIC = {"binary": "recall", "multiclass": "accuracy", "regression": "mae", "ranking": "ndcg_at_k"}
"""The metric that stands on a model's card where none alarms: its task's, whether there are labels enough for it or not."""

_WITHOUT_DECISIONS = "roc_auc"  # what stands there for a model that gives scores and decides nothing

NEEDED = sorted(name for name, metric in METRICS.items() if metric.group in ("classification", "regression", "ranking"))
NEEDED += ["rows", "drift", "drift_share", "error_rate", "latency_p50", "latency_p95", "latency_p99", "latency_mean"]
"""The metrics whose points `summarise` reads."""

READ = sorted({"version", "window", "window_start", "window_end", "metric", "column", "value", "lower", "upper", "threshold", "n_labelled",
               "label_coverage", "status", "reason", "partial", "detail", *DRIFT_COLUMNS})  # fmt: skip
"""What `summary_of` reads of a row."""

STRIP_READ = ["version", "window_start", "metric", "column", "value", "status", "detail"]
"""What `strip_of` reads of a row."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One number on a card: what it is, in words with its unit, what it rests on, its course (oldest first, None is a gap), its own
    status, the places in the course where a new version begins, and whether the course is drawn from zero, as counts and times are."""

    label: str
    value: str
    note: str = ""
    course: tuple[float | None, ...] = ()
    status: str = ""
    releases: tuple[int, ...] = ()
    from_zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One model: how it is, why, and the facts of its card. `window` is the name of its own windows.

    `sentence` says why in clauses without a full stop. `strip` is each window's status and the page that says why, oldest first.
    `shown` are the points that all of it rests on.
    """

    model: str
    version: str
    task: str
    window: str
    status: Status
    sentence: str
    facts: tuple[Fact, ...]
    shown: pa.Table = field(default_factory=POINTS.empty_table)
    strip: Mapping[datetime, tuple[str, str]] = field(default_factory=dict)
    releases: Sequence[tuple[datetime, str]] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """One model's windows: `strip` and `releases` as a summary has them."""

    model: str
    strip: Mapping[datetime, tuple[str, str]]
    releases: Sequence[tuple[datetime, str]]


def summarise(model: str, spec: Mapping[str, Any], points: pa.Table, *, zone: str) -> Summary:
    """The summary of one model from its points: of the metrics `NEEDED`, all versions, all rows (segment ""), one window size.

    Where two versions have the same window, the one with more rows stands for it. A model without points has the status `No data yet`.
    """
    ordered = points.sort_by("window_start")
    rows = rows_of(ordered, READ)
    shown = _timeline(rows).only(ordered)
    return replace(summary_of(model, spec, rows, zone=zone), shown=shown)


def summary_of(model: str, spec: Mapping[str, Any], points: Sequence[Row], *, zone: str) -> Summary:
    """The same from rows with `READ`, oldest window first; without `shown`."""
    timeline = _timeline(points)
    rows = _by_metric(points, timeline)
    drift = rows.get("drift", [])
    start = newest_judged_of(drift)
    found = drift_rows_of(drift, start) if start else []
    reasons, task = causes(rows, found, zone=zone), str(spec.get("task", ""))
    making = _Facts(rows, frozenset(start for start, _ in timeline.releases), zone)
    return Summary(
        model=model, version=next(iter(timeline.versions()), str(spec.get("version", ""))), task=task,
        window=own_window(spec), status=_status(reasons, rows), sentence=_sentence(reasons, rows), strip=statuses(rows),
        releases=timeline.releases, facts=(making.volume(), making.main(task), making.latency(), making.drifted(found)),
    )  # fmt: skip


def strip_of(model: str, points: Sequence[Row]) -> Strip:
    """The strip of one model, as `summary_of` has it, from the rows with `STRIP_READ` of what `Reader.strip_points` gives of it."""
    timeline = _timeline(points)
    return Strip(model, statuses(_by_metric(points, timeline)), timeline.releases)


def _timeline(points: Sequence[Row]) -> Timeline:
    return Timeline.of_rows(row for row in points if row["metric"] == "rows")


def _by_metric(points: Sequence[Row], timeline: Timeline) -> dict[str, list[Row]]:
    """The points of the versions that stand for their windows."""
    rows: dict[str, list[Row]] = {}
    for row in points:
        if timeline.holds(row):
            rows.setdefault(row["metric"], []).append(row)
    return rows


def headline(summaries: Sequence[Summary]) -> str:
    """`1 of 3 models needs attention: card-fraud, 3 features drifted since 4 Nov.` Of several, `sentences` says why."""
    bad = [summary for summary in summaries if _needs_attention(summary)]
    if len(bad) == 1:
        return f"1 of {_models(len(summaries))} needs attention: {bad[0].model}, {bad[0].sentence}."
    if bad:
        return f"{len(bad)} of {_models(len(summaries))} need attention."
    silent = [summary for summary in summaries if summary.status.rank < status_of("ok").rank]
    if len(silent) == len(summaries):
        return "The one model has not been judged yet." if len(silent) == 1 else f"None of the {len(silent)} models has been judged yet."
    rest = f" {len(silent)} could not be judged yet." if silent else ""
    return f"Nothing needs attention: {len(summaries) - len(silent)} of {_models(len(summaries))} judged and calm.{rest}"


def sentences(summaries: Sequence[Summary]) -> list[tuple[Summary, str]]:
    """One sentence for each of several models that need attention, as the headline says it for one alone."""
    bad = [summary for summary in summaries if _needs_attention(summary)]
    return [(summary, summary.sentence[0].upper() + summary.sentence[1:] + ".") for summary in bad] if len(bad) > 1 else []


@dataclass(frozen=True, slots=True)
class _Facts:
    """The facts of one model's card. `rows` are its points by metric; `releases` the starts of first windows of versions."""

    rows: Mapping[str, Sequence[Row]]
    releases: frozenset[datetime]
    zone: str

    def volume(self) -> Fact:
        rows = self.rows.get("rows", ())
        if not rows:
            return Fact("Predictions", "–", "nothing computed yet")
        newest = _complete(rows)[-1]
        return self._fact("Predictions", with_unit(newest["value"], "rows"), f"in the newest {newest['window']} window",
                          [{**row, "value": None} if row["partial"] else row for row in rows], from_zero=True)

    def main(self, task: str) -> Fact:
        """The metric whose fall the model's status speaks of, else its task's, in the newest window whose labels are mature and enough;
        where they are too few in all, it says so, and of what is not mature that it is provisional."""
        name = alarming_metric(self.rows) or self._usual(task)
        metric, rows = METRICS[name], one_column(self.rows.get(name, ()))
        known, over = [row for row in rows if row["value"] is not None], [row for row in rows if mature(row)]
        if not known:
            reason = (over or rows)[-1]["reason"] if rows else "nothing computed yet"
            return Fact(metric.label, "–", reason or "no labels yet")
        settled = [row for row in known if mature(row) and row["status"] in ("ok", "warn", "drift")]
        few = [] if settled else [row for row in known if mature(row) and row["status"] == "insufficient_data"]
        newest = (settled or few or known)[-1]
        label = metric.label.replace("@k", "@" + newest["column"].removeprefix("k=")) if newest["column"] else metric.label
        if few:
            note = f"{with_unit(newest['value'], metric.unit)} {days(newest, self.zone)}: {newest['reason']}"
            return self._fact(label, status_of("insufficient_data").word, note, (), "insufficient_data")
        coverage = f" ({with_unit(newest['label_coverage'], 'share')})" if newest["label_coverage"] is not None else ""
        note = (f"{'' if settled else 'provisional, '}{interval(newest['lower'], newest['upper'], metric.unit)} {days(newest, self.zone)}, "
                f"{number(newest['n_labelled'])} labels{coverage}")
        course = [row if mature(row) else {**row, "value": None} for row in rows] if settled else rows
        return self._fact(label, with_unit(newest["value"], metric.unit), note.strip(), course, newest["status"] if settled else "")

    def _usual(self, task: str) -> str:
        """The task's metric, of which scarce labels are no reason to take another; only without any decision there is none to expect."""
        usual = MAIN_METRIC.get(task, "label_coverage")
        decided = self._valued(usual) or self._valued("accuracy")
        return _WITHOUT_DECISIONS if task == "binary" and not decided and self._valued(_WITHOUT_DECISIONS) else usual

    def _valued(self, name: str) -> bool:
        return any(row["value"] is not None for row in self.rows.get(name, ()))

    def latency(self) -> Fact:
        rows = self.rows.get("latency_p95", ())
        known = [row for row in rows if row["value"] is not None]
        if not known:
            return Fact("Latency p95", "–", "no latency logged")
        newest = _complete(known)[-1]
        return self._fact("Latency p95", with_unit(newest["value"], "ms"), f"until {moment(newest['window_end'], self.zone)}", rows,
                          newest["status"], from_zero=True)

    def drifted(self, found: Sequence[DriftRow]) -> Fact:
        features = [row for row in found if not is_output(row.column)]
        bad = [row.column for row in features if row.status == "drift"]
        value = f"{len(bad)} of {len(features)}" if found else "–"
        named = ", ".join(bad[:3]) + (" …" if len(bad) > 3 else "")
        return self._fact("Drifted features", value, named, self.rows.get("drift_share", ()), "drift" if bad else "", from_zero=True)

    def _fact(self, label: str, value: str, note: str, rows: Sequence[Row], status: str = "", *, from_zero: bool = False) -> Fact:
        places = tuple(place for place, row in enumerate(rows) if place and row["window_start"] in self.releases)
        return Fact(label, value, note, tuple(row["value"] for row in rows), status, places, from_zero)


def _complete(rows: Sequence[Row]) -> list[Row]:
    """The rows of windows that are over; all rows where none is."""
    return [row for row in rows if not row["partial"]] or list(rows)


def _needs_attention(summary: Summary) -> bool:
    return summary.status.rank >= status_of("warn").rank


def _status(reasons: Sequence[Cause], rows: Mapping[str, Sequence[Row]]) -> Status:
    if reasons:
        return worst(cause.status.name for cause in reasons)
    return status_of("insufficient_data" if rows else None)


def _sentence(reasons: Sequence[Cause], rows: Mapping[str, Sequence[Row]]) -> str:
    clauses = [cause.words for cause in reasons if cause.words]
    if clauses:
        return ", ".join(clauses[:-1]) + (", and " if len(clauses) > 1 else "") + clauses[-1]
    if any(cause.page == "drift" for cause in reasons):
        return "no drift found"
    return "no drift computed: load a reference" if rows else "no predictions computed yet"


def _models(count: int) -> str:
    return f"{count} model{'s' if count != 1 else ''}"
