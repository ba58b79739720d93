"""What a model takes and gives: its task, its features, the columns that play a part, and how its drift is judged."""

from __future__ import annotations

__all__ = ["Feature", "Kind", "ModelSchema", "Ranking", "Task"]

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib import import_module
from os import PathLike
from types import ModuleType
from typing import Any, Self

from monitoring.errors import SchemaError
from monitoring.schema.periods import delay_text
from monitoring.schema.reading import Wrong
from monitoring.schema.settings import Costs, DriftSettings, Fairness, Retention

type_of_label = str | int | float | bool


class Task(StrEnum):
    """What a model decides."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    RANKING = "ranking"

    @property
    def classifies(self) -> bool:
        """True where predictions and labels are names of classes, not numbers."""
        return self in (Task.BINARY, Task.MULTICLASS)


class Kind(StrEnum):
    """What a feature's values are."""

    NUMERICAL = "numerical"
    CATEGORICAL = "categorical"
    TEXT = "text"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of a model."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The columns that say for whom and what was ranked, and the cuts `k` at which lists are judged."""

    user: str
    item: str
    k: tuple[int, ...] = (5, 10)


@dataclass(frozen=True, slots=True, init=False)
class ModelSchema:
    """A model's description, with the contract's YAML keys as attributes.

    Names of columns are those of batches and files. Where a role is not named it is the column called `timestamp`, `id`,
    `prediction`, `score`, `label` or `latency_ms`, unless a feature has that name: then the role is None. `score` of a multiclass
    model maps each class to its column, and is None where there are none. `window` is a window's name (`1d`, `1mo`, `rows:5000`).
    `timezone` is that of naive timestamps; where it is None they are refused. `costs` and `alert_budget` (predictions that can be
    looked at per day, those with the highest scores) are of binary models. `importances` weight what drives a drift; only their ratios
    count (`with_importances` asks an estimator). `retention` says how long rows are kept where the home's settings do not suit the model.
    Raises SchemaError.
    """

    name: str
    version: str
    task: Task
    features: Mapping[str, Feature]
    timestamp: str | None
    id: str | None
    prediction: str | None
    score: str | Mapping[str, str] | None
    positive_label: type_of_label | None
    label: str | None
    latency: str | None
    segments: tuple[str, ...]
    label_delay: timedelta
    window: str
    timezone: str | None
    ranking: Ranking | None
    privacy: Mapping[str, str]
    drift: DriftSettings
    fairness: Fairness
    costs: Costs | None
    alert_budget: int | None
    importances: Mapping[str, float]
    retention: Retention

    def __init__(
        self,
        *,
        task: Task | str,
        features: Mapping[str, str | Kind | Feature] | Iterable[Feature] = (),
        name: str = "",
        version: str = "",
        timestamp: str | None = None,
        id: str | None = None,  # noqa: A002  the contract's name
        prediction: str | None = None,
        score: str | Mapping[str, str] | None = None,
        positive_label: type_of_label | None = None,
        label: str | None = None,
        latency: str | None = None,
        segments: Sequence[str] = (),
        label_delay: timedelta | str = "0s",
        window: str | Mapping[str, int] = "1d",
        timezone: str | None = None,
        ranking: Ranking | Mapping[str, Any] | None = None,
        privacy: Mapping[str, str] | None = None,
        drift: DriftSettings | Mapping[str, Any] | None = None,
        fairness: Fairness | Mapping[str, Any] | Sequence[str] | None = None,
        costs: Costs | Mapping[str, float] | None = None,
        alert_budget: int | None = None,
        importances: Mapping[str, float] | None = None,
        retention: Retention | Mapping[str, Any] | None = None,
    ) -> None:
        said = {key: value for key, value in locals().items() if key != "self"}
        try:
            self._fill(said)
        except Wrong as wrong:
            raise SchemaError(_sentence(wrong)) from None

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """A schema from the mapping that the contract's YAML holds (`to_dict` gives it). Raises SchemaError."""
        schema = object.__new__(cls)
        try:
            schema._fill(said)
        except Wrong as wrong:
            raise SchemaError(_sentence(wrong)) from None
        return schema

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Self:
        """A schema from a YAML file. Raises NotFound, or SchemaError that names the line and the key."""
        schema = object.__new__(cls)
        try:
            said, complain = _later("files").read_yaml(path)
        except ModuleNotFoundError as missing:
            raise SchemaError(f"A YAML file needs {missing.name} to be read; pip install 'driftboard[files]'.") from None
        try:
            schema._fill(said, named=True)
        except Wrong as wrong:
            raise complain(wrong) from None
        return schema

    @classmethod
    def infer(cls, frame: Any, **known: Any) -> Self:
        """A schema guessed from a frame's columns, types and first rows; `known` are this class's own arguments and always win.

        `frame` is anything `log_batch` takes. Columns that play no other part become features; give `ignore=[…]` for those that should not.
        Raises SchemaError where something must be said, such as which label is the positive one.
        """
        return cls(**_later("inference").infer(frame, known))

    def to_dict(self) -> dict[str, Any]:
        """The contract's mapping, of plain JSON values; keys that say nothing are left out. `from_dict` reads it back equal."""
        said: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "task": self.task.value,
            "features": {feature.name: feature.kind.value for feature in self.features.values()},
            "score": dict(self.score) if isinstance(self.score, Mapping) else self.score,
            "positive_label": self.positive_label,
            "segments": list(self.segments),
            "label_delay": delay_text(self.label_delay),
            "window": self.window,
            "timezone": self.timezone,
            "privacy": dict(self.privacy),
            "drift": self.drift.to_dict(),
            "fairness": self.fairness.to_dict(),
            "costs": self.costs.to_dict() if self.costs else None,
            "alert_budget": self.alert_budget,
            "importances": dict(self.importances),
            "retention": self.retention.to_dict(),
        }
        said |= {role: getattr(self, role) for role in ("timestamp", "id", "prediction", "label", "latency")}
        if self.ranking:
            said["ranking"] = {"user": self.ranking.user, "item": self.ranking.item, "k": list(self.ranking.k)}
        return {key: said[key] for key in self.__slots__ if key == "features" or said.get(key) not in (None, "", [], {})}

    def named(self, name: str, version: str) -> Self:
        """The same description under this name and version."""
        return type(self).from_dict({**self.to_dict(), "name": name, "version": version})

    def with_importances(self, estimator: Any) -> Self:
        """The same description with the importances of a fitted scikit-learn estimator (`feature_importances_`, or `coef_`).

        Raises SchemaError where it has none, or of other features.
        """
        return type(self).from_dict({**self.to_dict(), "importances": _later("importances").importances_of(estimator, self.features)})

    @property
    def columns_beside_features(self) -> tuple[str, ...]:
        """Columns that are logged though they are no features: segments, user and item."""
        wanted = (*self.segments, *((self.ranking.user, self.ranking.item) if self.ranking else ()))
        return tuple(dict.fromkeys(column for column in wanted if column not in self.features))

    def _fill(self, said: Mapping[str, Any], *, named: bool = False) -> None:
        for key, value in _later("checking").checked(said, named=named).items():
            object.__setattr__(self, key, value)


def _later(module: str) -> ModuleType:
    """A module of this package, imported by name when it is needed: a logger reaches neither yaml nor pyarrow through this one."""
    return import_module(f"monitoring.schema.{module}")


def _sentence(wrong: Wrong) -> str:
    where = ".".join(str(part) for part in wrong.path if not isinstance(part, str) or part.isprintable())[:200]
    return f"{where}: {wrong}" if where else str(wrong)
