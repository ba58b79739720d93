"""One version of a model as an analysis sees it: which columns are compared, and what Evidently may use. Light: no scipy."""

from __future__ import annotations

__all__ = ["Compared", "Subject"]

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from monitoring.metrics import NEEDS, Metric, metrics_of
from monitoring.schema import ModelSchema

_SCORE = "@score:"


@dataclass(frozen=True, slots=True)
class Compared:
    """One column whose drift is judged: `name` in frames (`@score`), `column` in points (`score`), and what the model says of it."""

    name: str
    column: str
    kind: str
    method: str


@dataclass(frozen=True)
class Subject:
    """A model's version and its description."""

    model: str
    version: str
    schema: ModelSchema

    @property
    def task(self) -> str:
        """binary, multiclass, regression or ranking."""
        return self.schema.task.value

    @property
    def classifies(self) -> bool:
        """Whether predictions and labels are names of classes."""
        return self.task in {"binary", "multiclass"}

    @cached_property
    def positive_label(self) -> str | None:
        """The positive label as frames write it: a whole number without ".0", True and False with a capital."""
        value = self.schema.positive_label
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return None if value is None else str(value)

    @property
    def user(self) -> str | None:
        """The column of a ranking's users."""
        return self.schema.ranking.user if self.schema.ranking else None

    @property
    def item(self) -> str | None:
        """The column of a ranking's items."""
        return self.schema.ranking.item if self.schema.ranking else None

    @property
    def ks(self) -> tuple[int, ...]:
        """The depths at which a ranking is judged."""
        return self.schema.ranking.k if self.schema.ranking else ()

    def metrics(self, *groups: str) -> list[Metric]:
        """The metrics of these groups that the model has: its task's, and those that its file asks for."""
        return [m for m in metrics_of(self.task, *groups) if m.name not in NEEDS or getattr(self.schema, NEEDS[m.name]) is not None]

    def measuring(self, popularity: Mapping[str, float] | None) -> dict[str, Any]:
        """The options of `performance.measure` for this model."""
        return {
            "task": self.task,
            "positive_label": self.positive_label,
            "ks": self.ks,
            "user": self.user,
            "item": self.item,
            "popularity": popularity,
            "costs": self.schema.costs.to_dict() if self.schema.costs else None,
        }

    def compared(self, frame: pa.Table) -> list[Compared]:
        """Features in the description's order, then prediction, scores and label, as far as they can occur in these frames."""
        return [one for one in self.candidates(frame.column_names) if not one.name.startswith("@") or self._can_occur(one.name, frame)]

    def candidates(self, names: Iterable[str]) -> list[Compared]:
        """What `compared` can give for frames with these columns."""
        found = [self._compared(feature.name, feature.name, str(feature.kind)) for feature in self.schema.features.values()]
        outcome = "categorical" if self.classifies else "numerical"
        roles = [("@prediction", outcome), ("@score", "numerical"), ("@label", outcome)]
        roles[2:2] = [(name, "numerical") for name in sorted(names) if name.startswith(_SCORE)]
        for name, kind in roles:
            column = name.removeprefix("@")
            found.append(self._compared(name, name if column in self.schema.features else column, kind))
        return found

    def _compared(self, name: str, column: str, kind: str) -> Compared:
        return Compared(name, column, kind, self.schema.drift.method_for(kind, column))

    def _can_occur(self, name: str, frame: pa.Table) -> bool:
        """A model that declares no score has no drift of it; what is declared but absent is not applicable and says so."""
        if name == "@score" and self.task == "multiclass":
            return False
        if name in {"@score", "@prediction"} and name in frame.column_names and frame[name].null_count == frame.num_rows:
            declared = self.schema.score if name == "@score" else None if self.task == "ranking" else self.schema.prediction
            return declared is not None and not (name == "@score" and self.task == "regression")
        return True
