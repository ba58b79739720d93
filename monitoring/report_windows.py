"""Which computed window a report is about: that of exactly a range, or the newest one."""

from __future__ import annotations

__all__ = ["ReportWindow", "find", "ranked"]

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitoring.moments import just_after
from monitoring.windows import Window, own_window
from storage.store import Reader

_COLUMNS = ["version", "window", "window_start", "window_end", "value", "computed_at"]


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
    """The first of `ranked`; None where no window was computed."""
    return next(iter(ranked(store, model, version=version, since=since, until=until)), None)


def ranked(store: Reader, model: str, *, version: str | None, since: datetime | None, until: datetime | None) -> list[ReportWindow]:
    """The computed windows that a report may be about, the one that is meant first: those of exactly [since, until), or all without them.

    The model's own window goes before others, one that has ended before one that runs, then the newest, then the version with most rows.
    A range of somebody's choice is only meant where it is asked for.
    """
    end = just_after(since) if since is not None else None
    rows = store.points(model=model, version=version, since=since, until=end, metric="rows", segment="").select(_COLUMNS).to_pylist()
    own, now = own_window(store.spec(model)), datetime.now(UTC)
    if since is not None:
        rows = [row for row in rows if row["window_end"] == until]
    else:
        rows = [row for row in rows if row["window"] == own or row["window"] != "range"]

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        size = row["window"]
        return (size == own, size != "range", row["window_end"] <= now, row["window_end"], row["window_start"], row["value"] or 0.0,
                row["computed_at"])  # fmt: skip

    return [
        ReportWindow(model=model, version=row["version"], window=row["window"], start=row["window_start"], end=row["window_end"],
                     computed_at=row["computed_at"], n=int(row["value"] or 0))
        for row in sorted(rows, key=place, reverse=True)
    ]
