"""The sections of the page: the verdict first, then performance, drift, quality, traffic, segments, and how it was decided. Pure."""

from __future__ import annotations

__all__ = ["SECTIONS"]

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from monitoring.charts.numbers import number
from monitoring.charts.status import status_of, worst
from monitoring.drift.registry import METHODS, base_method, method_label
from monitoring.findings_page.cells import findings_table, reason, sign, table, value_cell
from monitoring.findings_page.svg import bars, curve, steps
from monitoring.findings_page.window import Point, WindowFindings, detail
from monitoring.metrics import METRICS

_BAD = ("failed", "drift", "warn")
_MOST_NAMED = 25  # findings that the verdict lists; the sections have them all
_MOST_DRAWN = 60  # columns with a chart: drifted ones first
_MOST_SEGMENTS = 40  # segments' findings in the table: the worst


def verdict(found: WindowFindings) -> str:
    """What is wrong, in words, worst first."""
    counts = Counter(point["status"] for point in found.points)
    bad = _worst_first(p for p in found.points if p["status"] in _BAD and p["metric"] != "drift_share")
    whole = worst(point["status"] for point in found.points)
    ranked = sorted(counts, key=lambda name: -status_of(name).rank)
    told = ", ".join(f"{number(counts[name])} {status_of(name).word.lower()}" for name in ranked)
    items = "".join(f"<li>{sign(p['status'])} <b>{escape(_name(p))}</b> {reason(p)}</li>" for p in bad[:_MOST_NAMED])
    more = f"<p>… and {len(bad) - _MOST_NAMED} more in the sections below.</p>" if len(bad) > _MOST_NAMED else ""
    budget = next((reason(p) for p in found.points if p["metric"] == "drift_share" and not p["segment"]), "")
    return (f'<p class="verdict">{sign(whole.name)} <span>{number(len(found.points))} findings: {escape(told)}.</span></p>'
            f"<p>{budget}</p>" + (f"<ul>{items}</ul>" if items else "") + more)  # fmt: skip


def performance(found: WindowFindings) -> str:
    """Every metric of the task, with its interval, and the curves that are stored."""
    points = found.of("classification", "regression", "ranking", "labels")
    return findings_table(found, points, caption="Performance and labels") + _confusion(found) + _figures(_curves(found)) if points else ""


def drift(found: WindowFindings) -> str:
    """Every compared column, nearest to or furthest past its threshold first, and both distributions of each."""
    points = found.of("drift", "causes")
    columns = sorted((p for p in points if p["metric"] == "drift"), key=_past, reverse=True)
    rest = [point for point in points if point["metric"] != "drift"]
    if not points:
        return ""
    head = ["Column", "Method", "Score", "Threshold", "p-value", "Effect", "n", "n of reference", "Status", "Why"]
    rows = [[escape(p["column"]), escape(_method(p["method"])), value_cell(p["value"], "score"), value_cell(p["threshold"], "score"),
             value_cell(p["p_value"], "score"), value_cell(detail(p).get("effect"), "score"), number(p["n"]), number(p["n_reference"]),
             sign(p["status"]), reason(p)] for p in columns]  # fmt: skip
    drawn = [(f"{p['column']} – {status_of(p['status']).word}", _distribution(found, p["column"])) for p in columns[:_MOST_DRAWN]]
    key = '<p class="key"><span class="k reference"></span>reference <span class="k current"></span>this window</p>'
    return (findings_table(found, rest, caption="All columns together") + table(head, rows, caption="Drift by column", wide=(0, 9))
            + key + _figures(drawn))  # fmt: skip


def quality(found: WindowFindings) -> str:
    """One row per column, one cell per metric; a sentence for what is not well."""
    points = found.of("quality")
    if not points:
        return ""
    metrics = list(dict.fromkeys(p["metric"] for p in points))
    by_column: dict[str, dict[str, Point]] = defaultdict(dict)
    for point in points:
        by_column[point["column"]][point["metric"]] = point
    head = ["Column", *(METRICS[m].label if m in METRICS else m for m in metrics)]
    rows = [[escape(column or "all rows"), *(_quality_cell(of.get(metric)) for metric in metrics)] for column, of in by_column.items()]
    bad = [point for point in points if point["status"] in _BAD]
    told = findings_table(found, bad, caption="Quality findings that are not OK") if bad else ""
    return told + table(head, rows, caption="Quality by column", wide=(0,))


def traffic(found: WindowFindings) -> str:
    """Volume, errors and latency, with their courses, and the calls by latency."""
    points = found.of("traffic")
    calls = [row for row in found.profiles if row["kind"] == "latency_histogram"]
    total = sum(row["value"] for row in calls) or 1.0
    shares = [{**row, "x": place, "x_end": place + 1, "value": row["value"] / total,
               "label": f"{number(row['x' if place == 0 else 'x_end'])} ms"} for place, row in enumerate(calls)]  # fmt: skip
    drawn = [("Share of calls by latency, logarithmic", steps(shares, [], label="Share of calls by latency"))] if shares else []
    return findings_table(found, points, caption="Traffic and latency") + _figures(drawn) if points else ""


