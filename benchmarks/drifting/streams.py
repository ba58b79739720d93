"""Streams without drift, drawn the same in every process that has the same numpy. Only numpy: peers' environments hold nothing of ours."""

from __future__ import annotations

__all__ = ["SHIFTED", "SHIFTS", "STREAMS", "Rows", "Stream", "Trial", "digest"]

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64] | npt.NDArray[np.str_]
Rows = dict[str, Values]
Column = Callable[[np.random.Generator, int, int], Values]
"""(random, rows, rows per window) → values in order of time."""


Draw = Callable[[np.random.Generator, int, int], Rows]


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows in order of time. Where it is `timed`, the reference has times, and a window's rows are those of one stretch of them.

    `sizes` are (window, reference) rows: windows of 50 to 5,000, references of 500 to 100,000.
    """

    name: str
    draw: Draw
    sizes: tuple[tuple[int, int], ...]
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One reference and the windows that follow it; with a `shift` (a name in `SHIFTS`) all of these have it."""

    stream: str
    n_window: int
    n_reference: int
    windows: int
    seed: int
    shift: str = ""

    def rows(self) -> tuple[Rows, list[Rows]]:
        """The same rows wherever it is asked. A reference is the same for all shifts."""
        stream = BY_NAME[self.stream]
        random = np.random.default_rng([self.seed, self.n_window, self.n_reference, *self.stream.encode()])
        total = self.n_reference + self.n_window * self.windows
        drawn = stream.draw(random, total, self.n_window)
        after = {name: values[self.n_reference :] for name, values in drawn.items()}
        if self.shift:
            after = SHIFTS[self.shift](random, after)
        cuts = range(0, self.n_window * self.windows, self.n_window)
        return ({name: values[: self.n_reference] for name, values in drawn.items()},
                [{name: values[cut : cut + self.n_window] for name, values in after.items()} for cut in cuts])  # fmt: skip


def digest(*parts: Rows) -> str:
    """Whether two processes judge the same rows."""
    found = hashlib.sha256()
    for rows in parts:
        for values in rows.values():
            found.update(values.tobytes() if values.dtype.kind == "f" else "\n".join(values.tolist()).encode())
    return found.hexdigest()[:16]


def _independent(*columns: Column) -> Draw:
    return lambda random, n, rows: {f"x{place}": column(random, n, rows) for place, column in enumerate(columns)}


def _plain(draw: Callable[[np.random.Generator, int], npt.NDArray[np.float64]]) -> Column:
    return lambda random, n, _: np.asarray(draw(random, n), np.float64)


def _levels(shares: npt.NDArray[np.float64]) -> Column:
    names = np.array([f"k{i:03d}" for i in range(len(shares))])
    return lambda random, n, _: names[random.choice(len(shares), n, p=shares / shares.sum())]


def _zipf(levels: int, power: float) -> Column:
    return _levels(1 / np.arange(1, levels + 1.0) ** power)


def _memory(rho: float) -> Column:
    """An autoregressive series of standard deviation one: each row is `rho` times the one before it, and noise."""

    def draw(random: np.random.Generator, n: int, _: int) -> npt.NDArray[np.float64]:
        noise = random.normal(size=n) * np.sqrt(1 - rho**2)
        noise[0] /= np.sqrt(1 - rho**2)
        return np.array(list(accumulate(noise.tolist(), lambda before, new: rho * before + new)))

    return draw


def _season(windows: int, size: float, *, steps: bool = False) -> Column:
    """A mean that goes round once in so many windows, by `size` standard deviations; with `steps` the last two of seven differ."""

    def draw(random: np.random.Generator, n: int, rows: int) -> npt.NDArray[np.float64]:
        place = (np.arange(n) / rows) % windows
        level = np.where(np.floor(place) >= windows - 2, size, 0.0) if steps else size * np.sin(2 * np.pi * place / windows)
        return level + random.normal(size=n)

    return draw


def _seasonal_levels(windows: int, size: float, *, steps: bool = False) -> Column:
    names = np.array(list("abcde"))

    def draw(random: np.random.Generator, n: int, rows: int) -> npt.NDArray[np.str_]:
        hidden = _season(windows, size, steps=steps)(random, n, rows)
        return names[np.digitize(hidden, [-1.0, -0.3, 0.3, 1.0])]

    return draw


_INDEPENDENT = ((50, 500), (500, 500), (50, 5_000), (500, 5_000), (5_000, 5_000), (500, 100_000), (5_000, 100_000))
_OF_TIME = ((50, 500), (50, 1_000), (50, 5_000), (500, 5_000), (500, 20_000), (5_000, 100_000))
_POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)  # of Zipf's law: even, to a few categories with nearly everything
_MIXED: tuple[Column, ...] = (_plain(lambda r, n: r.normal(size=n)), _plain(lambda r, n: r.lognormal(0, 1, n)),
                              _plain(lambda r, n: r.poisson(3, n)), _zipf(8, 1.0), _levels(np.array([0.7, 0.3])))  # fmt: skip

_NORMAL = _independent(*(_MIXED[0],) * 5)

