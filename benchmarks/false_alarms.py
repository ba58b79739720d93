"""How often windows without drift are alarmed, beside Evidently's and NannyML's defaults on the same rows.

Run: `python benchmarks/false_alarms.py` (a few CPU minutes), `--full` for the tables of docs/verdicts.md.

Each cell is a stream, a window size and a reference size: references drawn anew, each followed by windows of the same stream. A stream has
five independent columns. Shown is the share of windows in which any of them is named, and ± its standard error between references:
- ours, budget 5 %: `drift.false_alarms: 0.05`, everything else by default, so with the methods' minimum effects;
- chance alone: the same without a minimum effect: what the p-values are worth;
- Evidently: any of the five columns drifted, and "dataset drift" (half of the columns), by its defaults;
- NannyML: an alert of any of the five columns, by its defaults; "one chunk" where the reference has fewer than two windows' rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import numpy.typing as npt

from benchmarks.drifting.ours import columns, named
from benchmarks.drifting.streams import STREAMS, Stream, Trial
from benchmarks.peers.asking import answers
from monitoring.multiplicity import budget

_BUDGET = 0.05
_WINDOWS = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """One stream at one window and reference size."""

    stream: Stream
    n_window: int
    n_reference: int

    def trials(self, references: int) -> list[Trial]:
        """Its references with their windows."""
        return [Trial(self.stream.name, self.n_window, self.n_reference, _WINDOWS, seed) for seed in range(references)]


@dataclass(frozen=True, slots=True)
class Share:
    """A share of windows and its standard error between references."""

    share: float
    error: float

    @classmethod
    def of(cls, alarmed: npt.NDArray[np.bool_]) -> Share:
        """`alarmed` has a row per reference and a column per window."""
        each = alarmed.mean(axis=1)
        return cls(float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan"))

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} ±{100 * self.error:.1f}"


def ours(cell: Cell, references: int, method: str) -> tuple[Share, Share, float, int]:
    """With and without minimum effects at the budget; named at the default budget; windows in which nothing could be judged."""
    full, chance, usual, blind = [], [], [], []
    for trial in cell.trials(references):
        judged = columns(trial, *trial.rows(), method=method)
        full.append([named(one, share=_BUDGET) for one in judged])
        chance.append([named(one, share=_BUDGET, effects=False) for one in judged])
        usual.append([named(one, share=budget(None, 5)) for one in judged])
        blind.append([all(p is None for p in one.p_values) for one in judged])
    return Share.of(np.array(full)), Share.of(np.array(chance)), float(np.mean(usual)), int(np.sum(blind))


def peers(cells: Sequence[Cell], references: int) -> Iterator[tuple[Share, Share, Share]]:
    """Of each cell: Evidently's any column, its dataset drift, NannyML's any column."""
    trials = [trial for cell in cells for trial in cell.trials(references)]
    told = zip(answers("evidently", trials), answers("nannyml", trials), strict=True)
    for _ in cells:
        found = [next(told) for _ in range(references)]
        evidently, nannyml = np.array([one for one, _ in found]), np.array([two for _, two in found])
        yield Share.of((evidently >= 1).any(axis=2)), Share.of((evidently >= 1).mean(axis=2) >= 0.5), Share.of((nannyml > 1).any(axis=2))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="50 references a cell instead of 8")
    parser.add_argument("--references", type=int, default=0)
    parser.add_argument("--only", default="", help="streams whose name contains this")
    parser.add_argument("--method", default="distance", help="a drift method for all columns that take it")
    parser.add_argument("--largest", type=int, default=0, help="no references larger than this (default: 5,000, with --full all)")
    parser.add_argument("--smallest", type=int, default=0, help="no references smaller than this")
    parser.add_argument("--no-peers", action="store_true")
    given = parser.parse_args()
    references = given.references or (50 if given.full else 8)
    largest = given.largest or (10**9 if given.full else 5_000)
    cells = [Cell(stream, *sizes) for stream in STREAMS if given.only in stream.name for sizes in stream.sizes
             if given.smallest <= sizes[1] <= largest]  # fmt: skip
    asked = min(references, 5)
    theirs = iter(()) if given.no_peers else peers(cells, asked)
    print(f"Alarmed windows without drift, in % (budget 5 %; {references} references × {_WINDOWS} windows a cell; "
          f"peers the first {asked} references)\n")  # fmt: skip
    print("| stream | window | reference | ours | chance alone | default budget 0.5 % | Evidently, any column | dataset | NannyML |")
    print("|---|---|---|---|---|---|---|---|---|")
    began, over = process_time(), []
    for cell in cells:
        full, chance, usual, blind = ours(cell, references, given.method)
        evidently, dataset, nannyml = next(theirs, ("", "", ""))
        alone = "one chunk" if cell.n_reference < 2 * cell.n_window else nannyml
        grey = f" ({blind} not judged)" if blind else ""
        print(f"| {cell.stream.name} | {cell.n_window:,} | {cell.n_reference:,} | {full}{grey} | {chance} | {100 * usual:.2f} "
              f"| {evidently} | {dataset} | {alone} |", flush=True)  # fmt: skip
        over += [(cell, full)] if full.share > 1.2 * _BUDGET else []
    beyond = "; ".join(f"{one.stream.name} {one.n_window:,}/{one.n_reference:,} ({share} %)" for one, share in over)
    print(f"\n{process_time() - began:.0f} s of CPU of ours. Beyond 1.2 times the budget: {beyond or 'none'}")


if __name__ == "__main__":
    main()
