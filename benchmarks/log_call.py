"""What one logged prediction costs, beside the standard library's ways to write a line. Run: `python benchmarks/log_call.py`.

Prints per call: p50 and p99 of wall time in µs, CPU in µs (user and system, all threads), and the ratio of CPU to `json.dumps` + write.
All ways are measured in turn, a few rounds each, in one run: compare the ratios, not the machine. Then, as a service would, four
processes log 250 predictions a second each, for `--seconds`, and write by orjson alone in turn with them: p50, p99 and the longest call.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns, process_time_ns, sleep

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from monitoring import ModelSchema, PredictionLogger

FEATURES = {f"feature_{number:02d}": number * 1.2345 for number in range(20)}
TEXTS = {f"category_{number}": ("FR", "DE", "GB")[number % 3] for number in range(5)}
PROCESSES, RATE = 4, 250  # per second and process
BATCH = 2_000  # calls of one way before the next one's turn


def ways(folder: Path) -> dict[str, Callable[[], object]]:
    """Every way to write one prediction, by name."""
    schema = ModelSchema(task="binary", features=dict.fromkeys(FEATURES, "numerical"), positive_label=1)
    levels = ("process", "memory", "disk")
    log, queued, synced = (PredictionLogger("fraud", schema=schema, home=folder / level, durability=level) for level in levels)
    mixed = {**FEATURES, **TEXTS}
    missing = {**FEATURES, "feature_03": None}
    unlimited = {**FEATURES, "feature_07": float("nan")}
    plain = logging.getLogger("benchmark")
    plain.propagate = False
    plain.addHandler(logging.FileHandler(folder / "stdlib.log"))
    plain.setLevel(logging.INFO)
    fd = os.open(folder / "plain.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    record = {"m": "fraud", "ver": "1", "id": "0123456789abcdef-1", "f": FEATURES, "p": 1, "s": 0.93, "lat": 12.4}
    return {
        "prediction(), 20 features": lambda: log.prediction(FEATURES, prediction=1, score=0.93, latency_ms=12.4),
        "  25 features, 5 of them text": lambda: log.prediction(mixed, prediction=1, score=0.93, latency_ms=12.4),
        "  a None among 20": lambda: log.prediction(missing, prediction=1, score=0.93, latency_ms=12.4),
        "  a NaN among 20": lambda: log.prediction(unlimited, prediction=1, score=0.93, latency_ms=12.4),
        "  durability memory": lambda: queued.prediction(FEATURES, prediction=1, score=0.93, latency_ms=12.4),
        "  durability disk": lambda: synced.prediction(FEATURES, prediction=1, score=0.93, latency_ms=12.4),
        "ground_truth()": lambda: log.ground_truth("0123456789abcdef-1", 1),
        "logging.info(json.dumps()) to a file": lambda: plain.info(json.dumps(record)),
        "json.dumps() + os.write": lambda: os.write(fd, json.dumps(record).encode() + b"\n"),
        "orjson.dumps() + os.write": lambda: os.write(fd, orjson.dumps(record) + b"\n"),
    }


def measure(call: Callable[[], object], calls: int) -> tuple[list[int], int]:
    """Wall nanoseconds of each call, and CPU nanoseconds of all of them without the clock's own."""
    spent: list[int] = []
    for _ in range(calls):
        start = perf_counter_ns()
        call()
        spent.append(perf_counter_ns() - start)
    start = process_time_ns()
    for _ in range(calls):
        call()
    return spent, process_time_ns() - start


def paced(folder: str, seconds: float) -> tuple[list[int], list[int], int]:
    """Wall nanoseconds of each call of a process that logs at a steady rate, those of the floor in turn with them, and refusals."""
    log = PredictionLogger("paced", home=folder)
    fd = os.open(Path(folder) / f"{os.getpid()}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    record = {"m": "fraud", "ver": "1", "id": "0123456789abcdef-1", "f": FEATURES, "p": 1, "s": 0.93, "lat": 12.4}
    ours: list[int] = []
    floor: list[int] = []
    due = perf_counter_ns()
    for turn in range(int(2 * RATE * seconds)):
        due += 10**9 // RATE // 2
        sleep(max(due - perf_counter_ns(), 0) / 1e9)
        start = perf_counter_ns()
        if turn % 2:
            os.write(fd, orjson.dumps(record) + b"\n")
        else:
            log.prediction(FEATURES, prediction=1, score=0.93, latency_ms=12.4)
        (floor if turn % 2 else ours).append(perf_counter_ns() - start)
    log.close()
    return ours, floor, sum(log.stats().refused.values())


def print_paced(seconds: float) -> None:
    """Measure and print the paced calls of all processes, and the floor's in turn with them."""
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        found = pool.starmap(paced, [(folder, seconds)] * PROCESSES)
    refused = sum(count for _, _, count in found)
    for name, place in (("prediction()", 0), ("orjson.dumps() + os.write", 1)):
        ordered = sorted(took for one in found for took in one[place])  # type: ignore[union-attr]
        p50, p99 = (ordered[int(len(ordered) * share)] / 1e3 for share in (0.5, 0.99))
        print(f"paced, {PROCESSES} processes x {RATE}/s, {seconds:g} s, {name}: p50 {p50:.1f} µs, p99 {p99:.1f} µs", end="")
        print(f", longest {ordered[-1] / 1e3:.0f} µs; {len(ordered):,} calls")
    print(f"{refused} refused")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    print_tight(chosen.rounds)
    print_paced(chosen.seconds)


def print_tight(rounds: int) -> None:
    """Measure and print calls without a pause."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = ways(Path(folder))
        wall: dict[str, list[int]] = {name: [] for name in chosen}
        cpu: dict[str, list[float]] = {name: [] for name in chosen}
        for _ in range(rounds):
            for name, call in chosen.items():
                calls = BATCH // 20 if "disk" in name else BATCH
                spent, used = measure(call, calls)
                wall[name] += spent
                cpu[name].append(used / calls)
        base = statistics.median(cpu["json.dumps() + os.write"])
        print(f"{'way':<40}{'p50 µs':>9}{'p99 µs':>9}{'CPU µs':>9}{'ratio':>8}")
        for name in chosen:
            ordered = sorted(wall[name])
            used = statistics.median(cpu[name])
            at = [ordered[int(len(ordered) * share)] / 1e3 for share in (0.5, 0.99)]
            print(f"{name:<40}{at[0]:>9.1f}{at[1]:>9.1f}{used / 1e3:>9.1f}{used / base:>8.2f}")


if __name__ == "__main__":
    main()
