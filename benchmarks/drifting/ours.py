"""What this house says of the same windows: the verdicts' own functions, without a home around them."""

from __future__ import annotations

__all__ = ["Judged", "columns", "named", "quality_found", "together"]

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.drifting.streams import BY_NAME, Rows, Trial, digest
from monitoring.analysis.baseline import Baseline
from monitoring.analysis.quality_points import add_quality
from monitoring.analysis.weighing import exact_score
from monitoring.drift import Sample, resolve_method, why_not
from monitoring.drift_nulls import NullCache
from monitoring.findings import Findings
from monitoring.multiplicity import decide
from monitoring.multivariate import Reference, compare
from monitoring.own_windows import OwnWindows, Span, own_windows
from monitoring.verdicts import Calibration, DriftSettings, calibrate, named_effect, score_p_value

_PREPARED: dict[str, Reference] = {}
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Judged:
    """Of one window and each of its columns: p-value, effect and minimum effect; a p-value of None where nothing can be judged."""

    p_values: tuple[float | None, ...]
    effects: tuple[float | None, ...]
    least: tuple[float, ...]


def columns(asked: Trial, reference: Rows, windows: list[Rows], *, method: str = "distance",
            settings: DriftSettings | None = None) -> list[Judged]:  # fmt: skip
    """Every window judged column by column."""
    cache = NullCache()
    found = [_column(asked, name, values, [rows[name] for rows in windows], method, settings or DriftSettings(), cache)
             for name, values in reference.items()]  # fmt: skip
    return [Judged(*(tuple(part) for part in zip(*(column[place] for column in found), strict=True))) for place in range(len(windows))]


def named(judged: Judged, *, share: float, effects: bool = True) -> bool:
    """Whether any feature of the window is named at this budget; without `effects` by its p-values alone."""
    known = [place for place, p in enumerate(judged.p_values) if p is not None]
    if not known:
        return False
    of = [judged.p_values[place] for place in known]
    if not effects:
        return any(decide(of, share=share).named)
    return any(decide(of, [judged.effects[place] for place in known], [judged.least[place] for place in known], share=share).named)


def _column(asked: Trial, name: str, values: npt.NDArray[np.generic], windows: list[npt.NDArray[np.generic]], method: str,
            settings: DriftSettings, cache: NullCache) -> list[tuple[float | None, float | None, float]]:  # fmt: skip
    kind = "numerical" if values.dtype.kind == "f" else "categorical"
    column = _usable(values)
    reference, own = Sample.of(column), _own(asked, column)
    found = []
    for rows in windows:
        window = Sample.of(_usable(rows))
        resolved = resolve_method(method, kind, reference, window)
        given = calibrate(resolved, reference, window.n, key=name, settings=settings, cache=cache, own=own)
        found.append(_one(given, kind, reference, window))
    return found


def _one(given: Calibration, kind: str, reference: Sample, window: Sample) -> tuple[float | None, float | None, float]:
    if given.threshold is None or why_not(given.method, reference, window) is not None:
        return None, None, given.minimum_effect
    scored = exact_score(given.method, kind, reference, window)
    return score_p_value(scored, given), named_effect(scored, given), given.minimum_effect


def _usable(values: npt.NDArray[np.generic]) -> pa.Array:
    return pa.array(values, from_pandas=True) if values.dtype.kind == "f" else pa.array(values.tolist())


def _own(asked: Trial, column: pa.Array) -> OwnWindows | str:
    if not BY_NAME[asked.stream].timed:
        return "the reference has no times"
    times = pa.array(np.arange(len(column)), pa.timestamp("s", tz="UTC"))
    return own_windows(column, times, Span(_START, _START, asked.n_window))


def quality_found(reference: Rows, window: Rows) -> bool:
    """Whether a missing share or the share of new categories warns (`analysis.quality_points`)."""
    usual, rows, kinds = _table(reference), _table(window), _kinds(reference)
    found = Findings({}, rows=rows.num_rows, labelled=0, n_reference=usual.num_rows)
    counts = [{"column": name, "n": rows.num_rows, "missing": rows[name].null_count, "type_errors": 0, "below": None, "above": None,
               "new_categories": int(np.count_nonzero(~np.isin(window[name], reference[name]))) if kind == "categorical" else 0}
              for name, kind in kinds.items()]  # fmt: skip
    add_quality(found, counts, Baseline(usual, "benchmark"), kinds)
    return bool(found.counted()["warn"] + found.counted()["drift"])


def together(reference: Rows, windows: list[Rows], *, level: float) -> list[bool]:
    """Whether either method of all features together names the window (`multivariate`)."""
    name = digest(reference)
    if name not in _PREPARED:  # the same reference serves all shifts: its nulls cost seconds
        _PREPARED[name] = Reference(_table(reference), _kinds(reference), key=name)
    return [any(one.status == "drift" for one in compare(_PREPARED[name], _table(rows), level=level)) for rows in windows]


def _table(rows: Rows) -> pa.Table:
    return pa.table({name: _usable(values) for name, values in rows.items()})


def _kinds(rows: Rows) -> dict[str, str]:
    return {name: "numerical" if values.dtype.kind == "f" else "categorical" for name, values in rows.items()}
