"""What a drift score does when nothing has drifted: scores of pairs drawn from the reference. Pure but for the cache's files.

Both samples of a pair are drawn anew, one of the reference's size and one of the window's, because the reference is a sample too:
drawing only the window forgets that and alarms on up to 99 % of windows without drift (docs/decisions/calibrated-verdicts.md).
"""

from __future__ import annotations

__all__ = ["DRAWS", "NullCache", "draw_null", "new_values", "size_bucket"]

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from math import ceil, floor, log2
from pathlib import Path
from threading import Lock, get_ident

import numpy as np
import numpy.typing as npt

from monitoring.drift import METHODS, Sample, base_method, binned_scores

Floats = npt.NDArray[np.float64]

DRAWS = 2_000  # at least: the 99.9 % quantile is then the second largest score, reached by 0.1 % of pairs on average
_BINNED_DRAWS = 5_000  # histograms are cheap
_BINNED_CELLS = 500  # beyond this many categories `DRAWS` must do
_CELLS_AT_ONCE = 2_000_000  # 16 MB per array of doubles
_MOST_MISSED = 2_000  # categories that the reference missed; more would only cost time
_STEPS_PER_OCTAVE = 4
_BODY_CELLS = 48  # the grid's largest cell holds one 48th of the reference …
_TAIL_GROWTH = 6  # … and a cell r values from the end holds r / 6, at least one: outliers stay themselves
_CODE = "2"  # raise it when the draws change, so that stored nulls are drawn anew


def size_bucket(n: int) -> int:
    """The window size that a null is drawn for: `n` rounded down to four geometric steps per octave (2 ** (i / 4)).

    Down, because fewer rows reach higher scores by chance: the threshold errs by at most 9 % to the cautious side.
    """
    if n < 1:
        return 0
    step = floor(_STEPS_PER_OCTAVE * log2(n) + 1e-9)
    return min(n, ceil(2 ** (step / _STEPS_PER_OCTAVE) - 1e-9))


def draw_null(method: str, reference: Sample, n_window: int, *, seed: int) -> Floats:
    """Scores of pairs drawn from the reference's distribution, sorted; the same for the same arguments.

    One score per pair, at least `DRAWS`; cost grows with the number of bins (at most 300 for numbers), not with the rows.
    """
    rng = np.random.default_rng(seed)
    name = base_method(method)
    if METHODS[name].null != "pairs":
        raise ValueError(f"{name} is a test of two samples and needs no null.")
    scores = _area_scores(name, reference, n_window, rng) if name in ("wasserstein", "ed") else _binned(name, reference, n_window, rng)
    return np.sort(scores)


