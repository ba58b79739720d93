"""What reports cost and weigh, and how long the Reports page takes. Run: `OPENBLAS_NUM_THREADS=1 python benchmarks/reports.py`.

1. CPU seconds (user and system) of one window's drift report with its HTML: Evidently's `DataDriftPreset`, one `ValueDrift` per column, and
   our page of scores and bars, all with the pinned Evidently, in turn (A B C A B C), medians; and the ratio to the preset.
2. Megabytes of HTML by rows of the window. A report of ours gets at most 200,000 rows, as in a run; the full preset at most 100,000.
3. Milliseconds of one findings page; and of the Reports page with `--reports` stored reports, asked of a dashboard as a browser asks it:
   CPU of the server's process, and what the page itself says it took.
Compare ratios, not machines.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.visiting import serving, settle
from monitoring.analysis.baseline import bounded
from monitoring.drift import Sample, comparable, score
from monitoring.engine_jobs import DriftColumn, Job, Part, Score
from monitoring.full_report import MOST_ROWS
from monitoring.pictures import picture

THRESHOLD = 0.1
METHODS = {"numerical": "wasserstein", "categorical": "jensenshannon"}


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def kinds(columns: int) -> dict[str, str]:
    """Five of six columns are numbers."""
    return {f"f{place}": "categorical" if place % 6 == 5 else "numerical" for place in range(columns)}


def rows(n: int, columns: int, seed: int) -> pa.Table:
    """Features, and outcomes of a binary model."""
    random = np.random.default_rng(seed)
    made = {name: random.choice(list("abcdefgh"), n) if kind == "categorical" else random.normal(size=n)
            for name, kind in kinds(columns).items()}  # fmt: skip
    truth = random.random(n)
    return pa.table({**made, "@score": truth, "@prediction": np.where(truth > 0.5, "1", "0"),
                     "@label": np.where(truth + random.normal(0, 0.3, n) > 0.5, "1", "0")})  # fmt: skip


def asked(columns: int) -> tuple[DriftColumn, ...]:
    return tuple(DriftColumn(name, kind, METHODS[kind], THRESHOLD) for name, kind in kinds(columns).items())


def job_of(current: pa.Table, reference: pa.Table, columns: int, folder: Path, part: Part) -> Job:
    return Job(task="binary", current=current, reference=reference, reference_hash=f"{reference.num_rows} rows", columns=asked(columns),
               positive_label="1", parts=frozenset({part}), snapshots=folder, name="benchmark")  # fmt: skip


def rendered(job: Job) -> Path:
    """A report's HTML, by what the worker process runs."""
    from monitoring.evidently_engine.work import analyse, render

    found = analyse(job)
    (part,) = job.parts
    assert not found.failures, found.failures
    assert job.snapshots is not None
    return render(found.snapshots[part], format="html", out=job.snapshots / f"{part}.html")


def evidentlys(metrics: Callable[[], list[object]], current: pa.Table, reference: pa.Table, columns: int) -> int:
    """Bytes of HTML that Evidently's own report has."""
    from evidently import DataDefinition, Dataset, Report

    names = kinds(columns)
    definition = DataDefinition(numerical_columns=[n for n, kind in names.items() if kind == "numerical"],
                                categorical_columns=[n for n, kind in names.items() if kind == "categorical"])  # fmt: skip
    sets = [Dataset.from_pandas(table.select(list(names)).to_pandas(), data_definition=definition) for table in (current, reference)]
    return len(Report(metrics()).run(*sets).get_html_str(as_iframe=False).encode())


def preset() -> list[object]:
    from evidently.presets import DataDriftPreset

    return [DataDriftPreset(num_method=METHODS["numerical"], cat_method=METHODS["categorical"], threshold=THRESHOLD)]


def value_drift(columns: int) -> list[object]:
    from evidently.metrics import ValueDrift

    return [ValueDrift(column=one.name, method=one.method, threshold=THRESHOLD) for one in asked(columns)]


def from_aggregates(current: pa.Table, reference: dict[str, Sample], columns: int, folder: Path) -> Path:
    """Scores and bars in our process from the window's rows and the prepared reference, then Evidently's page of them."""
    known = []
    for one in asked(columns):
        before, after = reference[one.name], Sample.of(comparable(current, one.name, one.kind))
        found = Score(value=score(one.method, before, after), method=one.method, n=after.n, n_reference=before.n)
        known.append(replace(one, score=found, picture=picture(one.method, before, after)))
    job = Job(task="binary", current=pa.table({}), columns=tuple(known), parts=frozenset({"drift"}), snapshots=folder, name="benchmark")
    return rendered(job)


