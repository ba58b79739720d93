"""Cells and tables of the page: a value is shown with three figures and its unit, and carried in full in its `data` element. Pure."""

from __future__ import annotations

__all__ = ["findings_table", "reason", "sign", "table", "value_cell"]

from collections.abc import Iterable, Sequence
from html import escape

from monitoring.charts.numbers import interval, number, retold, with_unit
from monitoring.charts.status import status_of
from monitoring.findings_page.svg import course
from monitoring.findings_page.window import Point, WindowFindings
from monitoring.metrics import METRICS

_BETTER = {"higher": "higher is better", "lower": "lower is better", "none": ""}


def sign(status: str) -> str:
    """Icon and word of a status, in its colour."""
    return f'<span class="status {escape(status)}">{escape(status_of(status).text)}</span>'


def reason(point: Point) -> str:
    """The sentence of a point."""
    return escape(retold(point["reason"]))


def value_cell(value: float | None, unit: str) -> str:
    """The number for people, and the same in full for whoever reads the page with a program."""
    return "–" if value is None else f'<data value="{value!r}">{escape(with_unit(value, unit))}</data>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, wide: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; `wide` are the columns whose text may wrap. It scrolls by itself on a narrow screen."""
    def cells(row: Sequence[str]) -> str:
        return "".join(f'<td class="wrap">{cell}</td>' if place in wide else f"<td>{cell}</td>" for place, cell in enumerate(row))

    body = "".join(f"<tr>{cells(row)}</tr>" for row in rows)
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    return (f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>")  # fmt: skip


def findings_table(found: WindowFindings, points: Sequence[Point], *, caption: str) -> str:
    """One row per point: what it is, its value and interval, its course, what it was held against, and the verdict."""
    head = ["Metric", "Value", "Interval", "Course", "Threshold", "n", "Status", "Why"]
    return table(head, [_row(found, point) for point in points], caption=caption, wide=(0, 7))


def _row(found: WindowFindings, point: Point) -> list[str]:
    metric = METRICS.get(point["metric"])
    unit, label = (metric.unit, metric.label) if metric else ("score", point["metric"])
    of = f", {point['column']}" if point["column"] else ""
    better = f' <small>{_BETTER[metric.direction]}</small>' if metric and _BETTER[metric.direction] else ""
    line = course(found.courses.get((point["metric"], point["column"]), ()), point["threshold"], label=f"Course of {label}{of}")
    return [
        escape(label + of) + better, value_cell(point["value"], unit), escape(interval(point["lower"], point["upper"], unit)), line,
        value_cell(point["threshold"], unit), number(point["n"]), sign(point["status"]), reason(point),
    ]  # fmt: skip
