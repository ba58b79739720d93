"""How often planted shifts are found, and after how many windows, beside Evidently and NannyML *at the same measured false-alarm rate*.

Run: `python benchmarks/power.py` (some CPU minutes), `--full` for the table of docs/verdicts.md.

Each cell is a window and a reference size: references drawn anew, each followed by windows without drift and by windows with each shift, of
six related features (`drifting/streams.py`). A window is found where anything says so:
- ours: a feature's drift, a quality verdict on a missing share or new categories, or either method of all features together, at the budget
  given, with the minimum effects of the methods as they are by default;
- Evidently: its default method of each column, its threshold scaled until as many windows without drift are alarmed as of ours;
- NannyML: its Jensen-Shannon distances, reconstruction error and missing shares, its three standard deviations scaled in the same way.
The delay is the mean number of windows until one is found, where the shift stays; ten where none was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import numpy.typing as npt

from benchmarks.drifting.ours import columns, named, quality_found, together
from benchmarks.drifting.streams import SHIFTED, SHIFTS, Rows, Trial
from benchmarks.peers.asking import answers

Found = npt.NDArray[np.bool_]  # a row per reference, a column per window

_QUIET, _SHIFTED = 20, 10  # windows


def trials(n_window: int, n_reference: int, references: int) -> dict[str, list[Trial]]:
    """By shift; "" are the windows without one."""
    plain = [Trial(SHIFTED.name, n_window, n_reference, _QUIET, seed) for seed in range(references)]
    return {"": plain} | {shift: [replace(one, windows=_SHIFTED, shift=shift) for one in plain] for shift in SHIFTS}


def ours(asked: Sequence[Trial], *, share: float, all_features: bool) -> Found:
    """Of each reference and window."""
    return np.array([_ours(one, *one.rows(), share=share, all_features=all_features) for one in asked])


def _ours(asked: Trial, reference: Rows, windows: list[Rows], *, share: float, all_features: bool) -> list[bool]:
    level = share / len(reference)
    found = [named(one, share=share) for one in columns(asked, reference, windows)]
    found = [one or quality_found(reference, rows) for one, rows in zip(found, windows, strict=True)]
    rest = [place for place, one in enumerate(found) if not one and all_features]  # what is found already need not be looked at
    for place, one in zip(rest, together(reference, [windows[place] for place in rest], level=level), strict=True):
        found[place] = one
    return found


def scaled(severities: npt.NDArray[np.float64], rate: float) -> float:
    """The severity that this share of quiet windows reaches in any column."""
    return float(np.quantile(severities.max(axis=2).ravel(), 1 - rate, method="higher"))


def delay(found: Found) -> float:
    """Windows until the first that is found."""
    return float(np.where(found.any(axis=1), found.argmax(axis=1) + 1, _SHIFTED).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="20 references a cell instead of 6")
    parser.add_argument("--references", type=int, default=0)
    parser.add_argument("--budget", type=float, default=0.05)
    parser.add_argument("--only", default="", help="cells such as 200/800")
    parser.add_argument("--no-multivariate", action="store_true", help="without the methods for all features together")
    given = parser.parse_args()
    references = given.references or (20 if given.full else 6)
    began = process_time()
    for n_window, n_reference in SHIFTED.sizes:
        if given.only not in f"{n_window}/{n_reference}":
            continue
        asked = trials(n_window, n_reference, references)
        mine = {shift: ours(some, share=given.budget, all_features=not given.no_multivariate) for shift, some in asked.items()}
        rate = float(mine[""].mean())
        every = [one for some in asked.values() for one in some]
        usable = n_reference >= 2 * n_window
        peers = {"Evidently": list(answers("evidently", every)), "NannyML": list(answers("nannyml", every, "--all")) if usable else None}
        shown: dict[str, dict[str, Found]] = {"ours": mine}
        scales = {}
        for peer, told in peers.items():
            if told is not None:
                by = {shift: np.array(told[place * references : (place + 1) * references]) for place, shift in enumerate(asked)}
                scales[peer] = scaled(by[""], max(rate, 1 / (_QUIET * references)))
                shown[peer] = {shift: (severities > scales[peer]).any(axis=2) for shift, severities in by.items()}
        measured = ", ".join(f"{name} {100 * found[''].mean():.1f} %" for name, found in shown.items())
        print(f"\nWindows of {n_window:,} against {n_reference:,}; alarmed without drift: {measured}; "
              f"thresholds of peers times {', '.join(f'{scale:.2f}' for scale in scales.values())}\n")  # fmt: skip
        print("| shift | " + " | ".join(f"{name} found | delay" for name in shown) + " |\n|---|" + "---|" * 2 * len(shown))
        for shift in SHIFTS:
            cells = " | ".join(f"{100 * found[shift].mean():.0f} | {delay(found[shift]):.1f}" for found in shown.values())
            print(f"| {shift} | {cells} |", flush=True)
    print(f"\n{process_time() - began:.0f} s of CPU of ours.")


if __name__ == "__main__":
    main()
