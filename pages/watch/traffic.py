"""Traffic & latency: how much was predicted, how fast, how often it failed, and when there was silence."""

from datetime import datetime
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts import traffic
from monitoring.charts.numbers import moment, number, with_unit
from monitoring.charts.status import STATUSES, status_of, worst
from monitoring.charts.timeline import chosen, silences
from monitoring.metrics import METRICS, metrics_of
from monitoring.moments import just_after
from pages.findings.performance import since
from pages.findings.timeline import windows_of
from pages.frame import View, page, plain
from pages.frame.selection import version_words
from pages.watch.controls import pick_number
from pages.watch.reasons import show_reasons
from pages.watch.why import open_causes

_LOUD = frozenset({"warn", "drift", "failed"})
_CELLS = 120  # windows in the heat map, newest first: more would be narrower than a pixel column on a laptop


def _previous(view: View) -> tuple[pa.Table | None, Any]:
    """The points of the equally long period before the range, and how much later they are drawn."""
    selected = view.selection
    if selected.since is None or selected.until is None:
        return None, None
    length = selected.until - selected.since
    table = view.store.points(model=selected.model, since=selected.since - length, until=selected.since, metric="rows",
                              window=selected.window, segment="")
    return table, length


def _summary(view: View, of_all: list[dict[str, Any]], own: pa.Table, tail: list[dict[str, Any]]) -> None:
    """The range in four numbers, each with what it rests on. `of_all` are the `rows` points of all versions, `tail` those of p95."""
    errors = chosen(own, "error_rate")
    total = sum(row["value"] or 0 for row in of_all)
    calls = sum(row["n"] or 0 for row in errors if row["value"] is not None)
    failed = sum((row["value"] or 0) * (row["n"] or 0) for row in errors)
    quiet, last = silences(of_all), max(of_all, key=lambda row: row["window_start"])
    tiles = (
        ("Predictions", with_unit(total, "rows"), f"all versions, {len({row['window_start'] for row in of_all})} windows", ""),
        ("Error rate", with_unit(failed / calls if calls else None, "share"), f"{number(round(failed))} of {number(calls)} calls raised",
         errors[-1]["status"] if errors else ""),
        ("Latency p95", with_unit(tail[-1]["value"], "ms") if tail else "–",
         f"n = {number(tail[-1]['n'])}, window of {_when(view, tail[-1])}" if tail else "no latency was logged",
         tail[-1]["status"] if tail else ""),
        ("No traffic", f"{len(quiet)} " + ("stretch" if len(quiet) == 1 else "stretches"), f"newest window: {_when(view, last)}", ""),
    )  # fmt: skip
    for place, (label, value, rests_on, status) in zip(st.columns(4), tiles, strict=True):
        sign = f" {status_of(status).rich}" if status in _LOUD else ""
        with place.container(border=True, height="stretch"):
            st.markdown(f":small[{label}]  \n**{plain(value)}**{sign}  \n:small[:gray[{plain(rests_on)}]]")


def _why(view: View, own: pa.Table, newest: datetime) -> None:
    """What is worse than in the reference in the newest window: since when, and by how much."""
    found, causes = [], open_causes(view, {"traffic"})
    for row in own.filter(pc.field("window_start") == newest).to_pylist():
        if row["status"] in _LOUD:
            began = since(row, chosen(own, row["metric"]), causes)
            when = f" since {began.text(view.look.zone)}" if began else ""
            found.append((row["status"], f"{METRICS[row['metric']].label}{when}", row["reason"]))
    show_reasons(found, of="metrics")


def _when(view: View, row: dict[str, Any]) -> str:
    return moment(row["window_start"], view.look.zone) + (", partial" if row["partial"] else "")


def _latency(view: View, everything: pa.Table, own: pa.Table, tail: list[dict[str, Any]]) -> None:
    """Quantiles over time against an objective, and the whole distribution; how to log latencies where there are none."""
    if not tail:
        st.markdown(f"##### Latency\n{status_of('not_applicable').rich} No latency was logged: "
                    "give `latency_ms=` to `prediction`, or use `track`.")
        return
    with st.columns([1, 2])[0]:
        slo = pick_number("slo", "SLO for p95", default=None, low=0.0, high=1e7, unit="ms")
    view.chart(view.drawn(traffic.latency, everything, releases=view.releases, slo=slo), "Latency",
               alt="p50, p95 and p99 latency per window and version.", note="Hollow: the window is still running. Lower is better.")
    if slo is not None:
        above = sum(row["value"] > slo for row in tail)
        st.markdown(f"{STATUSES['warn' if above else 'ok'].rich} p95 was above {plain(number(slo))} ms in {above} of {len(tail)} windows.")
    starts = list(windows_of(own))[:_CELLS]
    histograms = view.profiles(starts[-1], "latency_histogram", until=just_after(starts[0]))
    if histograms.num_rows:
        view.chart(view.drawn(traffic.latency_heat_map, histograms), "Latency distribution over time",
                   alt="Share of each window's predictions by latency, over time.",
                   note=f"{plain(version_words(view.selection.version)).capitalize()}; each column is one window and adds up to 100 %.")
        view.export("latency histograms", histograms)


with page("traffic") as view:
    wanted = [metric.name for metric in metrics_of(view.spec["task"], "traffic")]
    everything = view.points(wanted, every_version=True)
    own = view.of_selection(everything)
    view.need(own, "No window of this selection has been computed yet.", f"python -m monitoring run {quote(view.selection.model)}")
    view.export("points", everything)
    newest = max(windows_of(own))
    at = own.filter(pc.field("window_start") == newest)
    view.status(worst(at.column("status").to_pylist()), f"in the newest window, {_when(view, at.to_pylist()[0])}")
    tail = [row for row in chosen(own, "latency_p95") if row["value"] is not None]
    _summary(view, chosen(everything, "rows"), own, tail)
    _why(view, own, newest)
    previous, shift = _previous(view)
    view.chart(view.drawn(traffic.volume, everything, releases=view.releases, previous=previous, shift=shift), "Volume by version",
               alt="Predictions per window, stacked by version, with the period before as an outline.",
               note="Hatched: the window is still running." + (" Dotted outline: the equally long period before."
                                                               if previous is not None and previous.num_rows else ""))
    _latency(view, everything, own, tail)
    left, right = st.columns(2, gap="large")
    with left:
        view.chart(view.drawn(traffic.error_rate, everything, releases=view.releases), "Errors",
                   alt="Share of calls that raised, per window.",
                   note="Share of calls that raised. Lower is better.")
    with right:
        view.chart(view.drawn(traffic.throughput, everything, releases=view.releases), "Throughput",
                   alt="Predictions per second, per window.",
                   note="Predictions per second of the window, or of its elapsed part.")
