"""Evidently's reports as files: a stored snapshot rendered where one covers the range, else one made for it."""

from __future__ import annotations

__all__ = ["KINDS", "ReportRequest", "render"]

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monitoring.errors import InputError, nearest
from storage.home import Home
from storage.store import Store

KINDS = ("drift", "performance", "summary")
_FORMATS = ("html", "json")


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is wanted: `kind` of report on `model` (of `version`, or of the one with most rows) for [since, until).

    Without `since` and `until` the newest complete window is meant.
    """

    model: str
    kind: str
    format: str
    since: datetime | None = None
    until: datetime | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f'There is no "{self.kind}" report: {nearest(self.kind, KINDS)}')
        if self.format not in _FORMATS:
            raise InputError(f'A report cannot be "{self.format}": {nearest(self.format, _FORMATS)}')
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InputError("--from must be before --to: a range is [from, to).")


def render(store: Store, home: Home, request: ReportRequest, *, progress: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """The path of the rendered report in `home.reports`."""
    raise NotImplementedError
