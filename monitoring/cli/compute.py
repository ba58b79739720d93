"""`run`, `report`, `check`: findings, and what follows from them."""

from __future__ import annotations

__all__: list[str] = []

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from monitoring.cli.cancelling import request
from monitoring.cli.data import ModelArgument
from monitoring.cli.frame import ERROR, WARNING, HomeOption, JsonOption, OutputOption, Progress, app, ask, emit, note
from monitoring.errors import InputError, MonitoringError

_TIME = "A time such as 2026-03-01 or 2026-03-01T12:00 (UTC unless it names another zone)."
_SIZE = "Window size: 6h, 1mo, rows:5000 (default: the model's)."

SizeOption = Annotated[str | None, typer.Option("--window", help=_SIZE, show_default=False)]
SinceOption = Annotated[str | None, typer.Option("--since", help=f"Begin of the first window. {_TIME}", show_default=False)]
UntilOption = Annotated[str | None, typer.Option("--until", help=f"End of the last window. {_TIME}", show_default=False)]
_KINDS = (
    "drift, performance or summary by Evidently; full: Evidently's whole drift preset on the raw rows, at most 100,000 of them; "
    "findings: our own small page of everything found in the window, to read, send and print."
)
_BEGIN = f"Begin (default: the newest of the model's own windows, a complete one before a running one). {_TIME}"
FromOption = Annotated[str | None, typer.Option("--from", help=_BEGIN, show_default=False)]
_VERSION = "The model's version (default: the one with most rows in that window)."
VersionOption = Annotated[str | None, typer.Option(help=_VERSION, show_default=False)]
FormatOption = Annotated[str | None, typer.Option("--format", help="html or json (default: the file's ending).", show_default=False)]
_AS_OF = "Judge by what had been computed by then (a day alone: by its end, UTC); labels that were due then are provisional."
AsOfOption = Annotated[str | None, typer.Option("--as-of", help=_AS_OF, show_default=False)]
ToOption = Annotated[str | None, typer.Option("--to", help=f"End, not included. {_TIME}", show_default=False)]


_LEFT_OF_RUN: Final[Mapping[str | None, str]] = {
    None: "what was computed is kept, and the same command goes on from there.",
    "under way": "what was computed is kept, and the same command goes on from there. What is left the owner that "
                 "was asked computes in an hour, or as soon as somebody asks.",
    "waiting": "it had not begun. The owner that was asked goes on with the others, and computes what is due in its own time.",
    "": "the owner that was asked had ended it already, or has not begun it and will not.",
}  # fmt: skip
_LEFT_OF_REPORT: Final[Mapping[str | None, str]] = {
    None: "no report was written.",
    "under way": "no report was written. The owner that was asked ends what it computes for it.",
    "waiting": "no report was written. The owner that was asked goes on with the others, and computes nothing for it.",
    "": "no report was written. The owner that was asked computes nothing more for it; one that it is rendering it keeps.",
}


@app.command()
def run(
    model: Annotated[str | None, typer.Argument(help="The model's name (default: all).", show_default=False)] = None,
    window: SizeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Compute all windows again, not only new and changed ones.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Collect what was logged and compute the windows that are new or changed, newest first. Ctrl-C ends it after the windows that it is
    at: they are kept, and the same command goes on from there."""
    progress = Progress()
    asked = {"model": model, "window": window, "since": since, "until": until, "everything": everything}
    with request(home, progress, _LEFT_OF_RUN, counted=True) as name:
        told = ask(home, "run", progress=progress, request=name, **asked)
    text = f"{told['windows']} windows, {told['points']} points in {told['seconds']:.1f} s; "
    text += f"{told['insufficient']} with too few data, {told['failed']} failed."
    nothing = "Nothing was computed." if told["cancelled"] else "Nothing is due: every window is up to date."
    emit(told, as_json=as_json, text=text if told["windows"] else nothing)
    if told["cancelled"]:
        left = f"{told['left']} windows stay due" if told["left"] else "it had not begun"
        note(f"The run was cancelled: {left}. The same command goes on from there.")
        raise typer.Exit(ERROR)
    if told["failed"]:
        raise typer.Exit(WARNING)


@app.command()
def report(
    model: ModelArgument,
    output: OutputOption,
    kind: Annotated[str, typer.Option(help=_KINDS)] = "drift",
    since: FromOption = None,
    until: ToOption = None,
    version: VersionOption = None,
    format_: FormatOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a report of a range, by Evidently or ours; the HTML opens without a network."""
    if not output.absolute().parent.is_dir():
        raise InputError(f"{output.absolute().parent} is not a folder: create it first, or choose another path.")
    chosen = format_ or output.suffix.lstrip(".").lower() or "html"
    progress = Progress()
    asked = {"model": model, "kind": kind, "since": since, "until": until, "format": chosen, "version": version}
    with request(home, progress, _LEFT_OF_REPORT) as name:
        rendered = ask(home, "report", progress=progress, request=name, **asked)
    shutil.copyfile(rendered["file"], output)
    emit({"path": str(output), "kind": kind, "format": chosen}, as_json=as_json, text=f"The {kind} report of {model} is in {output}.")


@app.command()
def check(
    model: ModelArgument,
    window: Annotated[str, typer.Option(help="last, or a time within the window that is meant.")] = "last",
    fail_on: Annotated[str, typer.Option(help="warn, or drift to let warnings pass.")] = "warn",
    junit: Annotated[Path | None, typer.Option(help="Write the findings as JUnit XML too.", show_default=False)] = None,
    as_of: AsOfOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge one window: exit code 0 ok, 1 warning, 2 drift or degradation, 3 where something failed."""
    told = ask(home, "check", model=model, window=window, fail_on=fail_on, as_of=as_of)
    if junit is not None:
        _write_junit(told, junit)
    emit(told, as_json=as_json, text=_summary(told))
    if told["exit_code"]:
        raise typer.Exit(told["exit_code"])


def _write_junit(told: dict[str, Any], path: Path) -> None:
    from monitoring.checks import Check
    from monitoring.checks import junit as as_xml

    try:
        path.write_bytes(as_xml(Check.from_dict(told)))
    except OSError as error:
        raise MonitoringError(f"{path} could not be written ({error.strerror}): choose another path.") from None


def _summary(told: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in told["counts"].items())
    known = f", as known on {told['as_of']}" if told.get("as_of") else ""
    lines = [f"{told['model']} [{told['window_start']}, {told['window_end']}){known}: {told['verdict'].replace('_', ' ')} ({counts})"]
    why = {(cause["metric"], cause["column"], cause["method"]): cause["sentence"] for cause in told.get("causes", ())}
    for case in told["cases"]:
        if case["status"] in {"drift", "warn", "failed"}:
            of = f" of {case['column']}" if case["column"] else ""
            where = f" ({case['segment']})" if case["segment"] else ""
            when = "" if case["window_start"] == told["window_start"] else f", window from {case['window_start']}"
            lines.append(f"  {case['status']:<7}{case['metric']}{of}{where}, version {case['version']}{when}: {case['reason']}")
            cause = None if case["segment"] else why.get((case["metric"], case["column"], case["method"]))
            lines += [f"         {cause}"] if cause else []
    return lines
