"""`reference`, `log`, `label`, `export`: rows in and out."""

from __future__ import annotations

__all__: list[str] = []

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitoring.cli.frame import ERROR, WARNING, HomeOption, JsonOption, OutputOption, Progress, app, ask, emit, note
from monitoring.errors import InputError, NotFound

if TYPE_CHECKING:
    from monitoring.logger import PredictionLogger

ModelArgument = Annotated[str, typer.Argument(help="The model's name.", show_default=False)]
FileArgument = Annotated[Path, typer.Argument(help="A .parquet, .csv or .jsonl file.", show_default=False)]

_AS_OF = "Points as they were computed by then (a day alone: by its end, UTC), their causes, or labels received by then."
FormatOption = Annotated[
    str | None, typer.Option("--format", help="parquet, csv or json (default: the file's ending).", show_default=False)
]


@app.command()
def reference(
    model: ModelArgument,
    file: Annotated[Path | None, typer.Argument(help="A .parquet, .csv or .jsonl file.", show_default=False)] = None,
    forget_rows: Annotated[
        bool, typer.Option("--forget-rows", help="Delete the rows once all that windows are compared with was worked out of them.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a file's rows the model's reference, which its windows are compared with; or delete the rows and keep what they say."""
    if file is None and not forget_rows:
        raise InputError("Name the file with the reference's rows, or --forget-rows to delete those of the reference that is loaded.")
    told: dict[str, Any] = {}
    if file is not None:
        told = ask(home, "reference", model=model, path=file.absolute())
    text = [f"{told['rows']} rows are the reference of {model} now."] if told else []
    if forget_rows:
        progress = Progress()
        told |= ask(home, "forget_reference", model=model, progress=progress)
        progress.end()
        text += [f"The {told['rows']} rows of the reference of {model} are deleted since {told['forgotten_at'][:10]}; what is kept of them "
                 f"takes {told['bytes'] / 1e6:.1f} MB."]  # fmt: skip
        text += [f"They still stand in {name}: delete it when you no longer need it." for name in told["left"]]
    emit(told, as_json=as_json, text=text)


@app.command()
def log(
    model: ModelArgument,
    file: FileArgument,
    version: Annotated[str | None, typer.Option(help="The model's version (default: the newest registered).", show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log a file of predictions, and its ground truth where it has any. Logging it twice changes nothing."""
    with _logger(model, version, home, file) as logger:
        told = logger.log_batch(file)
    _written(told, home, as_json, f"of {file.name}")


@app.command()
def label(model: ModelArgument, file: FileArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Add ground truth by prediction id: columns id and label, and labelled_at where it is known."""
    with _logger(model, None, home, file) as logger:
        told = logger.log_labels(file)
    _written(told, home, as_json, f"of {file.name}")


@app.command()
def export(
    model: ModelArgument,
    output: OutputOption,
    what: Annotated[str, typer.Option(help="points, causes (since when and why), predictions, labels or quarantine.")] = "points",
    format_: FormatOption = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help=_AS_OF, show_default=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a table to a file, with exactly the numbers of the pages."""
    chosen = format_ or output.suffix.lstrip(".").lower()
    if not chosen:
        raise InputError(f"{output} has no ending that names a format: add --format parquet, csv or json.")
    told = ask(home, "export", model=model, what=what, format=chosen, path=output.absolute(), as_of=as_of)
    emit(told, as_json=as_json, text=f"{told['rows']} {what} written to {output}.")


def _logger(model: str, version: str | None, home: Path | None, file: Path) -> PredictionLogger:
    """A logger for a registered model, described as the home knows it."""
    from monitoring.logger import PredictionLogger
    from monitoring.schema import ModelSchema
    from storage.home import default_home

    if not file.is_file():
        raise NotFound(f"{file} is not a file: give the path of a Parquet, CSV or JSON Lines file.")
    schema = ModelSchema.from_dict(ask(home, "describe", model=model)["spec"])
    return PredictionLogger(model, version=version or schema.version, schema=schema, home=home or default_home())


def _written(told: Any, home: Path | None, as_json: bool, of: str) -> None:
    """Collect what was written and say what came of it; refused rows are a warning, nothing but refused rows an error."""
    counts = ask(home, "collect")
    refused = sum(told.refused.values())
    lists = {"ignored": list(told.ignored), "missing": list(told.missing)}
    answer = {"rows": told.rows, "labels": told.labels, "refused": dict(told.refused), **lists, **counts}
    text = f"{told.rows} predictions and {told.labels} labels {of} are logged"
    if counts["ingested"] + counts["duplicates"] == told.rows + told.labels:  # else the owner's own collector had a share in it
        text += f": {counts['ingested']} new, {counts['duplicates']} known already"
    emit(answer, as_json=as_json, text=f"{text}.")
    for what, names in (("Columns that play no part", told.ignored), ("Features the file does not have", told.missing)):
        if names:
            note(f"{what}: {', '.join(names)}.")
    for reason, count in told.refused.items():
        rows = ", ".join(str(row) for row in told.examples.get(reason, ()))
        note(f"{count} rows were refused: {reason} (rows {rows} first).")
    if counts["quarantined"]:
        note(f"{counts['quarantined']} records were quarantined: python -m monitoring export {told.model} --what quarantine shows why.")
    if refused or counts["quarantined"]:
        raise typer.Exit(WARNING if told.rows or told.labels else ERROR)
