"""Ctrl-C of a command that computes ends its request in the owner that was asked, too, and says what became of it."""

from __future__ import annotations

__all__ = ["request"]

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import typer

from monitoring.cli.frame import ERROR, Progress, note
from storage.errors import StorageError

_UNREACHED = "the owner that was asked could not be asked to stop; if it still runs, it goes on with what it has begun."


@contextmanager
def request(home: Path | None, progress: Progress, left: Mapping[str | None, str], *, counted: bool = False) -> Iterator[str]:
    """The name of a request, by which Ctrl-C within the block cancels it; afterwards the line of its progress is left.

    `left` says what is left behind, by what `monitoring.service.cancel` tells; `counted`, that the progress counts windows.
    """
    name = uuid4().hex
    try:
        yield name
    except KeyboardInterrupt:
        progress.end()
        last = progress.last if counted else {}
        done = f" after {last['done']} of {last['total']} windows" if last.get("total") else ""
        note(f"Interrupted{done}: {_what_is_left(home, name, left)}")
        raise typer.Exit(ERROR) from None
    finally:
        progress.end()


def _what_is_left(home: Path | None, name: str, left: Mapping[str | None, str]) -> str:
    """The sentence for what became of a request that is cancelled now; an owner that dies while it is asked is no new error."""
    from monitoring import service

    try:
        return left[service.cancel(home, request=name)]
    except (StorageError, OSError):
        return _UNREACHED
