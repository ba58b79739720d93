"""Verdicts: does a score say more than chance, and enough to matter? Pure.

A column has drifted when its score exceeds what pairs drawn from the reference reach in 99.9 % of draws (`drift_nulls`) *and* the
difference is at least the method's minimum effect. Evidently's own thresholds decide nothing.
"""

from __future__ import annotations

__all__ = [
    "Calibration",
    "DriftSettings",
    "Status",
    "Verdict",
    "calibrate",
    "column_level",
    "false_alarms",
    "judge_drift",
    "percent",
]

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from monitoring.drift import METHODS, Sample, base_method, is_effect
from monitoring.drift_nulls import NullCache, draw_null, new_values, size_bucket
from monitoring.engine_jobs import Score

Floats = npt.NDArray[np.float64]
Status = Literal["ok", "warn", "drift", "insufficient_data", "not_applicable", "failed"]
_LEVEL = 0.001  # of one column, where the model's file does not say otherwise
_SLACK = 1e-9  # relative: our nulls and Evidently's scores agree to this, and a tie with the null is no drift
_MOST_STRANGE = 20  # rows of categories that the reference missed; beyond, distances alarm too often (measured: up to 29 % at 1 %)
_SEEABLE = 5.0  # times the minimum effect: a window in which chance hides even this cannot be called ok


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """What a verdict on drift asks for.

    `level` is the share of windows without drift that may be named, per column. `minimum_effect` overrides the methods' own: a number
    for all, or by method name. With fewer than `minimum_rows` usable values on either side nothing is judged.
    """

    level: float = _LEVEL
    minimum_effect: float | Mapping[str, float] | None = None
    minimum_rows: int = 30

    def effect_of(self, method: str) -> float:
        """The minimum effect of a method, in the units of `drift.effect`."""
        name, given = base_method(method), self.minimum_effect
        if isinstance(given, Mapping):
            given = given.get(method, given.get(name))
        return METHODS[name].minimum_effect if given is None else float(given)


def column_level(share: float | None, features: int) -> float:
    """The level of one column at which `share` of windows without drift name at least one of `features`; by default one in a thousand.

    1 - (1 - share)^(1/features), exact for independent features and cautious for dependent ones (Šidák 1967).
    """
    return _LEVEL if share is None else -float(np.expm1(np.log1p(-share) / max(features, 1)))


def false_alarms(levels: Iterable[float]) -> float:
    """The share of windows without drift in which at least one of the columns with these levels is named; the inverse of `column_level`."""
    return 1 - prod(1 - level for level in levels)


def percent(share: float) -> str:
    """A small share for a sentence: two figures, no more zeros than it has."""
    return f"{100 * share:.2g} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a score has to reach, known before it is computed.

    `threshold` is in the score's units; None where `reason` says why nothing can be judged. `chance` is the score that pairs reach in
    `level` of the draws; `null` holds the draws, sorted (None for a method that is a test itself).
    """

    method: str
    n: int
    n_reference: int
    level: float
    minimum_effect: float
    threshold: float | None = None
    chance: float | None = None
    null: Floats | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A status, what it rests on, and one sentence that says so. `p_value` is the share of the null at least as extreme."""

    status: Status
    threshold: float | None = None
    p_value: float | None = None
    reason: str = ""


def calibrate(method: str, reference: Sample, n_window: int, *, key: str, settings: DriftSettings | None = None,
              cache: NullCache | None = None) -> Calibration:
    """The threshold of one column, for a window with `n_window` usable values.

    `method` is resolved (`drift.resolve_method`); `key` names the reference's content and the column, as in `"<hash>/amount"`. A new
    (key, method, size bucket) costs some tens of milliseconds whatever the rows; a known one is read from the cache.
    """
    settings = settings or DriftSettings()
    plain = Calibration(method=method, n=n_window, n_reference=reference.n, level=settings.level,
                        minimum_effect=settings.effect_of(method))
    few = _too_few(n_window, reference.n, settings.minimum_rows)
    if few is not None:
        return replace(plain, reason=few)
    name = base_method(method)
    if METHODS[name].null == "itself":
        return replace(plain, threshold=settings.level)
    strange = new_values(reference, n_window) if reference.categories is not None and METHODS[name].larger_is_drift else 0
    if strange > _MOST_STRANGE:
        return replace(plain, reason=(
            f"The reference has too few rows for its many categories: about {strange:,} of {n_window:,} rows would bring ones that it "
            "never saw; load a larger reference or use chisquare_contingency."))
    size = size_bucket(n_window)
    cache = cache or NullCache()
    null = cache.get(key, name, reference.n, size, draw=lambda seed: draw_null(name, reference, size, seed=seed))
    return _with_null(plain, null)


