"""What a page shows when there is nothing to show, or when something went wrong."""

from __future__ import annotations

__all__ = ["empty", "failed", "load_demo", "told"]

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from pages.frame.progress import Demo
from pages.frame.text import plain
from storage.errors import StorageError

_log = logging.getLogger("driftboard.pages")


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
    """A button that starts the demo once; the line that `progress` draws on every page then says how far it is."""
    why = Demo.failed(home)
    if why:
        st.warning(f"The demo ended early: {plain(why)}", icon=":material/warning:")
    if not Demo.running(home) and st.button("Load the demo", key="driftboard.demo", type="primary", icon=":material/play_arrow:"):
        Demo.start(home)
        st.rerun()
