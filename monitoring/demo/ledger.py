"""What a home remembers of its demo, so that a later load finds the same simulated world: `demo.json` in the home."""

from __future__ import annotations

__all__ = ["Ledger"]

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from monitoring.demo.planted import default_end
from monitoring.errors import InputError


@dataclass(slots=True)
class Ledger:
    """The end of the simulated world, and for each case study `{"rows": asked for, "calls": served, "done": all is logged}`."""

    path: Path
    end: datetime
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, end: datetime | None) -> Ledger:
        """The home's ledger, or a new one that ends at `end`. Raises InputError where the home's demo ends at another moment."""
        path = folder / "demo.json"
        if not path.exists():
            return cls(path, end or default_end())
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            ledger = cls(path, datetime.fromisoformat(known["end"]), dict(known["cases"]))
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path} cannot be read: load the demo into an empty home.") from None
        if end is not None and end != ledger.end:
            raise InputError(f"This home's demo ends on {ledger.end:%Y-%m-%d}: for another end load it into an empty home.")
        return ledger

    def rows(self, case: str, asked: int | None, default: int) -> int:
        """How many rows the case has in this home. Raises InputError where `asked` says otherwise."""
        known = self.cases.get(case, {}).get("rows")
        if known is not None and asked is not None and known != asked:
            raise InputError(f"This home holds {case} with {known} rows: for another number load it into an empty home.")
        return int(known or asked or default)

    def note(self, case: str, *, rows: int, calls: int, done: bool) -> None:
        """Remember how far the case is; the file is replaced at once, so that it is never half written."""
        self.cases[case] = {"rows": rows, "calls": calls, "done": done}
        fresh = self.path.with_suffix(".json.new")
        fresh.write_text(json.dumps({"end": self.end.isoformat(), "cases": self.cases}, indent=1), encoding="utf-8")
        fresh.replace(self.path)
