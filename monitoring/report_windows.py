"""Which computed window a report is about: that of exactly a range, or the newest one."""

from __future__ import annotations

__all__ = ["ReportWindow", "find"]

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.windows import Window
from storage.store import Reader

_COLUMNS = ["version", "window", "window_start", "window_end", "value", "computed_at"]
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWindow:
    """One computed window of one version: `window` is its size (`1d`, `rows:5000`, `range`), [start, end) its time, `n` its rows."""

    model: str
    version: str
    window: str
    start: datetime
    end: datetime
    computed_at: datetime
    n: int = 0

    def rows(self, store: Reader) -> Window:
        """The window as the store reads its rows: by time, or by the numbers of its rows."""
        states = store.window_states(self.model, self.version, self.window).to_pylist() if self.window.startswith("rows") else []
        numbers = next(((s["first_row"], s["last_row"]) for s in states if (s["start"], s["end"]) == (self.start, self.end)), None)
        return Window(self.start, self.end, numbers if numbers and None not in numbers else None)


def find(store: Reader, model: str, *, version: str | None, since: datetime | None, until: datetime | None) -> ReportWindow | None:
    """The window [since, until), or without them the newest, one that has ended before one that runs; None where none was computed.

    Without a version it is the one with most rows.
    """
    end = since + _MICROSECOND if since is not None else None
    rows = store.points(model=model, version=version, since=since, until=end, metric="rows", segment="").select(_COLUMNS).to_pylist()
    if since is not None:
        rows = [row for row in rows if row["window_end"] == until]
    else:
        own = str(store.spec(model).get("window") or "1d")
        rows = [row for row in rows if row["window"] == own] or [row for row in rows if row["window"] != "range"]
    now = datetime.now(UTC)

    def better(row: dict[str, Any]) -> tuple[Any, ...]:
        regular = row["window"] != "range"
        return row["window_end"] <= now, row["window_end"], row["window_start"], regular, row["value"] or 0.0, row["computed_at"]

    best = max(rows, default=None, key=better)
    if best is None:
        return None
    return ReportWindow(model=model, version=best["version"], window=best["window"], start=best["window_start"], end=best["window_end"],
                        computed_at=best["computed_at"], n=int(best["value"] or 0))  # fmt: skip
