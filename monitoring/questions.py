"""What may be asked of a home without changing anything in it."""

from __future__ import annotations

__all__ = ["QUESTIONS", "Questions", "bound"]

import inspect
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.causes.known import known_causes
from monitoring.checks import judge
from monitoring.errors import InputError, NotFound, nearest
from monitoring.export import write_table
from monitoring.known import not_computed_by
from monitoring.moments import iso, known_by, moment
from monitoring.plain import jsonable
from monitoring.windows import own_window
from storage.points import CAUSES
from storage.store import Reader

QUESTIONS = frozenset({"check", "describe", "export", "models", "points", "table"})
_TABLES = ("causes", "labels", "points", "predictions", "quarantine")


class Questions:
    """The verbs named in `QUESTIONS`, which need a `Reader` and no more; `monitoring.verbs.Verbs` has the others."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def models(self) -> list[dict[str, Any]]:
        """One dict per registered model: `model, task, version` (of the newest schema)`, versions, predictions, newest`."""
        return [self._model_line(name) for name in self.reader.models()]

    def describe(self, *, model: str) -> dict[str, Any]:
        """Everything known about one model: `model, spec, reference, versions, history`."""
        name = self.known(model)
        reference = self.reader.reference_info(name)
        return {
            "model": name,
            "spec": self.reader.spec(name),
            "reference": jsonable(reference),
            "versions": jsonable(self.reader.versions(name).to_pylist()),
            "history": jsonable(self.reader.schema_history(name).to_pylist()),
        }

    def points(
        self,
        *,
        model: str | None = None,
        version: str | None = None,
        since: str | None = None,
        until: str | None = None,
        metric: str | None = None,
        column: str | None = None,
        window: str | None = None,
        as_of: str | None = None,
    ) -> pa.Table:
        """The findings of windows that start in [since, until), in the shape of `storage.points.POINTS`; those that held at `as_of`."""
        return self.reader.points(
            model=None if model is None else self.known(model),
            version=version,
            since=moment(since, name="since"),
            until=moment(until, name="until"),
            metric=metric,
            column=column,
            window=window,
            as_of=known_by(as_of),
        )

    def table(self, *, model: str, what: str, as_of: str | None = None) -> pa.Table:
        """All `points`, `causes`, `predictions`, `labels` or `quarantine` rows of one model.

        With `as_of` the points that held then, from what had been computed by then, their causes, or the labels received by then.
        """
        name, known = self.known(model), known_by(as_of, name="--as-of")
        if known is not None and what in _TABLES:
            return self._as_known(name, what, known)
        if what == "points":
            return self.reader.points(model=name)
        if what == "predictions":
            return self.reader.predictions(name)
        if what == "causes":
            return self.reader.causes(name)
        if what == "labels":
            return self.reader.labels(name)
        if what == "quarantine":
            return self.reader.quarantine(name)
        raise InputError(f'There is no table "{what}": {nearest(what, _TABLES)}')

    def _as_known(self, model: str, what: str, known: datetime) -> pa.Table:
        if what == "labels":
            labels = self.reader.labels(model)
            return labels.filter(pc.less_equal(labels["received_at"], pa.scalar(known, labels["received_at"].type)))
        if what not in ("points", "causes"):
            raise InputError(f"--as-of is for points, causes and labels: what is known of {what} does not change.")
        points = self._points_as_known(model, known)
        if what == "points":
            return points
        sizes = sorted({*points["window"].to_pylist()} - {"range"})  # a range of somebody's choice has no windows before it
        return pa.concat_tables([known_causes(self.reader, model, size, as_of=known) for size in sizes] or [CAUSES.empty_table()])

    def _points_as_known(self, model: str, known: datetime) -> pa.Table:
        points = self.reader.points(model=model, as_of=known)
        if not points.num_rows:
            raise NotFound(not_computed_by(self.reader.computed(model, as_of=known), known))
        return points

    def export(self, *, model: str, what: str, format: str, path: str | Path, as_of: str | None = None) -> dict[str, Any]:  # noqa: A002
        """Write one of a model's tables to an absolute path: `{"path", "rows", "format", "what"}`; `as_of` as for `table`."""
        return {"what": what, **write_table(self.table(model=model, what=what, as_of=as_of), Path(path), format=format)}

    def check(self, *, model: str, window: str = "last", fail_on: str = "warn", as_of: str | None = None) -> dict[str, Any]:
        """Judge one window for a pipeline; see `monitoring.checks.Check.to_dict`, and `causes`: since when and why, a sentence for each
        finding that is open in the newest judged window. With `as_of` from the points that held then, as `table` gives them: a window
        whose labels were due then is provisional, whatever came since."""
        name, known = self.known(model), known_by(as_of, name="--as-of")
        size = own_window(self.reader.spec(name))
        points = self.reader.points(model=name) if known is None else self._points_as_known(name, known)
        told = judge(points, name, size=size, window=window, fail_on=fail_on, as_of=known).to_dict()
        keys = ("metric", "column", "method", "sentence")
        causes = known_causes(self.reader, name, size, as_of=known).to_pylist()
        return told | {"causes": [{key: row[key] for key in keys} for row in causes]}

    def known(self, model: str) -> str:
        """`model` itself where it is registered, else `NotFound` that names what is."""
        names = self.reader.models()
        if model in names:
            return model
        if not names:
            raise NotFound("No model is registered yet: python -m monitoring models register FILE.yaml, or python -m monitoring demo.")
        raise NotFound(f'There is no model "{model}": {nearest(model, names)}')

    def _model_line(self, name: str) -> dict[str, Any]:
        spec = self.reader.spec(name)
        versions = self.reader.versions(name).to_pylist()
        newest = max((row["last"] for row in versions if row["last"] is not None), default=None)
        return {
            "model": name,
            "task": spec.get("task"),
            "version": spec.get("version"),
            "versions": [row["version"] for row in versions],
            "predictions": sum(row["rows"] for row in versions),
            "newest": None if newest is None else iso(newest),
        }


def bound(verb: str, method: Callable[..., Any], arguments: dict[str, Any]) -> Callable[[], Any]:
    """The call of a verb, once its parameters are seen to fit. Raises InputError."""
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError as error:
        raise InputError(f'The verb "{verb}" does not take these parameters: {error}.') from None
    return lambda: method(**arguments)
