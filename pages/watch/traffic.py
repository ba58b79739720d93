"""Traffic & latency: how much was predicted, how fast, how often it failed, and when there was silence."""

from datetime import datetime, timedelta
from shlex import quote
from typing import Any

import pyarrow as pa
import streamlit as st

from monitoring.charts import traffic
from monitoring.charts.numbers import moment, number, with_unit
from monitoring.charts.status import STATUSES, status_of, worst
from monitoring.charts.timeline import chosen, silences
from monitoring.metrics import metrics_of
from pages.frame import View, page, plain
from pages.frame.selection import version_words
from pages.watch.controls import pick_number

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


def _summary(view: View, points: pa.Table, own: pa.Table) -> None:
    """The range in four numbers, each with what it rests on."""
    rows, errors, tail = (chosen(own, metric) for metric in ("rows", "error_rate", "latency_p95"))
    total = sum(row["value"] or 0 for row in chosen(points, "rows"))
    calls = sum(row["n"] or 0 for row in errors if row["value"] is not None)
    failed = sum((row["value"] or 0) * (row["n"] or 0) for row in errors)
    known = [row for row in tail if row["value"] is not None]
    quiet = silences(chosen(points, "rows"))
    tiles = (
        ("Predictions", with_unit(total, "rows"), f"all versions, {len({row['window_start'] for row in chosen(points, 'rows')})} windows"),
        ("Error rate", with_unit(failed / calls if calls else None, "share"), f"{number(round(failed))} of {number(calls)} calls raised"),
        ("Latency p95", with_unit(known[-1]["value"], "ms") if known else "–",
         f"n = {number(known[-1]['n'])}, window of {_when(view, known[-1])}" if known else "no latency was logged"),
        ("No traffic", f"{len(quiet)} " + ("stretch" if len(quiet) == 1 else "stretches"),
         f"newest window: {_when(view, rows[-1])}"),
    )
    for place, (label, value, rests_on) in zip(st.columns(4), tiles, strict=True):
        with place.container(border=True, height="stretch"):
            st.markdown(f":small[{label}]  \n**{value}**  \n:small[:gray[{plain(rests_on)}]]")


def _when(view: View, row: dict[str, Any]) -> str:
    return moment(row["window_start"], view.look.zone) + (", partial" if row["partial"] else "")


def _against(slo: float | None, tail: list[dict[str, Any]]) -> None:
    """How often p95 was above the objective."""
    if slo is not None:
        above = sum(row["value"] > slo for row in tail)
        status = STATUSES["warn" if above else "ok"]
        st.markdown(f"{status.rich} p95 was above {plain(number(slo))} ms in {above} of {len(tail)} windows.")


def _latencies(view: View, own: pa.Table) -> pa.Table:
    """The latency histograms of the newest windows, one table."""
    starts: list[datetime] = sorted({row["window_start"] for row in chosen(own, "rows")})[-_CELLS:]
    return view.profiles(starts[0], "latency_histogram", until=starts[-1] + timedelta(microseconds=1))


with page("traffic") as view:
    wanted = [metric.name for metric in metrics_of(view.spec["task"], "traffic")]
    everything = view.points(wanted, every_version=True)
    own = view.of_selection(everything)
    view.need(own, "No window of this selection has been computed yet.", f"python -m monitoring run {quote(view.selection.model)}")
    view.export("points", everything)
    newest = max(row["window_start"] for row in chosen(own, "rows"))
    view.status(worst(row["status"] for row in own.to_pylist() if row["window_start"] == newest), "in the newest window")
    _summary(view, everything, own)
    previous, shift = _previous(view)
    view.chart(traffic.volume(everything, look=view.look, releases=view.releases, previous=previous, shift=shift), "Volume by version",
               alt="Predictions per window, stacked by version, with the period before as an outline.",
               note="Dotted outline: the equally long period before." if previous is not None and previous.num_rows else "")
    tail = [row for row in chosen(own, "latency_p95") if row["value"] is not None]
    if tail:
        with st.columns([1, 2])[0]:
            slo = pick_number("slo", "SLO for p95", default=None, low=0.0, high=1e7, unit="ms")
        view.chart(traffic.latency(everything, look=view.look, releases=view.releases, slo=slo), "Latency",
                   alt="p50, p95 and p99 latency per window and version.", note="Hollow: the window is still running. Lower is better.")
        _against(slo, tail)
        histograms = _latencies(view, own)
        if histograms.num_rows:
            view.chart(traffic.latency_heat_map(histograms, look=view.look), "Latency distribution over time",
                       alt="Share of each window's predictions by latency, over time.",
                       note=f"{plain(version_words(view.selection.version)).capitalize()}; each column is one window and adds up to 100 %.")
            view.export("latency histograms", histograms)
    else:
        st.markdown(f"##### Latency\n{status_of('not_applicable').rich} No latency was logged: "
                    "give `latency_ms=` to `prediction`, or use `track`.")
    left, right = st.columns(2, gap="large")
    with left:
        view.chart(traffic.error_rate(everything, look=view.look, releases=view.releases), "Errors",
                   alt="Share of calls that raised, per window.",
                   note="Share of calls that raised. Lower is better.")
    with right:
        view.chart(traffic.throughput(everything, look=view.look, releases=view.releases), "Throughput",
                   alt="Predictions per second, per window.",
                   note="Predictions per second of the window, or of its elapsed part.")
