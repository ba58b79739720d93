"""How often one column's shift is found by different statistics, all at the same level by nulls of their own.

Run: `python benchmarks/column_power.py [--pairs N]` (about a CPU minute). What `power.py` asks of whole windows and tools is asked here of
single statistics: both samples are drawn anew, thresholds are quantiles of pairs without a shift, so that none can be ahead by alarming
more. `+` takes the smaller of two p-values, at a level that pairs without a shift reach as seldom.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Random = np.random.Generator
Draw = Callable[[Random, int], Floats]

LEVEL = 0.05 / 6  # one of six columns at a budget of 5 %
SIZES = ((200, 800), (200, 5_000), (1_000, 5_000))
NUMBERS = ("KS", "AD", "spread", "W")
BOTH = ((0, 1), (0, 2), (1, 2))
_GRID = np.linspace(0.005, 0.995, 100)

PLAIN: dict[str, Draw] = {"a": lambda r, n: r.normal(size=n), "c": lambda r, n: r.lognormal(0, 1, n)}
SHIFTED: dict[str, Draw] = {
    "a by 0.25 sd": lambda r, n: r.normal(0.25, 1, n),
    "a times 1.25": lambda r, n: r.normal(0, 1.25, n),
    "a times 1.5": lambda r, n: r.normal(0, 1.5, n),
    "a in two lumps": lambda r, n: 0.85 * r.choice([-1.0, 1.0], n) + np.sqrt(1 - 0.85**2) * r.normal(size=n),
    "c's log times 1.3": lambda r, n: r.lognormal(0, 1.3, n),
}
_ZIPF = 1 / np.arange(1, 9.0)
CATEGORIES: dict[str, tuple[Floats, float]] = {
    "10 % of e to the last": (_ZIPF / _ZIPF.sum(), 0.1), "15 % of f to the other": (np.array([0.7, 0.3]), 0.15)}  # fmt: skip


def of_numbers(x: Floats, y: Floats) -> tuple[float, float, float, float]:
    """Kolmogorov-Smirnov, Anderson-Darling (Pettitt 1976), the larger change of log(p95 - p50) and log(p50 - p5), Wasserstein."""
    n, m = len(x), len(y)
    order = np.argsort(np.concatenate([x, y]), kind="stable")
    first = np.cumsum(order < n)
    whole = np.arange(1, n + m + 1) / (n + m)
    apart = first / n - (np.arange(1, n + m + 1) - first) / m
    inner = slice(0, -1)
    darling = float((apart[inner] ** 2 / (whole[inner] * (1 - whole[inner]))).mean())
    low, middle, high = (np.array([np.quantile(x, share), np.quantile(y, share)]) for share in (0.05, 0.5, 0.95))
    spread = max(float(abs(np.diff(np.log(part))[0])) for part in (high - middle, middle - low))
    quantiles = [np.interp(_GRID, (np.arange(len(part)) + 0.5) / len(part), np.sort(part)) for part in (x, y)]
    return float(np.abs(apart).max()), darling, spread, float(np.abs(quantiles[0] - quantiles[1]).mean())


def of_counts(a: Floats, b: Floats) -> tuple[float, float, float]:
    """Jensen-Shannon's distance (as Evidently takes it, to base e), the likelihood ratio G, and the share of rows that moved."""
    p, q = a / a.sum(), b / b.sum()
    middle, pooled = (p + q) / 2, (a + b) / (a + b).sum()

    def against(found: Floats, expected: Floats) -> float:
        return float(np.sum(found * np.log(np.where(found > 0, found, 1.0) / np.where(found > 0, expected, 1.0))))

    distance = np.sqrt((against(p, middle) + against(q, middle)) / 2)
    return float(distance), 2 * (against(a, pooled * a.sum()) + against(b, pooled * b.sum())), float(np.abs(p - q).sum() / 2)


def smaller(values: Floats, null: Floats, which: tuple[int, int]) -> Floats:
    """The smaller p-value of two statistics, by their null."""
    return np.min([1 - np.searchsorted(np.sort(null[:, place]), values[:, place]) / len(null) for place in which], axis=0)


def numbers(random: Random, n: int, m: int, pairs: int) -> None:
    """Print a row per shift."""
    nulls = {name: np.array([of_numbers(draw(random, n), draw(random, m)) for _ in range(4 * pairs)]) for name, draw in PLAIN.items()}
    for shift, draw in SHIFTED.items():
        null = nulls[shift[0]]
        found = np.array([of_numbers(draw(random, n), PLAIN[shift[0]](random, m)) for _ in range(pairs)])
        alone = (found > np.quantile(null, 1 - LEVEL, axis=0)).mean(axis=0)
        together = [(smaller(found, null, which) <= np.quantile(smaller(null, null, which), LEVEL)).mean() for which in BOTH]
        print(f"| {n:,} / {m:,} | {shift} | " + " | ".join(f"{100 * share:.0f}" for share in (*alone, *together)) + " |", flush=True)


def categories(random: Random, n: int, m: int, pairs: int) -> None:
    """Print a row per shift."""
    for shift, (usual, moved) in CATEGORIES.items():
        then = (1 - moved) * usual + moved * (np.arange(len(usual)) == len(usual) - 1)
        null, found = (np.array([of_counts(random.multinomial(n, share).astype(float), random.multinomial(m, usual).astype(float))
                                 for _ in range(4 * pairs)]) for share in (usual, then))  # fmt: skip
        distance, ratio, _ = (found > np.quantile(null, 1 - LEVEL, axis=0)).T
        shares = (distance, distance & (found[:, 0] >= 0.1), ratio, ratio & (found[:, 2] >= 0.05))
        print(f"| {n:,} / {m:,} | {shift} | " + " | ".join(f"{100 * share.mean():.0f}" for share in shares) + " |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400)
    pairs = parser.parse_args().pairs
    heads = (*NUMBERS, *(f"{NUMBERS[i]} + {NUMBERS[j]}" for i, j in BOTH))
    print("| window / reference | shift | " + " | ".join(heads) + " |\n" + "|---" * (2 + len(heads)) + "|")
    for size in SIZES:
        numbers(np.random.default_rng([1, *size]), *size, pairs)
    heads = ("JS", "JS, and 0.1 or more", "G", "G, and 5 % or more moved")
    print("\n| window / reference | shift | " + " | ".join(heads) + " |\n" + "|---" * (2 + len(heads)) + "|")
    for size in SIZES:
        categories(np.random.default_rng([2, *size]), *size, pairs)


if __name__ == "__main__":
    main()
