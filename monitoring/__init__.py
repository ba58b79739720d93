"""Driftboard's public face. Light: importing it imports none of pandas, pyarrow, duckdb, evidently, plotly or streamlit.

Names are loaded when they are first asked for, so that a serving process pays for the logger alone.
"""

from __future__ import annotations

__all__ = [
    "Feature",
    "InputError",
    "Kind",
    "ModelSchema",
    "MonitoringError",
    "PredictionLogger",
    "SchemaError",
    "Task",
    "export_report",
    "forget_reference",
    "points",
    "run",
]

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitoring.errors import InputError, MonitoringError, SchemaError
    from monitoring.logger import PredictionLogger
    from monitoring.schema import Feature, Kind, ModelSchema, Task
    from monitoring.service import export_report, forget_reference, points, run

_HOMES = {
    "Feature": "monitoring.schema",
    "InputError": "monitoring.errors",
    "Kind": "monitoring.schema",
    "ModelSchema": "monitoring.schema",
    "MonitoringError": "monitoring.errors",
    "PredictionLogger": "monitoring.logger",
    "SchemaError": "monitoring.errors",
    "Task": "monitoring.schema",
    # These compute and read: they bring duckdb, pyarrow and the like, and need the extra `dashboard`.
    "export_report": "monitoring.service",
    "forget_reference": "monitoring.service",
    "points": "monitoring.service",
    "run": "monitoring.service",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        try:
            found = getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as missing:
            raise ImportError(f"monitoring.{name} needs {missing.name}; pip install 'driftboard[dashboard]'.", name=missing.name) from None
        globals()[name] = found  # from now on an ordinary attribute
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
