"""Ranking: quality of the first k items per user, averaged over users; and what the lists show of the catalogue."""

from __future__ import annotations

__all__ = ["OF_LISTS", "measure_ranking"]

from collections.abc import Mapping, Sequence

import numpy as np

from .found import MINIMUM_LABELLED, Measured, nothing, too_few
from .intervals import Floats, Interval, Resamples, draw, spread, wilson
from .outcomes import RankingOutcomes

_PER_USER = ("precision_at_k", "recall_at_k", "map_at_k", "ndcg_at_k", "mrr", "hit_rate_at_k")
OF_LISTS = frozenset({"coverage", "popularity_bias"})  # of what was shown, whether its label is known or not


def measure_ranking(
    outcomes: RankingOutcomes, shown: RankingOutcomes, *, ks: Sequence[int], popularity: Mapping[str, float] | None
) -> dict[tuple[str, str], Measured]:
    """Every ranking metric at each k; `column` is `k=10`. `outcomes` are the labelled rows, `shown` all rows.

    Means are over users with at least one relevant item among their rows, as Evidently takes them by default: a user who wanted
    nothing says nothing about the order. Intervals resample users, because a user's rows are not independent.
    """
    found: dict[tuple[str, str], Measured] = {}
    for k in ks:
        column = f"k={k}"
        found.update({(metric, column): measured for metric, measured in _quality(outcomes, k).items()})
        found.update({(metric, column): measured for metric, measured in _of_lists(shown, k, popularity).items()})
    return found


def _quality(outcomes: RankingOutcomes, k: int) -> dict[str, Measured]:
    rows = len(outcomes.rank)
    if not rows:
        return dict.fromkeys(_PER_USER, nothing("no row of the window has a user, a score and a label"))
    all_relevant = np.add.reduceat(outcomes.relevant, outcomes.first)
    judged = all_relevant > 0
    users = int(judged.sum())
    if not users:
        return dict.fromkeys(_PER_USER, nothing("no user of the window has a relevant item", rows=rows))
    resamples = draw(users)
    scarce = too_few(users, "users with a relevant item", MINIMUM_LABELLED)
    found = {}
    for metric, values in _per_user(outcomes, k, all_relevant).items():
        of_judged = values[judged]
        interval = _interval(metric, of_judged, resamples)
        found[metric] = Measured(value=float(of_judged.mean()), interval=interval, n=users, rows=rows, scarce=scarce)
    return found


def _interval(metric: str, values: Floats, resamples: Resamples) -> Interval | None:
    if metric == "hit_rate_at_k":
        return wilson(float(values.sum()), len(values))
    drawn = resamples.counts @ values[resamples.rows] / resamples.counts.sum(axis=1)
    return spread(float(values.mean()), drawn, resamples, low=0.0, high=1.0)


def _per_user(outcomes: RankingOutcomes, k: int, all_relevant: Floats) -> dict[str, Floats]:
    """Per user, in the order of `outcomes.first`."""
    first, rank = outcomes.first, outcomes.rank
    relevant = outcomes.relevant * (rank <= k)
    hits = np.add.reduceat(relevant, first)
    running = np.cumsum(relevant)
    before = np.repeat(running[first] - relevant[first], outcomes.sizes)
    gains = np.add.reduceat(relevant / np.log2(rank + 1), first)
    best = np.cumsum(1 / np.log2(np.arange(1, k + 1) + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision_at_k": hits / np.minimum(outcomes.sizes, k),
            "recall_at_k": hits / all_relevant,
            "map_at_k": np.add.reduceat(relevant * (running - before) / rank, first) / all_relevant,
            "ndcg_at_k": gains / best[np.clip(np.minimum(all_relevant, k).astype(int) - 1, 0, k - 1)],
            "mrr": np.maximum.reduceat(relevant / rank, first),
            "hit_rate_at_k": (hits > 0).astype(float),
        }


def _of_lists(outcomes: RankingOutcomes, k: int, popularity: Mapping[str, float] | None) -> dict[str, Measured]:
    if outcomes.item is None or not len(outcomes.rank):
        return dict.fromkeys(OF_LISTS, nothing("the model declares no item, or no row has one"))
    if not popularity:
        return dict.fromkeys(OF_LISTS, nothing("without a reference the catalogue is unknown: load one with `reference MODEL FILE`"))
    rows = len(outcomes.rank)
    shown = outcomes.rank <= k
    items = outcomes.item[shown]
    catalogue = {*popularity, *outcomes.item}
    shares = np.array([popularity.get(item, 0.0) for item in outcomes.item]) * shown
    per_user, lengths = np.add.reduceat(shares, outcomes.first), np.add.reduceat(shown.astype(float), outcomes.first)
    users = len(per_user)
    resamples = draw(users)
    mean = float(per_user.sum() / lengths.sum())
    drawn = (resamples.counts @ per_user[resamples.rows]) / (resamples.counts @ lengths[resamples.rows])
    interval = spread(mean, drawn, resamples, low=0.0, high=1.0)
    return {
        # A set's size over another's is no mean: resampled users always show fewer items, so there is no honest interval of this kind.
        "coverage": Measured(value=len(set(items)) / len(catalogue), n=len(catalogue), rows=rows),
        "popularity_bias": Measured(value=mean, interval=interval, n=int(lengths.sum()), rows=rows),
    }
