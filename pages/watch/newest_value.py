"""The value of a metric that speaks for now, in words: what it is, since when it is bad, what it rests on, and why."""

from __future__ import annotations

__all__ = ["show_newest"]

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.numbers import interval, number, retold, span, with_unit
from monitoring.charts.performance import reference_value
from monitoring.charts.status import status_of
from monitoring.metrics import METRICS
from pages.findings.performance import judged, metric_name, since
from pages.frame import View, plain


def show_newest(view: View, own: pa.Table, metric: str, column: str, causes: list[dict[str, Any]]) -> None:
    """The newest value in words: with its interval, since when it is bad, what it rests on, its window, the reference's value, and why."""
    rows = own.filter((pc.field("metric") == metric) & (pc.field("column") == column)).to_pylist()
    known = [row for row in rows if row["value"] is not None]
    if not known:
        st.markdown(f"{status_of(rows[-1]['status']).rich} {plain(retold(rows[-1]['reason']) or 'There is no value in this range.')}")
        return
    row, unit = judged(known)[-1], METRICS[metric].unit
    bounds, coverage = interval(row["lower"], row["upper"], unit), with_unit(row["label_coverage"], "share")
    reference, began = reference_value(row), since(row, known, causes)
    st.markdown(
        f"### {plain(metric_name(metric, column))} {plain(with_unit(row['value'], unit))} :small[:gray[{plain(bounds)}]]\n"
        f"{status_of(row['status']).rich}" + (f" since {plain(began.text(view.look.zone))}" if began else "")
        + f" · n = {number(row['n'])}, labels of {plain(coverage)} of the window"
        f" · {plain(span(row['window_start'], row['window_end'], view.look.zone))}"
        + ("" if reference is None else f" · reference {plain(with_unit(reference, unit))}")
        + (f"\n\n{plain(retold(row['reason']))}" if row["reason"] else "")
    )