def segments(found: WindowFindings) -> str:
    """What is found in parts of the window's rows, the worst first."""
    points = [p for p in found.points if p["segment"]]
    bad = _worst_first(p for p in points if p["status"] in _BAD)
    if not points:
        return ""
    parts = len({p["segment"] for p in points})
    said = f"<p>{number(len(points))} findings in {number(parts)} segments; {number(len(bad))} are not OK.</p>"
    head = ["Segment", "Metric", "Value", "Threshold", "n", "Status", "Why"]
    rows = [[escape(p["segment"]), escape(_name(p, segment=False)), value_cell(p["value"], _unit(p)), value_cell(p["threshold"], _unit(p)),
             number(p["n"]), sign(p["status"]), reason(p)] for p in bad[:_MOST_SEGMENTS]]  # fmt: skip
    title = "Segments" if len(bad) <= _MOST_SEGMENTS else f"Segments: the worst {_MOST_SEGMENTS} of {len(bad)}"
    return said + (table(head, rows, caption=title, wide=(0, 1, 6)) if rows else "")


def decided(found: WindowFindings) -> str:
    """The methods that were used, in a sentence each."""
    methods = sorted({base_method(p["method"]) for p in found.points if p["metric"] == "drift" and base_method(p["method"]) in METHODS})
    lines = "".join(f"<li><b>{escape(METHODS[name].label)}</b> ({escape(METHODS[name].source)}): {escape(METHODS[name].description)} "
                    f"{'Larger' if METHODS[name].larger_is_drift else 'Smaller'} is drift.</li>" for name in methods)  # fmt: skip
    return (
        "<p>A column has drifted when chance alone gives a score like its own too seldom – counting how many columns are judged together – "
        "and the difference is at least the method's minimum effect. Thresholds are drawn from the reference for this window's size. "
        "Performance is compared with the reference's own, with the sampling error of both. Too few rows are said to be too few, not OK."
        f"</p>{f'<ul>{lines}</ul>' if lines else ''}"
    )


SECTIONS: Mapping[str, Callable[[WindowFindings], str]] = {
    "Verdict": verdict, "Performance": performance, "Drift": drift, "Data quality": quality, "Traffic & latency": traffic,
    "Segments": segments, "How this is decided": decided,
}  # fmt: skip


def _figures(drawn: Sequence[tuple[str, str]]) -> str:
    kept = "".join(f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>" for title, chart in drawn if chart)
    return f'<div class="figures">{kept}</div>' if kept else ""


def _distribution(found: WindowFindings, column: str) -> str:
    rows = [row for row in found.profiles if row["kind"] == "histogram" and row["column"] == column]
    current, reference = ([row for row in rows if row["series"] == series] for series in ("current", "reference"))
    if not current:
        return ""
    label = f"Shares of {column} in the reference and in this window"
    return (bars if current[0]["x"] is None else steps)(current, reference, label=label)


def _curves(found: WindowFindings) -> list[tuple[str, str]]:
    drawn = []
    by_cut: dict[float, dict[str, float]] = defaultdict(dict)
    for row in found.profiles:
        if row["kind"] == "threshold" and row["label"] in ("recall", "precision"):
            by_cut[row["x"]][row["label"]] = row["value"]
    line = [(of["recall"], of["precision"]) for _, of in sorted(by_cut.items()) if len(of) == 2]
    if len(line) > 1:
        drawn.append(("Precision over recall, by threshold", curve(line, label="Precision over recall", x="recall", y="precision")))
    bins = [(row["x"], row["value"]) for row in found.profiles if row["kind"] == "calibration" and row["series"] in ("current", "")]
    if bins:
        drawn.append(("Calibration", curve(bins, label="Observed rate over score", x="score", y="observed rate", dots=True)))
    errors = [row for row in found.profiles if row["kind"] == "residuals"]
    if errors:
        drawn.append(("Error: prediction − label", steps(errors, [], label="Shares of errors")))
    return drawn


def _confusion(found: WindowFindings) -> str:
    """Rows by actual and predicted class; nothing where the task has no classes."""
    cells = {(row["series"], row["label"]): row["value"] for row in found.profiles if row["kind"] == "confusion"}
    names = sorted({name for pair in cells for name in pair})
    rows = [[f"<b>{escape(actual)}</b>", *(value_cell(cells.get((actual, decided), 0.0), "") for decided in names)] for actual in names]
    return table(["Actual, below · predicted, right", *names], rows, caption="Confusion matrix, rows") if cells else ""


def _worst_first(points: Iterable[Point]) -> list[Point]:
    return sorted(points, key=lambda point: -status_of(point["status"]).rank)


def _quality_cell(point: Point | None) -> str:
    if point is None:
        return "–"
    return value_cell(point["value"], _unit(point)) + (f" {sign(point['status'])}" if point["status"] != "ok" else "")


def _name(point: Point, *, segment: bool = True) -> str:
    label = METRICS[point["metric"]].label if point["metric"] in METRICS else str(point["metric"])
    of = f", {point['column']}" if point["column"] else ""
    where = f" ({point['segment']})" if segment and point["segment"] else ""
    return f"{label}{of}{where}"


def _unit(point: Point) -> str:
    return METRICS[point["metric"]].unit if point["metric"] in METRICS else "score"


def _method(method: str) -> str:
    return method_label(method) if base_method(method) in METHODS else method


def _past(point: Point) -> tuple[int, float]:
    """Worse statuses first, then how far past its threshold."""
    value, threshold = point["value"], point["threshold"]
    if value is None or threshold is None or base_method(point["method"]) not in METHODS:
        return status_of(point["status"]).rank, 0.0
    over, under = (value, threshold) if METHODS[base_method(point["method"])].larger_is_drift else (threshold, value)
    return status_of(point["status"]).rank, over / under if under else float("inf") if over else 0.0
