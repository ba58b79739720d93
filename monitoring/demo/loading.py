"""Case studies into a home, by the same ways that a user's model takes: the verbs, the logger, the collector, the runner."""

from __future__ import annotations

__all__ = ["load_cases"]

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring import service
from monitoring.demo.case import Case
from monitoring.demo.ledger import Ledger
from monitoring.demo.planted import MODELS
from monitoring.demo.serving import log_labels, log_release
from monitoring.errors import InputError, nearest
from monitoring.house import House, opened
from storage.errors import OwnerBusy
from storage.home import Home

Tell = Callable[[Mapping[str, Any]], None]

_FEWEST = 100  # rows per case: with fewer there is not one a day


def load_cases(
    home: House | Home | Path | str,
    *,
    models: Sequence[str],
    rows: int | None,
    end: datetime | None,
    progress: Tell | None,
    compute: bool,
) -> dict[str, Any]:
    """See `monitoring.demo.load`."""
    _check(models, rows)
    path = _path(home)
    Home(path).make()
    ledger = Ledger.open(path, None if end is None else _midnight(end))
    tell = progress or (lambda _: None)
    with ExitStack() as stack:
        _own(path, stack)
        loaded = {MODELS[name]: _load(path, name, ledger, rows, tell) for name in dict.fromkeys(models)}
        run = service.call(path, "run", progress=tell) if compute else None
    return {"end": ledger.end.isoformat(), "models": loaded, "run": run}


def _check(models: Sequence[str], rows: int | None) -> None:
    for name in models:
        if name not in MODELS:
            raise InputError(f'There is no case study "{name}": {nearest(name, MODELS)}')
    if rows is not None and rows < _FEWEST:
        raise InputError(f"The demo needs at least {_FEWEST} rows per model, not {rows}: ask for more, or leave the number out.")


def _path(home: House | Home | Path | str) -> Path:
    if isinstance(home, House):
        return home.home.path
    return (home.path if isinstance(home, Home) else Path(home)).absolute()


def _midnight(end: datetime) -> datetime:
    if end.tzinfo is None:
        raise InputError("The demo's end has no time zone: give an aware datetime, for example datetime(2026, 6, 1, tzinfo=UTC).")
    return end.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _own(path: Path, stack: ExitStack) -> None:
    """Own the home for the whole load, unless this or another process does already: then its owner is asked."""
    if opened(path) is None:
        try:
            stack.callback(House.open(path).close)
        except OwnerBusy:
            return


def _load(path: Path, name: str, ledger: Ledger, asked: int | None, tell: Tell) -> dict[str, int]:
    """Bring one case study in; what of it is there already is left alone. Returns what was added."""
    default: int = _module(name).ROWS
    rows = ledger.rows(name, asked, default)
    known = ledger.cases.get(name, {})
    if known.get("done") and _stored(path, MODELS[name]) >= known["calls"]:
        tell({"message": f"{name}: all there"})
        return {"predictions": 0, "labels": 0, "reference": 0}
    tell({"message": f"{name}: simulating and training"})
    case = _simulate(name, ledger.end, rows)
    ledger.note(name, rows=rows, calls=case.rows, done=False)
    reference = _register(path, case)
    tell({"message": f"{name}: logging {case.rows} predictions"})
    predictions = _log(path, case)
    labels = _label(path, case)
    tell({"message": f"{name}: collecting"})
    service.call(path, "collect")
    ledger.note(name, rows=rows, calls=case.rows, done=True)
    return {"predictions": predictions, "labels": labels, "reference": reference}


def _simulate(name: str, end: datetime, rows: int) -> Case:
    case: Case = getattr(_module(name), f"{name}_case")(end, rows=rows)
    return case


def _module(name: str) -> Any:
    """The module of a case study: it brings scikit-learn, so only when it is needed."""
    return import_module(f"monitoring.demo.{name}")


def _stored(path: Path, model: str) -> int:
    lines: list[dict[str, Any]] = service.call(path, "models")
    return sum(int(line["predictions"]) for line in lines if line["model"] == model)


def _register(path: Path, case: Case) -> int:
    """The schemas of all versions, and the reference where there is none; its rows if it was loaded now."""
    for release in case.releases:
        service.call(path, "register", spec=release.schema.to_dict())
    if service.call(path, "describe", model=case.model)["reference"] is not None:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{case.model}-reference.parquet"
        pq.write_table(case.reference, file)
        return int(service.call(path, "reference", model=case.model, path=str(file))["rows"])


def _log(path: Path, case: Case) -> int:
    """What is not in the home yet, through one logger per version, as the serving processes would."""
    known = _ids(path, case.model, "predictions")
    logged = 0
    for release in case.releases:
        missing = _without(release.served, release.schema.id, known)
        logged += log_release(path, release.schema, missing)
    return logged


def _label(path: Path, case: Case) -> int:
    schema = case.releases[0].schema
    missing = _without(case.labels, schema.id, _ids(path, case.model, "labels"))
    return log_labels(path, schema, missing)


def _ids(path: Path, model: str, what: str) -> pa.Array:
    """The prediction ids that the home has already."""
    service.call(path, "collect")
    table: pa.Table = service.call(path, "table", model=model, what=what)
    return table["@id" if "@id" in table.column_names else "id"].combine_chunks()


def _without(table: pa.Table, column: str | None, known: pa.Array) -> pa.Table:
    """The rows whose id is not in `known`."""
    if column is None or not len(known):
        return table
    return table.filter(pc.invert(pc.is_in(table[column], value_set=known.cast(pa.string()))))
