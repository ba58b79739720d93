"""What the predictions of many windows came to, in one scan: the narrow rows that performance, latencies and label delays rest on."""

from __future__ import annotations

__all__ = ["outcomes"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from storage.store._catalog import Model
from storage.store._database import ReadCursor, table
from storage.store._frames import LATEST, Window, titles
from storage.store._pruned import pruned_of
from storage.store._values import MOMENT
from storage.store._window_columns import merged

_ROW = "@row"


def outcomes(cursor: ReadCursor, model: Model, version: str, windows: Sequence[Window]) -> pa.Table:
    """One row per prediction of these windows, which do not overlap; see Store.outcomes.

    Windows that follow each other are one stretch of time (or of row numbers), so that the condition stays short and rows come in one
    sort; which window a row is of is then a matter of looking up its time.
    """
    by_rows = any(window.rows is not None for window in windows)
    gone = pruned_of(cursor, model.model_id, version)
    parameters: dict[str, Any] = {"version": version}
    stretches = []
    edges: list[tuple[Any, Any]] = [window.rows if window.rows is not None else (window.start, window.end) for window in windows]
    for place, (start, end) in enumerate(merged(edges)):
        parameters |= {f"start{place}": start, f"end{place}": end}
        stretches.append(f"({'number' if by_rows else 'p.t'} >= $start{place} AND {'number' if by_rows else 'p.t'} < $end{place})")
    inside, number, before = " OR ".join(stretches) or "false", "", ""
    if by_rows:
        number = f", row_number() OVER (ORDER BY p.t, p.written_at, p.n, p.id) - 1 + {int(gone['rows']) if gone else 0} AS number"
        before = "AND p.t >= $before" if gone else ""
        parameters |= {"before": gone["before"]} if gone else {}
    chosen = [pair for pair in titles(model, "p", "l") if _is_wanted(model, pair[0])]
    sql = f"""
        WITH p AS (
            SELECT *{number} FROM {model.predictions} p WHERE NOT p.duplicate AND p.version = $version {before}
            {"" if by_rows else f"AND ({inside})"}
        )
        SELECT {", ".join(f"{expression} AS c{place}" for place, (_, expression) in enumerate(chosen))} {", p.number" if by_rows else ""}
        FROM p LEFT JOIN {LATEST.format(labels=model.labels)} l ON l.id = p.id
        WHERE p.id IS NOT NULL {f"AND ({inside})" if by_rows else ""}
        ORDER BY p.t, p.written_at, p.n, p.id
    """  # noqa: S608 – surrogate names only
    found = table(cursor, sql, parameters).rename_columns([title for title, _ in chosen] + ([_ROW] if by_rows else []))
    return _placed(found, windows, by_rows=by_rows)


def _is_wanted(model: Model, title: str) -> bool:
    ranking = model.spec.get("ranking") or {}
    return (title.startswith("@") and title not in ("@id", "@version", "@error")) or title in (ranking.get("user"), ranking.get("item"))


def _placed(rows: pa.Table, windows: Sequence[Window], *, by_rows: bool) -> pa.Table:
    """The rows with the place of their window among those given in `@window`."""
    if by_rows:
        starts, at = np.array([window.rows[0] if window.rows else 0 for window in windows], np.int64), rows[_ROW].to_numpy()
        rows = rows.drop_columns([_ROW])
    else:
        starts = pa.array([window.start for window in windows], MOMENT).cast(pa.int64()).to_numpy()
        at = rows["@t"].cast(MOMENT).cast(pa.int64()).to_numpy()
    order = np.argsort(starts, kind="stable")
    place = order[np.searchsorted(starts[order], at, "right") - 1] if len(order) else np.empty(0, np.int64)
    return rows.append_column("@window", pa.array(place, pa.int64()))
