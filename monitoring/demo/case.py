"""The shape of a case study, and the clockwork that all three share: traffic over days, moments, latencies, delays."""

from __future__ import annotations

__all__ = ["Case", "Release", "asked_latency", "known_labels", "moments", "one_thread", "rows_per_day", "to_arrow_times"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from monitoring.schema import ModelSchema

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of a model and what it served.

    `served` has the model's own column names (features, segments, time, id, prediction, scores, latency), one row per call,
    ordered by time, and a column `error`: null, or what the call raised (such a row has no prediction and no score).
    """

    schema: ModelSchema
    served: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case study: `reference` is held-out early data with labels; `labels` has the schema's id and label, and `labelled_at`.

    `labels` holds only what was known at `end`. `predict` maps an Arrow table of features to `(decisions, scores)`: it is
    the very model that served, for whoever wants to go on serving.
    """

    name: str
    start: datetime
    end: datetime
    reference: pa.Table
    releases: tuple[Release, ...]
    labels: pa.Table
    predict: Callable[[pa.Table], tuple[Any, Any]]

    @property
    def model(self) -> str:
        """The model's name in the home."""
        return self.releases[0].schema.name

    @property
    def rows(self) -> int:
        """Calls served, over all versions."""
        return sum(release.served.num_rows for release in self.releases)


@contextmanager
def one_thread() -> Iterator[None]:
    """Train and predict in one thread: the models are small, and threads that wait for a busy core take ten times as long."""
    import sklearn.ensemble  # noqa: F401 – its thread pool must be there before it can be bounded
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own dependency, without types

    with threadpool_limits(1):
        yield


def rows_per_day(total: int, start: datetime, days: int, *, weekend: float) -> Ints:
    """How `total` rows spread over `days` from `start`: a Saturday or Sunday gets `weekend` times a weekday's; they sum to `total`."""
    weights = np.array([weekend if (start + timedelta(days=day)).weekday() >= 5 else 1.0 for day in range(days)])
    steps = np.floor(np.concatenate([[0.0], np.cumsum(weights) / weights.sum()]) * total + 1e-9).astype(np.int64)
    return np.diff(steps)


def moments(rng: np.random.Generator, start: datetime, per_day: Ints, hours: Floats) -> Ints:
    """Event times in µs since 1970, ascending. `hours` holds 24 weights: the shape of a day, the same every day."""
    total = int(per_day.sum())
    day = np.repeat(np.arange(len(per_day)), per_day)
    hour = rng.choice(24, size=total, p=hours / hours.sum())
    within = (hour + rng.random(total)) / 24
    first = int(start.timestamp() * 1_000_000)
    return np.sort(first + ((day + within) * _MICROSECONDS_PER_DAY).astype(np.int64))


def to_arrow_times(microseconds: Ints) -> pa.Array:
    """µs since 1970 as Arrow timestamps in UTC."""
    return pa.array(microseconds, type=pa.timestamp("us", tz="UTC"))


def asked_latency(rng: np.random.Generator, size: int, *, median: float, sigma: float) -> Floats:
    """Milliseconds of `size` calls, log-normal, as service times of a healthy service are."""
    return np.round(rng.lognormal(np.log(median), sigma, size), 3)


def known_labels(ids: pa.Array, label: tuple[str, pa.Array], known_at: Ints, end: datetime, *, id_column: str) -> pa.Table:
    """The labels that are known before `end`, in the order in which they became known."""
    table = pa.table({id_column: ids, label[0]: label[1], "labelled_at": to_arrow_times(known_at)})
    due = np.flatnonzero(known_at < int(end.timestamp() * 1_000_000))
    return table.take(pa.array(due[np.argsort(known_at[due], kind="stable")]))
