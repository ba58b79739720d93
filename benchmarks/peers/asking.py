"""Asking a peer, in its own environment, what it says of the same rows."""

from __future__ import annotations

__all__ = ["answers"]

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.drifting.streams import Trial, digest
from benchmarks.peers.environment import python_of

ROOT = Path(__file__).parents[2]
_QUIET = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}


def answers(peer: str, trials: Sequence[Trial], *options: str) -> Iterator[npt.NDArray[np.float64]]:
    """Of each trial the severities (windows × what the peer looks at; 1 is its default threshold). The rows' digests must agree."""
    command = [str(python_of(peer)), "-m", f"benchmarks.peers.drift_{peer}", *options]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **_QUIET}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        for trial in trials:
            process.stdin.write(json.dumps(asdict(trial)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{peer} ended at {trial}; run `{' '.join(command)}` by hand to see why.")
            answer = json.loads(line)
            if answer["digest"] != digest(*_rows(trial)):
                raise SystemExit(f"{peer}'s environment draws other rows than this one: give both the same numpy.")
            yield np.array(answer["severity"])
        process.stdin.close()


def _rows(trial: Trial) -> list[dict[str, npt.NDArray[np.float64] | npt.NDArray[np.str_]]]:
    reference, windows = trial.rows()
    return [reference, *windows]
