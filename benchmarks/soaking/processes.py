"""The owner and the writers of a soak, as processes that can be killed, stopped and started again."""

from __future__ import annotations

__all__ = ["ROOT", "Owner", "Writers", "percentile"]

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.soaking.ledger import Ledger
from storage import wire
from storage.errors import StorageError
from storage.home import Home

ROOT = Path(__file__).parents[2]


def percentile(counts: Sequence[int], share: float) -> int:
    """The least place at which `share` of all counts lie at it or before it."""
    wanted, seen = share * sum(counts), 0
    for place, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return place
    return len(counts)


class Owner:
    """`python -m monitoring serve --headless` over a home. `down` lists when it was not there: (from, until) in monotonic seconds."""

    def __init__(self, home: Home, log: Path, compute_every: float) -> None:
        self._home, self._log = home, log
        self._environment = {**os.environ, "MONITORING_RUN_SECONDS": str(compute_every)}
        self.down: list[tuple[float, float]] = []
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as out:
            command = [sys.executable, "-m", "monitoring", "serve", "--headless", "--home", str(self._home.path)]
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=out, stderr=out)
        self.started = time.monotonic()
        while True:
            try:
                self.ask("models")
                return
            except StorageError:
                if self._process.poll() is not None or time.monotonic() - self.started > 120:
                    raise SystemExit(f"The owner does not start:\n{self._log.read_text()[-3000:]}") from None
                time.sleep(0.05)

    def ask(self, verb: str, **params: object) -> object:
        """What a verb returns; StorageError where nobody answers."""
        return wire.ask(self._home, verb, params).value

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> float:
        """SIGKILL it, start it at once; the seconds until it answered again."""
        began = time.monotonic()
        self.down.append((began - 0.05, float("inf")))
        self.kill()
        self.start()
        self.down[-1] = (self.down[-1][0], time.monotonic() + 0.05)
        return time.monotonic() - began

    def pause(self) -> None:
        """SIGSTOP: it is there and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Let it end by itself."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=60)

    def size(self) -> tuple[float, int]:
        """Resident memory in MB, open descriptors."""
        return resident(self._process.pid), len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))


def resident(pid: int) -> float:
    """What a process has in memory, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Writers:
    """Serving processes that log at `rate` rows a second together; one that is killed is followed by another."""

    def __init__(self, home: Home, folder: Path, count: int, rate: float) -> None:
        self._home, self._folder, self._rate = home, folder, rate / count
        self.ledgers: list[Ledger] = []
        self._processes = [self._begin() for _ in range(count)]

    def _begin(self, clock: float = 0.0) -> subprocess.Popen[bytes]:
        path = self._folder / f"w{len(self.ledgers)}.ledger"
        self.ledgers.append(Ledger(path))
        command = [sys.executable, "-m", "benchmarks.soaking.writer", str(self._home.path), str(path), str(self._rate), str(clock)]
        return subprocess.Popen(command, cwd=ROOT)

    def pids(self) -> list[int]:
        """Of the writers that live."""
        return [process.pid for process in self._processes]

    def kill(self, place: int) -> None:
        """SIGKILL one."""
        self._processes[place].kill()
        self._processes[place].wait()

    def begin_again(self, place: int, clock: float = 0.0) -> None:
        """Start another where one was killed; its clock may be wrong by so many seconds."""
        self._processes[place] = self._begin(clock)

    def stop(self) -> None:
        """Let all end cleanly."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            if process.wait(timeout=60):
                raise SystemExit(f"A writer ended with {process.returncode}.")

    def acknowledged(self) -> int:
        """Predictions and labels that writers were promised."""
        return sum(ledger["predictions"] + ledger["labels"] for ledger in self.ledgers)

    def refused(self) -> int:
        """Calls that were told that nothing was logged."""
        return sum(ledger["refused"] for ledger in self.ledgers)

    def call(self, share: float) -> int:
        """Within how many µs that share of the calls returned."""
        return percentile([sum(column) for column in zip(*(ledger.durations() for ledger in self.ledgers), strict=True)], share)
