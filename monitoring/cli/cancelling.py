"""Ctrl-C of a command that computes ends its request in the owner that was asked, too, and says what became of it."""

from __future__ import annotations

__all__ = ["request"]

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import typer

from monitoring.cli.frame import ERROR, Progress, note


@contextmanager
def request(home: Path | None, progress: Progress, left: Mapping[str | None, str], *, counted: bool = False) -> Iterator[str]:
    """The name of a request, by which Ctrl-C within the block cancels it; afterwards the line of its progress is left.

    `left` says what is left behind, by what `monitoring.service.cancel` tells; `counted`, that the progress counts windows.
    """
    name = uuid4().hex
    try:
        yield name
    except KeyboardInterrupt:
        from monitoring import service

        progress.end()
        was = service.cancel(home, request=name)
        last = progress.last if counted else {}
        done = f" after {last['done']} of {last['total']} windows" if last.get("total") else ""
        note(f"Interrupted{done}: {left[was]}")
        raise typer.Exit(ERROR) from None
    finally:
        progress.end()
