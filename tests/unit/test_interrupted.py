"""Ctrl-C of a command ends it with one sentence, whatever became of the owner that it had asked."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import typer

from monitoring.cli.cancelling import request
from monitoring.cli.frame import ERROR, Progress
from storage import wire
from storage.home import Home

LEFT = {None: "nobody is left to ask.", "under way": "it ends.", "waiting": "it waits.", "": "it had ended."}


def interrupted(home: Path) -> int:
    """The exit code of a command that Ctrl-C ends."""
    with pytest.raises(typer.Exit) as ended, request(home, Progress(), LEFT):
        raise KeyboardInterrupt
    return int(ended.value.exit_code)


def test_an_owner_that_dies_as_it_is_asked_to_stop_is_said_and_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def dies(verb: str, _params: Any, _tell: Any) -> None:
        asked.append(verb)
        server.close()
        gone.set()

    gone = threading.Event()
    Home(tmp_path).make()
    server = wire.serve(Home(tmp_path), dies)
    assert interrupted(tmp_path) == ERROR
    assert gone.wait(60)
    assert asked == ["cancel"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("Interrupted: the owner that was asked could not be asked to stop")
    assert interrupted(tmp_path) == ERROR, "its socket is gone, too"
    assert capsys.readouterr().err == f"Interrupted: {LEFT[None]}\n"


def test_an_owner_that_refuses_is_said_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refuses(verb: str, _params: Any, _tell: Any) -> None:
        raise ValueError(verb)

    Home(tmp_path).make()
    server = wire.serve(Home(tmp_path), refuses)
    try:
        assert interrupted(tmp_path) == ERROR
    finally:
        server.close()
    assert "could not be asked to stop" in capsys.readouterr().err
