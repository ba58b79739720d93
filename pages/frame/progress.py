"""Work in the background, seen from a page: what runs, how far it is; the page is drawn anew when it ends."""

from __future__ import annotations

__all__ = ["Demo", "show"]

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from monitoring.charts.numbers import moment, number
from pages.frame.text import plain

if TYPE_CHECKING:
    from monitoring.house import House

_EVERY = 3.0  # seconds between two looks; each costs two small queries
_LOG = "demo.log"


class Demo:
    """`python -m monitoring demo`, started from a page for one home. One at a time; it outlives the page that started it."""

    _started: dict[Path, subprocess.Popen[bytes]] = {}  # noqa: RUF012 – shared by all sessions of this process, on purpose

    @classmethod
    def start(cls, home: Path) -> None:
        """Start it, unless it is running. Its output goes to `demo.log` in the home."""
        if cls.running(home):
            return
        with (home / _LOG).open("wb") as log:
            cls._started[home] = subprocess.Popen(
                [sys.executable, "-m", "monitoring", "demo"], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, "MONITORING_HOME": str(home.resolve())}, cwd=Path(__file__).resolve().parents[2],
            )

    @classmethod
    def running(cls, home: Path) -> bool:
        """True while it is at work."""
        process = cls._started.get(home)
        return process is not None and process.poll() is None

    @classmethod
    def failed(cls, home: Path) -> str:
        """Why it ended early: the last line it wrote; nothing where it did not fail."""
        process = cls._started.get(home)
        return cls.step(home) if process is not None and process.poll() not in (None, 0) else ""

    @classmethod
    def step(cls, home: Path) -> str:
        """The last line it wrote."""
        try:
            lines = (home / _LOG).read_text(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")


def show(house: House) -> None:
    """What is being computed, as a line that renews itself; nothing at all while there is nothing to do."""
    before = _seen(house)
    if before[0]:
        _renewing(house, before)
    elif (until := house.computing.rests_until()) is not None:
        run = house.reader.runs(1).to_pylist()[0]
        words = f"Cancelled after {number(run['done'])} of {number(run['total'])} windows, which are kept"
        goes_on = f"The others are computed from {moment(until, 'UTC')} UTC on."
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":small[:gray[:material/pause_circle: **{words}.** {goes_on}]]", width="content")
            st.button("Resume now", key="progress.resume", type="tertiary", on_click=_resume, args=(house,))


def _resume(house: House) -> None:
    house.resume()


def _cancel(house: House) -> None:
    house.cancel()


def _renewing(house: House, before: tuple[str, Any]) -> None:
    def line() -> None:
        words, state = _seen(house)
        if state != before[1]:
            st.rerun()  # a model appeared or a run ended: the whole page has news
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":small[:blue[:material/progress_activity: **{plain(words)}**]]", width="content")
            if state[2]:  # the run's id
                st.button("Cancel", key="progress.cancel", type="tertiary", on_click=_cancel, args=(house,),
                          help="The windows that are under way are finished and kept; the others stay due.")

    renewed: Callable[[], None] = st.fragment(line, run_every=_EVERY)
    renewed()


def _seen(house: House) -> tuple[str, Any]:
    """What is going on in words – empty where nothing is –, and what must change for the page to be drawn anew."""
    home = house.home.path
    runs = house.reader.runs(1).to_pylist()
    run = runs[0] if runs and runs[0]["state"] == "running" else None
    words = []
    if Demo.running(home):
        words.append(f"Loading the demo ({Demo.step(home) or 'starting'})")
    if run:
        of = f"{number(run['done'])} of {number(run['total'])} windows" if run["total"] else "looking for windows that are due"
        words.append(f"Computing {of}" + (f" of {run['model']}" if run["model"] else ""))
    done = run["done"] // max(run["total"] // 10, 1) if run and run["total"] else None  # every tenth of a run is worth a new page
    return " · ".join(words), (Demo.running(home), len(house.reader.models()), run and run["run"], done)
