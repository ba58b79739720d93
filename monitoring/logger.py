"""The logger: what a model was asked and what it answered, safe on disk before the call returns.

One JSON record and one `write(2)` per call, and nothing that could harm the serving process: what cannot be logged is refused and
counted by its reason. Imports none of duckdb, pandas, pyarrow, streamlit, evidently, pydantic or yaml.
"""

from __future__ import annotations

__all__ = ["LogResult", "LoggerStats", "PredictionLogger"]

import itertools
import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib import import_module
from os import PathLike
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

import orjson

from monitoring._encoding import Encoder
from monitoring._logger_arguments import amount, check_policy, guard_of, name_of, sampler_of, seconds, zone_of
from monitoring._outcomes import ground_truth_value, latency_value, score_value, whole_if_it_is
from monitoring._values import LONGEST_NAME, Refused, event_time, prediction_key, short_error
from monitoring.errors import InputError
from monitoring.tracking import Call, watched
from storage.home import Home, default_home
from storage.spool import Counts, Limits, open_spool

if TYPE_CHECKING:
    from monitoring.schema import ModelSchema

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LoggerStats(Counts):
    """What this process's logger has done: records `accepted`, `sampled_out`, `refused` by reason; `bytes`, `segments`; last refusal."""

    last_refusal: str = ""


@dataclass(frozen=True, slots=True)
class LogResult:
    """What became of a batch: `rows` predictions and `labels` that are safe at the logger's durability, and rows `refused` by reason.

    `examples` has the numbers (from 1) of the first few rows of each reason; `ignored` are columns that play no part, `missing`
    features that the source does not have; `sampled_out` are rows that sampling left out.
    """

    model: str
    rows: int
    labels: int
    refused: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    sampled_out: int = 0


