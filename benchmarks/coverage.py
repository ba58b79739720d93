"""How often each metric's interval holds the true value. Run: `python benchmarks/coverage.py [--trials N]`; `--alarms N`: false alarms.

For each population and number of rows N windows are drawn anew and measured; printed is the share of 95 % intervals that hold the
population's value (the mean over windows of that size for the calibration error and the catalogue coverage, which depend on the size),
how often each side misses, and the share of windows in which a verdict could be given. A population's value is that of a sample of
a million rows, so it is known far better than any interval is wide. Then the CPU time of measuring one window of 10,000 rows.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from monitoring.metrics import METRICS
from monitoring.performance import Measured, measure
from monitoring.performance.comparing import judged

Key = tuple[str, str]
_OF_THIS_SIZE = {"expected_calibration_error", "coverage"}
_NOT_SHOWN = {"true_positives", "false_positives", "true_negatives", "false_negatives"}  # accuracy's interval times n
_LARGE = 1_000_000


@dataclass(frozen=True)
class Population:
    """Where windows are drawn from: `draw(random, n)` gives one of n rows (users for rankings), as the store's frames are."""

    name: str
    draw: Callable[[np.random.Generator, int], pa.Table]
    options: dict[str, object]
    large: int = _LARGE


@dataclass
class Tally:
    """What became of one metric's intervals."""

    held: int = 0
    below: int = 0  # the true value lies below the interval
    above: int = 0
    judged: int = 0
    drawn: int = 0
    widths: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of judged windows whose interval holds the value."""
        return self.held / self.judged if self.judged else float("nan")


def binary(rate: float, strength: float, *, cut: float, decimals: int | None = None) -> Callable[[np.random.Generator, int], pa.Table]:
    """Scores from two shifted normal distributions, `strength` apart, as calibrated probabilities."""

    def draw(random: np.random.Generator, n: int) -> pa.Table:
        label = random.random(n) < rate
        hidden = random.normal(0, 1, n) + strength * label
        score = 1 / (1 + (1 - rate) / rate * np.exp(strength**2 / 2 - strength * hidden))
        if decimals is not None:
            score = score.round(decimals).clip(0.05, 0.95)
        texts = np.array(["0", "1"])
        return pa.table({"@label": texts[label.astype(int)], "@prediction": texts[(score >= cut).astype(int)], "@score": score})

    return draw


def multiclass(strength: float) -> Callable[[np.random.Generator, int], pa.Table]:
    """Three classes of unlike frequency; scores are a softmax."""
    names = np.array(["a", "b", "c"])

    def draw(random: np.random.Generator, n: int) -> pa.Table:
        label = random.choice(3, n, p=(0.5, 0.3, 0.2))
        logits = random.normal(0, 1, (n, 3)) + strength * np.eye(3)[label]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return pa.table({"@label": names[label], "@prediction": names[scores.argmax(axis=1)],
                         **{f"@score:{name}": scores[:, i] for i, name in enumerate(names)}})

    return draw


def regression(noise: Callable[[np.random.Generator, int], np.ndarray]) -> Callable[[np.random.Generator, int], pa.Table]:
    """Skewed positive targets and predictions that are off by `noise`."""

    def draw(random: np.random.Generator, n: int) -> pa.Table:
        label = 20 + random.gamma(2.0, 50.0, n)
        return pa.table({"@label": label, "@prediction": label + noise(random, n)})

    return draw


def ranking(items: int) -> Callable[[np.random.Generator, int], pa.Table]:
    """Lists of 20 items per user from a long-tailed catalogue, users of unlike taste."""
    weights = 1 / np.arange(1, items + 1) ** 0.8

    def draw(random: np.random.Generator, users: int) -> pa.Table:
        item = np.minimum(np.searchsorted(np.cumsum(weights / weights.sum()), random.random((users, 20))), items - 1)
        taste = random.beta(1, 6, (users, 1))
        names = [f"{'new' if new else 'known'} {i}" for i, new in enumerate(random.random(users) < 0.3)]
        relevant = random.random((users, 20)) < taste * (1.5 - np.arange(20) / 20)
        return pa.table({"@label": relevant.astype(float).ravel(), "@score": np.tile(np.arange(20, 0, -1.0), users),
                         "user": np.repeat(names, 20),
                         "item": np.array([f"i{i}" for i in range(items)])[item.ravel()]})

    return draw


def weighted(draw: Callable[[np.random.Generator, int], pa.Table]) -> Callable[[np.random.Generator, int], pa.Table]:
    """The same population from a log that keeps a quarter of the rows with low scores and gives them the weight 4."""

    def sampled(random: np.random.Generator, n: int) -> pa.Table:
        rows = draw(random, 6 * n)
        low = rows["@score"].to_numpy() < 0.5
        kept = np.flatnonzero(~low | (random.random(len(low)) < 0.25))[:n]
        return rows.take(pa.array(kept)).append_column("@weight", pa.array(np.where(low[kept], 4.0, 1.0)))

    return sampled


_COSTS = {"costs": {"false_positive": 1.0, "false_negative": 50.0}}
_CATALOGUE = {f"i{i}": 1 / (i + 1) for i in range(500) if i % 10}  # every tenth item is new
_LISTS: dict[str, object] = {"task": "ranking", "user": "user", "item": "item", "ks": (10,), "popularity": _CATALOGUE,
                             "known_users": frozenset(f"known {i}" for i in range(50_000))}
_BINARY: dict[str, object] = {"task": "binary", "positive_label": "1", **_COSTS}

POPULATIONS = (
    Population("balanced, AUC 0.86", binary(0.4, 1.5, cut=0.5), _BINARY),
    Population("balanced, AUC 0.98", binary(0.4, 3.0, cut=0.5), _BINARY),
    Population("scores of one decimal", binary(0.3, 1.0, cut=0.3, decimals=1), _BINARY),
    Population("10 % positives", binary(0.1, 1.5, cut=0.2), _BINARY),
    Population("1 % positives", binary(0.01, 2.5, cut=0.15), _BINARY),
    Population("sampled log, weights 1, 4", weighted(binary(0.4, 1.5, cut=0.5)), _BINARY),
    Population("three classes", multiclass(1.5), {"task": "multiclass"}),
    Population("three classes, 99.5 % right", multiclass(4.0), {"task": "multiclass"}),
    Population("normal errors", regression(lambda random, n: random.normal(3, 10, n)), {"task": "regression"}),
    Population("exponential errors", regression(lambda random, n: random.exponential(10, n) * random.choice((-0.5, 1), n)),
               {"task": "regression"}),
    Population("lognormal errors", regression(lambda random, n: random.lognormal(1, 1, n) * random.choice((-1, 1), n)),
               {"task": "regression"}),
    Population("lists", ranking(500), _LISTS, large=50_000),
)


def coverage(population: Population, n: int, trials: int, *, seed: int = 1) -> dict[Key, Tally]:
    """The tally of every metric with an interval, over `trials` windows of n rows."""
    random = np.random.default_rng([seed, n])
    drawn = [measure(population.draw(random, n), **population.options) for _ in range(trials)]  # type: ignore[arg-type]
    truth = _truth(population, drawn)
    tallies: dict[Key, Tally] = defaultdict(Tally)
    for found in drawn:
        for key, measured in found.items():
            if key in truth and key[0] not in _NOT_SHOWN:
                _count(tallies[key], measured, truth[key])
    return dict(tallies)


def _truth(population: Population, drawn: list[dict[Key, Measured]]) -> dict[Key, float]:
    large = measure(population.draw(np.random.default_rng(99), population.large), **population.options)  # type: ignore[arg-type]
    truth = {key: measured.value for key, measured in large.items() if measured.value is not None}
    for key in truth:
        if key[0] in _OF_THIS_SIZE:
            truth[key] = float(np.mean([found[key].value for found in drawn if found[key].value is not None]))  # type: ignore[misc]
    return truth


def _count(tally: Tally, measured: Measured, true: float) -> None:
    tally.drawn += 1
    if measured.value is None or measured.scarce or measured.interval is None:
        return
    tally.judged += 1
    tally.below += true < measured.interval.lower
    tally.above += true > measured.interval.upper
    tally.held += measured.interval.lower <= true <= measured.interval.upper
    tally.widths.append(measured.interval.upper - measured.interval.lower)


def _row(key: Key, tallies: dict[int, dict[Key, Tally]]) -> str:
    cells = []
    for found in tallies.values():
        tally = found.get(key, Tally())
        if tally.judged < 0.8 * tally.drawn or not tally.drawn:  # those few are no fair sample of windows
            cells.append(f"grey ({100 * tally.judged / max(tally.drawn, 1):.0f} % judged)")
        else:
            cells.append(f"{100 * tally.share:.1f} (−{100 * tally.below / tally.judged:.1f} +{100 * tally.above / tally.judged:.1f})")
    return f"| `{key[0]}`{' ' + key[1] if key[1] else ''} | " + " | ".join(cells) + " |"


def alarms(population: Population, n: int, n_reference: int, trials: int, *, seed: int = 2) -> dict[Key, tuple[int, int]]:
    """Of windows without any change: how many were called worse than a reference of their own population, and how many were judged."""
    random = np.random.default_rng([seed, n, n_reference])
    counts: dict[Key, tuple[int, int]] = {}
    for _ in range(trials):
        usual, found = (measure(population.draw(random, rows), **population.options) for rows in (n_reference, n))  # type: ignore[arg-type]
        for key, measured in found.items():
            known = usual[key]
            if key[0] in _OF_THIS_SIZE or measured.scarce or known.scarce or not measured.interval or not known.interval:
                continue
            assert measured.value is not None and known.value is not None
            verdict = judged(measured.value, measured.interval, known.value, known.interval, METRICS[key[0]].direction, n=n,
                             n_reference=n_reference)
            named, of = counts.get(key, (0, 0))
            counts[key] = (named + (verdict.status in {"warn", "drift"}), of + 1)
    return counts


def _print_alarms(populations: list[Population], trials: int) -> None:
    print(f"\nWindows without a change that are called worse than the reference, by metric ({trials:,} pairs each; 0.05 % are promised):\n")
    print("| population | window, reference | named, of judged verdicts | worst metric |\n|---|---|---|---|")
    for population in populations:
        for n, n_reference in ((100, 1_000), (1_000, 1_000)):
            counts = {key: pair for key, pair in alarms(population, n, n_reference, trials).items() if METRICS[key[0]].direction != "none"}
            named, of = (sum(pair[place] for pair in counts.values()) for place in (0, 1))
            worst = max(counts, key=lambda key: counts[key][0] / counts[key][1])
            print(f"| {population.name} | {n:,}, {n_reference:,} | {named} of {of:,} ({100 * named / max(of, 1):.3f} %) | "
                  f"`{worst[0]}` {100 * counts[worst][0] / counts[worst][1]:.2f} % |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2_000, help="windows per population and size")
    parser.add_argument("--rows", default="100,300,1000", help="sizes of windows")
    parser.add_argument("--only", default="", help="populations whose name contains this")
    parser.add_argument("--class-columns", action="store_true", help="each class of a multiclass model too")
    parser.add_argument("--alarms", type=int, default=0, help="measure false alarms on so many pairs instead")
    given = parser.parse_args()
    if given.alarms:
        _print_alarms([p for p in POPULATIONS if given.only in p.name], given.alarms)
        return
    sizes = [int(size) for size in given.rows.split(",")]
    print(f"Share of 95 % intervals that hold the true value, in % (− it lies below, + above), {given.trials:,} windows each.")
    for population in (p for p in POPULATIONS if given.only in p.name):
        tallies = {n: coverage(population, n, given.trials) for n in sizes}
        print(f"\n### {population.name}\n\n| metric | " + " | ".join(f"n = {n:,}" for n in sizes) + " |")
        print("|---|" + "---|" * len(sizes))
        for key in tallies[sizes[0]]:
            if given.class_columns or not key[1] or "=" in key[1] or key[0] == "cold_start_share":
                print(_row(key, tallies))
    print("\nCPU of one window of 10,000 rows (500 users with 20 items for lists), all metrics and intervals:")
    for population in (p for p in POPULATIONS if given.only in p.name):
        frame = population.draw(np.random.default_rng(1), 500 if population.options["task"] == "ranking" else 10_000)
        measure(frame, **population.options)  # type: ignore[arg-type]
        start = process_time()
        for _ in range(5):
            measure(frame, **population.options)  # type: ignore[arg-type]
        print(f"{population.name:28} {(process_time() - start) / 5:.3f} s")


if __name__ == "__main__":
    main()
