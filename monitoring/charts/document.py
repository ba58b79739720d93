"""A page as one HTML file that opens with the network off: its figures (Plotly inside) and its tables, escaped."""

from __future__ import annotations

__all__ = ["document"]

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

import plotly.graph_objects as go
import pyarrow as pa
from plotly.offline import get_plotlyjs

from monitoring.charts.theme import CONFIG

_STYLE = """
body{font-family:system-ui,sans-serif;color:#1b2430;background:#fff;margin:2rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{color:#5b6675;margin:.3rem 0 1rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem}caption{text-align:left}
th,td{border-bottom:1px solid #e3e8ef;padding:.3rem .6rem;text-align:left;white-space:nowrap}
"""


def document(title: str, subtitle: str, *, figures: Mapping[str, go.Figure], tables: Mapping[str, pa.Table]) -> str:
    """The whole document. Numbers are written in full (`repr`), so a reader gets exactly the page's."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f"<script>{get_plotlyjs()}</script>" if figures else "",
        f"</head><body><h1>{escape(title)}</h1><p>{escape(subtitle)}</p>",
    ]
    for heading, drawn in figures.items():
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts.append(drawn.to_html(full_html=False, include_plotlyjs=False, config=CONFIG))
    parts += [_table(heading, table) for heading, table in tables.items()]
    return "".join([*parts, "</body></html>"])


def _table(heading: str, table: pa.Table) -> str:
    names: Sequence[str] = table.column_names
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join("<tr>" + "".join(f"<td>{escape(_cell(row[name]))}</td>" for name in names) + "</tr>" for row in table.to_pylist())
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<h2>{escape(heading)}</h2><div class="scroll" tabindex="0">{body}</div>'


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