class PredictionLogger:
    """Logs one model's predictions and their ground truth. Thread-safe, fork-safe, usable from asyncio; one per model and process.

    `version` defaults to the schema's, then to "1"; `home` to `MONITORING_HOME`, then `./monitoring-data`. `durability` says what a
    returned id promises: `memory` (queued), `process` (written: survives the process's death), `disk` (synced: survives power loss).
    `strict` makes refusals raise InputError – for tests and batch jobs. Raises InputError for arguments that cannot be used.

    The spool of all loggers of a home holds at most `max_spool_bytes`, and leaves `min_free_bytes` of its disk free (256 MiB or 2 %, the
    larger, where it is None). `when_full` says what becomes of records that find no room: `drop_new` refuses them; `sample` also keeps
    1/2 from half full on, 1/4 from three quarters …; `block` waits up to `block_seconds` for room – for batch jobs; `drop_oldest` lets the
    oldest of a `memory` queue go. `sample_rate` keeps this share of predictions always. What is kept is decided by the prediction's id,
    so that it is the same everywhere, and is stored with its weight; errors, calls slower than 99 % and ground truth are always kept.
    A home on a network file system is refused unless `allow_network_fs`.
    """

    def __init__(
        self,
        model: str,
        *,
        version: str | None = None,
        schema: ModelSchema | None = None,
        home: str | PathLike[str] | Home | None = None,
        durability: str = "process",
        strict: bool = False,
        sample_rate: float = 1.0,
        when_full: str = "drop_new",
        block_seconds: float = 30.0,
        max_spool_bytes: int = 1 << 30,
        min_free_bytes: int | None = None,
        allow_network_fs: bool = False,
    ) -> None:
        check_policy(when_full, durability)
        limits = Limits(
            max_spool_bytes=amount("max_spool_bytes", max_spool_bytes, least=1),
            min_free_bytes=None if min_free_bytes is None else amount("min_free_bytes", min_free_bytes),
            patience=seconds(block_seconds) if when_full == "block" else 0.0,
            allow_network_fs=bool(allow_network_fs),
        )
        self.model = name_of(model)
        self.version = name_of(version or (schema.version if schema else "") or "1")
        self.schema = schema.named(self.model, self.version) if schema else None
        self.home = home if isinstance(home, Home) else Home(Path(home) if home is not None else default_home())
        self.strict = strict
        self._zone = zone_of(self.schema)
        self._guard = guard_of(self.schema, self.home)
        self._encoded = Encoder(self._zone, self._guard).encoded
        # Imported here: at the top it would cost every import of this module, in a call it could block a child that is forked meanwhile.
        self._warn = import_module("logging").getLogger("monitoring").warning
        self._warned: set[str] = set()
        self._last_refusal = ""
        about = {"m": self.model, "ver": self.version}
        announcement = [("model", orjson.dumps({**about, "spec": self.schema.to_dict()}))] if self.schema else []
        self._spool = open_spool(
            self.home.spool,
            durability=durability,
            preamble=announcement,
            about=about,
            limits=limits,
            drop_oldest=when_full == "drop_oldest",
        )
        self._append = self._spool.append
        self._sampler = sampler_of(sample_rate, when_full, self._spool)
        self._selective = self._guard is not None or self._sampler is not None
        self._reseed()
        _LIVE.add(self)

    def prediction(
        self,
        features: Mapping[str, Any],
        prediction: Any = None,
        *,
        score: Any = None,
        latency_ms: float | None = None,
        timestamp: datetime | str | None = None,
        prediction_id: str | None = None,
        error: BaseException | str | None = None,
        **others: Any,
    ) -> str | None:
        """Log one prediction; gives its id once the record is safe at the chosen durability, or None where it was refused.

        `score` is a number, or a mapping of classes to numbers; `timestamp` is when the prediction was asked for (now, where it is
        not given); `error` says that the model raised; `others` are values that are no features: segments, user and item. A prediction
        that sampling left out has an id, too: its ground truth is kept. Where the schema hashes ids, the one given back is the caller's.
        """
        try:
            now = time_ns() // 1000
            key = self._prefix + str(next(self._numbers)) if prediction_id is None else self._key(prediction_id)
            moment = now if timestamp is None else event_time(timestamp, self._zone)
            record = {"m": self.model, "ver": self.version, "id": key, "e": moment, "f": features}
            if prediction is not None:
                record["p"] = prediction if type(prediction) is not float else whole_if_it_is(prediction)
            if score is not None:
                record["s"] = score if type(score) is float else score_value(score)
            if latency_ms is not None:
                record["lat"] = latency_ms if type(latency_ms) is float and 0.0 <= latency_ms < 1e15 else latency_value(latency_ms)
            if error is not None or others:
                record |= {} if error is None else {"err": short_error(error)}
                record |= {"x": others} if others else {}
            if self._selective and not self._is_kept(record, given=prediction_id is not None):
                return key
            reason = self._append("pred", self._encoded(record), now)
            if reason is None:
                return key
        except Refused as refused:
            self._refuse(refused)
        except Exception as error:  # whatever it is: serving goes on
            self._refuse(Refused("value cannot be read", type(error).__name__))
        else:
            self._note(Refused(reason))
        return None

    def ground_truth(self, prediction_id: str | None, label: Any, *, labelled_at: datetime | str | None = None) -> bool:
        """Log what turned out to be true of a prediction, now or at `labelled_at`. Saying it again, differently, corrects it.

        True once it is safe at the chosen durability; False where it was refused.
        """
        try:
            moment = time_ns() // 1000 if labelled_at is None else event_time(labelled_at, self._zone)
            key = self._key(prediction_id)
            if self._guard is not None:
                key = self._guard.key(key)
            record = {"m": self.model, "id": key, "y": ground_truth_value(label), "e": moment}
            reason = self._append("label", orjson.dumps(record))
            if reason is None:
                return True
        except Refused as refused:
            self._refuse(refused)
        except Exception as error:
            self._refuse(Refused("value cannot be read", type(error).__name__))
        else:
            self._note(Refused(reason))
        return False

    def log_batch(self, source: Any, **columns: Any) -> LogResult:
        """Log many predictions: a pandas, Polars or Arrow table, a Parquet, CSV or JSON Lines path, or an iterable of mappings.

        `columns` name columns where they differ from the schema's (`timestamp="event_time", id="order_id"`). A row without an id gets
        one from its content, so that logging the same rows twice changes nothing. A label column is logged as ground truth too.
        See `monitoring.batches.log_batch`.
        """
        found: LogResult = import_module("monitoring.batches").log_batch(self, source, **columns)
        return found

    def log_labels(self, source: Any, **columns: Any) -> LogResult:
        """Log ground truth by prediction id: columns id, label and, if it is there, labelled_at. See `monitoring.batches.log_labels`."""
        found: LogResult = import_module("monitoring.batches").log_labels(self, source, **columns)
        return found

    def track(self, features: Mapping[str, Any], **keywords: Any) -> Call:
        """Time a prediction: `with log.track(features) as call: call.prediction = …`. An exception is logged as an error and passes on."""
        return Call(self, features, keywords)

    @overload
    def watch(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def watch(
        self, /, *, features: Callable[..., Mapping[str, Any]] | None = None, outcome: Callable[[Any], Mapping[str, Any]] | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
    def watch(self, function: Any = None, /, *, features: Any = None, outcome: Any = None) -> Any:
        """Decorate a function that predicts, plain or async, with or without arguments: `@log.watch`.

        Its features are its only argument where that is a mapping, else its arguments by name; what it returns is the prediction, or,
        where it is a mapping with a `prediction`, the keywords of `prediction()`. `features` (called with the function's arguments)
        and `outcome` (called with its result) say otherwise.
        """
        if function is None:
            return lambda chosen: watched(self, chosen, features, outcome)
        return watched(self, function, features, outcome)

    def stats(self) -> LoggerStats:
        """What this process has logged and refused so far."""
        counts = self._spool.counts()
        return LoggerStats(**asdict(counts), last_refusal=self._last_refusal)

    def flush(self) -> None:
        """Hand everything accepted so far to the disk."""
        self._spool.flush()

    def close(self) -> None:
        """End the segment; what is logged later is refused. At the interpreter's end it happens by itself."""
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PredictionLogger({self.model!r}, version={self.version!r}, home={str(self.home.path)!r})"

    def _is_kept(self, record: dict[str, Any], *, given: bool) -> bool:
        """Whether sampling keeps a prediction, by its id; notes its weight. One that is left out is counted.

        Before that, privacy of what is neither a feature nor another column: the id where the caller has `given` it, and the error.
        """
        if self._guard is not None:
            if given:
                record["id"] = self._guard.key(record["id"])
            if "err" in record:
                record["err"] = self._guard.error(record["err"])
        weight = self._sampler.weight(record["id"], latency=record.get("lat"), failed="err" in record) if self._sampler else 1.0
        if weight is None:
            self._spool.leave_out()
            return False
        if weight != 1.0:
            record["w"] = weight
        return True

    def _key(self, given: Any) -> str:
        if type(given) is str and given.isprintable() and 0 < len(given) <= LONGEST_NAME:
            return given
        return prediction_key(given)

    def _refuse(self, refused: Refused) -> None:
        """Count a refusal, and say it."""
        self._spool.refuse(refused.reason)
        self._note(refused)

    def _note(self, refused: Refused) -> None:
        """Remember a refusal that is counted already; the first of each reason is logged. Raises InputError where `strict`."""
        self._last_refusal = str(refused)
        if self.strict:
            raise InputError(f"The record was refused: {refused}.") from None
        if refused.reason not in self._warned:
            self._warned.add(refused.reason)
            self._warn("A record of %s was refused: %s. Later ones are counted in stats().", self.model, refused)

    def _reseed(self) -> None:
        """Ids of this process: 64 random bits and a counter – as unique as random ones, at a tenth of the cost."""
        self._prefix = os.urandom(8).hex() + "-"
        self._numbers = itertools.count()


_LIVE: weakref.WeakSet[PredictionLogger] = weakref.WeakSet()


def _after_fork() -> None:
    for logger in list(_LIVE):
        logger._reseed()


os.register_at_fork(after_in_child=_after_fork)
