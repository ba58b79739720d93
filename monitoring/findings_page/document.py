"""The page around the sections: one HTML file with its style inside, for screens from 390 px on and for A4 paper. Pure."""

from __future__ import annotations

__all__ = ["document"]

from datetime import UTC, datetime
from html import escape

from monitoring.charts.numbers import moment, number, span, with_unit
from monitoring.charts.palette import LIGHT
from monitoring.charts.status import STATUSES
from monitoring.findings_page.sections import SECTIONS
from monitoring.findings_page.window import WindowFindings, detail

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STATUSES = "".join(f".{status.name}{{color:{status.light}}}" for status in STATUSES.values())
_STYLE = f"""
:root{{color-scheme:light}}
body{{font:15px/1.45 system-ui,"Segoe UI",Roboto,sans-serif;color:{LIGHT.text};background:{LIGHT.surface};margin:1.5rem auto;
max-width:72rem;padding:0 1rem;-webkit-print-color-adjust:exact;print-color-adjust:exact}}
h1{{font-size:1.55rem;margin:0;overflow-wrap:anywhere}}
h2{{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid {LIGHT.grid}}}
p,li,figcaption{{overflow-wrap:anywhere}}ul{{padding-left:1.1rem}}li{{margin:.2rem 0}}
header p,small,caption,figcaption,.key,dt{{color:{LIGHT.muted}}}
dl{{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.5rem 1rem;margin:1rem 0}}dt,figcaption{{font-size:.82rem}}
dd{{margin:0;font-size:1.2rem;font-weight:600}}.verdict{{font-size:1.1rem}}
.scroll{{overflow-x:auto;margin:.5rem 0 1rem}}table{{border-collapse:collapse;font-size:.82rem;width:100%}}
caption{{text-align:left;padding:.2rem 0}}th{{white-space:normal}}
th,td{{border-bottom:1px solid {LIGHT.grid};padding:.25rem .5rem;text-align:left;vertical-align:top}}td{{white-space:nowrap}}
td.wrap{{white-space:normal;min-width:9rem;overflow-wrap:anywhere}}td.wrap:last-child{{min-width:20rem}}
.figures{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr));gap:1rem}}
figure{{margin:0}}svg{{width:100%;height:auto;display:block}}svg.course{{width:7.5rem}}
svg text{{font:10px system-ui,sans-serif;fill:{LIGHT.muted}}}path{{fill:none}}path.grid{{stroke:{LIGHT.grid}}}
path.current{{stroke:{LIGHT.current};stroke-width:1.6}}circle,path.bar{{fill:{LIGHT.current}}}
path.reference{{fill:{LIGHT.reference};fill-opacity:.45}}path.threshold{{stroke:{LIGHT.reference};stroke-dasharray:3 3}}
.k{{display:inline-block;width:1.4rem;height:.7rem;margin:0 .3rem 0 .8rem}}.k.reference{{background:{LIGHT.reference};opacity:.6}}
.k.current{{border-top:2px solid {LIGHT.current};height:.25rem}}.status{{font-weight:600;white-space:nowrap}}{_STATUSES}
@page{{size:A4;margin:14mm 12mm}}
@media print{{body{{font-size:9.5pt;margin:0;max-width:none;padding:0}}.scroll{{overflow:visible}}table{{font-size:6.6pt}}
th,td{{padding:1.2pt 2.2pt;white-space:normal}}td.wrap,td.wrap:last-child{{min-width:0}}tr,figure,dl,li{{break-inside:avoid}}
h2,caption,.key{{break-after:avoid}}dl{{grid-template-columns:repeat(7,auto)}}dt{{font-size:7pt}}dd{{font-size:9pt}}
thead{{display:table-header-group}}.figures{{display:block;columns:3;column-gap:4mm}}figure{{margin-bottom:3mm}}svg.course{{width:18mm}}}}
"""


def document(found: WindowFindings, *, made: datetime | None = None) -> str:
    """The whole page. `made` is when, now by default; all times are UTC."""
    title = f"{found.model}{f', version {found.version}' if found.version else ''}"
    when, running = span(found.start, found.end), " · still running" if found.partial else ""
    drawn = {name: section(found) for name, section in SECTIONS.items()}
    parts = [f"<section><h2>{escape(name)}</h2>{body}</section>" for name, body in drawn.items() if body]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}, {escape(when)}</title><style>{_STYLE}</style></head><body><header><h1>{escape(title)}</h1>"
        f"<p>Window {escape(when)}, its end not included{running} · windows of {escape(found.window)} · "
        f"computed {escape(_computed(found))} · written {escape(moment(made or datetime.now(UTC)))} UTC by Driftboard</p></header>"
        f"{_facts(found)}<main>{''.join(parts)}</main>"
        "</body></html>"
    )


def _computed(found: WindowFindings) -> str:
    return f"{moment(max(point['computed_at'] for point in found.points))} UTC"


def _facts(found: WindowFindings) -> str:
    """What everything rests on: rows, labels, reference."""
    rows = next((point["value"] for point in found.points if point["metric"] == "rows" and not point["segment"]), None)
    reference = max((point["n_reference"] or 0 for point in found.points if not point["segment"]), default=0)
    labelled = max((point["n_labelled"] or 0 for point in found.points if not point["segment"]), default=0)
    facts = {
        "Predictions": with_unit(rows, "rows"), "With a label": f"{number(labelled)} ({with_unit(found.value('label_coverage'), 'share')})",
        "Reference": with_unit(reference, "rows") if reference else "none", "Task": found.task or "–",
        "Expected false alarms": _false_alarms(found),
        "Throughput": with_unit(found.value("throughput"), "rows/s"), "Latency p95": with_unit(found.value("latency_p95"), "ms"),
    }  # fmt: skip
    return "<dl>" + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items()) + "</dl>"


def _false_alarms(found: WindowFindings) -> str:
    """The share of windows without drift in which any column would be named."""
    share = next((detail(p).get("false_alarms") for p in found.points if p["metric"] == "drift_share" and not p["segment"]), None)
    return "–" if share is None else f"≤ {with_unit(share, 'share')} of windows"
