"""Populations of predictions with labels whose true metrics are known."""

from __future__ import annotations

__all__ = ["LARGE", "POPULATIONS", "Key", "Population", "binary"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitoring.performance import Measured, measure

Key = tuple[str, str]
LARGE = 1_000_000


@dataclass(frozen=True)
class Population:
    """Where windows are drawn from: `draw(random, n)` gives one of n rows (users for rankings), as the store's frames are.

    `measured` is what is asked of a window, with these options.
    """

    name: str
    draw: Callable[[np.random.Generator, int], pa.Table]
    options: dict[str, object]
    large: int = LARGE
    measured: Callable[..., Mapping[Key, Measured]] = measure

    def window(self, random: np.random.Generator, n: int) -> Mapping[Key, Measured]:
        """A window of n rows, measured."""
        return self.measured(self.draw(random, n), **self.options)


def binary(rate: float, strength: float, *, cut: float, decimals: int | None = None) -> Callable[[np.random.Generator, int], pa.Table]:
    """Scores from two shifted normal distributions, `strength` apart, as calibrated probabilities."""

    def draw(random: np.random.Generator, n: int) -> pa.Table:
        label = random.random(n) < rate
        hidden = random.normal(0, 1, n) + strength * label
        score = 1 / (1 + (1 - rate) / rate * np.exp(strength**2 / 2 - strength * hidden))
        if decimals is not None:
            score = score.round(decimals).clip(0.05, 0.95)
        texts = np.array(["0", "1"])
        return pa.table({"@label": texts[label.astype(int)], "@prediction": texts[(score >= cut).astype(int)], "@score": score})

    return draw


def multiclass(strength: float) -> Callable[[np.random.Generator, int], pa.Table]:
    """Three classes of unlike frequency; scores are a softmax."""
    names = np.array(["a", "b", "c"])

    def draw(random: np.random.Generator, n: int) -> pa.Table:
        label = random.choice(3, n, p=(0.5, 0.3, 0.2))
        logits = random.normal(0, 1, (n, 3)) + strength * np.eye(3)[label]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return pa.table({"@label": names[label], "@prediction": names[scores.argmax(axis=1)],
                         **{f"@score:{name}": scores[:, i] for i, name in enumerate(names)}})

    return draw


def regression(noise: Callable[[np.random.Generator, int], np.ndarray]) -> Callable[[np.random.Generator, int], pa.Table]:
    """Skewed positive targets and predictions that are off by `noise`."""

    def draw(random: np.random.Generator, n: int) -> pa.Table:
        label = 20 + random.gamma(2.0, 50.0, n)
        return pa.table({"@label": label, "@prediction": label + noise(random, n)})

    return draw


def ranking(items: int) -> Callable[[np.random.Generator, int], pa.Table]:
    """Lists of 20 items per user from a long-tailed catalogue, users of unlike taste."""
    weights = 1 / np.arange(1, items + 1) ** 0.8

    def draw(random: np.random.Generator, users: int) -> pa.Table:
        item = np.minimum(np.searchsorted(np.cumsum(weights / weights.sum()), random.random((users, 20))), items - 1)
        taste = random.beta(1, 6, (users, 1))
        names = [f"{'new' if new else 'known'} {i}" for i, new in enumerate(random.random(users) < 0.3)]
        relevant = random.random((users, 20)) < taste * (1.5 - np.arange(20) / 20)
        return pa.table({"@label": relevant.astype(float).ravel(), "@score": np.tile(np.arange(20, 0, -1.0), users),
                         "user": np.repeat(names, 20),
                         "item": np.array([f"i{i}" for i in range(items)])[item.ravel()]})

    return draw


def weighted(draw: Callable[[np.random.Generator, int], pa.Table]) -> Callable[[np.random.Generator, int], pa.Table]:
    """The same population from a log that keeps a quarter of the rows with low scores and gives them the weight 4."""

    def sampled(random: np.random.Generator, n: int) -> pa.Table:
        rows = draw(random, 6 * n)
        low = rows["@score"].to_numpy() < 0.5
        kept = np.flatnonzero(~low | (random.random(len(low)) < 0.25))[:n]
        return rows.take(pa.array(kept)).append_column("@weight", pa.array(np.where(low[kept], 4.0, 1.0)))

    return sampled


_COSTS = {"costs": {"false_positive": 1.0, "false_negative": 50.0}}
_CATALOGUE = {f"i{i}": 1 / (i + 1) for i in range(500) if i % 10}  # every tenth item is new
_LISTS: dict[str, object] = {"task": "ranking", "user": "user", "item": "item", "ks": (10,), "popularity": _CATALOGUE,
                             "known_users": frozenset(f"known {i}" for i in range(50_000))}
_BINARY: dict[str, object] = {"task": "binary", "positive_label": "1", **_COSTS}

POPULATIONS = (
    Population("balanced, AUC 0.86", binary(0.4, 1.5, cut=0.5), _BINARY),
    Population("balanced, AUC 0.98", binary(0.4, 3.0, cut=0.5), _BINARY),
    Population("scores of one decimal", binary(0.3, 1.0, cut=0.3, decimals=1), _BINARY),
    Population("10 % positives", binary(0.1, 1.5, cut=0.2), _BINARY),
    Population("1 % positives", binary(0.01, 2.5, cut=0.15), _BINARY),
    Population("sampled log, weights 1, 4", weighted(binary(0.4, 1.5, cut=0.5)), _BINARY),
    Population("three classes", multiclass(1.5), {"task": "multiclass"}),
    Population("three classes, 99.5 % right", multiclass(4.0), {"task": "multiclass"}),
    Population("normal errors", regression(lambda random, n: random.normal(3, 10, n)), {"task": "regression"}),
    Population("exponential errors", regression(lambda random, n: random.exponential(10, n) * random.choice((-0.5, 1), n)),
               {"task": "regression"}),
    Population("lognormal errors", regression(lambda random, n: random.lognormal(1, 1, n) * random.choice((-1, 1), n)),
               {"task": "regression"}),
    Population("lists", ranking(500), _LISTS, large=50_000),
)
