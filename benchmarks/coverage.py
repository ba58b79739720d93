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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.covering.others import OTHERS
from benchmarks.covering.populations import POPULATIONS, Key, Population
from benchmarks.covering.slices import SLICES
from monitoring.metrics import METRICS
from monitoring.performance import Measured
from monitoring.performance.comparing import judged

_OF_THIS_SIZE = {"expected_calibration_error", "coverage"}
_BY_MEAN = _OF_THIS_SIZE | {"precision_at_alert_budget"}  # few days of many rows: their mean is known better
_LESS_THE_TRUTH = {"slice_loss_gap"}  # each window names a slice of its own: what is measured is how far off its gap is
_NOT_SHOWN = {"true_positives", "false_positives", "true_negatives", "false_negatives"}  # accuracy's interval times n


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


def coverage(population: Population, n: int, trials: int, *, seed: int = 1) -> dict[Key, Tally]:
    """The tally of every metric with an interval, over `trials` windows of n rows."""
    random = np.random.default_rng([seed, n])
    drawn = [population.window(random, n) for _ in range(trials)]
    truth = _truth(population, drawn)
    tallies: dict[Key, Tally] = defaultdict(Tally)
    for found in drawn:
        for key, measured in found.items():
            if key in truth and key[0] not in _NOT_SHOWN:
                _count(tallies[key], measured, truth[key])
    return dict(tallies)


def _truth(population: Population, drawn: list[Mapping[Key, Measured]]) -> dict[Key, float]:
    large = population.window(np.random.default_rng(99), population.large)
    truth = {key: measured.value for key, measured in large.items() if measured.value is not None}
    for key in truth:
        if key[0] in _LESS_THE_TRUTH:
            truth[key] = 0.0
        if key[0] in _BY_MEAN:
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
        usual, found = (population.window(random, rows) for rows in (n_reference, n))
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
    for population in (p for p in (*POPULATIONS, *OTHERS, *SLICES) if given.only in p.name):
        tallies = {n: coverage(population, n, given.trials) for n in sizes}
        print(f"\n### {population.name}\n\n| metric | " + " | ".join(f"n = {n:,}" for n in sizes) + " |")
        print("|---|" + "---|" * len(sizes))
        for key in tallies[sizes[0]]:
            if given.class_columns or not key[1] or "=" in key[1] or key[0] == "cold_start_share":
                print(_row(key, tallies))
    print("\nCPU of one window of 10,000 rows (500 users with 20 items for lists), all metrics and intervals:")
    for population in (p for p in POPULATIONS if given.only in p.name):
        frame = population.draw(np.random.default_rng(1), 500 if population.options["task"] == "ranking" else 10_000)
        population.measured(frame, **population.options)
        start = process_time()
        for _ in range(5):
            population.measured(frame, **population.options)
        print(f"{population.name:28} {(process_time() - start) / 5:.3f} s")


if __name__ == "__main__":
    main()
