"""Where things lie in a home directory. Light: the serving process imports this."""

from __future__ import annotations

__all__ = ["Home", "default_home", "make_folder", "modes_in"]

import os
from dataclasses import dataclass
from pathlib import Path

from storage._places import make_folder, modes_in


def default_home() -> Path:
    """`MONITORING_HOME`, else `./monitoring-data`."""
    return Path(os.environ.get("MONITORING_HOME") or "monitoring-data")


@dataclass(frozen=True, slots=True)
class Home:
    """The folders and files of one home; `path` need not exist until `make` is called."""

    path: Path

    @property
    def spool(self) -> Path:
        """Segments that loggers write and the collector reads."""
        return self.path / "spool"

    @property
    def archive(self) -> Path:
        """Segments that were ingested whole."""
        return self.path / "archive"

    @property
    def quarantine(self) -> Path:
        """Lines that could not be read, with their reasons."""
        return self.path / "quarantine"

    @property
    def export(self) -> Path:
        """Facts as Parquet, from which the database can be made again; what was registered and loaded by hand."""
        return self.path / "export"

    @property
    def references(self) -> Path:
        """What was worked out of references, which may outlive their rows."""
        return self.path / "references"

    @property
    def reports(self) -> Path:
        """Snapshots and rendered reports."""
        return self.path / "reports"

    @property
    def database(self) -> Path:
        """The DuckDB file, opened by the owner alone."""
        return self.path / "db" / "monitor.duckdb"

    @property
    def lock(self) -> Path:
        """Held with `flock` by the owner; holds its pid."""
        return self.path / "owner.lock"

    @property
    def socket(self) -> Path:
        """Where the owner answers."""
        return self.path / "owner.sock"

    def make(self) -> None:
        """Create the folders, readable by their owner only – or by its group, where the home's own folder has the mode 2770."""
        within = (self.spool, self.archive, self.quarantine, self.export, self.references, self.reports, self.database.parent)
        for folder in (self.path, *within):
            make_folder(folder, modes_in(self.path).folder)
