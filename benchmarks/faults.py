"""What each fault costs, beside what others lose when their writer is killed. Run: `python benchmarks/faults.py`.

First the writers: ours, whylogs' rolling logger and loops that log to DuckDB log at the same pace and are killed (SIGKILL) at the same
random moments. Acknowledged is what calls had returned for; found is what a reader finds afterwards; the time to recover runs from the
kill until all of it can be asked for. Then our own collector at each of its crash points, all at once, and damage on the disk.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.peers.environment import python_of
from benchmarks.peers.writers import WAYS
from benchmarks.soaking.ledger import Ledger
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.faults.processes import CRASH_POINTS, collect, start_writer
from tests.faults.processes import WAYS as OWN_WAYS
from tests.storage.conftest import FRAUD, Log, prediction

ROOT = Path(__file__).parents[1]


@dataclass
class Outcome:
    """Trials of one fault, summed. Counts are records; `seconds` has one time to recover per trial."""

    trials: int = 0
    acknowledged: int = 0
    found: int = 0
    lost: int = 0
    doubled: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, acknowledged: int, found: int, lost: int, doubled: int, seconds: float) -> None:
        """One more trial."""
        self.trials += 1
        self.acknowledged += acknowledged
        self.found += found
        self.lost += lost
        self.doubled += doubled
        self.seconds.append(seconds)


def writers_killed(trials: int, rate: float, die: random.Random) -> Iterator[tuple[str, Outcome]]:
    """All ways to log, side by side, killed at the same moments."""
    pythons = {way: python_of("whylogs") if way.startswith("whylogs") else Path(sys.executable) for way in WAYS}
    outcomes = {way: Outcome() for way in WAYS}
    for _ in range(trials):
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            places = {way: Path(name) / str(number) for number, way in enumerate(WAYS)}
            ledgers = {way: Ledger(Path(f"{place}.ledger")) for way, place in places.items()}
            processes = {
                way: subprocess.Popen(
                    [str(pythons[way]), "-m", "benchmarks.peers.writers", way, str(place), f"{place}.ledger", str(rate)],
                    cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                )
                for way, place in places.items()
            }  # fmt: skip
            while not all(ledger["predictions"] for ledger in ledgers.values()):
                time.sleep(0.05)
            time.sleep(die.uniform(2, 6))
            for process in processes.values():
                process.kill()
            for way, process in processes.items():
                process.wait()
                began = time.monotonic()
                found, doubled = FINDERS[way.split(",")[0]](places[way], pythons[way])
                promised = ledgers[way]["predictions"]
                outcomes[way].add(promised, found, max(promised - found, 0), doubled, time.monotonic() - began)
    for way, outcome in outcomes.items():
        yield f"writer killed: {way}", outcome


def _in_driftboard(folder: Path, _: Path) -> tuple[int, int]:
    with Store.open(Home(folder)) as store:
        Collector(store).once()
        return _found(store)


def _in_whylogs(folder: Path, python: Path) -> tuple[int, int]:
    command = [str(python), "-m", "benchmarks.peers.count_whylogs", str(folder)]
    return int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout), 0


def _in_duckdb(folder: Path, _: Path) -> tuple[int, int]:
    code = (
        "import sys, duckdb; print(*duckdb.connect(sys.argv[1], read_only=False).execute("
        "'SELECT count(DISTINCT number), count(*) - count(DISTINCT number) FROM predictions').fetchone())"
    )
    told = subprocess.run([sys.executable, "-c", code, str(folder / "log.duckdb")], check=True, capture_output=True, text=True).stdout
    found, doubled = told.split()
    return int(found), int(doubled)


FINDERS: dict[str, Callable[[Path, Path], tuple[int, int]]] = {
    "driftboard": _in_driftboard, "whylogs": _in_whylogs, "DuckDB": _in_duckdb,
}  # fmt: skip


def _found(store: Store) -> tuple[int, int]:
    """Predictions of the model fraud, and how many of them are there twice."""
    ids = store.predictions("fraud").column("id").to_pylist()
    return len(set(ids)), len(ids) - len(set(ids))


def collector_killed(place: str, trials: int, die: random.Random) -> Outcome:
    """Our collector killed once at a crash point; the next one finishes."""
    outcome = Outcome()
    for _ in range(trials):
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            home = Home(Path(name) / "home")
            log, size = Log(home), die.randint(100, 600)
            with Store.open(home) as store:
                store.register_model(FRAUD)
            for part in range(3):
                log.predictions(range(part * size, part * size + size))
            collect(home, die=place, batch_bytes=40_000)
            began = time.monotonic()
            found, doubled = _in_driftboard(home.path, Path())
            outcome.add(3 * size, found, 3 * size - found, doubled, time.monotonic() - began)
    return outcome


def all_killed(trials: int, die: random.Random) -> Outcome:
    """Two writers and the collector killed at random."""
    outcome = Outcome()
    for _ in range(trials):
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            home = Home(Path(name) / "home")
            with Store.open(home) as store:
                store.register_model(FRAUD)
            writers = [start_writer(home, Path(name) / f"w{number}.ids", way=die.choice(list(OWN_WAYS))) for number in range(2)]
            while not all(writer.acknowledged() for writer in writers):
                time.sleep(0.01)
            collect(home, die=die.choice(CRASH_POINTS), batch_bytes=100_000)
            for writer in writers:
                writer.kill()
            began = time.monotonic()
            with Store.open(home) as store:
                Collector(store).once()
                ids = store.predictions("fraud").column("id").to_pylist()
            seconds = time.monotonic() - began
            promised = {key for writer in writers for key in writer.acknowledged()}
            outcome.add(len(promised), len(promised & set(ids)), len(promised - set(ids)), len(ids) - len(set(ids)), seconds)
    return outcome


def damaged(damage: Callable[[bytes, random.Random], bytes], trials: int, die: random.Random) -> Outcome:
    """A segment of 20 predictions whose writer died, damaged on the disk before it is read."""
    outcome = Outcome()
    for _ in range(trials):
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            home = Home(Path(name) / "home")
            path = Log(home).write(*(("pred", prediction(number)) for number in range(20)))
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(damage(b"".join(lines[:21]), die))
            began = time.monotonic()
            with Store.open(home) as store:
                store.register_model(FRAUD)
                Collector(store).once()
                found, doubled = _found(store)
            outcome.add(20, found, 20 - found, doubled, time.monotonic() - began)
    return outcome


def _flip(content: bytes, die: random.Random) -> bytes:
    place = die.randrange(len(content))
    return content[:place] + bytes([content[place] ^ die.randint(1, 255)]) + content[place + 1 :]


def _append_half_a_line(content: bytes, die: random.Random) -> bytes:
    return content + content.splitlines()[-1][: die.randint(1, 200)]


def _append_zeros(content: bytes, die: random.Random) -> bytes:
    return content + bytes(die.choice([1, 512, 4096, 65_536]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rate", type=float, default=200, help="calls per second of each writer")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    die, trials = random.Random(options.seed), options.trials
    print(f"{'fault':<56}{'trials':>7}{'acknowledged':>14}{'found':>9}{'lost':>9}{'doubled':>9}{'recovered in s':>16}")
    for name, outcome in writers_killed(trials, options.rate, die):
        _print(name, outcome)
    for place in CRASH_POINTS:
        _print(f"collector killed {place}", collector_killed(place, trials, die))
    _print("two writers and the collector killed", all_killed(trials, die))
    _print("half a line at the end of a dead writer's segment", damaged(_append_half_a_line, trials, die))
    _print("zeros at the end of a dead writer's segment", damaged(_append_zeros, trials, die))
    _print("a byte of a segment flipped (of 20 lines)", damaged(_flip, trials, die))


def _print(name: str, outcome: Outcome) -> None:
    print(f"{name:<56}{outcome.trials:>7}{outcome.acknowledged:>14,}{outcome.found:>9,}{outcome.lost:>9,}{outcome.doubled:>9,}"
          f"{statistics.median(outcome.seconds):>16.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
