"""One report: made in the background, read in a frame of its own, taken away as HTML or JSON."""

from __future__ import annotations

__all__ = ["KINDS", "Bounds", "one_report"]

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from monitoring.charts.numbers import moment, number, span
from monitoring.house import House
from monitoring.stored_reports import stored
from pages.frame import View, plain
from pages.frame.selection import put
from pages.operate import jobs

Bounds = tuple[datetime, datetime]

KINDS = {"drift": "Data drift", "performance": "Performance", "summary": "Data summary", "findings": "All findings, to print",
         "full": "Full Evidently report of the raw rows"}
_EVIDENTLY_S = ("Evidently draws the report from the stored snapshot; where there is none, it computes it first. You may leave or "
                "reload the page meanwhile.")
_WHAT_IT_IS = {
    "findings": "Our own page of everything found in this window: small, without a script, and made for paper as well.",
    "full": "Evidently's whole preset, computed when you ask for it from at most 100 000 raw rows of the window and as many of the "
            "reference: some ten seconds. You may leave or reload the page meanwhile.",
}
_OLD = "The report made at {when} is older than what is known of this window now: generate it again. "
_STYLE = Path(__file__).with_name("report.css")
_HEIGHT = 1200  # pixels: one screen of Evidently's tables; the report scrolls inside


def one_report(view: View, kind: str, bounds: Bounds) -> None:
    """The report in its frame where its HTML is there, else the button that makes it, or how far that has come."""
    chosen = view.selection
    st.markdown(f"##### {KINDS[kind]}\n:small[:gray[{plain(span(*bounds, chosen.zone))}]]")
    version = view.version_at(bounds[0])
    key = _key(view, version, kind, bounds)
    job = jobs.find(key)
    if job is not None and job.state == "running":
        _watch(key)
        return
    found = stored(view.store, model=chosen.model, kind=kind, version=version, start=bounds[0], end=bounds[1], format="html")
    made = found.row if found is not None and found.fresh else None
    name = f"{kind}.{bounds[0].isoformat()}/{bounds[1].isoformat()}"
    with st.container(horizontal=True, gap="small"):
        if st.button("Generate again" if made else "Generate", key=f"make.{name}", type="tertiary" if made else "primary",
                     icon=":material/play_arrow:"):
            jobs.start(key, partial(_render, view.house, chosen.model, version, kind, bounds, "html"))
            st.rerun()
        if made:
            _take_away(view, kind, bounds, made, name)
        if kind == "drift":
            _more_of_drift(view, version, bounds, name)
    if job is not None and job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
    if made:
        st.html(_STYLE)
        with st.container(key="-".join(("report-frame", kind, *(f"{at:%Y%m%dT%H%M%S.%f}" for at in bounds)))):
            st.iframe(f"/reports-files/{made['report_id']}", height=_HEIGHT, tab_index=0, alt=f"{KINDS[kind]}, a report of this window")
    else:
        old = "" if found is None else _OLD.format(when=moment(found.row["created_at"], chosen.zone))
        st.markdown(f":small[:gray[{plain(old)}{_WHAT_IT_IS.get(kind, _EVIDENTLY_S)}]]")


def _more_of_drift(view: View, version: str, bounds: Bounds, name: str) -> None:
    """One click away from the drift report: the whole preset on the raw rows, and everything found in the window as one small file."""
    chosen = view.selection
    if st.button(KINDS["full"], key=f"full.{name}", type="tertiary", icon=":material/table_rows:"):
        key = _key(view, version, "full", bounds)
        jobs.start(key, partial(_render, view.house, chosen.model, version, "full", bounds, "html"))
        put("kind", "full")
        st.rerun()
    make = partial(_file, view.house, chosen.model, version, "findings", bounds, "html")
    st.download_button(KINDS["findings"], make, f"driftboard_findings_{bounds[0]:%Y-%m-%d}.html", "text/html", key=f"findings.{name}",
                       on_click="ignore", icon=":material/print:")


def _key(view: View, version: str, kind: str, bounds: Bounds) -> jobs.Key:
    return (str(view.house.home.path), view.selection.model, version, kind, bounds[0].isoformat(), bounds[1].isoformat())


def _render(house: House, model: str, version: str, kind: str, bounds: Bounds, ending: str, progress: jobs.Progress | None = None) -> str:
    """The path of the report's file; takes some seconds where Evidently has to compute or to draw."""
    since, until = (bound.isoformat() for bound in bounds)
    return str(house.report(model=model, kind=kind, since=since, until=until, format=ending, version=version, progress=progress)["file"])


def _file(house: House, model: str, version: str, kind: str, bounds: Bounds, ending: str) -> bytes:
    return Path(_render(house, model, version, kind, bounds, ending)).read_bytes()


def _take_away(view: View, kind: str, bounds: Bounds, made: Mapping[str, Any], name: str) -> None:
    """Downloads of one report, and a link that opens it by itself."""
    chosen, stem = view.selection, f"driftboard_{kind}_{bounds[0]:%Y-%m-%d}"
    path = view.house.home.reports / str(made["path"])
    st.download_button("HTML", path.read_bytes, f"{stem}.html", "text/html", key=f"html.{name}", on_click="ignore",
                       icon=":material/download:")
    made_json = partial(_file, view.house, chosen.model, view.version_at(bounds[0]), kind, bounds, "json")
    st.download_button("JSON", made_json, f"{stem}.json", "application/json", key=f"json.{name}", on_click="ignore",
                       icon=":material/download:")
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
