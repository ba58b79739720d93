"""Every command, option, metric, drift method and setting stands in docs/, and what is written there by a script is fresh."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from monitoring.cli import app
from monitoring.drift import METHODS
from monitoring.metrics import METRICS
from monitoring.schema import METHODS as NAMES
from monitoring.settings import Settings

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def commands(group: Any, context: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from commands(command, context, f"{path}{name} ")
        elif not command.hidden:
            yield path + name, command


def all_commands() -> list[tuple[str, Any]]:
    root = typer.main.get_command(app)
    return list(commands(root, root.make_context("monitoring", [], resilient_parsing=True)))


def test_every_command_of_the_contract_is_there() -> None:
    assert {name for name, _ in all_commands()} == {
        "backup", "check", "collect", "demo", "doctor", "erase", "export", "label", "log", "models list", "models register", "models show",
        "prune", "quarantine list", "quarantine replay", "rebuild", "reference", "report", "run", "serve",
    }


@pytest.mark.parametrize(("name", "command"), all_commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_is_documented(name: str, command: Any) -> None:
    text = page("cli.md")
    assert f"## `{name}`\n" in text
    section = text.split(f"## `{name}`\n")[1].split("\n## ")[0]
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("-")]
    assert [option for option in options if f"{option}`" not in section and f"`{option}," not in section] == []
    assert {"--home", "--json"} <= set(options)
    assert all(parameter.help for parameter in command.params)


def test_every_metric_is_documented() -> None:
    text = page("metrics.md")
    assert [name for name in METRICS if f"| `{name}` |" not in text] == []


def test_every_drift_method_is_documented() -> None:
    text = page("drift-methods.md")
    assert [name for name in {*METHODS, *NAMES} if f"`{name}`" not in text] == []


def test_every_setting_is_documented() -> None:
    text = page("settings.md")
    assert [name for name in Settings.variables() if f"| `{name}` |" not in text] == []
    assert all(Settings.variables().values())


def test_no_environment_variable_is_read_that_is_not_documented() -> None:
    read = {
        name
        for folder in ("monitoring", "storage", "pages")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"MONITORING_[A-Z][A-Z_]*", path.read_text())
    }
    assert "MONITORING_HOME" in read
    assert {name for name in read if f"`{name}`" not in page("settings.md")} == set()


def test_the_written_pages_are_fresh() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "docs"), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
