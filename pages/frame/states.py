"""What a page shows when there is nothing to show, or when something went wrong."""

from __future__ import annotations

__all__ = ["empty", "failed", "load_demo", "told"]

import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from pages.frame.text import plain
from storage.errors import StorageError

_log = logging.getLogger("driftboard.pages")
_DEMO = "driftboard.demo"


def empty(sentence: str, *, code: str, language: str = "bash", home: Path | None = None) -> None:
    """One sentence, the exact command or code that would fill the page, and – given the `home` – a button that loads the demo."""
    with st.container(border=True):
        st.markdown(f"**{plain(sentence)}**")
        st.code(code, language=language)
        if home is not None:
            load_demo(home)


def failed(error: BaseException, *, expected: bool) -> None:
    """One sentence, an id and a button. The traceback goes to the log under the same id, never to the page."""
    mark = uuid.uuid4().hex[:8]
    if expected:
        _log.warning("%s: %s: %s", mark, type(error).__name__, error)
        sentence = str(error)
    else:
        _log.error("%s", mark, exc_info=error)
        sentence = "This page could not be drawn."
    st.error(f"{plain(sentence)} :gray[The log has the details under `{mark}`.]", icon=":material/error:")
    st.button("Try again", key="driftboard.retry", icon=":material/refresh:")


@contextmanager
def told() -> Iterator[None]:
    """A block whose refusals (a wrong file, say) are shown as their own sentence, where they happened; the page goes on."""
    try:
        yield
    except StorageError as error:
        st.error(plain(error), icon=":material/error:")


def load_demo(home: Path) -> None:
    """A button that starts `python -m monitoring demo` for this home once, and then says that it is at work."""
    running: subprocess.Popen[bytes] | None = _demos.get(home)
    if running is not None and running.poll() is None:
        st.info("The demo is being loaded: models appear within a minute, the rest fills in behind them.", icon=":material/hourglass_top:")
        st.button("Look again", key=f"{_DEMO}.again", icon=":material/refresh:")
        return
    if running is not None and running.returncode != 0:
        st.warning(f"The demo ended with exit code {running.returncode}; the log in {plain(_demo_log(home).name)} says why.")
    if st.button("Load the demo", key=f"{_DEMO}.load", type="primary", icon=":material/play_arrow:"):
        _demos[home] = _start([sys.executable, "-m", "monitoring", "demo"], home)
        st.rerun()


_demos: dict[Path, subprocess.Popen[bytes]] = {}


def _start(command: Sequence[str], home: Path) -> subprocess.Popen[bytes]:
    with _demo_log(home).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 – a fixed command without text from users
            command, env={**os.environ, "MONITORING_HOME": str(home.resolve())}, stdout=log, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, cwd=Path(__file__).resolve().parents[2],
        )


def _demo_log(home: Path) -> Path:
    return home / "demo.log"
