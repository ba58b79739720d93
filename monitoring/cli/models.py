"""`models register | list | show`."""

from __future__ import annotations

__all__: list[str] = []

from pathlib import Path
from typing import Annotated, Any

import typer

from monitoring.cli.frame import HomeOption, JsonOption, app, ask, emit, rows

_models = typer.Typer(name="models", help="Register models and look at them.", rich_markup_mode=None, no_args_is_help=False)
app.add_typer(_models)


@_models.callback(invoke_without_command=True)
def _help_without_a_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@_models.command()
def register(
    file: Annotated[Path, typer.Argument(help="The model's description, a YAML file.", show_default=False)],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a model, or a new version of its description; history is kept."""
    from monitoring.schema import ModelSchema

    told = ask(home, "register", spec=ModelSchema.from_file(file).to_dict())
    outcome = "registered" if told["changed"] else "already known, unchanged"
    emit(told, as_json=as_json, text=f"{told['model']} version {told['version']}: {outcome}.")


@_models.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One line per model: task, newest version, predictions, newest prediction."""
    found = ask(home, "models")
    empty = "No model yet: python -m monitoring models register FILE.yaml, or python -m monitoring demo."
    emit(found, as_json=as_json, text=rows(found, ("model", "task", "version", "predictions", "newest")) if found else empty)


@_models.command()
def show(
    model: Annotated[str, typer.Argument(help="The model's name.", show_default=False)],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything known about one model: description, reference, versions, history."""
    told = ask(home, "describe", model=model)
    emit(told, as_json=as_json, text=_described(told))


def _described(told: dict[str, Any]) -> list[str]:
    spec, reference = told["spec"], told["reference"]
    lines = [f"{told['model']}  {spec.get('task', '')}  version {spec.get('version', '')}", ""]
    for key, value in spec.items():
        if key not in {"name", "task", "version", "features"} and value not in (None, [], {}, ""):
            lines.append(f"  {key:<16}{value}")
    lines += ["", "features"]
    lines += [f"  {name:<24}{kind}" for name, kind in spec.get("features", {}).items()]
    there = f"{reference['rows']} rows, {reference['hash'][:12]}" if reference else ""
    if reference and reference["forgotten_at"]:
        there += f", rows deleted on {reference['forgotten_at'][:10]}"
    lines += ["", "reference", f"  {there or 'none yet: python -m monitoring reference MODEL FILE'}"]
    lines += ["", "versions", *(f"  {line}" for line in rows(told["versions"], ("version", "rows", "first", "last")))]
    return lines