def costs(given: argparse.Namespace, folder: Path) -> None:
    columns, current, reference = given.columns, rows(given.window, given.columns, 1), rows(given.reference, given.columns, 2)
    samples = {one.name: Sample.of(comparable(reference, one.name, one.kind)) for one in asked(columns)}
    ways: dict[str, Callable[[], object]] = {
        "Evidently DataDriftPreset": lambda: evidentlys(preset, current, reference, columns),
        f"Evidently {columns} x ValueDrift": lambda: evidentlys(lambda: value_drift(columns), current, reference, columns),
        "ours, scores by Evidently's functions": lambda: rendered(job_of(current, reference, columns, folder, "drift")),
        "ours, scores and bars by us": lambda: from_aggregates(current, samples, columns, folder),
        "Evidently summary (of few windows)": lambda: rendered(job_of(current, reference, columns, folder, "summary")),
        "Evidently performance": lambda: rendered(job_of(current, reference, columns, folder, "performance")),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds + 1):
        for name, way in ways.items():
            began = cpu()
            way()
            taken[name].append(cpu() - began)
    medians = {name: statistics.median(each[1:]) for name, each in taken.items()}  # the first round warms up
    base = medians["Evidently DataDriftPreset"]
    print(f"\nOne window of {given.window:,} rows, {columns} columns, a reference of {given.reference:,} rows; HTML included")
    print(f"{'':42} {'CPU s':>8} {'of the preset':>14}")
    for name, value in medians.items():
        print(f"{name:42} {value:8.3f} {f'1/{base / value:.0f}' if value < base / 1.5 else f'{value / base:.2f}':>14}")


def sizes(given: argparse.Namespace, folder: Path) -> None:
    print(f"\nMegabytes of HTML, {given.columns} columns")
    print(f"{'rows':>10} {'drift':>8} {'perform.':>8} {'summary':>8} {'full':>8} {'preset':>8}")
    for n in given.rows:
        current, reference = rows(n, given.columns, 3), rows(n, given.columns, 4)
        parts: list[Part] = ["drift", "performance", "summary"]
        weights = [rendered(job_of(bounded(current), bounded(reference), given.columns, folder, part)).stat().st_size for part in parts]
        some = [bounded(table, MOST_ROWS) for table in (current, reference)]
        weights.append(rendered(job_of(*some, given.columns, folder, "full")).stat().st_size)
        whole = evidentlys(preset, current, reference, given.columns) if n <= given.most_for_preset else None
        print(f"{n:10,} {' '.join(f'{weight / 1e6:8.2f}' for weight in weights)} {'–' if whole is None else f'{whole / 1e6:8.2f}'}")


def pages(given: argparse.Namespace, folder: Path) -> None:
    from monitoring.findings_page import document, read
    from monitoring.service import House
    from tests.pages import data

    with House.open(folder / "home") as house:
        store, model = house.store, "card-fraud"
        data.fill(store, (model,))
        first = datetime(2026, 11, 7, tzinfo=UTC) - timedelta(hours=given.reports // 3)
        for number in range(given.reports):
            start = first + timedelta(hours=number // 3)
            kind = ("drift", "performance", "summary")[number % 3]
            store.save_report({"model": model, "version": "3", "kind": kind, "window": "1h", "window_start": start, "format": "snapshot",
                               "window_end": start + timedelta(hours=1), "path": f"{number}.json.gz", "run": "benchmark"})  # fmt: skip
        window, taken, size = data.windows()[-8], [], 0
        for _ in range(given.rounds + 3):
            began = perf_counter()
            found = read(house.reader, model=model, version="3", window="1d", start=window.start, end=window.end)
            assert found is not None
            size = len(document(found).encode())
            taken.append(1000 * (perf_counter() - began))
        print(f"\nFindings page {statistics.median(taken):.0f} ms (fastest {min(taken):.0f}), {size / 1e6:.3f} MB", flush=True)
        settle(store)
    with serving(folder / "home", folder / "log") as dashboard:
        dashboard.rest()
        with dashboard.session("reports") as session:
            seen = [session.visit(model=model, range="all") for _ in range(given.rounds + 6)]
    cpu_ms, page_ms = [one.cpu for one in seen[1:]], [one.page for one in seen[1:]]
    print(f"Reports page with {given.reports:,} stored reports: {statistics.median(cpu_ms):.0f} CPU ms of the server (first view "
          f"{seen[0].cpu:.0f}), {statistics.median(page_ms):.0f} ms by its own clock (fastest {min(page_ms):.0f})", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=int, default=33_000)
    parser.add_argument("--reference", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--most-for-preset", type=int, default=100_000)
    parser.add_argument("--reports", type=int, default=5_000)
    given = parser.parse_args()
    os.environ["DO_NOT_TRACK"] = "1"  # before Evidently is imported
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        if given.reports:
            pages(given, Path(folder))
        if given.window:
            costs(given, Path(folder))
        sizes(given, Path(folder))


if __name__ == "__main__":
    main()
