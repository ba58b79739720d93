"""The way to Evidently: a worker process that is started once, fed with jobs, and replaced when it dies or hangs.

Importing Evidently costs about 9 s of CPU and 290 MB, so the owner never does: `python -m monitoring.evidently_engine` does.
"""

from __future__ import annotations

__all__ = ["EvidentlyWorker"]

import json
import os
import queue
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Literal

from monitoring.engine_jobs import Job, Result
from monitoring.engine_wire import job_to_line, result_from_dict, write_table
from monitoring.errors import EngineError

_ROOT = Path(__file__).resolve().parents[1]
_QUIET = {
    "DO_NOT_TRACK": "1",  # Evidently's telemetry
    "OPENBLAS_NUM_THREADS": "1",  # threads of tiny matrices cost more CPU than they save
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "PYTHONUNBUFFERED": "1",
    "PYTHONHASHSEED": "0",  # Evidently adds in the order of sets of strings: the same job must give the same last digit
}
_REFERENCES = 4  # files kept for the worker; one per model and set of columns
_STDERR_TAIL = 1_500  # characters of the worker's last words that go into an error


class EvidentlyWorker:
    """Evidently in its own process; a context manager, usable from several threads (jobs run one after the other).

    The process starts with the first job (or `warm`). A job that takes longer than `timeout` seconds, or during which the worker
    dies, raises EngineError with what the worker last wrote to stderr; the next job starts a fresh worker.
    """

    def __init__(self, *, timeout: float = 900.0) -> None:
        self._timeout = timeout
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._references: dict[str, Path] = {}
        self._count = 0
        self._stopped = False

    def __enter__(self) -> EvidentlyWorker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The worker's process id, or None while there is none."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def warm(self) -> None:
        """Start the process now, so that the first job does not wait for all of Evidently's import."""
        with self._lock:
            self._running()

    def analyse(self, job: Job) -> Result:
        """Scores and snapshots of one window. EngineError if Evidently or its process failed as a whole."""
        with self._lock:
            self._running()
            folder = self._home()
            self._count += 1
            current = write_table(job.current, folder / f"current-{self._count}.arrow")
            try:
                return result_from_dict(self._ask("analyse", job_to_line(job, current=current, reference=self._reference(job))))
            finally:
                current.unlink(missing_ok=True)

    def render(self, snapshot: Path, *, format: Literal["html", "json"], out: Path) -> Path:  # noqa: A002 - the contract's word
        """A stored snapshot as a page that opens offline, or as JSON; returns `out`. EngineError if it cannot be read."""
        with self._lock:
            self._ask("render", {"snapshot": str(snapshot), "format": format, "out": str(out)})
        return out

    def close(self) -> None:
        """End the worker and remove its files. The object can be used again."""
        with self._lock:
            self._clear()

    def stop(self) -> None:
        """End the worker for good, in the middle of a job if need be: that job, and any later one, raises EngineError."""
        self._stopped = True
        while not self._lock.acquire(timeout=0.1):
            if (process := self._process) is not None:
                process.kill()
        try:
            self._clear()
        finally:
            self._lock.release()

    def _clear(self) -> None:
        self._end()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
            self._references.clear()

    def _home(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="driftboard-engine-")
        return Path(self._folder.name)

    def _reference(self, job: Job) -> Path | None:
        """The file of the job's reference, written once per content and set of columns."""
        if job.reference is None:
            return None
        names = job.reference.column_names
        key = json.dumps([job.reference_hash or f"job {self._count}", names])
        if key not in self._references:
            while len(self._references) >= _REFERENCES:
                self._references.pop(next(iter(self._references))).unlink(missing_ok=True)
            self._references[key] = write_table(job.reference, self._home() / f"reference-{self._count}.arrow")
        return self._references[key]

    def _running(self) -> subprocess.Popen[str]:
        if self._stopped:
            raise EngineError("Evidently's process was stopped because the home is being closed; the window stays due.")
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = self._start()
        return self._process

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        with (self._home() / "stderr.log").open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen(  # noqa: S603 – no shell, our own arguments
                [sys.executable, "-m", "monitoring.evidently_engine", str(self._home())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                text=True, encoding="utf-8", env={**os.environ, **_QUIET, "PYTHONPATH": path},
            )
        self._answers = queue.Queue()
        Thread(target=_listen, args=(process, self._answers), name="evidently-worker", daemon=True).start()
        return process

    def _ask(self, verb: str, params: dict[str, Any]) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"verb": verb, "params": params}) + "\n")
            process.stdin.flush()
            line = self._answers.get(timeout=self._timeout)
        except queue.Empty:
            self._end(kill=True)
            raise EngineError(
                f"Evidently did not answer within {self._timeout:g} s and was stopped; try a smaller window or fewer columns.") from None
        except OSError:
            line = None
        except BaseException:
            self._end(kill=True)  # an interrupted job must not answer the next one
            raise
        if line is None:
            code = self._end()
            raise EngineError(
                f"Evidently's process ended unexpectedly (exit code {code}); the next job starts a new one. {self._last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError(answer["error"])
        return dict(answer["value"])

    def _last_words(self) -> str:
        try:
            text = (self._home() / "stderr.log").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""
        return f"Its last words: {text[-_STDERR_TAIL:]}" if text else "It said nothing."

    def _end(self, *, kill: bool = False) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if kill:
            process.kill()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()  # the worker ends with its input, at once
        try:
            return process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _listen(process: subprocess.Popen[str], answers: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            answers.put(line)
    answers.put(None)
