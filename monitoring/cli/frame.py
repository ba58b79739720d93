"""What every command shares: `--home`, `--json`, exit codes, one sentence for an error, progress on stderr."""

from __future__ import annotations

__all__ = [
    "DRIFT",
    "ERROR",
    "OK",
    "WARNING",
    "HomeOption",
    "JsonOption",
    "OutputOption",
    "Progress",
    "app",
    "ask",
    "emit",
    "main",
    "note",
    "rows",
]

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from monitoring.plain import jsonable, printable
from storage.errors import StorageError

OK, WARNING, DRIFT, ERROR = 0, 1, 2, 3

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="The home's folder (default: MONITORING_HOME, else ./monitoring-data).", show_default=False)
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout instead of text.")]

app = typer.Typer(
    name="monitoring",
    help="Model monitoring: a durable prediction log, drift and performance by Evidently, one dashboard.\n\n"
    "Exit codes: 0 ok, 1 warning, 2 drift or degradation, 3 error.",
    add_completion=False,
    rich_markup_mode=None,  # plain help: nothing heavy is imported to print it
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _help_without_a_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors become one sentence on stderr; none becomes a traceback."""
    try:
        code = typer.main.get_command(app).main(
            args=None if arguments is None else list(arguments), prog_name="python -m monitoring", standalone_mode=False
        )
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except (StorageError, typer.TyperException) as error:
        return _fail(error.format_message() if isinstance(error, typer.TyperException) else str(error))
    except (KeyboardInterrupt, typer.Abort):
        return _fail("Interrupted: what was finished is kept, and the same command goes on from there.")
    except BrokenPipeError:
        _drop_stdout()
        return ERROR
    except Exception as error:
        if _debugging():
            raise
        said = " ".join(str(error).split())[:300]
        return _fail(f"Unexpected {type(error).__name__}: {said or 'no message'} – set MONITORING_DEBUG=1 to see where, and report it.")


def ask(home: Path | None, verb: str, *, progress: Progress | None = None, **params: Any) -> Any:
    """A verb of `monitoring.service.call`; the import waits until a command needs it."""
    from monitoring import service

    return service.call(home, verb, progress=progress, **params)


def emit(value: Any, *, as_json: bool, text: str | Iterable[str]) -> None:
    """The command's answer on stdout: `value` as one JSON line, or `text` for a person."""
    if as_json:
        typer.echo(json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False))
        return
    for line in [text] if isinstance(text, str) else text:
        typer.echo(printable(line))


def note(text: str) -> None:
    """A remark on stderr, which leaves stdout to the answer."""
    typer.echo(printable(text), err=True)


def rows(items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Aligned text, one line per item under a line of headings; null is a dash."""
    cells = [[name.replace("_", " ") for name in columns]]
    cells += [["–" if item.get(name) is None else printable(item[name]) for name in columns] for item in items]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


class Progress:
    """Shows what a long command reports: one line that is rewritten on a terminal, one line per tenth elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._tenth = -1
        self._dirty = False
        self.last: Mapping[str, Any] = {}  # report of counted steps

    def __call__(self, told: Mapping[str, Any]) -> None:
        """Show one report: `{"message"}`, and with it `{"done", "total"}` where the steps are counted."""
        done, total = told.get("done"), told.get("total")
        text = printable(told.get("message") or f"{done} of {total}")
        if not isinstance(done, int) or not isinstance(total, int) or total < 1:
            self._line(text)
            return
        self.last = told
        if self._terminal:
            typer.echo(f"\r\x1b[2K{text}", nl=False, err=True)
            self._dirty = True
        elif done * 10 // total != self._tenth or done == total:
            self._tenth = done * 10 // total
            self._line(text)

    def end(self) -> None:
        """Leave the line that is being rewritten."""
        if self._dirty:
            typer.echo("", err=True)
            self._dirty = False

    def _line(self, text: str) -> None:
        self.end()
        typer.echo(text, err=True)


def _fail(sentence: str) -> int:
    with suppress(OSError):
        typer.echo(" ".join(printable(line) for line in sentence.splitlines()), err=True)
    return ERROR


def _debugging() -> bool:
    from monitoring.settings import Settings

    try:
        return Settings.read().debug
    except StorageError:
        return False


def _drop_stdout() -> None:
    """The reader of our output went away: let the interpreter's last flush go nowhere instead of failing."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