STREAMS = (
    Stream("normal", _NORMAL, _INDEPENDENT),
    Stream("heavy tails", _independent(
        _plain(lambda r, n: r.standard_t(3, n)), _plain(lambda r, n: r.lognormal(0, 1, n)), _plain(lambda r, n: r.lognormal(0, 1.5, n)),
        _plain(lambda r, n: r.pareto(3, n)), _plain(lambda r, n: r.exponential(1, n))), _INDEPENDENT),
    Stream("discrete", _independent(
        _plain(lambda r, n: r.poisson(1, n)), _plain(lambda r, n: r.poisson(20, n)), _plain(lambda r, n: r.geometric(0.2, n)),
        _plain(lambda r, n: r.integers(0, 5, n)), _plain(lambda r, n: np.where(r.random(n) < 0.7, 0, r.gamma(2, 50, n)))), _INDEPENDENT),
    Stream("2 levels", _independent(*(_levels(np.array([1 - p, p])) for p in (0.5, 0.3, 0.1, 0.02, 0.005))), _INDEPENDENT),
    Stream("5 levels", _independent(
        *(_zipf(5, power) for power in (0, 1, 2, 3)), _levels(np.array([0.9, 0.05, 0.03, 0.015, 0.005]))), _INDEPENDENT),
    Stream("15 levels", _independent(*(_zipf(15, power) for power in _POWERS)), _INDEPENDENT),
    Stream("50 levels", _independent(*(_zipf(50, power) for power in _POWERS)), _INDEPENDENT),
    Stream("200 levels", _independent(*(_zipf(200, power) for power in _POWERS)), _INDEPENDENT),
    Stream("mixed kinds", _independent(*_MIXED), _INDEPENDENT),
    Stream("normal, with times", _NORMAL, _OF_TIME, timed=True),
    Stream("mixed kinds, with times", _independent(*_MIXED), _OF_TIME, timed=True),
    Stream("memory 0.8", _independent(*(_memory(0.8),) * 5), _OF_TIME, timed=True),
    Stream("memory 0.98", _independent(*(_memory(0.98),) * 5), _OF_TIME, timed=True),
    Stream("daily season, hours", _independent(
        *(_season(24, size) for size in (0.2, 0.5, 1.0)), _seasonal_levels(24, 0.5), _MIXED[0]), _OF_TIME, timed=True),
    Stream("weekly season, days", _independent(
        *(_season(7, size, steps=True) for size in (0.2, 0.5, 1.0)), _seasonal_levels(7, 0.5, steps=True), _MIXED[0]),
        _OF_TIME, timed=True),
)  # fmt: skip


def _related(random: np.random.Generator, n: int, _: int) -> Rows:
    """Six features: `a` and `b` correlate by 0.7, and 2 % of `c` are missing."""
    a = random.normal(size=n)
    skewed = random.lognormal(0, 1, n)
    return {"a": a, "b": 0.7 * a + np.sqrt(1 - 0.49) * random.normal(size=n),
            "c": np.where(random.random(n) < 0.02, np.nan, skewed), "d": random.poisson(3, n).astype(np.float64),
            "e": _zipf(8, 1.0)(random, n, 0), "f": _levels(np.array([0.7, 0.3]))(random, n, 0)}  # fmt: skip


SHIFTED = Stream("related features", _related, ((200, 800), (200, 5_000), (1_000, 5_000), (1_000, 20_000)))
BY_NAME = {stream.name: stream for stream in (*STREAMS, SHIFTED)}


def _with(name: str, change: Callable[[np.random.Generator, Rows], Values]) -> Callable[[np.random.Generator, Rows], Rows]:
    return lambda random, rows: {**rows, name: change(random, rows)}


def _moved(name: str, by: float, to: str) -> Callable[[np.random.Generator, Rows], Rows]:
    """So large a share of all rows turns to another category, whatever theirs was."""
    return _with(name, lambda random, rows: np.where(random.random(len(rows[name])) < by, to, rows[name]))


def _correlated(rho: float) -> Callable[[np.random.Generator, Rows], Rows]:
    return _with("b", lambda random, rows: rho * rows["a"] + np.sqrt(1 - rho**2) * random.normal(size=len(rows["a"])))  # type: ignore[operator]


def _two_lumps(apart: float) -> Callable[[np.random.Generator, Rows], Rows]:
    """Of the same mean and variance."""
    return _with("a", lambda random, rows: apart * random.choice([-1.0, 1.0], len(rows["a"]))
                 + np.sqrt(1 - apart**2) * random.normal(size=len(rows["a"])))  # fmt: skip


def _missing(share: float) -> Callable[[np.random.Generator, Rows], Rows]:
    return _with("c", lambda random, rows: np.where(random.random(len(rows["c"])) < share, np.nan, rows["c"]))  # type: ignore[arg-type]


SHIFTS: dict[str, Callable[[np.random.Generator, Rows], Rows]] = {
    "location: a by 0.25 sd": _with("a", lambda _, rows: rows["a"] + 0.25),  # type: ignore[operator]
    "location: a by 0.5 sd": _with("a", lambda _, rows: rows["a"] + 0.5),  # type: ignore[operator]
    "scale: a times 1.25": _with("a", lambda _, rows: rows["a"] * 1.25),  # type: ignore[operator]
    "scale: a times 1.5": _with("a", lambda _, rows: rows["a"] * 1.5),  # type: ignore[operator]
    "shape: a in two lumps": _two_lumps(0.85),
    "shape: c's log times 1.3": _with("c", lambda _, rows: np.exp(1.3 * np.log(rows["c"]))),  # type: ignore[arg-type]
    "counts: d by 0.5": _with("d", lambda random, rows: rows["d"] + random.poisson(0.5, len(rows["d"]))),  # type: ignore[operator]
    "category: 10 % of e to the last": _moved("e", 0.1, "k007"),
    "category: 10 % of e to a new one": _moved("e", 0.1, "new"),
    "category: 15 % of f to the other": _moved("f", 0.15, "k001"),
    "missing: c by 5 %": _missing(0.05),
    "missing: c by 15 %": _missing(0.15),
    "correlation: 0.7 to 0.4": _correlated(0.4),
    "correlation: 0.7 to 0": _correlated(0.0),
}
