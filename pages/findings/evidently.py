"""What Evidently would say of a column by its own default, beside our verdict; and, where the two differ, why."""

from __future__ import annotations

__all__ = ["Usual", "disagreements", "usual_of"]

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.charts.numbers import number
from monitoring.charts.status import STATUSES
from monitoring.drift import METHODS, base_method, method_label
from monitoring.persistence import waiting
from monitoring.verdicts import percent

_VERDICTS = ("ok", "warn", "drift", "insufficient_data")  # others have nothing to compare: the column's own line says why

Row = Mapping[str, Any]
"""One drift point of all rows: what a segment's points hold is our verdict alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """Evidently's default verdict on one column of one window, as the point's `detail` keeps it under `evidently_default`."""

    method: str
    value: float
    threshold: float
    drift: bool

    @property
    def text(self) -> str:
        """Icon and word for a table's cell; its verdicts know two words."""
        return STATUSES["drift" if self.drift else "ok"].text

    @property
    def words(self) -> str:
        """`Evidently's default would say drift (Wasserstein distance 0.120, limit 0.100)`."""
        verdict = "drift" if self.drift else "no drift"
        return f"Evidently's default would say {verdict} ({method_label(self.method)} {number(self.value)}, limit {number(self.threshold)})"

    @property
    def is_distance(self) -> bool:
        """Whether a larger value is drift; of a p-value a smaller one is."""
        return METHODS[base_method(self.method)].larger_is_drift


def usual_of(row: Row) -> Usual | None:
    """Evidently's default verdict on a drift point; None where it has none."""
    told = json.loads(row["detail"] or "{}").get("evidently_default")
    if not told or base_method(told["method"]) not in METHODS:
        return None
    return Usual(method=told["method"], value=told["value"], threshold=told["threshold"], drift=told["drift"])


def disagreements(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """`(column, sentence)` for each judged drift point whose verdict is drift where Evidently's is not, or the other way round."""
    found = []
    for row in rows:
        usual = usual_of(row) if row["status"] in _VERDICTS else None
        if usual is not None and usual.drift != (row["status"] == "drift"):
            found.append((row["column"], f"{usual.words}; {_why(row, usual)}."))
    return found


def _why(row: Row, usual: Usual) -> str:
    """The one thing in which our way differs here."""
    told = json.loads(row["detail"] or "{}")
    ours = number(row["threshold"])
    if row["status"] == "insufficient_data":
        return f"{number(row['n'])} rows are too few to tell it from chance"
    lasted = waiting(row["reason"]) if row["status"] == "warn" else ""
    if lasted:
        return f"{number(row['value'])} is past this model's threshold {ours} too, but it names a drift only once it lasts: {lasted}"
    if usual.method != row["method"]:
        return f"this model compares the column by {method_label(row['method'])}, whose {number(row['value'])} has the threshold {ours}"
    effect, least = told.get("effect"), told.get("minimum_effect")
    if row["status"] != "drift" and effect is not None and least is not None and effect < least:
        return f"an effect of {number(effect)} is below the {number(least)} that counts for this model, however significant"
    if usual.is_distance:
        return f"its limit is the same for all sizes, and pairs of these sizes drawn from the reference alone seldom reach {ours}"
    return f"its limit is passed by chance in {percent(usual.threshold)} of columns, and here a window's features share one budget"
