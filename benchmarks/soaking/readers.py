"""Those who look while a soak goes on: sessions that ask what pages ask, and a probe of how soon rows are seen."""

from __future__ import annotations

__all__ = ["Probe", "Readers"]

import random
import threading
import time
from collections import Counter
from datetime import datetime

from storage import wire
from storage.errors import StorageError
from storage.home import Home

_QUESTIONS = (("models", {}), ("health", {}), ("describe", {"model": "soak"}), ("points", {"model": "soak"}))
_BINS = 120_000  # ms


class Readers:
    """Sessions in threads, each asking the owner about once a second. `failures`: (when, error) in monotonic seconds."""

    def __init__(self, home: Home, sessions: int, seed: int) -> None:
        self._home, self.sessions = home, sessions
        self._stop = threading.Event()
        self.answers = 0
        self.failures: list[tuple[float, float, str]] = []
        dice = [random.Random(seed + number) for number in range(sessions)]
        self._threads = [threading.Thread(target=self._read, args=(die,), daemon=True) for die in dice]
        for thread in self._threads:
            thread.start()

    def _read(self, die: random.Random) -> None:
        while not self._stop.wait(die.uniform(0.5, 1.5)):
            verb, params = die.choice(_QUESTIONS)
            began = time.monotonic()
            try:
                wire.ask(self._home, verb, params)
                self.answers += 1
            except Exception as error:  # whatever it is, it is what a visitor would have met
                self.failures.append((began, time.monotonic(), f"{verb}: {type(error).__name__}: {error}"))

    def stop(self) -> None:
        """No more questions."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def errors(self, down: list[tuple[float, float]]) -> Counter[str]:
        """What failed while an owner was there from the question to the answer, by its text."""
        return Counter(text for began, ended, text in self.failures if not any(start <= ended and began <= end for start, end in down))


class Probe:
    """Within how many ms rows are seen: asks for the newest one five times a second. All rows logged between two answers count alike."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stop = threading.Event()
        self.total, self.minute = [0] * _BINS, [0] * _BINS
        self._newest = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.2):
            try:
                (line,) = wire.ask(self._home, "models").value or [{}]
            except (StorageError, ValueError):
                continue
            if line.get("newest"):
                self._note(datetime.fromisoformat(line["newest"]).timestamp(), time.time())

    def _note(self, newest: float, now: float) -> None:
        if self._newest and newest > self._newest:
            for step in range(1, 21):  # twenty rows stand for those that came into sight with this answer
                logged = self._newest + (newest - self._newest) * step / 20
                waited = max(0, min(int((now - logged) * 1000), _BINS - 1))
                weight = max(1, int((newest - self._newest) * 50))
                self.total[waited] += weight
                self.minute[waited] += weight
        self._newest = max(newest, self._newest)

    def turn(self) -> list[int]:
        """What was seen since the last turn."""
        seen, self.minute = self.minute, [0] * _BINS
        return seen

    def stop(self) -> None:
        """No more looks."""
        self._stop.set()
        self._thread.join(timeout=30)
