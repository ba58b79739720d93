"""Results into rows of the points table: one place where every column of a point is filled, and none is NaN."""

from __future__ import annotations

__all__ = ["Findings"]

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import pyarrow as pa

from monitoring.engine_jobs import Verdict
from monitoring.metrics import METRICS, Metric
from storage.points import POINTS

_OPTIONAL = ("lower", "upper", "threshold", "p_value")


class Findings:
    """The points of one window of one model version, gathered as they are found.

    `common` has model, version, window_start, window_end, window, partial, computed_at and run; `rows` and `labelled` are the window's
    counts of predictions and of those with a label, `n_reference` the reference's rows (None without one).
    """

    def __init__(self, common: Mapping[str, Any], *, rows: int, labelled: int, n_reference: int | None) -> None:
        self._common = dict(common)
        self._defaults = _counts(rows, labelled) | {"n_reference": n_reference}
        self._rows: list[dict[str, Any]] = []

    def add(self, metric: str, value: float | None = None, *, status: str | None = None, reason: str | None = None,
            detail: Mapping[str, Any] | None = None, **more: Any) -> None:  # fmt: skip
        """Add one point. Without a value it is `not_applicable` unless `status` says otherwise, and then `reason` says why.

        `more` overrides any other column: column, method, lower, upper, threshold, p_value, segment, n, n_reference, n_labelled, …
        """
        assert metric in METRICS, metric
        if value is not None and not isfinite(value):
            value, status, reason = None, "failed", f"The computed value is {value}, which is no number; please report it."
        if status is None:
            status = "not_applicable" if value is None else "ok"
        assert reason or value is not None or status == "ok", f"{metric}: a point without a value needs a reason"
        for name in _OPTIONAL:
            if more.get(name) is not None and not isfinite(more[name]):
                more[name] = None
        row = {"segment": "", "column": "", "method": "", "kind": "realised", **self._common, **self._defaults, **more}
        row |= {"metric": metric, "value": None if value is None else float(value), "status": status, "reason": _sentence(reason)}
        row["detail"] = _json(detail)
        self._rows.append(row)

    def of_segment(self, rows: int, labelled: int) -> dict[str, Any]:
        """The counts of a segment, as `more` of its points."""
        return _counts(rows, labelled)

    def worse(self) -> list[str]:
        """The metrics of all rows together whose status is warn or drift, in the order in which they were found."""
        rows = (row for row in self._rows if not row["segment"] and not row["column"])
        return [row["metric"] for row in rows if row["status"] in ("warn", "drift")]

    def verdicts(self, metric: str) -> dict[str, Verdict]:
        """What was said of a metric of all rows, by column."""
        rows = [row for row in self._rows if row["metric"] == metric and not row["segment"]]
        return {row["column"]: Verdict(status=row["status"], threshold=row.get("threshold"), p_value=row.get("p_value"),
                                       reason=row["reason"] or "") for row in rows}  # fmt: skip

    def add_failed(self, reason: str, metrics: Iterable[Metric]) -> None:
        """One failed point for each of these metrics, so that a gap says why it is one."""
        for metric in metrics:
            self.add(metric.name, status="failed", reason=reason)

    def counted(self) -> Counter[str]:
        """Points by status."""
        return Counter(row["status"] for row in self._rows)

    def table(self) -> pa.Table:
        """The points in the shape of POINTS."""
        return pa.Table.from_pylist([{name: row.get(name) for name in POINTS.names} for row in self._rows], schema=POINTS)


def _counts(rows: int, labelled: int) -> dict[str, Any]:
    return {"n": rows, "n_labelled": labelled, "label_coverage": labelled / rows if rows else None}


def _sentence(reason: str | None) -> str | None:
    """Whatever room it comes from, it begins with a capital letter and ends with a full stop: it stands alone in tables and exports."""
    text = (reason or "").strip()
    if not text:
        return None
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def _json(detail: Mapping[str, Any] | None) -> str | None:
    """Sorted and compact, so that equal details are equal bytes; values that are None are left out."""
    said = {key: value for key, value in (detail or {}).items() if value is not None}
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False) if said else None
