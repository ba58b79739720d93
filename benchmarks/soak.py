"""A home under steady load and a fault every 30 s: what is lost, what grows, what a reader meets. Run: `python benchmarks/soak.py`.

An owner (`serve --headless`, computing included), four writers at 250 predictions a second each that label every tenth, twenty
reader sessions. Prints a line a minute (every ten of a soak of hours) and, at the end, the account, the owner's memory and
descriptors – at every fifth minute and as a fitted slope –, reader errors and how soon rows were seen. The owner is killed in the first
half only, so that the second half shows the memory of one process; with `--spare-owner` it is never killed, and all of the time does.
Ends with 1 where an acknowledged record is neither found nor told as quarantined or lost, or a reader met an error that no restart
explains. The specification's soak of a day: `python benchmarks/soak.py --hours 24 --rate 200`; it logs 17 million predictions,
several GB under TMPDIR.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.soaking.faults import FAULTS, Scene
from benchmarks.soaking.processes import Owner, Writers, percentile
from benchmarks.soaking.readers import Probe, Readers
from storage.home import Home
from storage.store import Store


@dataclass(frozen=True)
class Minute:
    """The owner at one moment: seconds since the soak began, its age in seconds, MB resident, descriptors."""

    at: float
    age: float
    resident: float
    descriptors: int


class Soak:
    """One soak, from its beginning to its account."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.home = Home(folder / "home")
        self.home.make()
        self.length = (options.minutes if options.hours is None else options.hours * 60) * 60
        self.line_every = 1 if self.length <= 2 * 3600 else 10  # minutes; memory and descriptors are looked at every minute
        self.every = options.fault_every
        self.die = random.Random(options.seed)
        self.owner = Owner(self.home, folder / "owner.log", options.compute_every)
        self.writers = Writers(self.home, folder, 4, options.rate)
        self.scene = Scene(self.home, self.owner, self.writers, self.die)
        while not self.owner.ask("models"):  # readers begin where there is something to read
            time.sleep(0.2)
        self.readers = Readers(self.home, options.readers, options.seed)
        self.probe = Probe(self.home)
        self.minutes: list[Minute] = []
        self.kill_until = 0.0 if options.spare_owner else self.length / 2
        self.done: Counter[str] = Counter()
        self.recoveries: list[float] = []

    def run(self) -> None:
        """Load, faults and a line now and then, until the time is up."""
        print(f"{'min':>4}{'acknowledged':>14}{'ingested':>11}{'backlog kB':>12}{'quarantined':>13}{'lost':>6}"
              f"{'RSS MB':>8}{'fds':>5}{'answers':>9}{'errors':>8}{'seen p50 s':>12}{'p99 s':>7}  faults", flush=True)  # fmt: skip
        begin = time.monotonic()
        next_fault, next_minute = begin + self.every, begin + 60
        told: list[str] = []
        while (now := time.monotonic()) < begin + self.length:
            if now >= next_fault:
                told.append(self._fault(may_kill_owner=now - begin < self.kill_until))
                next_fault += self.every
            if now >= next_minute:
                resident, descriptors = self.owner.size()
                self.minutes.append(Minute(now - begin, now - self.owner.started, resident, descriptors))
                if len(self.minutes) % self.line_every == 0:
                    self._line(self.minutes[-1], told)
                    told = []
                next_minute += 60
            time.sleep(0.1)

    def _fault(self, *, may_kill_owner: bool) -> str:
        name = self.die.choice([name for name in FAULTS if may_kill_owner or "owner killed" not in name])
        said = FAULTS[name](self.scene)
        self.done[name] += 1
        if said.startswith("answers again"):
            self.recoveries.append(float(said.split()[3]))
        return name + (f" ({said})" if said else "")

    def _line(self, minute: Minute, told: list[str]) -> None:
        facts = self._account()
        seen = self.probe.turn()
        print(f"{minute.at / 60:>4.0f}{self.writers.acknowledged():>14,}{facts['ingested']:>11,}{facts['in_spool_bytes'] / 1e3:>12,.0f}"
              f"{facts['quarantined']:>13}{facts['lost']:>6}{minute.resident:>8.0f}{minute.descriptors:>5}{self.readers.answers:>9,}"
              f"{self._errors().total():>8}{percentile(seen, 0.5) / 1e3:>12.2f}{percentile(seen, 0.99) / 1e3:>7.2f}  {'; '.join(told)}",
              flush=True)  # fmt: skip

    def _account(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.owner.ask("health"))["accounting"]

    def _errors(self) -> Counter[str]:
        return self.readers.errors(self.owner.down)

    def end(self) -> bool:
        """Let all come to rest, print the account, say whether it holds."""
        self.readers.stop()
        self.probe.stop()
        self.writers.stop()
        while cast("dict[str, int]", self.owner.ask("collect"))["pending"]:
            time.sleep(0.2)
        account = self._account()
        self.owner.stop()
        acknowledged = self.writers.acknowledged()
        found, doubled = self._found()
        missing = acknowledged - found
        told = account["quarantined"] + account["lost"]
        errors = self._errors()
        rows = {
            "faults": f"{self.done.total()}: " + ", ".join(f"{count} × {name}" for name, count in sorted(self.done.items())),
            "acknowledged to writers": f"{acknowledged:,} records, {self.writers.refused()} refused",
            "found in the database": f"{found:,}, {doubled} doubled",
            "missing": f"{missing}, of {self.scene.damaged} lines that a fault destroyed after they were acknowledged",
            "the home's own account": ", ".join(f"{name} {account[name]:,}" for name in account if isinstance(account[name], int)),
            "prediction() took": f"p50 {self.writers.call(0.5)} µs, p99 {self.writers.call(0.99)} µs (paced, whole µs, rounded down)",
            "seen by a reader within": " s, ".join(
                f"p{share:.0f} {percentile(self.probe.total, share / 100) / 1e3:.2f}" for share in (50, 90, 99)
            ) + " s",
            "owner answers after a kill": self._recovered(),
            "reader sessions": f"{self.readers.sessions}, {self.readers.answers:,} answers, {errors.total()} errors, "
            f"{len(self.readers.failures) - errors.total()} questions while no owner was there",
            **self._growth(),
        }
        print()
        for name, value in rows.items():
            print(f"{name:<28}{value}")
        for text, count in errors.most_common(5):
            print(f"reader error × {count}: {text}")
        return missing <= self.scene.damaged and missing <= told and not doubled and not errors

    def _recovered(self) -> str:
        if not self.recoveries:
            return "it was not killed"
        return f"{statistics.median(self.recoveries):.1f} s (median of {len(self.recoveries)}, at most {max(self.recoveries):.1f} s)"

    def _found(self) -> tuple[int, int]:
        """Acknowledged records that the database holds, and those that it holds twice."""
        with Store.open(self.home) as store, store.reading() as cursor:
            rows = dict(cursor.execute("SELECT split_part(id, '-', 1), count(DISTINCT id) FROM pred_000001 GROUP BY 1").fetchall())
            labels = dict(cursor.execute("SELECT split_part(id, '-', 1), count(DISTINCT id) FROM label_000001 GROUP BY 1").fetchall())
            doubled = cursor.execute("SELECT count(*) - count(DISTINCT id) FROM pred_000001").fetchall()[0][0]
        found = 0
        for ledger in self.writers.ledgers:  # a record that was written and whose writer died before it heard of it is no debt
            found += min(rows.get(ledger.name, 0), ledger["predictions"]) + min(labels.get(ledger.name, 0), ledger["labels"])
        return found, doubled

    def _growth(self) -> dict[str, str]:
        """The last owner's memory and descriptors, from its second minute on: at the beginning, at the end, and the slope between."""
        steady = [minute for minute in self.minutes if minute.age > 120 and minute.at >= self.minutes[-1].at - self.minutes[-1].age]
        if len(steady) < 3:
            return {"owner's memory": "too few minutes of one owner to tell"}
        at = [minute.at / 60 for minute in steady]
        memory = statistics.linear_regression(at, [minute.resident for minute in steady]).slope
        descriptors = statistics.linear_regression(at, [minute.descriptors for minute in steady]).slope
        first, last = steady[0], steady[-1]
        span = f"over {(last.at - first.at) / 60:.0f} min"
        marks = [minute for minute in steady if round(minute.at / 60) % 5 == 0]
        return {
            "owner's memory by minute": ", ".join(f"{minute.at / 60:.0f}: {minute.resident:.0f}" for minute in marks) + " MB",
            "owner's memory": f"{first.resident:.0f} → {last.resident:.0f} MB {span}, slope {memory:+.2f} MB/min",
            "owner's descriptors": f"{first.descriptors} → {last.descriptors} {span}, slope {descriptors:+.2f} a minute",
        }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--hours", type=float, default=None, help="in the place of --minutes")
    parser.add_argument("--rate", type=float, default=1000, help="rows per second of all writers together")
    parser.add_argument("--fault-every", type=float, default=30, help="seconds")
    parser.add_argument("--compute-every", type=float, default=60, help="seconds between the owner's looks for due windows")
    parser.add_argument("--spare-owner", action="store_true", help="do not kill the owner")
    parser.add_argument("--readers", type=int, default=20, help="sessions that ask for findings")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {' '.join(sys.argv[1:]) or 'defaults'}, seed {options.seed}", flush=True)
        soak = Soak(Path(folder), options)
        soak.run()
        if not soak.end():
            sys.exit("Something acknowledged is neither found nor told, or a reader met an error.")


if __name__ == "__main__":
    main()