def _binned(name: str, reference: Sample, n_window: int, rng: np.random.Generator) -> Floats:
    shares = _bin_shares(name, reference, n_window)
    draws = _BINNED_DRAWS if len(shares) <= _BINNED_CELLS else DRAWS
    scores = []
    at_once = max(1, _CELLS_AT_ONCE // len(shares))
    for start in range(0, draws, at_once):
        size = min(at_once, draws - start)
        a = rng.multinomial(reference.n, shares, size=size).astype(np.float64)
        b = rng.multinomial(n_window, shares, size=size).astype(np.float64)
        scores.append(binned_scores(name, a, b))
    return np.concatenate(scores)


def _bin_shares(name: str, reference: Sample, n_window: int) -> Floats:
    """The reference's share of each bin, with the bins that a window of this size would get."""
    if reference.numbers is not None and (name == "hellinger" or reference.distinct > 20) and METHODS[name].returns == "distance":
        size = reference.distinct + new_values(reference, n_window) if name == "hellinger" else reference.n + n_window
        counts = np.histogram(reference.numbers, bins=ceil(log2(size) + 1))[0].astype(np.float64)
        return np.asarray(counts / counts.sum())
    return _category_shares(np.array([reference.counts[key] for key in sorted(reference.counts)], float))


def new_values(reference: Sample, n_window: int) -> int:
    """How many values a window brings that the reference does not have: each row one with the share seen just once (Good 1953)."""
    once = sum(1 for count in reference.counts.values() if count == 1)
    return n_window * once // max(reference.n, 1)


def _category_shares(counts: Floats) -> Floats:
    """Shares of the categories, and of those that the reference missed: its own shares would be too rough a distribution to draw from.

    The missed ones together are as likely as the share seen just once (Good 1953), they are as many as Chao's lower bound says (Chao
    1984), and the seen ones give way most where they are rarest (Chao et al. 2015, Ecology 96, eq. 3). Without rare ones nothing changes.
    """
    n, once, twice = counts.sum(), np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    shares = counts / n
    if not once or once == n:
        return np.append(shares, 0.0)
    missed = once**2 / (2 * twice) if twice else once * (once - 1) / 2
    unseen = once / n
    rare = (1 - shares) ** n
    shares = shares * (1 - unseen * rare / np.sum(shares * rare))
    more = int(np.clip(ceil(missed), 1, _MOST_MISSED))
    shares = np.append(np.maximum(shares, 0), np.full(more, unseen / more))
    return np.asarray(shares / shares.sum())


def _grid(numbers: Floats) -> tuple[Floats, Floats, Floats]:
    """Cells of the sorted column: shares, means and variances within. Fine in the tails, where single values decide."""
    n = len(numbers)
    largest = max(1.0, n / _BODY_CELLS)
    ends, position = [], 0.0
    while position < n / 2:
        position += min(max(1.0, position / _TAIL_GROWTH), largest)
        ends.append(min(floor(position), n))
    lower = np.unique([0, *(e for e in ends if e < n / 2)])
    starts = np.unique(np.concatenate([lower, n - lower[lower > 0]]))
    counts = np.diff(np.append(starts, n)).astype(np.float64)
    means = np.add.reduceat(numbers, starts) / counts
    spread = np.add.reduceat((numbers - np.repeat(means, counts.astype(np.int64))) ** 2, starts) / counts
    return counts / n, means, spread


def _area_scores(name: str, reference: Sample, n_window: int, rng: np.random.Generator) -> Floats:
    assert reference.numbers is not None
    shares, x, spread = _grid(reference.numbers)
    a = rng.multinomial(reference.n, shares, size=DRAWS) / reference.n
    b = rng.multinomial(n_window, shares, size=DRAWS) / n_window
    difference = np.cumsum(a - b, axis=1)[:, :-1]
    steps = np.diff(x)
    if name == "ed":
        return np.asarray(np.sqrt(2 * (difference**2 @ steps)))
    centre = x - x.mean()  # the same deviations with fewer lost digits
    variance = a @ (centre**2 + spread) - (a @ centre) ** 2
    return np.asarray(np.abs(difference) @ steps / np.maximum(np.sqrt(np.maximum(variance, 0)), 0.001))


class NullCache:
    """Nulls by what they depend on: in memory, and as small files (16 to 40 kB) where a folder is given.

    A file that cannot be read is drawn anew; one that cannot be written is no error. Safe for threads and processes.
    """

    def __init__(self, folder: Path | None = None, *, most: int = 2_000) -> None:
        self._folder = folder
        self._most = most
        self._held: OrderedDict[str, Floats] = OrderedDict()
        self._lock = Lock()

    def get(self, *parts: object, draw: Callable[[int], Floats]) -> Floats:
        """The null named by `parts`, or `draw(seed)` with a seed made from them."""
        name = hashlib.sha256("\x1f".join([_CODE, *map(str, parts)]).encode()).hexdigest()
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
        null = self._read(name)
        if null is None:
            null = draw(int(name[:15], 16))
            self._write(name, null)
        with self._lock:
            self._held[name] = null
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return null

    def _read(self, name: str) -> Floats | None:
        if self._folder is None:
            return None
        try:
            null = np.load(self._folder / f"{name}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return null if null.ndim == 1 and len(null) >= DRAWS and null.dtype == np.float64 else None

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
