"""What the Evidently worker is asked and what it answers. Light: no evidently, no pandas."""

from __future__ import annotations

__all__ = ["PARTS", "DriftColumn", "Job", "Part", "Picture", "Result", "Score", "Status", "Verdict"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Status = Literal["ok", "warn", "drift", "insufficient_data", "not_applicable", "failed"]
Part = Literal["drift", "performance", "summary", "full"]
PARTS: tuple[Part, ...] = ("drift", "performance", "summary")
"""What a run makes of a window. `full`, Evidently's preset on raw rows, is made on request."""


@dataclass(frozen=True, slots=True)
class Score:
    """A value, or the reason why there is none; never NaN.

    `method` is the resolved name (never `auto`); `p_value` is filled where the method's value is one; `effect` is
    how far apart the samples are (`drift.effect`) where the value does not say it itself; `judged` is what is held against chance
    where that is not the value (`drift.judged`); `n` and `n_reference` are the rows that the value rests on.
    """

    value: float | None = None
    reason: str | None = None
    method: str | None = None
    p_value: float | None = None
    effect: float | None = None
    judged: float | None = None
    n: int = 0
    n_reference: int = 0

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError("A score has either a value or a reason.")
        if self.value is not None and not isfinite(self.value):
            raise ValueError(f"A score's value is a finite number, not {self.value}; give a reason instead.")

    @property
    def held(self) -> float | None:
        """The number that is held against chance."""
        return self.value if self.judged is None else self.judged

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reads it back."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Score:
        """The score that `to_dict` wrote."""
        return cls(**d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A status, what it rests on, and one sentence that says so. `p_value` is the share of the null at least as extreme."""

    status: Status
    threshold: float | None = None
    p_value: float | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reads it back."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_dict` wrote."""
        return cls(**d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How the values of one column lie in both samples: as many bars as it takes to draw them, however many rows there are.

    Bars are bins of numbers, `edges` (one more than bars, [a, b) and the last one closed), or categories, `labels`; exactly one of the
    two is given. `current` and `reference` are rows per bar. `n` and `n_reference` are rows with a usable value, which is the sum of the
    bars; `nulls` and `nulls_reference` are rows without one.
    """

    current: tuple[int, ...]
    reference: tuple[int, ...]
    edges: tuple[float, ...] | None = None
    labels: tuple[str, ...] | None = None
    nulls: int = 0
    nulls_reference: int = 0

    def __post_init__(self) -> None:
        bars = len(self.current)
        if len(self.reference) != bars:
            raise ValueError("Both samples of a picture have the same bars.")
        if (self.edges is None) == (self.labels is None) or len(self.labels or self.edges or ()) != bars + (self.edges is not None):
            raise ValueError("A picture has the edges of its bars, one more than bars, or a label for each; not both.")

    @property
    def n(self) -> int:
        """Rows of the window with a usable value."""
        return sum(self.current)

    @property
    def n_reference(self) -> int:
        """Rows of the reference with a usable value."""
        return sum(self.reference)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reads it back."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Picture:
        """The picture that `to_dict` wrote; lists become tuples again."""
        given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in d.items()}
        return cls(**given)


@dataclass(frozen=True, slots=True)
class DriftColumn:
    """One column to compare with the reference.

    `name` is the column in the tables of the job: a feature, `@prediction`, `@score`, `@score:<class>` or `@label`. `kind` is
    `numerical`, `categorical`, `text` or `datetime`. `method` is a name of `drift.METHODS` or `auto`. `threshold` is ours
    (`verdicts.calibrate(…).threshold`), in the score's units, and `minimum_effect` is the calibration's; without a threshold Evidently's
    pages would judge by its own default, so the worker passes one that never alarms. `ladder` holds the thresholds that count
    where 1, 2, … columns with a ladder of this length are past them together (Benjamini & Hochberg's rule in units of the score).
    `score` and `picture` are filled where they are known already: then the page of the column is made from them alone, and the job's
    tables need not hold the column. A score without a picture is not computed again either, but shows nothing. `verdict` is filled
    where the scores of all columns are known, and then it is what the page says; else the page judges by threshold and ladder.
    """

    name: str
    kind: str
    method: str = "auto"
    threshold: float | None = None
    minimum_effect: float | None = None
    ladder: tuple[float, ...] = ()
    score: Score | None = None
    picture: Picture | None = None
    verdict: Verdict | None = None


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
