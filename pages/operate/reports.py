"""Reports: Evidently's drift, performance and summary reports of any window – list, generate, read, take away, compare two."""

from datetime import datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.numbers import moment, number, span
from monitoring.house import House
from pages.frame import View, page, plain
from pages.frame.selection import put
from pages.operate import jobs
from pages.operate.compared import compared
from pages.watch.controls import pick

_KINDS = {"drift": "Data drift", "performance": "Performance", "summary": "Data summary"}
_HEIGHT = 1200  # pixels: one screen of Evidently's tables; the report scrolls inside
_TABLE = "reports.list"


def _render(house: House, model: str, version: str, kind: str, bounds: tuple[datetime, datetime], ending: str,
            progress: jobs.Progress | None = None) -> str:
    """The path of the report's file; takes some seconds where Evidently has to compute or to draw."""
    since, until = (bound.isoformat() for bound in bounds)
    return str(house.report(model=model, kind=kind, since=since, until=until, format=ending, version=version, progress=progress)["file"])


def _json(house: House, model: str, version: str, kind: str, bounds: tuple[datetime, datetime]) -> bytes:
    return Path(_render(house, model, version, kind, bounds, "json")).read_bytes()


def _one(view: View, kind: str, bounds: tuple[datetime, datetime], rows: list[dict[str, Any]]) -> None:
    """One report: in its frame where its HTML is there, else the button that makes it, or how far that has come."""
    chosen = view.selection
    st.markdown(f"##### {_KINDS[kind]}\n:small[:gray[{plain(span(*bounds, chosen.zone))}]]")
    key = (str(view.house.home.path), chosen.model, chosen.version, kind, bounds[0].isoformat(), bounds[1].isoformat())
    same = [row for row in rows if (row["kind"], row["window_start"], row["window_end"]) == (kind, *bounds)]
    made = next((row for row in same if row["format"] == "html"), None)
    job = jobs.find(key)
    if job is not None and job.state == "running":
        _watch(key)
        return
    work = partial(_render, view.house, chosen.model, chosen.version, kind, bounds, "html")
    label = "Generate again" if made else "Generate"
    name = f"{kind}.{bounds[0].isoformat()}"
    with st.container(horizontal=True, gap="small"):
        if st.button(label, key=f"make.{name}", type="tertiary" if made else "primary", icon=":material/play_arrow:"):
            jobs.start(key, lambda progress: work(progress=progress))
            st.rerun()
        if made:
            _take_away(view, kind, bounds, made, name)
    if job is not None and job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
    if made:
        st.iframe(f"/reports-files/{made['report_id']}", height=_HEIGHT, alt=f"{_KINDS[kind]} report by Evidently")
    else:
        st.markdown(":small[:gray[Evidently draws the report from the stored snapshot; where there is none, it computes it first. "
                    "You may leave or reload the page meanwhile.]]")


def _take_away(view: View, kind: str, bounds: tuple[datetime, datetime], made: dict[str, Any], name: str) -> None:
    """Downloads of one report, and a link that opens it by itself."""
    chosen, stem = view.selection, f"driftboard_{kind}_{bounds[0]:%Y-%m-%d}"
    path = view.house.home.reports / str(made["path"])
    st.download_button("HTML", path.read_bytes, f"{stem}.html", "text/html", key=f"html.{name}", on_click="ignore",
                       icon=":material/download:")
    st.download_button("JSON", partial(_json, view.house, chosen.model, chosen.version, kind, bounds), f"{stem}.json", "application/json",
                       key=f"json.{name}", on_click="ignore", icon=":material/download:")
    st.link_button("Open by itself", f"/reports-files/{made['report_id']}", icon=":material/open_in_new:")


@st.fragment(run_every=1.0)
def _watch(key: jobs.Key) -> None:
    """How far a report has come, once a second; the page follows when it has ended."""
    job = jobs.find(key)
    if job is None or job.state != "running":
        st.rerun()
        return
    steps = f"{job.done} of {job.total}, " if job.total else ""
    st.progress(job.share or 0.0, text=f"{plain(job.note or 'Evidently is at work')} – {steps}{number(round(job.seconds))} s")


def _list(view: View, rows: list[dict[str, Any]]) -> None:
    """All stored reports of the model and range; a click opens one."""
    st.subheader("Stored", anchor=False)
    if not rows:
        st.markdown(":small[:gray[No report is stored for this range. Generate one above, or run "
                    f"`python -m monitoring report {quote(view.selection.model)} --kind drift --format html -o drift.html`.]]")
        return
    event: Any = st.dataframe(
        {
            "Report": [_KINDS.get(row["kind"], row["kind"]) for row in rows],
            "Window": [span(row["window_start"], row["window_end"], view.look.zone) for row in rows],
            "Version": [row["version"] for row in rows],
            "Stored as": [{"html": "HTML", "json": "JSON"}.get(row["format"], "snapshot") for row in rows],
            "Made": [moment(row["created_at"], view.look.zone) for row in rows],
        },
        hide_index=True, on_select="rerun", selection_mode="single-row", key=_TABLE,
    )
    if event and event["selection"]["rows"]:
        row = rows[event["selection"]["rows"][0]]
        at = f"{row['window_start'].isoformat()}/{row['window_end'].isoformat()}"
        if (st.query_params.get("kind"), st.query_params.get("at")) != (row["kind"], at):
            put("kind", row["kind"])
            put("at", at)
            st.rerun()


with page("reports") as view:
    windows = view.points("rows", every_segment=True)
    view.need(windows, "No window of this selection has been computed yet.", f"python -m monitoring run {quote(view.selection.model)}")
    table = view.store.reports(view.selection.model)
    rows = [row for row in table.to_pylist() if row["version"] == view.selection.version and row["kind"] in _KINDS and row["window_start"]]
    every = {(row["window_start"], row["window_end"]): row["partial"] for row in windows.to_pylist()}
    every = {**dict.fromkeys(((row["window_start"], row["window_end"]) for row in rows), False), **every}
    names = {f"{start.isoformat()}/{end.isoformat()}": (start, end) for start, end in sorted(every, reverse=True)}
    whole = next((name for name, bounds in names.items() if not every[bounds]), next(iter(names)))
    places = st.columns(3)
    with places[0]:
        kind = pick("kind", "Report", list(_KINDS), words=_KINDS.__getitem__)
    with places[1]:
        at = pick("at", "Window", list(names), default=whole, words=lambda name: span(*names[name], view.look.zone))
    with places[2]:
        other = pick("with", "Compare with", ["", *(name for name in names if name != at)],
                     words=lambda name: span(*names[name], view.look.zone) if name else "nothing")
    if other:
        compared(view, names[at], names[other])
        for place, name in zip(st.columns(2, gap="large"), (at, other), strict=True):
            with place:
                _one(view, kind, names[name], rows)
    else:
        _one(view, kind, names[at], rows)
    _list(view, rows)
    points = view.points(every_segment=True)
    bounds = [names[name][0] for name in (at, other) if name]
    starts = pa.array(bounds, points.column("window_start").type)
    view.export("points", points.filter(pc.is_in(points.column("window_start"), value_set=starts)))
    view.export("reports", table)
