"""Verdicts: does a score say more than chance, and enough to matter? Pure.

A column has drifted when chance alone gives a score like its own too seldom (`drift_nulls`, `null_tail`), counting how many columns are
judged together (`multiplicity`), *and* the difference is at least the method's minimum effect. Evidently's own thresholds decide nothing.
"""

from __future__ import annotations

__all__ = [
    "Calibration",
    "DriftSettings",
    "Status",
    "Verdict",
    "calibrate",
    "judge_drift",
    "named_effect",
    "percent",
    "score_p_value",
    "threshold_at",
]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from monitoring.drift import METHODS, Sample, base_method, is_effect
from monitoring.drift_nulls import Drawn, NullCache, draw, size_bucket
from monitoring.engine_jobs import Score, Status, Verdict
from monitoring.multiplicity import EACH
from monitoring.null_cells import AREAS, new_values
from monitoring.null_limit import LimitedNull
from monitoring.null_tail import ItselfNull, Null
from monitoring.own_windows import LEAST_WINDOWS, OwnWindows
from monitoring.plain import counted

_MOST_STRANGE = 3  # rows of categories that the reference missed; beyond, distances alarm too often (measured: 6 % at 1 % with 7)
_SOUGHT = 2.5  # times a minimum effect that was asked for: what a window must be able to show before its silence is called ok
_POWER = 0.8
_LONGER = "load a longer reference, or judge longer windows."
_FEW_WINDOWS = 40  # independent windows from which Student's 99.9 % limit is within a tenth of the normal one


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSettings:
    """What a verdict on drift asks for.

    `level` is the share of windows without drift that may name this column, were it the only one past its threshold. `minimum_effect`
    overrides the methods' own: a number for all, or by method name. A window that would not show `sought_effect` (by default the method's
    own, or 2.5 times the minimum that was asked for) in 80 of 100 cases is not called ok. With fewer than `minimum_rows` usable values on
    either side nothing is judged.
    """

    level: float = EACH
    minimum_effect: float | Mapping[str, float] | None = None
    sought_effect: float | None = None
    minimum_rows: int = 30

    def effect_of(self, method: str) -> float:
        """The minimum effect of a method, in the units of `drift.effect`."""
        given = self._asked(method)
        return METHODS[base_method(method)].minimum_effect if given is None else given

    def sought_of(self, method: str) -> float:
        """The effect that a window must be able to show, in the units of `drift.effect`."""
        if self.sought_effect is not None:
            return self.sought_effect
        least = self._asked(method)
        return _SOUGHT * least if least else METHODS[base_method(method)].sought_effect

    def _asked(self, method: str) -> float | None:
        given = self.minimum_effect
        if isinstance(given, Mapping):
            given = given.get(method, given.get(base_method(method)))
        return None if given is None else float(given)