def _with_null(plain: Calibration, null: Floats) -> Calibration:
    """The calibration with its threshold: the `level` order statistic of the null, and no less than the minimum effect."""
    name = base_method(plain.method)
    rank = max(1, int(plain.level * (len(null) + 1) + _SLACK))
    plain = replace(plain, level=max(plain.level, 1 / (len(null) + 1)))  # no draw is rarer than one of them
    if METHODS[name].larger_is_drift:
        chance = float(null[-rank])
        threshold = chance * (1 + _SLACK) + float(np.finfo(float).tiny)
        return replace(plain, chance=chance, null=null, threshold=max(threshold, plain.minimum_effect) if is_effect(name) else threshold)
    chance = float(null[rank - 1])
    if chance > 0:
        return replace(plain, chance=chance, null=null, threshold=chance * (1 - _SLACK))
    return replace(plain, chance=chance, null=null, reason=(
        f"The method {name} reaches p = 0 by chance alone with {plain.n_reference:,} and {plain.n:,} rows; use chisquare_contingency."))


def _too_few(n_window: int, n_reference: int, minimum: int) -> str | None:
    if n_window < minimum:
        return f"Only {n_window:,} rows of the window have a value; {minimum} are needed to judge."
    if n_reference < minimum:
        return f"Only {n_reference:,} rows of the reference have a value; {minimum} are needed to judge."
    return None


def judge_drift(score: Score, calibration: Calibration) -> Verdict:
    """The verdict on one score of the engine.

    `drift` needs a score at or past the threshold and an effect of at least the minimum. A score that stays below is `ok` only if the
    window was large enough to show five times the minimum effect; otherwise `insufficient_data`.
    """
    c = calibration
    if score.value is None:
        return Verdict(status="not_applicable", reason=score.reason or "The score has no value.")
    p_value = _p_value(score.value, c)
    if c.threshold is None:
        return Verdict(status="insufficient_data", p_value=p_value, reason=c.reason or "")
    status, reason = _judge(score.value, score.value if is_effect(c.method) else score.effect, c, c.threshold)
    return Verdict(status=status, threshold=c.threshold, p_value=p_value, reason=reason)


def _judge(value: float, effect: float | None, c: Calibration, threshold: float) -> tuple[Status, str]:
    past = value >= threshold if METHODS[base_method(c.method)].larger_is_drift else value <= threshold
    if past and effect is not None and effect < c.minimum_effect:
        return "ok", f"{_sentence(value, c, 'is past')} The effect of {effect:.3g} is below the minimum of {c.minimum_effect:g}."
    if past:
        return "drift", _sentence(value, c, "is past")
    needed = _SEEABLE * c.minimum_effect
    if is_effect(c.method) and c.chance is not None and c.chance > needed > 0:
        return "insufficient_data", (
            f"Chance alone reaches {c.chance:.3g} with {c.n:,} rows, so a difference of {needed:g} could not be seen.")
    return "ok", _sentence(value, c, "stays within")


def _p_value(value: float, c: Calibration) -> float | None:
    if METHODS[base_method(c.method)].null == "itself":
        return value
    if c.null is None:
        return None
    if METHODS[base_method(c.method)].larger_is_drift:
        extreme = len(c.null) - int(np.searchsorted(c.null, value * (1 - _SLACK), "left"))
    else:
        extreme = int(np.searchsorted(c.null, value * (1 + _SLACK), "right"))
    return (1 + extreme) / (1 + len(c.null))


def _sentence(value: float, c: Calibration, verb: str) -> str:
    rows = f"{c.n_reference:,} reference and {c.n:,} window rows"
    start = f"The {c.method} score of {value:.3g} {verb} its threshold {c.threshold:.3g}"
    if c.null is None:
        return f"{start}: without drift a test on {rows} falls below it in {percent(c.level)} of windows."
    chance = f"pairs drawn from the reference ({rows}) reach {c.chance:.3g} in {percent(c.level)} of draws"
    if c.threshold == c.minimum_effect:
        return f"{start}, the minimum effect: {chance}."
    return f"{start}: {chance}."
