"""Verbs of the contract that come with a later version: they say so, and stand in no help text."""

from __future__ import annotations

__all__: list[str] = []

from collections.abc import Callable

import typer

from monitoring.cli.frame import app
from monitoring.errors import NotAvailable

_ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _later(name: str) -> Callable[[typer.Context], None]:
    def command(context: typer.Context) -> None:  # noqa: ARG001 – typer hands the further arguments over in it
        raise NotAvailable(f'"{name}" is not yet available: it comes with a later version, see CHANGELOG.md.')

    return command


for _name in ("alerts",):
    app.command(_name, hidden=True, context_settings=_ANYTHING)(_later(_name))
