"""Many predictions, or labels, at once: from frames, files and iterables, streamed into the same log as single calls.

A row without an id gets one from its content: a digest of its time, features, other columns, prediction and score, and the how-manieth
such row it is. So logging the same rows twice changes nothing, and rows that are equal on purpose are all kept.
"""

from __future__ import annotations

__all__ = ["LogResult", "log_batch", "log_labels"]

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from time import time_ns
from typing import TYPE_CHECKING, Any

import orjson

from monitoring._columns import Troubles, decisions, from_text, keys, moments, numbers, values
from monitoring._outcomes import latency_value, score_value
from monitoring._roles import Roles, label_roles, merged, roles_of
from monitoring._sources import Chunk, chunks_of
from monitoring._values import Refused, short_error
from monitoring.logger import LogResult
from storage.frames import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from monitoring.logger import PredictionLogger

_SHOWN = 5  # row numbers kept for each reason


def log_batch(logger: PredictionLogger, source: Any, **columns: Any) -> LogResult:
    """Log the rows of `source` (see `PredictionLogger.log_batch`); `columns` name roles' columns where they differ from the schema's.

    Roles: timestamp, id, prediction, score (multiclass: a mapping of classes to columns), label, labelled_at, latency, error; `ignore`
    lists columns to leave out. Without a schema every column that plays no part is a feature. A label without a `labelled_at` counts as
    known `label_delay` after its prediction, as the schema says. NaN in a pandas column is missing, as pandas means it.
    Raises InputError where the source or its columns cannot be used; single rows are refused and counted.
    """
    batch = _Batch(logger)
    for chunk in chunks_of(source):
        batch.predictions(chunk, roles_of(logger.schema, chunk.columns, columns) if chunk.columns else None)
    return batch.result()


def log_labels(logger: PredictionLogger, source: Any, **columns: Any) -> LogResult:
    """Log the ground truth in `source`: an id, a label and, where there is one, a labelled_at column (default: now).

    `columns` name them where they are called neither that nor what the schema says.
    """
    batch = _Batch(logger)
    for chunk in chunks_of(source):
        batch.labels(chunk, label_roles(logger.schema, chunk.columns, columns) if chunk.columns else None)
    return batch.result()


