"""The worker's loop: one JSON line in, one JSON line out. Started by `evidently_worker`.

It ends at once with its input, in the middle of a job too: then its owner closed it, or is gone, and nobody waits for the answer.
Its one argument is the folder in which the owner puts the jobs' rows; an owner that was killed cannot remove it, so it does.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

os.environ["DO_NOT_TRACK"] = "1"  # before Evidently is imported: its telemetry reads this

if TYPE_CHECKING:
    import pyarrow as pa


@lru_cache(maxsize=2)
def _reference(path: str) -> pa.Table:
    from monitoring.engine_wire import read_table

    return read_table(Path(path))


def answer(verb: str, params: dict[str, Any]) -> dict[str, Any]:
    """What one line asks for."""
    from monitoring.engine_wire import job_from_line, read_table, result_to_dict
    from monitoring.evidently_engine.work import analyse, render

    if verb == "analyse":
        reference = _reference(params["reference"]) if params["reference"] else None
        return result_to_dict(analyse(job_from_line(params, current=read_table(Path(params["current"])), reference=reference)))
    render(Path(params["snapshot"]), format=params["format"], out=Path(params["out"]))
    return {}


def _read(lines: SimpleQueue[str], folder: str) -> None:
    """Take in what is asked, whatever is being computed; end the process with the input."""
    for line in sys.stdin:
        lines.put(line)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Serve standard input. Anything printed by a library goes to stderr, because standard output carries the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner, who then closes our input
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_read, args=(lines, sys.argv[1]), name="input", daemon=True).start()
    gc.disable()  # hundreds of thousands of objects come and stay: looking at them again and again is a tenth of the import
    from monitoring.evidently_engine.work import sentence  # after the reader, because this takes seconds

    gc.freeze()
    gc.enable()
    while True:
        request = json.loads(lines.get())
        try:
            reply: dict[str, Any] = {"value": answer(request["verb"], request["params"])}
        except BaseException as error:  # some of Evidently's own derive from BaseException
            reply = {"error": sentence(error)}
        answers.write(json.dumps(reply, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
