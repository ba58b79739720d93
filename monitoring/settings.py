"""What a home's owner can be told from outside. The only reader of environment variables besides `storage.home`."""

from __future__ import annotations

__all__ = ["Settings"]

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from environment variables `MONITORING_<NAME>`; every field is described in `docs/settings.md`."""

    model_config = SettingsConfigDict(env_prefix="MONITORING_", frozen=True, extra="ignore")

    home: Path = Field(Path("monitoring-data"), description="Folder of the spool, the database and the reports.")
    run_seconds: float = Field(60.0, gt=0, description="Seconds between two looks of the owner for windows that are due.")
    settle_seconds: float = Field(
        5.0, ge=0, description="Seconds the owner waits after new rows before it computes, so that a batch is computed once."
    )
    busy_seconds: float = Field(
        10.0, ge=0, description="Seconds a command waits for an owner that holds the home and does not answer yet."
    )
    debug: bool = Field(False, description="Show the traceback of an unexpected error on the command line.")
