"""Questions about what was found: windows, points, profiles, reports and causes."""

from __future__ import annotations

__all__ = ["FindingsReader"]

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from storage.points import POINTS
from storage.store import _activity, _causes, _findings
from storage.store._asking import Asking
from storage.store._database import dicts, query, table


class FindingsReader(Asking):
    """The findings of a home's models, as runs left them."""

    def window_states(self, model: str, version: str, window_name: str) -> pa.Table:
        """One row per computed window, oldest first: start, end, first_row, last_row, fingerprint, computed_at, state, run."""
        with self._readable.read() as cursor:
            return _findings.window_states(cursor, model, version, window_name)

    def points(
        self,
        model: str | None = None,
        version: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        metric: str | Sequence[str] | None = None,
        column: str | None = None,
        window: str | None = None,
        as_of: datetime | None = None,
        segment: str | None = None,
    ) -> pa.Table:
        """Findings in the shape of `storage.points.POINTS`, of windows that start in [since, until); those that held at `as_of`.

        `metric` is one name or several; `segment` is `""` for all rows.
        """
        metrics = [metric] if isinstance(metric, str) else metric if metric is None else list(metric)
        filters = {
            "model": model, "version": version, "since": since, "until": until, "metrics": metrics,
            "column": column, "window": window, "as_of": as_of, "segment": segment,
        }  # fmt: skip
        with self._readable.read() as cursor:
            return _findings.points(cursor, filters)

    def recent_points(
        self, own: Mapping[str, str], metrics: Sequence[str], since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        """Of several models, the points that say how each finding is now, and since when; not its whole course.

        `own` names each model's window; points of all rows (segment ""), in the shape of `storage.points.POINTS`, by model and window.
        """
        return self._of_own_windows("recent_points", own, metrics, since, until).cast(POINTS)

    def strip_points(
        self, own: Mapping[str, str], metrics: Sequence[str], since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        """Of several models, the points that say how each of their windows was: model, version, segment, window_start, metric, column,
        value, status, detail, by model and window; `own` as for `recent_points`."""
        return self._of_own_windows("strip_points", own, metrics, since, until)

    def _of_own_windows(
        self, name: str, own: Mapping[str, str], metrics: Sequence[str], since: datetime | None, until: datetime | None
    ) -> pa.Table:
        asked = pa.table({"model": pa.array(list(own), pa.string()), "window": pa.array(list(own.values()), pa.string())})
        with self._readable.read() as cursor, _activity.registered(cursor, "own", asked):
            return table(cursor, query(name), {"metrics": list(metrics), "since": since, "until": until})

    def points_marks(self) -> dict[str, str]:
        """For each described model a text that changes whenever its points or its description do."""
        with self._readable.read() as cursor:
            return {row["name"]: row["mark"] for row in dicts(cursor, query("points_marks"))}

    def newest_window(self) -> datetime | None:
        """When the newest window that was computed of any model ends; a range of somebody's choice does not count."""
        with self._readable.read() as cursor:
            asked = "SELECT max(window_end) AS newest FROM window_states WHERE state <> 'gone' AND \"window\" <> 'range'"
            found: datetime | None = dicts(cursor, asked)[0]["newest"]
            return found

    def computed(self, model: str, *, window: str | None = None, as_of: datetime | None = None) -> dict[str, datetime | None]:
        """`{"first", "last"}`: when anything was first found of the model, and when last, no later than `as_of`. None where never."""
        with self._readable.read() as cursor:
            return _findings.computed(cursor, model, window, as_of)

    def point_history(
        self, model: str, version: str | None, window: str, start: datetime, metric: str, *, column: str = "", segment: str = ""
    ) -> pa.Table:
        """What one metric of the window that starts at `start` was found to be, each time it changed, oldest first.

        Columns: version, computed_at, superseded_at (null for what holds), value, lower, upper, n, n_labelled, label_coverage, status,
        reason, detail.
        """
        scope = {
            "model": model, "version": version, "window": window, "start": start,
            "metric": metric, "column": column, "segment": segment,
        }  # fmt: skip
        with self._readable.read() as cursor:
            return _findings.point_history(cursor, scope)

    def profiles(
        self,
        model: str,
        version: str | None,
        window: str,
        window_start: datetime,
        kind: str | None = None,
        column: str | None = None,
        *,
        until: datetime | None = None,
    ) -> pa.Table:
        """What pages draw for one window, in the shape of `storage.points.PROFILES`; `window` is its name, such as `1d`.

        With `until`, of all windows that start in [window_start, until), oldest first; `version` None is every version.
        """
        filters = {
            "model": model, "version": version, "window": window, "start": window_start, "until": until, "kind": kind, "column": column,
        }  # fmt: skip
        with self._readable.read() as cursor:
            return _findings.profiles(cursor, filters)

    def reports(
        self, model: str | None = None, *, version: str | None = None, kinds: Sequence[str] | None = None, format: str | None = None,  # noqa: A002
        since: datetime | None = None, until: datetime | None = None, limit: int | None = None, offset: int = 0,
    ) -> pa.Table:  # fmt: skip
        """One row per report whose window starts in [since, until), newest window first, with `report_id` and the keys of `save_report`.

        `format` is `html`, `json`, `snapshot`, …; `limit` rows from `offset` on, or all.
        """
        filters = _report_filters(model, version, kinds, format, since, until)
        with self._readable.read() as cursor:
            return _findings.reports(cursor, filters, limit, offset)

    def count_reports(
        self, model: str | None = None, *, version: str | None = None, kinds: Sequence[str] | None = None, format: str | None = None,  # noqa: A002
        since: datetime | None = None, until: datetime | None = None,
    ) -> int:  # fmt: skip
        """How many rows `reports` has in all."""
        filters = _report_filters(model, version, kinds, format, since, until)
        with self._readable.read() as cursor:
            return _findings.count_reports(cursor, filters)

    def report_windows(
        self, model: str, *, version: str | None = None, kinds: Sequence[str] | None = None, since: datetime | None = None,
        until: datetime | None = None, limit: int,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The newest windows that have a report: window_start and window_end of each."""
        filters = _report_filters(model, version, kinds, None, since, until)
        with self._readable.read() as cursor:
            return _findings.report_windows(cursor, filters, limit)

    def report(self, report_id: str) -> dict[str, Any] | None:
        """One report, or None."""
        with self._readable.read() as cursor:
            return _findings.report(cursor, report_id)

    # -- when and why --------------------------------------------------------------------------------------------------

    def unexplained(self, model: str | None = None) -> list[dict[str, Any]]:
        """`{"model", "window", "up_to"}` for each name of windows of which any was computed after its causes were last looked for."""
        with self._readable.read() as cursor:
            return _causes.unexplained(cursor, model)

    def causes(self, model: str | None = None, window: str | None = None) -> pa.Table:
        """One row per open finding, in the shape of `storage.points.CAUSES`."""
        with self._readable.read() as cursor:
            return _causes.causes(cursor, model, window)


def _report_filters(model: str | None, version: str | None, kinds: Sequence[str] | None, format: str | None,  # noqa: A002
                    since: datetime | None, until: datetime | None) -> dict[str, Any]:  # fmt: skip
    return {"model": model, "version": version, "kinds": None if kinds is None else list(kinds), "format": format, "since": since,
            "until": until}  # fmt: skip
