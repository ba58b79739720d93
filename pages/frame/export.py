"""A page's tables as files: the same rows and the same numbers that the page was drawn from."""

from __future__ import annotations

__all__ = ["Export", "as_file", "file_name"]

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import streamlit as st

from monitoring.charts.document import document
from monitoring.export import FORMATS
from pages.frame.selection import Selection, version_words


@dataclass(slots=True)
class Export:
    """What a page offers to take away, gathered while it is drawn."""

    page: str
    title: str
    tables: dict[str, pa.Table] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def draw(self, selection: Selection) -> None:
        """The buttons. Files are made on the click, from plain values: a download runs outside the page's script."""
        if not self.tables and not self.figures:
            st.markdown(":small[:gray[There is nothing to export on this page yet.]]")
            return
        for name, table in self.tables.items():
            st.markdown(f"**{name.capitalize()}** :small[:gray[{table.num_rows} rows]]")
            with st.container(horizontal=True, gap="small"):
                for ending in ("csv", "parquet", "json"):
                    self._button(ending, partial(as_file, table, ending), name, selection)
        title, figures, tables = self.title, dict(self.figures), dict(self.tables)
        who = f"{selection.model}, {version_words(selection.version)}" if selection.version else selection.model or "all models"
        subtitle = f"{who}, exported {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by Driftboard"
        st.markdown("**This page** :small[:gray[charts and tables in one file]]")
        self._button("html", lambda: document(title, subtitle, figures=figures, tables=tables).encode(), "page", selection)

    def _button(self, ending: str, make: Callable[[], bytes], name: str, selection: Selection) -> None:
        label = {"csv": "CSV", "parquet": "Parquet", "json": "JSON", "html": "HTML"}[ending]
        st.download_button(label, make, file_name(self.page, name, selection.model, ending), _MIME[ending],
                           key=f"export.{self.page}.{name}.{ending}", on_click="ignore")


_MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "json": "application/json", "html": "text/html"}


def as_file(table: pa.Table, ending: str) -> bytes:
    """The table in the format that `monitoring.export` writes for the command line: `csv`, `parquet` or `json`."""
    buffer = io.BytesIO()
    FORMATS[ending](table, buffer)
    return buffer.getvalue()


def file_name(page: str, name: str, model: str, ending: str) -> str:
    """A download's name. A model's name is text from users: only letters, digits, `-` and `_` of it remain."""
    parts = [re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-") for part in ("driftboard", model, page, name)]
    return "_".join(part for part in parts if part) + "." + ending

