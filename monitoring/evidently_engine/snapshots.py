"""Evidently's snapshots as small files, and pages rendered from them that open offline and run nothing that a user wrote."""

from __future__ import annotations

__all__ = ["Page", "load_snapshot", "render", "save_page"]

import gzip
import json
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evidently.core.report import Snapshot
from evidently.legacy.model.dashboard import DashboardInfo
from evidently.legacy.model.widget import AdditionalGraphInfo
from evidently.legacy.renderers.html_widgets import group_widget
from evidently.legacy.utils import NumpyEncoder
from evidently.legacy.utils.dashboard import TemplateParams, dashboard_info_to_json, file_html_template

from monitoring.errors import EngineError

from .names import Names

_NO_DATA = "<!-- no embedded data -->"  # what Evidently's template writes where the data would stand
# Nothing is loaded from anywhere; inline scripts are Evidently's own. plotly compiles functions for some charts, hence unsafe-eval.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A snapshot whose columns and classes still bear tokens, and the names they stand for."""

    snapshot: Snapshot
    names: Names


def save_page(page: Page, path: Path) -> Path:
    """The snapshot under the users' names, compressed; written whole or not at all."""
    for widget in [*page.snapshot._widgets, *(w for result in page.snapshot._metrics.values() for w in result.get_widgets())]:
        _slim(widget)
    text = page.names.restore(json.dumps(page.snapshot.dump_dict(), cls=NumpyEncoder, separators=(",", ":")))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(gzip.compress(text.encode(), 6, mtime=0))
    part.replace(path)
    return path


def _slim(widget: Any) -> None:
    """Take Plotly's template out of a widget's charts: 7 kB in each, and Evidently's page puts its own look over it."""
    charts = [widget, *widget.additionalGraphs, *(tab.widget for tab in widget.tabs), *widget.widgets]
    for chart in charts:
        for holder in (getattr(chart, "params", None), {"layout": getattr(chart, "layout", None)}):
            layout = holder.get("layout") if isinstance(holder, dict) else None
            if isinstance(layout, dict):
                layout.pop("template", None)
        if chart is not widget and hasattr(chart, "tabs"):
            _slim(chart)
    graphs = widget.params.get("graphs", ()) if isinstance(widget.params, dict) else ()
    for graph in graphs:
        graph["graph"]["layout"].pop("template", None)


def load_snapshot(path: Path) -> Snapshot:
    """A stored snapshot. EngineError if the file is missing or none."""
    try:
        return Snapshot.loads(gzip.decompress(path.read_bytes()).decode())
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The snapshot {path.name} cannot be read ({type(error).__name__}); run the window again.") from error


def render(path: Path, *, format: Literal["html", "json"], out: Path) -> Path:  # noqa: A002 - the contract's word
    """A stored snapshot as Evidently's page or as its JSON (strict: what is no number is null)."""
    snapshot = load_snapshot(path)
    if format == "json":
        text = json.dumps(_strict(json.loads(snapshot.json())), indent=1, ensure_ascii=False, allow_nan=False)
    else:
        text = _html(snapshot)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return out


def _html(snapshot: Snapshot) -> str:
    """Evidently's own template, with the data put in by us: Evidently writes it into a script unescaped."""
    widgets = [group_widget(title="", widgets=snapshot._widgets), *snapshot._tests_widgets]
    graphs = {}
    for widget in widgets:
        for graph in widget.get_additional_graphs():
            graphs[str(graph.id)] = graph.params if isinstance(graph, AdditionalGraphInfo) else graph.dict()
    name = f"metric_{uuid.uuid4().hex}"
    info = DashboardInfo(name="Report", widgets=widgets)
    page = file_html_template(TemplateParams(dashboard_id=name, dashboard_info=info, additional_graphs=graphs, embed_data=False))
    if page.count(_NO_DATA) != 1:
        raise EngineError("Evidently's page template has changed; use the pinned version 0.7.23.")
    data = (
        f"<script>\nvar {name} = {_inert(dashboard_info_to_json(info))};\n"
        f"var additional_graphs_{name} = {_inert(json.dumps(graphs, cls=NumpyEncoder))};\n</script>"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n        <title>{_title(snapshot)}</title>'
    whole: str = page.replace('<meta charset="UTF-8">', f'<meta charset="UTF-8">\n        {head}', 1).replace(_NO_DATA, data, 1)
    return whole


def _inert(data: str) -> str:
    """JSON that cannot leave its script element, whatever the names in it. https://html.spec.whatwg.org/multipage/scripting.html"""
    return (data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
            .replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _title(snapshot: Snapshot) -> str:
    return re.sub(r"[<>&\"']", " ", snapshot.get_name() or "Evidently report")


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and value not in (float("inf"), float("-inf")) else None
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    return [_strict(item) for item in value] if isinstance(value, list) else value
