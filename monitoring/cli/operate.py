"""`demo`, `serve`, `collect`, `doctor`: running the house."""

from __future__ import annotations

__all__: list[str] = []

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from monitoring.cli.cancelling import request
from monitoring.cli.frame import ERROR, OK, WARNING, HomeOption, JsonOption, Progress, app, ask, emit, note
from monitoring.errors import NotFound
from storage.home import default_home

_GLANCE = 0.5  # seconds
_PORT = 8501  # Streamlit's default
_APP = Path(__file__).parents[2] / "app.py"  # beside the packages in a checkout


_AGAIN = "what was done is kept, and the same command goes on from there."
_LEFT_OF_DEMO: Final[Mapping[str | None, str]] = {
    None: _AGAIN,
    "under way": f"{_AGAIN} What is left to compute the owner that was asked computes in an hour, or as soon as somebody asks.",
    "waiting": f"{_AGAIN} The owner that was asked goes on with the others, and computes what is due in its own time.",
    "": f"{_AGAIN} An owner that has the home computes what is due in its own time.",
}


@app.command()
def demo(
    size: Annotated[int | None, typer.Option("--rows", min=100, help="Predictions per model.", show_default=False)] = None,
    models: Annotated[str, typer.Option(help="Which case studies.")] = "fraud,recommendations,diagnosis",
    newest: Annotated[bool, typer.Option("--newest", help="Compute only the newest windows; the dashboard computes the rest.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill the home with three case studies: train, log, label, compute. Offline; a second time changes nothing."""
    from monitoring import demo as case_studies

    progress = Progress()
    with request(home, progress, _LEFT_OF_DEMO) as name:
        told = case_studies.load(home or default_home(), models=tuple(models.split(",")), rows=size, progress=progress, compute=False)
        told["run"] = ask(home, "run_newest" if newest else "run", progress=progress, request=name)
    emit(told, as_json=as_json, text="The demo is loaded: python -m monitoring serve shows it.")


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The dashboard's port on 127.0.0.1.")] = _PORT,
    headless: Annotated[bool, typer.Option("--headless", help="Collect, compute and answer without a dashboard.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Own the home until interrupted: collect, compute what is due, answer other commands, show the dashboard."""
    place = (home or default_home()).absolute()
    if headless:
        _serve_headless(place, as_json)
        return
    if not _APP.is_file():
        raise NotFound("The dashboard's app.py is not beside this package: run this in a checkout, or add --headless.")
    command = [sys.executable, "-m", "streamlit", "run", str(_APP), "--server.port", str(port), "--server.address", "127.0.0.1"]
    os.chdir(_APP.parent)  # Streamlit reads .streamlit/config.toml of the folder it starts in
    os.execve(sys.executable, command, {**os.environ, "MONITORING_HOME": str(place)})  # noqa: S606 – no shell, our own arguments


@app.command()
def collect(
    once: Annotated[bool, typer.Option("--once", help="Collect what is there and end.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take logged predictions and labels into the database; without --once until interrupted."""
    stop = threading.Event()
    if not once:
        _on_signal(stop)
    while True:
        told = ask(home, "collect")
        if once or told["ingested"] or told["quarantined"]:
            text = ", ".join(f"{count} {'known already' if name == 'duplicates' else name}" for name, count in told.items())
            emit(told, as_json=as_json, text=text)
        if once:
            if told["quarantined"]:
                raise typer.Exit(WARNING)
            return
        if stop.wait(1.0):
            return


@app.command()
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Verify the home and say what to do: counts, checksums of archive and exports, database, disk, clock, versions. Changes nothing."""
    from monitoring import service

    place = (home or default_home()).absolute()
    if not place.is_dir():
        raise NotFound(f"There is no home at {place}: log something, or run python -m monitoring demo.")
    told = service.doctor(place)
    emit(told, as_json=as_json, text=_told_by(told))
    if told["status"] != "ok":
        raise typer.Exit(ERROR if told["status"] == "error" else WARNING)


def _serve_headless(place: Path, as_json: bool) -> None:
    from monitoring.service import House

    stop = threading.Event()
    _on_signal(stop)
    with House.open(place, background=True):
        emit({"home": str(place), "pid": os.getpid()}, as_json=as_json, text=f"Serving {place} as process {os.getpid()}; end with Ctrl-C.")
        sys.stdout.flush()
        while not stop.wait(_GLANCE):  # some libraries (polars) make Ctrl-C restart a wait, so that one without an end would never see it
            pass
    note("Stopped; the home is free.")
    if threading.active_count() > 1:  # a window is being computed for nobody; the interpreter's own end would wait for it
        sys.stdout.flush()
        os._exit(OK)


def _on_signal(stop: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())


_PLACES = ("ingested", "duplicates", "quarantined", "in_spool", "lost")  # of every record that a logger accepted


def _told_by(told: dict[str, Any]) -> list[str]:
    """What `doctor` says to a person."""
    counts, spool = told["accounting"], told["spool"]
    sizes = {"free": told["free_bytes"], "database": told["database"]["bytes"], "archive": told["archive"]["bytes"]}
    lines = [
        f"home        {told['home']}, " + (f"held by process {told['holder']['pid']}" if told["holder"] else "held by no process"),
        f"accepted    {counts['accepted']} = " + " + ".join(f"{counts[place]} {place.replace('_', ' ')}" for place in _PLACES),
        f"spool       {spool['backlog_segments']} segments, {_size(spool['backlog_bytes'])} not collected yet",
        "disk        " + ", ".join(f"{name} {_size(count)}" for name, count in sizes.items()),
        f"newest      prediction {told['newest_prediction'] or '–'}, label {told['newest_label'] or '–'}",
        "versions    " + ", ".join([f"python {told['python']}", *(f"{name} {version}" for name, version in told["packages"].items())]),
        "",
        *(f"{item['level']:<12}{item['what']}: {item['do']}." for item in told["advice"]),
    ]
    return lines if told["advice"] else [*lines, "ok          nothing needs to be done."]


def _size(count: int) -> str:
    """Bytes for people, in binary units."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
