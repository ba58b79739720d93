"""What the Evidently worker is asked and what it answers. Light: no evidently, no pandas."""

from __future__ import annotations

__all__ = ["PARTS", "DriftColumn", "Job", "Part", "Result", "Score"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Part = Literal["drift", "performance", "summary"]
PARTS: tuple[Part, ...] = ("drift", "performance", "summary")


@dataclass(frozen=True, slots=True)
class DriftColumn:
    """One column to compare with the reference.

    `name` is the column in the tables of the job: a feature, `@prediction`, `@score`, `@score:<class>` or `@label`. `kind` is
    `numerical`, `categorical`, `text` or `datetime`. `method` is a name of `drift.METHODS` or `auto`. `threshold` is ours
    (`verdicts.calibrate(…).threshold`), in the score's units, and `minimum_effect` is the calibration's; without a threshold Evidently's
    pages would judge by its own default, so the worker passes one that never alarms. `ladder` holds the thresholds that count
    where 1, 2, … columns with a ladder of this length are past them together (Benjamini & Hochberg's rule in units of the score).
    """

    name: str
    kind: str
    method: str = "auto"
    threshold: float | None = None
    minimum_effect: float | None = None
    ladder: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """A value, or the reason why there is none; never NaN.

    `method` is the resolved name (never `auto`); `p_value` is filled where the method's value is one; `effect` is
    how far apart the samples are (`drift.effect`) where the value does not say it itself; `n` and `n_reference`
    are the rows that the value rests on.
    """

    value: float | None = None
    reason: str | None = None
    method: str | None = None
    p_value: float | None = None
    effect: float | None = None
    n: int = 0
    n_reference: int = 0

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError("A score has either a value or a reason.")
        if self.value is not None and not isfinite(self.value):
            raise ValueError(f"A score's value is a finite number, not {self.value}; give a reason instead.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reads it back."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Score:
        """The score that `to_dict` wrote."""
        return cls(**d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One window to analyse. The tables are in the shape of `Store.frame` (docs/architecture.md).

    `reference_hash` names the reference's content (`reference_info(model)["hash"]`): the worker is sent a reference once per
    hash and set of columns. `roles` are the meta columns that may be used (`@prediction`, `@score`, `@label`,
    `@score:<class>`); None means all that hold any value. `ks`, `user` and `item` are for ranking. `snapshots` is the folder
    that gets one snapshot file per part, or None. `name` stands in the snapshot's metadata.
    """

    task: str
    current: pa.Table
    reference: pa.Table | None = None
    reference_hash: str | None = None
    columns: tuple[DriftColumn, ...] = ()
    roles: frozenset[str] | None = None
    positive_label: str | None = None
    ks: tuple[int, ...] = (10,)
    user: str | None = None
    item: str | None = None
    parts: frozenset[Part] = frozenset({"drift", "performance"})
    snapshots: Path | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one job gave.

    `drift` is by column name; `performance` by `(metric, column)` with `column` as in `points` (`""`, a class, `k=10`);
    `snapshots` has the file of each part that was asked for and could be made; `failures` has a sentence for each part that
    could not (its scores carry the same reason); `seconds` is the worker's wall time.
    """

    drift: Mapping[str, Score] = field(default_factory=dict)
    performance: Mapping[tuple[str, str], Score] = field(default_factory=dict)
    snapshots: Mapping[Part, Path] = field(default_factory=dict)
    failures: Mapping[Part, str] = field(default_factory=dict)
    seconds: float = 0.0
