"""Where a window's time goes, in CPU seconds per window and part, for the three demo cases.

Run: `python benchmarks/window_cost.py [--home DIR] [--windows N] [--models …]`. Without a home a demo is made in a temporary folder.
The newest N windows of each model whose labels are due are computed twice, one at a time, by `runner.run` as the command line calls it:
once to fill caches (what a first window prepares is printed apart), once measured. A part's time is its own: what it calls that has a
line of its own counts there. DuckDB's threads count, as all of this process's do; Evidently's process is read from /proc (Linux).
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from monitoring import demo, runner
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.planning import plan
from storage.home import Home
from storage.store import Store

_EVIDENTLY = "Evidently's process"
_REST = "everything else"
_OF = "monitoring.analysis"
_PARTS: dict[str, tuple[str, ...]] = {
    "counts: traffic, quality": ("storage.store:Store.traffic", "storage.store:Store.quality"),
    "outcomes read": ("storage.store:Store.outcomes",),
    "rows of the window": ("storage.store:Store.frame",),
    "drift: samples, thresholds": (f"{_OF}:questions",),
    "nulls drawn": ("monitoring.verdicts:calibrate", f"{_OF}.drift_points:calibrate", "monitoring.segments.drift:calibrate"),
    "drift: verdicts": (f"{_OF}:add_drift",),
    "job for Evidently": (f"{_OF}:_ask",),
    "traffic, labels": (f"{_OF}:add_traffic", f"{_OF}:add_labels"),
    "quality": (f"{_OF}:add_quality",),
    "multivariate": (f"{_OF}:add_multivariate",),
    "performance": (f"{_OF}:add_performance", f"{_OF}:add_alert_budget", f"{_OF}.counts:measure_groups",
                    f"{_OF}.counts:latency_intervals", f"{_OF}.counts:delay_quantiles"),
    "causes": (f"{_OF}:add_causes", "monitoring.runner:_explain"),
    "label selection": (f"{_OF}:add_selection",),
    "segments: performance": (f"{_OF}.segment_points:_add_performance",),
    "segments: drift": (f"{_OF}.segment_points:_add_drift", f"{_OF}:add_segments"),
    "gaps": (f"{_OF}:add_gaps",),
    "slice search": (f"{_OF}:add_worst_slices",),
    "profiles": (f"{_OF}:_profiles",),
    "points as a table": ("monitoring.findings:Findings.table",),
    "saving": ("storage.store:Store.save_window", "storage.store:Store.save_report"),
    "planning": ("monitoring.runner:plan",),
}


class Clock:
    """CPU seconds by part; a part that runs within another stops the other's clock."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._stack: list[str] = []
        self._since = process_time()

    def _switch(self) -> None:
        now = process_time()
        self.spent[self._stack[-1] if self._stack else _REST] += now - self._since
        self._since = now

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What happens inside counts as `name`."""
        self._switch()
        self._stack.append(name)
        try:
            yield
        finally:
            self._switch()
            self._stack.pop()

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, on the clock."""

        @wraps(call)
        def timing(*given: Any, **named: Any) -> Any:
            with self.part(name):
                return call(*given, **named)

        return timing

    def take(self) -> dict[str, float]:
        """What was spent since the last time."""
        self._switch()
        found, self.spent = dict(self.spent), defaultdict(float)
        return found


class MeasuredWorker:
    """An Evidently worker whose process's CPU time is added up."""

    def __init__(self, worker: EvidentlyWorker, clock: Clock) -> None:
        self._worker, self._clock = worker, clock

    def analyse(self, job: Any) -> Any:
        """As the worker does."""
        before = _cpu_of(self._worker.pid)
        result = self._worker.analyse(job)
        self._clock.spent[_EVIDENTLY] += _cpu_of(self._worker.pid) - before
        return result


def _cpu_of(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _instrument(clock: Clock) -> None:
    """Put every part on the clock; a name that this version of the code does not have is left out."""
    for name, places in _PARTS.items():
        for place in places:
            module, _, attribute = place.partition(":")
            try:
                owner: Any = importlib.import_module(module)
            except ModuleNotFoundError:
                continue
            *inner, last = attribute.split(".")
            for step in inner:
                owner = getattr(owner, step, None)
            if owner is not None and hasattr(owner, last):
                setattr(owner, last, clock.timed(name, getattr(owner, last)))


def measure(store: Store, model: str, windows: int, clock: Clock, worker: MeasuredWorker) -> tuple[dict[str, float], float, int]:
    """CPU seconds per window by part, the additional ones of the first run, and how many windows there were."""
    now = datetime.now(UTC)
    full = sorted({due.window for made in plan(store, model, window=None, since=None, until=None, everything=True, now=now)
                   for due in made.due if due.rows and due.window.end + made.subject.schema.label_delay <= now},
                  key=lambda window: window.start)  # fmt: skip
    since, until = full[-windows].start, full[-1].end
    clock.take()
    runner.run(store, model=model, since=since, until=until, everything=True, workers=(worker,), jobs=1, now=now)
    first = clock.take()
    found = runner.run(store, model=model, since=since, until=until, everything=True, workers=(worker,), jobs=1, now=now)
    again = clock.take()
    per_window = {name: seconds / found.windows for name, seconds in again.items()}
    return per_window, sum(first.values()) - sum(again.values()), found.windows


def main() -> None:
    """Measure, and print one table: parts by models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--models", default="card-fraud,diagnosis-triage,shop-recommendations")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        if given.home is None:
            demo.load(home, compute=False)
        clock = Clock()
        columns: dict[str, tuple[dict[str, float], float, int]] = {}
        with Store.open(Home(home)) as store, EvidentlyWorker() as worker:
            worker.warm()
            import monitoring.run_under_way  # noqa: F401 - imported before it is instrumented

            _instrument(clock)
            for model in given.models.split(","):
                columns[model] = measure(store, model, given.windows, clock, MeasuredWorker(worker, clock))
    _print(columns)


def _print(columns: dict[str, tuple[dict[str, float], float, int]]) -> None:
    names = [*(_EVIDENTLY, *_PARTS), _REST]
    print("| CPU ms per window | " + " | ".join(f"{model} ({n})" for model, (_, _, n) in columns.items()) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for name in names:
        print(f"| {name} | " + " | ".join(f"{1000 * spent.get(name, 0):.0f}" for spent, _, _ in columns.values()) + " |")
    own = [1000 * (sum(spent.values()) - spent.get(_EVIDENTLY, 0)) for spent, _, _ in columns.values()]
    print("| our process together | " + " | ".join(f"{ms:.0f}" for ms in own) + " |")
    print("| prepared once per model | " + " | ".join(f"{1000 * once:.0f}" for _, once, _ in columns.values()) + " |")


if __name__ == "__main__":
    main()
