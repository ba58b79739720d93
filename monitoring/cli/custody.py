"""`quarantine`, `backup`, `rebuild`, `prune`, `erase`: custody of what is stored."""

from __future__ import annotations

__all__: list[str] = []

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from monitoring.cli.cancelling import request
from monitoring.cli.frame import OK, WARNING, HomeOption, JsonOption, Progress, app, ask, emit
from monitoring.errors import NotFound
from storage.home import default_home

_quarantine = typer.Typer(help="Lines of the log that could not be used.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(_quarantine, name="quarantine")


@_quarantine.command("list")
def list_quarantine(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say which lines could not be used, by reason, with examples and the files that hold them whole."""
    told = ask(_there(home), "quarantined")
    emit(told, as_json=as_json, text=_told(told))
    if told["lines"]:
        raise typer.Exit(WARNING)


@_quarantine.command()
def replay(
    file: Annotated[str, typer.Argument(help="A .bad file of the home's quarantine folder, mended in place; a name or a path.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a mended quarantine file in again, each line once. A line is the frame as it was (its checksum no longer counts) or its data."""
    path = Path(file)
    told = ask(_there(home), "replay", path=str(path.absolute() if len(path.parts) > 1 else path))
    text = f"{told['lines']} lines replayed: {told['ingested']} ingested, {told['duplicates']} known already."
    emit(told, as_json=as_json, text=text)
    raise typer.Exit(WARNING if told["quarantined"] else OK)


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="The folder to make; it must not exist.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the home while it is in use: one moment, checked table by table. The copy is a home: --home TO opens it, a move restores it."""
    told = ask(_there(home), "backup", path=str(to.absolute()))
    text = f"{told['path']}: {told['files']} files, {told['bytes']} bytes, {told['rows']} rows in the database."
    emit(told, as_json=as_json, text=text)


@app.command()
def rebuild(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make the database anew from exported facts, archive and spool; the old file is moved aside, not deleted."""
    from monitoring import service

    progress = Progress()
    try:
        told = service.rebuild(_there(home), progress=progress)
    finally:
        progress.end()
    text = [
        f"Rebuilt: {told['from_facts']} rows from exported facts, {told['ingested']} records from {told['segments']} archived segments.",
        *([f"The old file is {told['moved_to']} in the db folder; delete it when you no longer need it."] if told["moved_to"] else []),
        "Next: python -m monitoring run computes what is missing.",
    ]
    emit(told, as_json=as_json, text=text)


_LEFT_OF_PRUNING: Final[Mapping[str | None, str]] = {
    None: "what was removed is removed, a version at a time, and the same command goes on from there.",
    "under way": "the owner that was asked was computing what was due first, ends that, and removes nothing.",
    "waiting": "the owner that was asked had not begun, and removes nothing.",
    "": "the owner that was asked had computed what was due, and removes what is to go; or it has not begun and removes nothing. The same "
        "command says what is left to remove.",
}  # fmt: skip
_LEFT_OF_DRY_RUN: Final = dict.fromkeys(_LEFT_OF_PRUNING, "nothing was to be removed, and nothing was.")


@app.command()
def prune(
    model: Annotated[str | None, typer.Argument(help="One model; all by default.", show_default=False)] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            help="Remove predictions older than this, such as 30d (default: the model's retention, else MONITORING_RAW_DAYS).",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove old predictions with their labels, old hourly counts and old archived segments. No finding and no shown number changes."""
    place, progress = _there(home), Progress()
    asked = {"model": model, "older_than": older_than, "dry_run": dry_run}
    with request(place, progress, _LEFT_OF_DRY_RUN if dry_run else _LEFT_OF_PRUNING) as name:
        told = ask(place, "prune", progress=progress, request=name, **asked)
    would = "Would remove" if dry_run else "Removed"
    counted = "{model} {version}: {rows} rows, {labels} labels before {before}"
    lines = [counted.format(**row) for row in told["versions"]]
    total = f"{would} {told['rows']} rows, {told['labels']} labels, {told['hours']} hourly counts, {told['segments']} archived segments."
    emit(told, as_json=as_json, text=[*lines, total])


@app.command()
def erase(
    subject: Annotated[str, typer.Option(help="COLUMN=VALUE, such as customer=4711; a hashed column takes the clear value.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a subject from log, archive, tables, references, exports and reports, for good. Findings stay as they are."""
    told = ask(_there(home), "erase", subject=subject)
    counts = [f"{place:<28}{count}" for place, count in told.items() if isinstance(count, int)]
    left = [f"still named in {path}" for path in told["left"]]
    emit(told, as_json=as_json, text=[*counts, *left, *([] if left else ["Nothing in the home names the subject any more."])])
    if left:
        raise typer.Exit(WARNING)


def _there(home: Path | None) -> Path:
    """The home, which these commands do not create."""
    place = (home or default_home()).absolute()
    if not place.is_dir():
        raise NotFound(f"There is no home at {place}: log something, or run python -m monitoring demo.")
    return place


def _told(told: dict[str, Any]) -> Iterator[str]:
    """What `quarantine list` says to a person."""
    if not told["lines"]:
        yield "Nothing is in quarantine."
        return
    for reason in told["reasons"]:
        yield f"{reason['count']:>6}  {reason['reason']}"
        yield from (f"        {one['segment']} at byte {one['position']}: {one['line'][:80]}" for one in reason["examples"])
    yield "Mend a file in place, then: python -m monitoring quarantine replay FILE"
    yield from told["files"]
