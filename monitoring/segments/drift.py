"""Drift of segments: every segment's columns against the same segment of the reference, all comparisons of a window judged together. Pure.

Scores are this house's own exact ones (`monitoring.drift.score`), equal to Evidently's to 1e-9; nulls are drawn for the segment's own
distribution and sizes, and where the segment's rows have windows of their own, with how these differ.
"""

from __future__ import annotations

__all__ = ["Comparison", "Judged", "compare", "judge", "segment_null_size", "yardstick"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import floor, log2

from monitoring.drift import Sample, effect, is_effect, judged, score, why_not
from monitoring.drift_nulls import NullCache
from monitoring.multiplicity import decide
from monitoring.null_tail import Null
from monitoring.own_windows import OwnWindows
from monitoring.plain import counted
from monitoring.verdicts import Calibration, DriftSettings, Status, calibrate, percent

_SEEABLE = 2.0  # times the effect that a whole window must be able to show (`monitoring.verdicts`)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One column of one segment, scored: `p_value` is None where nothing can be judged, and `reason` then says why.

    `blind` says why a score that stays within its threshold is no "ok", where chance would hide what matters. `own_windows` and
    `dispersion` are those of the calibration, as of a whole window.
    """

    method: str
    n: int
    n_reference: int
    minimum_effect: float
    value: float | None = None
    effect: float | None = None
    p_value: float | None = None
    null: Null | None = None
    status: Status = "ok"
    reason: str = ""
    blind: str = ""
    own_windows: int = 0
    dispersion: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A comparison with its verdict. `threshold` is the score that had to be reached, in the score's units."""

    comparison: Comparison
    status: Status
    threshold: float | None
    reason: str


def segment_null_size(n: int) -> int:
    """The window size that a segment's null is drawn for: rounded down to two geometric steps per octave.

    Segments are many and their sizes vary more than a window's, so their buckets are wider; the threshold errs by at most 19 % to the
    cautious side.
    """
    return 0 if n < 1 else int(2 ** (floor(2 * log2(n) + 1e-9) / 2) + 1e-9)


def yardstick(method: str, reference: Sample, n: int, *, key: str, settings: DriftSettings, cache: NullCache,
              own: OwnWindows | str | None = None) -> Calibration:  # fmt: skip
    """What chance does to the scores of one column of one segment in windows of about n rows, a size that `segment_null_size` gives.

    `key` names the reference's content, the column and the segment, and how `own`, the segment's own windows, were cut.
    """
    return calibrate(method, reference, max(n, settings.minimum_rows), key=key, settings=settings, cache=cache, own=own)


def compare(method: str, reference: Sample, window: Sample, *, settings: DriftSettings, known: Callable[[int], Calibration]) -> Comparison:
    """Score one column of one segment; `known` has its yardstick for windows of this size."""
    plain = Comparison(method=method, n=window.n, n_reference=reference.n, minimum_effect=settings.effect_of(method))
    few = _too_few(window.n, reference.n, settings.minimum_rows)
    if few:
        return replace(plain, status="insufficient_data", reason=few)
    reason = why_not(method, reference, window)
    if reason is not None:
        return replace(plain, status="not_applicable", reason=reason)
    try:
        value = score(method, reference, window)
        size = effect(method, value, reference, window)
    except ValueError as error:
        return replace(plain, status="not_applicable", reason=f"{error} Segments are scored without Evidently.")
    given = known(segment_null_size(window.n))
    plain = replace(plain, value=value, effect=size, own_windows=given.own_windows, dispersion=given.dispersion)
    if given.null is None:
        return replace(plain, status="insufficient_data", reason=given.reason or "")
    said = judged(method, value, reference, window)
    return replace(plain, blind=_blind(given, window.n), p_value=given.null.p_value(value if said is None else said), null=given.null)


def _blind(given: Calibration, n: int) -> str:
    needed = _SEEABLE * given.sought
    if not is_effect(given.method) or given.chance is None or not given.chance > needed > 0:
        return ""
    return f"Chance alone reaches {given.chance:.3g} with {n:,} rows, so a difference of {needed:g} could not be seen."


def _too_few(n_window: int, n_reference: int, minimum: int) -> str:
    if n_window < minimum:
        return f"Only {counted(n_window, 'row')} of the segment with a value in the window; {minimum} are needed to judge."
    if n_reference < minimum:
        return f"Only {counted(n_reference, 'row')} of the segment with a value in the reference; {minimum} are needed to judge."
    return ""


def judge(comparisons: Sequence[Comparison], *, share: float) -> list[Judged]:
    """The verdicts on all comparisons of a window, so that without drift at most `share` of windows name any of them."""
    family = [one for one in comparisons if one.p_value is not None]
    decision = decide([one.p_value for one in family], [one.effect for one in family], [one.minimum_effect for one in family], share=share)
    named = iter(decision.named)
    return [
        Judged(comparison=one, status=one.status, threshold=None, reason=one.reason)
        if one.p_value is None
        else _judged(one, next(named), decision.level, share, len(family))
        for one in comparisons
    ]


def _judged(one: Comparison, named: bool, level: float, share: float, family: int) -> Judged:
    threshold, value, p_value = _threshold(one, level), one.value, one.p_value
    assert value is not None and p_value is not None
    if one.blind and not named:
        return Judged(comparison=one, status="insufficient_data", threshold=threshold, reason=one.blind)
    if threshold is None:
        return Judged(comparison=one, status="insufficient_data", threshold=None, reason=(
            f"Chance alone brings every score of {one.method} with these rows more often than {family:,} comparisons allow; use "
            "chisquare_contingency."))
    if p_value <= level and not named:
        said = f"The {one.method} score of {value:.3g} is no chance, but its effect of {one.effect:.3g} is below {one.minimum_effect:g}"
    else:
        said = f"The {one.method} score of {value:.3g} {'is past' if named else 'stays within'} its threshold {threshold:.3g}"
    reason = (f"{said} (p = {p_value:.2g}; {one.n_reference:,} reference and {one.n:,} window rows of the segment). {family:,} comparisons "
              f"of segments and columns are judged together: without drift {percent(share)} of windows name any.")  # fmt: skip
    return Judged(comparison=one, status="drift" if named else "ok", threshold=threshold, reason=reason)


def _threshold(one: Comparison, level: float) -> float | None:
    """The score that reaches the level; None where none does, as for a method that reaches certainty by chance."""
    assert one.null is not None
    at = one.null.score_at(level)
    return max(at, one.minimum_effect) if at is not None and is_effect(one.method) else at