class _Batch:
    """A batch on its way: chunk after chunk into the spool, and the sums of what became of it."""

    def __init__(self, logger: PredictionLogger) -> None:
        self._logger = logger
        self._head = orjson.dumps({"m": logger.model, "ver": logger.version})[:-1] + b","
        delay = logger.schema.label_delay if logger.schema else timedelta(0)
        self._delay = int(delay.total_seconds() * 1e6)
        self._seen: Counter[bytes] = Counter()
        self._rows = self._labels = self._sampled_out = 0
        self._refused: Counter[str] = Counter()
        self._examples: dict[str, list[int]] = {}
        self._now = time_ns() // 1000
        self._roles: Roles | None = None

    def predictions(self, chunk: Chunk, roles: Roles | None) -> None:
        """Log one chunk of predictions, and its labels."""
        troubles = Troubles(dict(chunk.bad))
        if roles is None:
            return self._count(chunk, troubles)
        self._roles = merged(self._roles, roles)
        records = self._records(chunk, roles, troubles)
        given = keys(_column(chunk, roles.id), troubles) if roles.id else None
        self._count(chunk, troubles)
        ids: dict[int, str] = {}
        bodies: list[bytes] = []
        kept: list[int] = []
        for place, record in enumerate(records):
            if place not in troubles.refused:
                try:
                    key = self._protected(given[place]) if given else self._content_key(record)
                    ids[place] = key
                    if self._is_kept(key, record):
                        bodies.append(self._body(key, record))
                        kept.append(place)
                except Refused as why:
                    ids.pop(place, None)
                    self._refuse(chunk.numbers[place], why)
        self._rows += self._write("pred", bodies, chunk, kept)
        if roles.label:
            self._label_rows(chunk, roles, ids, [record["e"] for record in records])
        return None

    def labels(self, chunk: Chunk, roles: Roles | None) -> None:
        """Log one chunk of labels by id."""
        troubles = Troubles(dict(chunk.bad))
        if roles is None:
            return self._count(chunk, troubles)
        self._roles = merged(self._roles, roles)
        given = keys(_column(chunk, roles.id), troubles)
        self._count(chunk, troubles)
        ids = {place: self._protected(key) for place, key in enumerate(given) if place not in troubles.refused}
        self._label_rows(chunk, roles, ids, None)
        return None

    def result(self) -> LogResult:
        """The sums."""
        examples = {reason: tuple(rows) for reason, rows in self._examples.items()}
        roles = self._roles or Roles()
        return LogResult(
            self._logger.model, self._rows, self._labels, dict(self._refused), examples, roles.ignored, roles.missing, self._sampled_out
        )

    def _records(self, chunk: Chunk, roles: Roles, troubles: Troubles) -> list[dict[str, Any]]:
        """The rows of a chunk, each as a record without model, version and id."""
        zone = self._logger._zone
        columns: dict[str, Iterable[Any]] = {"e": moments(_column(chunk, roles.timestamp), zone, troubles)}
        columns["f"] = self._mappings(chunk, roles, roles.features, troubles)
        if roles.others:
            columns["x"] = self._mappings(chunk, roles, roles.others, troubles)
        if roles.prediction:
            columns["p"] = decisions(_decision_column(chunk, roles, roles.prediction), "@prediction", zone, troubles)
        if isinstance(roles.score, str):
            columns["s"] = numbers(_column(chunk, roles.score), "@score", score_value, troubles, textual=chunk.textual)
        elif roles.score:
            shares = [
                numbers(chunk.columns[name], f"@score:{label}", score_value, troubles, textual=chunk.textual)
                for label, name in roles.score.items()
            ]
            columns["s"] = [dict(zip(roles.score, row, strict=True)) for row in zip(*shares, strict=True)]
        if roles.latency:
            column = _column(chunk, roles.latency)
            columns["lat"] = numbers(column, "@latency", latency_value, troubles, textual=chunk.textual, any_sign=False)
        if roles.error:
            errors = values(_column(chunk, roles.error), "@error", zone, troubles)
            columns["err"] = [None if error is None else self._error(str(error)) for error in errors]
        names = tuple(columns)
        records = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for place, marks in troubles.marks.items():
            records[place]["nf"] = marks
        for place, record in enumerate(records):
            if record["e"] is None:
                troubles.refuse(place, Refused("no timestamp"))
        return records

    def _mappings(self, chunk: Chunk, roles: Roles, names: tuple[str, ...], troubles: Troubles) -> list[dict[str, Any]]:
        """The named columns, as one mapping per row."""
        if not names:
            return [{} for _ in range(chunk.rows)]
        columns = [self._feature(chunk, roles, name, troubles) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _feature(self, chunk: Chunk, roles: Roles, name: str, troubles: Troubles) -> list[Any]:
        column = chunk.columns[name]
        if chunk.textual and name in roles.numerical:
            column = from_text(column, whole=roles.whole)
        found = values(column, name, self._logger._zone, troubles)
        guard = self._logger._guard
        if guard is None or not guard.rules(name):
            return found
        return [guard.value(name, value) for value in found]

    def _protected(self, key: str) -> str:
        return key if self._logger._guard is None else self._logger._guard.key(key)

    def _error(self, said: str) -> str:
        found = short_error(said)
        return found if self._logger._guard is None else self._logger._guard.error(found)

    def _is_kept(self, key: str, record: dict[str, Any]) -> bool:
        """Whether sampling keeps a row; notes its weight."""
        sampler = self._logger._sampler
        weight = 1.0 if sampler is None else sampler.weight(key, latency=record.get("lat"), failed=record.get("err") is not None)
        if weight is None:
            self._logger._spool.leave_out()
            self._sampled_out += 1
            return False
        if weight != 1.0:
            record["w"] = weight
        return True

    def _body(self, key: str, record: dict[str, Any]) -> bytes:
        try:
            body = self._head + orjson.dumps({"id": key, **record})[1:]
        except (TypeError, ValueError) as error:
            raise Refused("value cannot be read", str(error)[:100]) from None
        if len(body) > MAX_RECORD_BYTES:
            raise Refused("record too large", f"{len(body)} bytes; at most {MAX_RECORD_BYTES}")
        return body

    def _content_key(self, record: dict[str, Any]) -> str:
        """An id from all that tells a prediction from another: everything but its latency."""
        try:
            content = orjson.dumps({name: value for name, value in record.items() if name != "lat"}, option=orjson.OPT_SORT_KEYS)
        except (TypeError, ValueError) as error:
            raise Refused("value cannot be read", str(error)[:100]) from None
        digest = blake2b(content, digest_size=15).digest()
        self._seen[digest] += 1
        return f"{digest.hex()}-{self._seen[digest]}"

    def _label_rows(self, chunk: Chunk, roles: Roles, ids: Mapping[int, str], at: Sequence[int] | None) -> None:
        """Log the labels of the rows in `ids`; a missing one is none yet beside predictions (made `at`), and refused without them."""
        troubles = Troubles({})
        truths = decisions(_decision_column(chunk, roles, roles.label), "@label", self._logger._zone, troubles)
        known = moments(_column(chunk, roles.labelled_at), self._logger._zone, troubles)
        bodies, places = [], []
        for place, key in ids.items():
            truth, moment, reason = truths[place], known[place], troubles.refused.get(place)
            if reason is None and isinstance(truth, list | dict):
                reason = "ground truth is not a single value"
            if reason is None and truth is None and at is None:
                reason = "no ground truth value"
            if reason is not None:
                self._refuse(chunk.numbers[place], Refused(reason, troubles.details.get(reason, "")))
            elif truth is not None:
                if moment is None:
                    moment = self._now if at is None else at[place] + self._delay
                bodies.append(orjson.dumps({"m": self._logger.model, "id": key, "y": truth, "e": moment}))
                places.append(place)
        self._labels += self._write("label", bodies, chunk, places)

    def _write(self, kind: str, bodies: list[bytes], chunk: Chunk, places: list[int]) -> int:
        done, reason = self._logger._spool.extend(kind, bodies)
        if reason is not None:
            self._note(reason, [chunk.numbers[place] for place in places[done:]])
            self._logger._note(Refused(reason))
        return done

    def _count(self, chunk: Chunk, troubles: Troubles) -> None:
        for place in sorted(troubles.refused):
            reason = troubles.refused[place]
            self._refuse(chunk.numbers[place], Refused(reason, troubles.details.get(reason, "")))

    def _refuse(self, row: int, why: Refused) -> None:
        self._note(why.reason, [row])
        self._logger._refuse(Refused(why.reason, f"row {row}: {why.detail}" if why.detail else f"row {row}"))

    def _note(self, reason: str, rows: Iterable[int]) -> None:
        numbered = list(rows)
        self._refused[reason] += len(numbered)
        kept = self._examples.setdefault(reason, [])
        kept.extend(numbered[: _SHOWN - len(kept)])


def _column(chunk: Chunk, name: str | None) -> Any:
    """A column as it is, or as many Nones where later rows of an iterable lack it."""
    column = chunk.columns.get(name or "")
    return [None] * chunk.rows if column is None else column


def _decision_column(chunk: Chunk, roles: Roles, name: str | None) -> Any:
    """A column of predictions or labels; numbers again where the file has no types and the task has numbers."""
    column = _column(chunk, name)
    if chunk.textual and roles.decides_numbers and not isinstance(column, list):
        return from_text(column, whole=roles.whole)
    return column
