"""The worker's loop: one JSON line in, one JSON line out, until the input ends. Started by `evidently_worker`."""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ["DO_NOT_TRACK"] = "1"  # before Evidently is imported: its telemetry reads this

import pyarrow as pa

from monitoring.engine_wire import job_from_line, read_table, result_to_dict
from monitoring.evidently_engine import analyse, render, sentence


@lru_cache(maxsize=2)
def _reference(path: str) -> pa.Table:
    return read_table(Path(path))


def answer(verb: str, params: dict[str, Any]) -> dict[str, Any]:
    """What one line asks for."""
    if verb == "analyse":
        reference = _reference(params["reference"]) if params["reference"] else None
        return result_to_dict(analyse(job_from_line(params, current=read_table(Path(params["current"])), reference=reference)))
    render(Path(params["snapshot"]), format=params["format"], out=Path(params["out"]))
    return {}


def main() -> None:
    """Serve standard input. Anything printed by a library goes to stderr, because standard output carries the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner, who then closes our input
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply: dict[str, Any] = {"value": answer(request["verb"], request["params"])}
        except BaseException as error:  # some of Evidently's own derive from BaseException
            reply = {"error": sentence(error)}
        answers.write(json.dumps(reply, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
