"""What a home's owner can be told from outside. The only reader of environment variables besides `storage.home`."""

from __future__ import annotations

__all__ = ["Settings"]

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from monitoring.errors import InputError
from monitoring.memory import parse_size
from storage.home import default_home

_PREFIX = "MONITORING_"


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """Read from environment variables `MONITORING_<NAME>`; `docs/settings.md` describes each. Use `Settings.read()`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    home: Path = Field(default_factory=default_home, description="Folder of the spool, the database and the reports.")
    run_seconds: float = Field(default=60.0, gt=0, description="Seconds between two looks of the owner for windows that are due.")
    settle_seconds: float = Field(
        default=5.0, ge=0, description="Seconds an idle owner waits after new rows before it computes, so that a batch is computed once."
    )
    busy_seconds: float = Field(
        default=10.0, ge=0, description="Seconds a command waits for an owner that holds the home and does not answer yet."
    )
    scores: Literal["auto", "exact", "evidently"] = Field(
        default="auto", description="Who computes drift scores and performance: `auto`, we where we cover the method and Evidently "
        "elsewhere; `exact`, we alone; `evidently`, Evidently alone. Windows that were computed stay as they are until `run --all`. "
        "See docs/drift-methods.md."
    )  # fmt: skip
    raw_days: int | None = Field(
        default=None,
        gt=0,
        description="Days that predictions and their labels are kept before a nightly prune, of models whose "
        "file does not say it (retention); unset: for ever.",
    )
    rollup_days: int = Field(
        default=400, gt=0, description="Days that the hourly counts of pruned predictions are kept, of models whose file does not say it."
    )
    archive_days: int = Field(
        default=7, gt=0, description="Days that segments of the log are kept once they are in the database and in its exported facts."
    )
    disk_reserve_mb: int = Field(
        default=512, ge=0, description="MiB of free disk below which the owner takes nothing in; the log waits in the spool meanwhile."
    )
    memory_limit: Annotated[int | None, BeforeValidator(_size)] = Field(
        default=None,
        description="Memory that the owner may take, such as 2GB: the database spills to disk beyond its half, and a window that cannot be "
        "analysed within its share says so. Evidently's process (about 300 MB) comes on top. Unset: most of the machine's.",
    )
    debug: bool = Field(default=False, description="Show the traceback of an unexpected error on the command line.")

    @classmethod
    def read(cls) -> Settings:
        """The settings of this process's environment; raises `InputError` naming the variable that cannot be used."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            why = first["msg"].removeprefix("Value error, ")
            why = why if why != first["msg"] else why.lower()  # ours as they are written
            name = _PREFIX + "_".join(str(part) for part in first["loc"]).upper()
            raise InputError(f'{name} is "{first["input"]}": {why}; see docs/settings.md.') from None

    @classmethod
    def variables(cls) -> dict[str, str]:
        """What can be set: the environment variable's name and what it does."""
        return {_PREFIX + name.upper(): field.description or "" for name, field in cls.model_fields.items()}