def percent(share: float) -> str:
    """A small share for a sentence: two figures, no more zeros than it has."""
    return f"{100 * share:.2g} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a score has to reach, known before it is computed.

    `null` is what chance does; None where `reason` says why nothing can be judged. `level` is the p-value that the column must reach were
    it the only one past; `threshold` and `chance` are the scores for it, with and without the minimum effect. `power` is the share of
    windows with the `sought` effect that such a threshold would name (None where no such effect can be planted). `own_windows` and
    `dispersion` are those of `drift_nulls.Drawn`, `effective_windows` its `effective` where windows differ more than by chance;
    `independent` says why rows are taken as independent where they are.
    """

    method: str
    n: int
    n_reference: int
    level: float
    minimum_effect: float
    sought: float = 0.25
    threshold: float | None = None
    chance: float | None = None
    null: Null | None = None
    power: float | None = None
    own_windows: int = 0
    dispersion: float = 1.0
    effective_windows: float | None = None
    independent: str | None = None
    reason: str | None = None


def calibrate(method: str, reference: Sample, n_window: int, *, key: str, settings: DriftSettings | None = None,
              cache: NullCache | None = None, own: OwnWindows | str | None = None) -> Calibration:
    """The threshold of one column, for a window with `n_window` usable values.

    `method` is resolved (`drift.resolve_method`); `key` names the reference's content, the column and how `own` was cut, as in
    `"<hash>/amount/<span>"`. `own` are the reference's own windows, or the sentence that says why rows count as independent. A new
    (key, method, size bucket) costs some tens of milliseconds whatever the rows; a known one is read from the cache.
    """
    settings = settings or DriftSettings()
    plain = Calibration(method=method, n=n_window, n_reference=reference.n, level=settings.level, minimum_effect=settings.effect_of(method),
                        sought=settings.sought_of(method), independent=own if isinstance(own, str) else None)
    few = _too_few(n_window, reference.n, settings.minimum_rows)
    if few is not None:
        return replace(plain, reason=few)
    windows = own if isinstance(own, OwnWindows) else None
    name = base_method(method)
    if METHODS[name].null == "itself" and (windows is None or name not in AREAS):
        alone = None if windows is None else f"{name} has no null that knows of time"
        return _with_null(replace(plain, independent=alone or plain.independent), ItselfNull(), _test_power(plain, reference))
    strange = new_values(reference, n_window) if reference.categories is not None and METHODS[name].larger_is_drift else 0
    if strange > _MOST_STRANGE:
        return replace(plain, reason=(
            f"The reference has too few rows for its many categories: about {strange:,} of {n_window:,} rows would bring ones that it "
            "never saw; load a larger reference or use chisquare_contingency."))
    size = size_bucket(n_window)
    drawn = Drawn.unpacked((cache or NullCache()).get(
        key, _kind(reference), name, reference.n, size, plain.sought, windows is not None,
        draw=lambda seed: draw(name, reference, size, seed=seed, own=windows, sought=plain.sought).packed()))  # fmt: skip
    told = replace(plain, own_windows=drawn.own_windows, dispersion=drawn.dispersion, effective_windows=drawn.effective or None)
    if drawn.effective and drawn.effective < LEAST_WINDOWS:
        return replace(told, reason=f"{_alike(told)}, and {LEAST_WINDOWS} are needed to say how far one more may lie: {_LONGER}")
    return _with_null(told, drawn.null(name), drawn)


def _kind(sample: Sample) -> str:
    """Of the values: the same column may be read either way, and chance does something else to each."""
    return "numerical" if sample.categories is None else "categorical"


def _with_null(plain: Calibration, null: Null, power: Drawn | float | None) -> Calibration:
    """The calibration with its threshold and power, or with the reason why chance hides everything."""
    chance = null.score_at(plain.level)
    if chance is None:
        return replace(plain, reason=(
            f"The method {base_method(plain.method)} reaches p = 0 by chance alone with {plain.n_reference:,} and {plain.n:,} rows; use "
            "chisquare_contingency."))
    judged = replace(plain, null=null, chance=chance)
    threshold = threshold_at(judged, plain.level)
    if isinstance(power, Drawn):
        planted, larger = power.planted, METHODS[base_method(plain.method)].larger_is_drift
        power = float(np.mean(planted >= threshold if larger else planted <= threshold)) if len(planted) else None
    return replace(judged, threshold=threshold, power=power)


def threshold_at(calibration: Calibration, level: float) -> float:
    """The score that is named at this level: chance's own, and for a distance no less than the minimum effect."""
    assert calibration.null is not None
    chance = calibration.null.score_at(level)
    assert chance is not None, "coarser levels than the calibration's own have a score"
    return max(chance, calibration.minimum_effect) if is_effect(calibration.method) else chance


def score_p_value(score: Score, calibration: Calibration) -> float | None:
    """How often chance alone gives such a score; None where it has no value or nothing to be held against."""
    return None if score.held is None or calibration.null is None else calibration.null.p_value(score.held)


def named_effect(score: Score, calibration: Calibration) -> float | None:
    """How far apart the samples are, in units of `drift.effect`: the score itself where it is a distance without a unit."""
    return score.value if is_effect(calibration.method) else score.effect


def _test_power(c: Calibration, reference: Sample) -> float | None:
    """How often a test of its own finds the sought effect: that of the two-sided z-test.

    For numbers it is one of means that differ by `sought` standard deviations; for categories one with the chi-square's noncentrality
    of that Jensen-Shannon distance d, 8 d² n m / (n + m) (Pardo 2006, Statistical Inference Based on Divergence Measures, ch. 3). Tests
    that look at more than the mean have a little less.
    """
    if reference.distinct < 2:
        return None
    pairs = c.n * c.n_reference / (c.n + c.n_reference)
    shift = c.sought * np.sqrt(pairs * (8 if reference.categories is not None else 1))
    return float(special.ndtr(shift + special.ndtri(c.level / 2)))


