"""The verbs of custody: keep, copy, mend, forget what a home holds."""

from __future__ import annotations

__all__ = ["CustodyVerbs", "nightly_is_due"]

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from monitoring._privacy import Guard
from monitoring._values import Refused
from monitoring.computing import Computing, Progress
from monitoring.errors import Cancelled, InputError
from monitoring.retention import cuts, due_keys, periods, rebase
from monitoring.schema import ModelSchema
from monitoring.schema.periods import parse_delay
from monitoring.settings import Settings
from storage.collector import Collector
from storage.custody import backup, compacting, erasing, facts, quarantined, rebuilding, retention
from storage.home import Home
from storage.store import Store

_DAY = timedelta(days=1)


class _Has(Protocol):
    """What these verbs need of the class that they are part of."""

    home: Home
    store: Store
    computing: Computing
    collector: Collector

    def bring_up_to_date(self, models: Iterable[str], progress: Progress | None, request: str = "") -> None: ...
    def known(self, model: str) -> str: ...
    def ages(self, model: str | None, older_than: str | None) -> dict[str, timedelta]: ...
    def pruned(self, ages: Mapping[str, timedelta], *, dry_run: bool) -> list[dict[str, Any]]: ...


class CustodyVerbs:
    """Part of `monitoring.verbs.Verbs`."""

    def quarantined(self: _Has) -> dict[str, Any]:
        """Lines that could not be used: `lines, reasons` (each with `reason, count, examples`)`, files`."""
        self.collector.once()
        return quarantined.listed(self.store)

    def replay(self: _Has, *, path: str | Path) -> dict[str, Any]:
        """Take a mended file of the quarantine in again: `segment, lines, ingested, duplicates, quarantined`."""
        found = Path(path)
        return quarantined.replay(self.store, self.collector, found if found.is_absolute() else self.home.quarantine / found)

    def backup(self: _Has, *, path: str | Path) -> dict[str, Any]:
        """Copy the home, while it is in use, to a folder that does not exist yet: `path, files, bytes, rows`."""
        return backup.back_up(self.store, self.collector, Path(path))

    def rebuild(self: _Has, *, progress: Progress | None = None) -> dict[str, Any]:
        """Make the database anew from exported facts, archive and spool: the fields of `storage.custody.rebuilding.Rebuilt`."""
        done = rebuilding.Rebuilt()

        def tell(text: str) -> None:
            if progress is not None:
                progress({"message": text})

        def make() -> None:
            done.moved_to, done.from_facts = rebuilding.new_database(self.home)

        with self.computing.resting(), self.collector.paused():
            self.store.exclusively(make)
            rebuilding.read_log(self.store, done, tell)
        return asdict(done)

    def erase(self: _Has, *, subject: str) -> dict[str, Any]:
        """Remove a subject, named as COLUMN=VALUE, from everything: what was removed per place, and `left`, where the value still stands.

        Where a column is hashed before it is logged, the value is hashed with the home's key as well. Points stay as they are.
        """
        column, sign, value = subject.partition("=")
        if not (column and sign and value):
            raise InputError(f'"{subject}" names no subject: write COLUMN=VALUE, such as customer=4711.')
        values = {value, *_hashed(self.store, self.home, column, value)}
        now = datetime.now(UTC)
        # Nothing comes in between what was due and what is due now: all that is new there is by the erasure, and stands as computed.
        with self.computing.resting(), self.collector.paused():
            self.collector.once()
            were_due = {model: due_keys(self.store, model, now) for model in self.store.models()}
            told = erasing.erase(self.store, self.collector, column, sorted(values), taken_in=True)
            for model, keys in were_due.items():
                rebase(self.store, model, keys, now)
        return {"subject": column, **told}

    def forget_reference(self: _Has, *, model: str, progress: Progress | None = None) -> dict[str, Any]:
        """Work out everything that later windows ask of a model's reference, and delete its rows: `model`, `rows`, `hash`, `forgotten_at`,
        `bytes` (of what is kept) and `left` (older copies of the database, which hold the rows still). A second call finds it done."""
        from monitoring.reference import forgetting  # scipy and scikit-learn

        name = self.known(model)
        with self.computing.resting():
            told = forgetting.forget_rows(self.store, name, lambda text: progress({"message": text}) if progress is not None else None)
            with self.collector.paused():
                compacting.compact(self.store)
        copies = [path for pattern in ("before-*.duckdb*", "damaged-*") for path in self.home.database.parent.glob(pattern)]
        return {"model": name, **told, "left": sorted(str(path.relative_to(self.home.path)) for path in copies)}

    def prune(
        self: _Has, *, model: str | None = None, older_than: str | None = None, dry_run: bool = False, request: str = "",
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Remove predictions and their labels older than `older_than` (`30d`; default: what the model's `retention` says, else the setting
        raw_days, else none), hourly counts and archived segments that are past their time. No finding changes: what is due is computed
        first, whole windows go, and they stand as they were computed. Raises Cancelled, with nothing removed, where somebody ends that run,
        which `cancel` knows by the name `request`.
        `{"rows", "labels", "hours", "segments", "bytes", "versions", "dry_run"}`."""
        settings = Settings.read()
        ages = self.ages(model, older_than)
        if ages and not dry_run:
            self.bring_up_to_date(ages, progress, request)
        with self.computing.resting():
            versions = self.pruned(ages, dry_run=dry_run)
            told = {"rows": sum(row["rows"] for row in versions), "labels": sum(row["labels"] for row in versions), "hours": 0}
            if not dry_run:
                now = datetime.now(UTC)
                for name in self.store.models():
                    told["hours"] += self.store.drop_hours(name, now - periods(self.store, name, settings).hourly)
                with self.store.reading() as cursor:
                    facts.write(self.home, cursor)
            with self.store.reading() as cursor:
                told |= retention.drop_archive(self.home, cursor, days=settings.archive_days, dry_run=dry_run)
            if told["rows"] and not dry_run:
                with self.collector.paused():
                    told["bytes"] += (sizes := compacting.compact(self.store))["bytes_before"] - sizes["bytes_after"]
        return {**told, "versions": versions, "dry_run": dry_run}

    def bring_up_to_date(self: _Has, models: Iterable[str], progress: Progress | None, request: str = "") -> None:
        """Collect, and compute what is due of these models."""
        with self.computing.turn(request, progress=progress) as turn:
            self.collector.once()
            for name in models:
                turn.run(model=name)
        if turn.cancelled:
            raise Cancelled("The run before pruning was cancelled: nothing was removed. Prune again when it may compute.")

    def ages(self: _Has, model: str | None, older_than: str | None) -> dict[str, timedelta]:
        """How old rows may grow, of one model or of each; those whose rows are kept for ever are left out."""
        names, asked, settings = [self.known(model)] if model is not None else self.store.models(), _age(older_than), Settings.read()
        found = {name: asked or periods(self.store, name, settings).raw for name in names}
        return {name: age for name, age in found.items() if age is not None}

    def pruned(self: _Has, ages: Mapping[str, timedelta], *, dry_run: bool) -> list[dict[str, Any]]:
        """Prune models by their ages: `model, version, before, rows, labels` of each version that had rows to go."""
        now, found = datetime.now(UTC), []
        with self.collector.paused():  # a row that came in after its window was found not to be due would go without ever being computed
            if not dry_run:
                self.collector.once()
            for name, age in ages.items():
                for cut in list(cuts(self.store, name, older_than=age, now=now)):
                    told = self.store.prune(name, cut.version, cut.before, dry_run=dry_run)
                    if told["rows"]:
                        found.append({"model": name, "version": cut.version, "before": cut.before.isoformat(), **told})
        return found


def nightly_is_due(home: Home, now: datetime) -> bool:
    """Whether a day has passed since the facts were exported, or the archive holds an earlier day and they never were."""
    manifest = facts.read_manifest(home)
    if manifest is not None:
        return now - datetime.fromisoformat(manifest.written_at) >= _DAY
    today = now.date().isoformat()
    return home.archive.is_dir() and any(folder.name < today for folder in home.archive.iterdir())


def _age(older_than: str | None) -> timedelta | None:
    if older_than is None:
        return None
    try:
        age = parse_delay(older_than)
    except ValueError as error:
        raise InputError(f"--older-than: {error}.") from None
    if age <= timedelta(0):
        raise InputError("--older-than must be longer than nothing: write 30d, say.")
    return age


def _hashed(store: Store, home: Home, column: str, value: str) -> set[str]:
    """What a privacy rule made of a value: its keyed hash, of the text and of the number that it may have been."""
    rules = [ModelSchema.from_dict(store.spec(model)).privacy for model in store.models()]
    if not any(rule.get(column) == "hash" for rule in rules) or not (home.path / "privacy.key").exists():
        return set()
    guard = Guard({column: "hash"}, home.path)
    spellings: set[Any] = {value}
    for number in (int, float):
        try:
            spellings.add(number(value))
        except ValueError:
            continue
    try:
        return {str(guard.value(column, spelling)) for spelling in spellings}
    except Refused as error:
        raise InputError(f"The home's privacy key cannot be read ({error}), so that hashed values cannot be found: restore it.") from None
