"""What a drift score does when nothing has drifted, and when something has: scores of pairs drawn from the reference.

Pure but for the cache's files.

Both samples of a pair are drawn anew, one of the reference's size and one of the window's, because the reference is a sample too:
drawing only the window forgets that and alarms on up to 99 % of windows without drift (docs/decisions/calibrated-verdicts.md).
"""

from __future__ import annotations

__all__ = ["DRAWS", "Drawn", "NullCache", "draw", "size_bucket"]

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import ceil, floor, log2
from pathlib import Path
from threading import Lock, get_ident

import numpy as np
import numpy.typing as npt
from scipy import special

from monitoring.drift import METHODS, Sample, base_method, is_effect
from monitoring.null_cells import AREAS, Cells, cells_of, scores_of
from monitoring.null_limit import LimitedNull
from monitoring.null_tail import Null, PairsNull
from monitoring.null_variation import SQUARED, Varying, vary
from monitoring.own_windows import OwnWindows

Floats = npt.NDArray[np.float64]

DRAWS = 2_000  # at least: the 99.9 % quantile is then the second largest score, reached by 0.1 % of pairs on average
_BINNED_DRAWS = 5_000  # histograms are cheap
_BINNED_CELLS = 500  # beyond this many categories `DRAWS` must do
_PLANTED = 400  # pairs with a planted shift: a power of 80 % is known to 2 points
_CELLS_AT_ONCE = 2_000_000  # 16 MB per array of doubles
_STEPS_PER_OCTAVE = 16
_FACTS = 5  # numbers that a packed null begins with
_CODE = "6"  # raise it when the draws change, so that stored nulls are drawn anew


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Scores of pairs, each sorted: `scores` without drift, `planted` with a shift of the sought effect (empty where none can be made).

    `own_windows` is how many of the reference's own windows say how windows differ (0: rows were taken as independent), `dispersion`
    how many times as much they differ as independent rows would, at least 1. Where that is more than chance, `own` are their scores
    against the others, and `effective` is as how many independent windows they tell.
    """

    scores: Floats
    planted: Floats
    dispersion: float = 1.0
    own_windows: int = 0
    own: Floats = field(default_factory=lambda: np.empty(0))
    effective: float = 0.0

    def packed(self) -> Floats:
        """As one array, for the cache."""
        facts = [self.dispersion, self.own_windows, self.effective, len(self.planted), len(self.own)]
        return np.concatenate([facts, self.planted, self.own, self.scores])

    @classmethod
    def unpacked(cls, packed: Floats) -> Drawn:
        """What `packed` made."""
        planted = _FACTS + int(packed[3])
        own = planted + int(packed[4])
        return cls(packed[own:], packed[_FACTS:planted], float(packed[0]), int(packed[1]), packed[planted:own], float(packed[2]))

    def null(self, method: str) -> Null:
        """How often chance gives such scores, by what is known here; `method` is a base method's name."""
        pairs = PairsNull(self.scores, METHODS[method].larger_is_drift)
        return LimitedNull(pairs, self.own, self.effective, method in SQUARED) if len(self.own) else pairs


def size_bucket(n: int) -> int:
    """The window size that a null is drawn for: `n` rounded down to 16 geometric steps per octave (2 ** (i / 16)).

    Down, because fewer rows reach higher scores by chance: the threshold errs by at most 2 % to the cautious side (4 % for PSI and KL).
    """
    if n < 1:
        return 0
    step = floor(_STEPS_PER_OCTAVE * log2(n) + 1e-9)
    return min(n, ceil(2 ** (step / _STEPS_PER_OCTAVE) - 1e-9))


