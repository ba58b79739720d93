"""What can go wrong, as one tree; every message ends with what to do next.

MonitoringError
├── SchemaError        a model's description is wrong: names the line, the key and the nearest valid word
├── InputError         rows, files or arguments that cannot be used as they are
├── NotFound           a model, version, report or file that is not there; names what is
├── NotAvailable       a verb of the contract that this version does not offer yet
├── Cancelled          somebody ended the run that was asked for, and what was to follow it was not done
├── OwnerBusy          another process owns the home and does not answer; carries its pid
├── EngineError        Evidently failed, or its worker process died; carries the reason
└── StoreError         the database refused; says whether anything was written
"""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "EngineError",
    "InputError",
    "MonitoringError",
    "NotAvailable",
    "NotFound",
    "OwnerBusy",
    "SchemaError",
    "StoreError",
    "nearest",
]

from collections.abc import Iterable

from storage.errors import OwnerBusy, StorageError, StoreError


class MonitoringError(StorageError):
    """Anything this package raises on purpose. `str(error)` is one sentence for a person."""


class SchemaError(MonitoringError):
    """A model's description cannot be used."""


class InputError(MonitoringError):
    """Rows, a file or an argument cannot be used as they are."""


class NotFound(MonitoringError):
    """What was asked for is not in this home."""


class NotAvailable(MonitoringError):
    """A verb of the contract that comes with a later version."""


class Cancelled(MonitoringError):
    """Somebody ended what was asked for; what was computed until then is kept."""


class EngineError(MonitoringError):
    """Evidently failed, or the process it runs in died."""


def nearest(word: str, valid: Iterable[str]) -> str:
    """A closing hint for an error: `did you mean "x"?` or the list of valid words."""
    from difflib import get_close_matches  # only where something is wrong: serving processes import this module

    choices = sorted(valid)
    found = get_close_matches(word, choices, n=1, cutoff=0.5)
    if found:
        return f'did you mean "{found[0]}"?'
    return "valid are: " + ", ".join(choices) + "."
