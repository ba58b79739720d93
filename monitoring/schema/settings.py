"""How one model is judged: drift and fairness by which method for which column, how sure a verdict must be, what wrong decisions cost."""

from __future__ import annotations

__all__ = ["DEFAULT", "METHODS", "ColumnDrift", "Costs", "DriftSettings", "Fairness", "Persistence", "Retention"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from monitoring.schema.periods import delay_text

_NUMERICAL = frozenset({"numerical", "datetime"})
_CATEGORICAL = frozenset({"categorical"})
_TEXT = frozenset({"text"})
_BOTH = _NUMERICAL | _CATEGORICAL
DEFAULT = "distance"

# Names and kinds as registered in evidently 0.7.23, evidently/legacy/calculations/stattests/; `chisquare_contingency` is ours, and so is
# `distance`, a rule as `auto` is: both leave the method to the column's kind (`monitoring.drift.resolve_method`).
METHODS: Mapping[str, frozenset[str]] = {
    "auto": _BOTH | _TEXT,
    "distance": _BOTH | _TEXT,
    "TVD": _CATEGORICAL,
    "abs_text_content_drift": _TEXT,
    "anderson": _NUMERICAL,
    "chisquare": _CATEGORICAL,
    "chisquare_contingency": _CATEGORICAL,
    "cramer_von_mises": _NUMERICAL,
    "ed": _NUMERICAL,
    "empirical_mmd": _NUMERICAL,
    "es": _NUMERICAL,
    "fisher_exact": _CATEGORICAL,
    "g_test": _CATEGORICAL,
    "hellinger": _BOTH,
    "jensenshannon": _BOTH,
    "kl_div": _BOTH,
    "ks": _NUMERICAL,
    "mannw": _NUMERICAL,
    "perc_text_content_drift": _TEXT,
    "psi": _BOTH,
    "t_test": _NUMERICAL,
    "wasserstein": _NUMERICAL,
    "z": _CATEGORICAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one wrong decision of a binary model costs, in any unit; right ones cost nothing."""

    false_positive: float
    false_negative: float

    def to_dict(self) -> dict[str, float]:
        """The costs in the shape of the contract's YAML."""
        return {"false_positive": self.false_positive, "false_negative": self.false_negative}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """What one column wants different from its model: None means as the model."""

    method: str | None = None
    minimum_effect: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """A drift is named once it was found in `windows` of the last `of` windows of its column, the judged one among them.

    1 ≤ windows ≤ of.
    """

    windows: int
    of: int

    def to_dict(self) -> dict[str, object]:
        """In the shape of the model's file."""
        return {"windows": self.windows, "of": self.of}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """A model's drift settings.

    `method` maps a kind to the name of a method (`distance` where it is not named); `false_alarms` is the share of windows without any
    drift in which at least one feature may be named (None: one in a thousand for each feature); `minimum_effect` is in units of the
    method's score, one number for all methods, or one for each named method, or None for each method's own; a window too small to show
    `sought_effect` (None: the method's own, or 2.5 times the minimum) in 80 of 100 cases is not called ok; `persistence` says in how many
    windows a drift must be found to be named (None: in the judged one); `features` maps a column (a feature, `prediction`, `score` or
    `label`) to what is different there.
    """

    method: Mapping[str, str] = field(default_factory=dict)
    false_alarms: float | None = None
    minimum_effect: float | Mapping[str, float] | None = None
    sought_effect: float | None = None
    persistence: Persistence | None = None
    features: Mapping[str, ColumnDrift] = field(default_factory=dict)

    def method_for(self, kind: str, column: str = "") -> str:
        """The method's name for a column of this kind, or a rule: `auto` is Evidently's own choice, `distance` its choice of distances."""
        own = self.features.get(column)
        return (own.method if own else None) or self.method.get(kind, DEFAULT)

    def minimum_effect_for(self, method: str, column: str = "") -> float | None:
        """The smallest score that counts as drift, in units of the method's score, or None where the model does not say."""
        own = self.features.get(column)
        if own and own.minimum_effect is not None:
            return own.minimum_effect
        if isinstance(self.minimum_effect, Mapping):
            return self.minimum_effect.get(method)
        return self.minimum_effect

    def to_dict(self) -> dict[str, object]:
        """The settings in the shape of the contract's YAML; only what differs from the defaults."""
        said: dict[str, object] = {}
        if self.method:
            said["method"] = dict(self.method)
        if self.false_alarms is not None:
            said["false_alarms"] = self.false_alarms
        if self.minimum_effect is not None:
            said["minimum_effect"] = dict(self.minimum_effect) if isinstance(self.minimum_effect, Mapping) else self.minimum_effect
        if self.sought_effect is not None:
            said["sought_effect"] = self.sought_effect
        if self.persistence is not None:
            said["persistence"] = self.persistence.to_dict()
        if self.features:
            said["features"] = {name: _column_dict(column) for name, column in self.features.items()}
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """Which groups are compared with each other: the values of `columns` (segments; empty means all of them).

    `limit` is the largest gap of shares or probabilities that is acceptable, 0 to 1 (None: gaps are judged by their growth alone).
    """

    columns: tuple[str, ...] = ()
    limit: float | None = None

    def to_dict(self) -> dict[str, object]:
        """The settings in the shape of the model's file; only what is said."""
        said: dict[str, object] = {"columns": list(self.columns)} if self.columns else {}
        return said if self.limit is None else {**said, "limit": self.limit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long a model's rows are kept (`raw`), and the hourly counts that are left of them (`hourly`); None: as the settings say."""

    raw: timedelta | None = None
    hourly: timedelta | None = None

    def to_dict(self) -> dict[str, str]:
        """The periods in the shape of the model's file; only what is said."""
        said = {"raw": self.raw, "hourly": self.hourly}
        return {key: delay_text(period) for key, period in said.items() if period is not None}


def _column_dict(column: ColumnDrift) -> dict[str, object]:
    pairs = {"method": column.method, "minimum_effect": column.minimum_effect}
    return {key: value for key, value in pairs.items() if value is not None}