def draw(method: str, reference: Sample, n_window: int, *, seed: int, own: OwnWindows | None = None, sought: float = 0.25) -> Drawn:
    """Scores of pairs drawn from the reference's distribution; the same for the same arguments.

    With `own` windows, both samples also vary as those do. `sought` is the effect to plant, in units of `drift.effect`. Cost grows with
    the number of cells (at most 300 for numbers) and own windows, not with the rows.
    """
    name = base_method(method)
    if METHODS[name].null != "pairs" and name not in AREAS:
        raise ValueError(f"{name} is a test of two samples and needs no null.")
    rng = np.random.default_rng(seed)
    cells = cells_of(name, reference, n_window)
    varying = vary(name, cells, own, rng, in_order=reference.numbers is not None) if own is not None else None
    pairs = _Pairs(name, cells, reference.n, n_window, varying)
    scores = pairs.scores(_BINNED_DRAWS if name not in AREAS and len(cells.shares) <= _BINNED_CELLS else DRAWS, rng)
    if varying is not None:
        scores = varying.stretched(scores)
    shifted = _tilted(name, cells, reference, n_window, sought)
    planted = pairs.scores(_PLANTED, rng, window=shifted) if shifted is not None else np.empty(0)
    drawn = Drawn(scores, planted, varying.dispersion if varying else 1.0, own.count if own is not None else 0)
    return replace(drawn, own=varying.own, effective=varying.effective) if varying is not None and varying.beyond else drawn


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of samples to draw: of which sizes, from which shares."""

    name: str
    cells: Cells
    n_reference: int
    n_window: int
    varying: Varying | None

    def scores(self, draws: int, rng: np.random.Generator, *, window: Floats | None = None) -> Floats:
        """Sorted scores; with `window`, the window's rows come from these shares."""
        found, at_once = [], max(1, _CELLS_AT_ONCE // len(self.cells.shares))
        for start in range(0, draws, at_once):
            size = min(at_once, draws - start)
            a, b = self._shares(size, rng, window)
            reference = rng.multinomial(self.n_reference, a, size=size).astype(np.float64)
            current = rng.multinomial(self.n_window, b, size=size).astype(np.float64)
            found.append(scores_of(self.name, self.cells, reference, current, (self.n_reference, self.n_window)))
        return np.sort(np.concatenate(found))

    def _shares(self, size: int, rng: np.random.Generator, window: Floats | None) -> tuple[Floats, Floats]:
        usual = self.cells.possible(self.n_reference, size, rng)
        window = usual if window is None else window
        if self.varying is None:
            return usual, window
        return self.varying.around(usual, size, rng, over=self.varying.effective), self.varying.around(window, size, rng)


def _tilted(name: str, cells: Cells, reference: Sample, n_window: int, sought: float) -> Floats | None:
    """Shares of a window whose whole distribution is the sought effect away: cells further up gain, those further down lose.

    Exponential tilting (for a normal column it is a shift of the mean), by the values' order for numbers and the shares' order for
    categories. None where no tilt goes that far, as on a constant column.
    """
    measured = name if is_effect(name) else "wasserstein" if "numerical" in METHODS[name].kinds else "jensenshannon"
    shares = cells.shares
    order = np.arange(len(shares)) if reference.categories is None else np.argsort(-shares, kind="stable")
    place = np.empty(len(shares))
    place[order] = special.ndtri(np.clip(np.cumsum(shares[order]) - shares[order] / 2, 1e-9, 1 - 1e-9))

    def tilt(strength: float) -> Floats:
        weight = shares * np.exp(strength * place - np.max(strength * place))
        return np.asarray(weight / weight.sum())

    def distance(strength: float) -> float:
        return float(scores_of(measured, cells, shares[None], tilt(strength)[None], (reference.n, n_window))[0])

    strength = _reaching(distance, sought)
    return None if strength is None else tilt(strength)


def _reaching(distance: Callable[[float], float], sought: float) -> float | None:
    high = 0.5
    while not distance(high) >= sought:
        high *= 2
        if high > 100:
            return None
    low = 0.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if distance(middle) < sought else (low, middle)
    return high


class NullCache:
    """Nulls by what they depend on: in memory, and as small files (16 to 40 kB) where a folder is given.

    A file that cannot be read is drawn anew; one that cannot be written is no error. Safe for threads and processes.
    """

    def __init__(self, folder: Path | None = None, *, most: int = 2_000) -> None:
        self._folder = folder
        self._most = most
        self._held: OrderedDict[str, Floats] = OrderedDict()
        self._lock = Lock()

    def get(self, *parts: object, draw: Callable[[int], Floats], least: int = DRAWS) -> Floats:
        """The null named by `parts`, or `draw(seed)` with a seed made from them; a file with fewer than `least` numbers is not believed."""
        name = hashlib.sha256("\x1f".join([_CODE, *map(str, parts)]).encode()).hexdigest()
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
        null = self._read(name, least)
        if null is None:
            null = draw(int(name[:15], 16))
            self._write(name, null)
        with self._lock:
            self._held[name] = null
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return null

    def _read(self, name: str, least: int) -> Floats | None:
        if self._folder is None:
            return None
        try:
            null = np.load(self._folder / f"{name}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return null if null.ndim == 1 and len(null) >= least and null.dtype == np.float64 else None

    def _write(self, name: str, null: Floats) -> None:
        if self._folder is None:
            return
        path = self._folder / f"{name}.npy"
        part = path.with_suffix(f".{os.getpid()}-{get_ident()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.save(file, null, allow_pickle=False)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