def _too_few(n_window: int, n_reference: int, minimum: int) -> str | None:
    if n_window < minimum:
        return f"Only {counted(n_window, 'row')} with a value in the window; {minimum} are needed to judge."
    if n_reference < minimum:
        return f"Only {counted(n_reference, 'row')} with a value in the reference; {minimum} are needed to judge."
    return None


def judge_drift(score: Score, calibration: Calibration, *, level: float | None = None) -> Verdict:
    """The verdict on one score of the engine; `level` is what `multiplicity.decide` found for its family (None: it stands alone).

    `drift` needs a p-value of at most the level and an effect of at least the minimum. A score that stays below is `ok` only if the
    window was large enough to show the sought effect in 80 of 100 cases; otherwise `insufficient_data`.
    """
    c = calibration
    if score.value is None:
        return Verdict(status="not_applicable", reason=score.reason or "The score has no value.")
    p_value = score_p_value(score, c)
    if c.null is None or p_value is None:
        return Verdict(status="insufficient_data", reason=c.reason or "")
    level = level or c.level
    threshold, effect = threshold_at(c, level), named_effect(score, c)
    told = _Told(score.value, c, level, threshold, score.judged)
    if p_value > level:
        status, reason = _quiet(told)
    elif effect is not None and effect < c.minimum_effect:
        status, reason = "ok", f"{told.sentence('is past')} The effect of {effect:.3g} is below the minimum of {c.minimum_effect:g}."
        if is_effect(c.method):
            status, reason = _quiet(told)
    else:
        status, reason = "drift", told.sentence("is past")
    return Verdict(status=status, threshold=threshold, p_value=p_value, reason=reason)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a sentence about a score needs."""

    value: float
    c: Calibration
    level: float
    threshold: float
    judged: float | None = None

    def sentence(self, verb: str) -> str:
        """`The psi score of 0.31 is past its threshold 0.12: …` with what chance would do."""
        c = self.c
        rows = f"{c.n_reference:,} reference and {c.n:,} window rows"
        start = f"The {c.method} score of {self.value:.3g} {verb} its threshold {self.threshold:.3g}"
        if self.judged is not None:
            start = (f"The {c.method} score is {self.value:.3g} of any window with a category that the reference lacks; had that one "
                     f"row of such it would be {self.judged:.3g}, which {verb} its threshold {self.threshold:.3g}")  # fmt: skip
        if isinstance(c.null, ItselfNull):
            return f"{start}: without drift a test on {rows} falls below it in {percent(self.level)} of windows."
        assert c.null is not None
        whence = f"pairs drawn from the reference ({rows}"
        if c.own_windows:
            whence += f", as its own {c.own_windows} windows differ"
        chance = f"{whence}) reach {c.null.score_at(self.level):.3g} in {percent(self.level)} of draws"
        if isinstance(c.null, LimitedNull) and c.null.score_at(self.level) == c.null.limit(self.level):
            chance = (f"one more window like the reference's own {c.own_windows} reaches {c.null.limit(self.level):.3g} in "
                      f"{percent(self.level)} of cases ({rows}; they tell as much as {c.effective_windows:.0f} independent ones)")
        if is_effect(c.method) and self.threshold == c.minimum_effect:
            return f"{start}, the minimum effect: {chance}."
        return f"{start}: {chance}."


def _advice(c: Calibration) -> str:
    """What helps where it is not the rows that are too few but the reference's windows."""
    if not isinstance(c.null, LimitedNull) or c.effective_windows is None or c.effective_windows >= _FEW_WINDOWS:
        return ""
    return f" {_alike(c)}: {_LONGER}"


def _alike(c: Calibration) -> str:
    return (f"The reference's {c.own_windows} windows of this length differ by more than chance and tell as much as "
            f"{c.effective_windows:.1f} independent ones")  # fmt: skip


def _quiet(told: _Told) -> tuple[Status, str]:
    c = told.c
    if c.power is not None and c.power < _POWER:
        return "insufficient_data", (
            f"With {c.n:,} rows and {c.n_reference:,} in the reference an effect of {c.sought:g} would be found in "
            f"{100 * c.power:.0f} % of windows only, so a score within the threshold does not say that nothing changed.{_advice(c)}")
    return "ok", told.sentence("stays within")
