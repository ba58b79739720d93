"""Ranking: quality of the first k items per user, averaged over users; and what the lists show of the catalogue."""

from __future__ import annotations

__all__ = ["OF_LISTS", "measure_ranking"]

from collections.abc import Collection, Mapping, Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

from .found import MINIMUM_LABELLED, Measured, nothing, too_few
from .intervals import Floats, Interval, of_influence, of_mean, of_normal, wilson
from .outcomes import RankingOutcomes

_PER_USER = ("precision_at_k", "recall_at_k", "map_at_k", "ndcg_at_k", "mrr", "hit_rate_at_k")
OF_LISTS = frozenset({"coverage", "popularity_bias", "cold_start_share"})  # of what was shown, whether its label is known or not


def measure_ranking(
    outcomes: RankingOutcomes, shown: RankingOutcomes, *, ks: Sequence[int], popularity: Mapping[str, float] | None,
    known_users: Collection[str] | None = None,
) -> dict[tuple[str, str], Measured]:  # fmt: skip
    """Every ranking metric at each k; `column` is `k=10`. `outcomes` are the labelled rows, `shown` all rows.

    `cold_start_share` has `users` (lists for users that the reference does not have) and `items` (shown items that it does not have,
    among the first of the largest k) as its columns; `known_users` are the reference's.

    Means are over users with at least one relevant item among their rows, as Evidently takes them by default: a user who wanted
    nothing says nothing about the order. Intervals resample users, because a user's rows are not independent.
    """
    found: dict[tuple[str, str], Measured] = {}
    for k in ks:
        column = f"k={k}"
        found.update({(metric, column): measured for metric, measured in _quality(outcomes, k).items()})
        found.update({(metric, column): measured for metric, measured in _of_lists(shown, k, popularity).items()})
    found["cold_start_share", "users"] = _cold_users(shown, known_users)
    found["cold_start_share", "items"] = _cold_items(shown, max(ks), popularity)
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
    scarce = too_few(users, "user", MINIMUM_LABELLED, of="with a relevant item")
    found = {}
    for metric, values in _per_user(outcomes, k, all_relevant).items():
        of_judged = values[judged]
        hits = metric == "hit_rate_at_k"
        interval = wilson(float(of_judged.sum()), users) if hits else of_mean(of_judged, low=0.0, high=1.0)
        found[metric] = Measured(value=float(of_judged.mean()), interval=interval, n=users, rows=rows, scarce=scarce)
    return found


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
    names = ("coverage", "popularity_bias")
    if reason := _no_catalogue(outcomes, popularity):
        return dict.fromkeys(names, nothing(reason))
    assert popularity is not None and outcomes.item is not None
    shown = outcomes.rank <= k
    catalogue = {*popularity, *outcomes.item}
    shares = np.array([popularity.get(item, 0.0) for item in outcomes.item])
    mean, interval = _per_shown_item(outcomes, shown, shares)
    rows = len(outcomes.rank)
    return {
        "coverage": Measured(value=len(set(outcomes.item[shown])) / len(catalogue), interval=_distinct(outcomes, shown, len(catalogue)),
                             n=len(catalogue), rows=rows),
        "popularity_bias": Measured(value=mean, interval=interval, n=int(shown.sum()), rows=rows),
    }  # fmt: skip


def _no_catalogue(outcomes: RankingOutcomes, popularity: Mapping[str, float] | None) -> str | None:
    if outcomes.item is None or not len(outcomes.rank):
        return "the model declares no item, or no row has one"
    return None if popularity else "without a reference the catalogue is unknown: load one with `reference MODEL FILE`"


def _per_shown_item(outcomes: RankingOutcomes, shown: npt.NDArray[np.bool_], values: Floats) -> tuple[float, Interval | None]:
    """The mean over shown items, and its interval: a ratio of two sums over users, because a user's items are not independent."""
    sums = np.add.reduceat(values * shown, outcomes.first)
    lengths = np.add.reduceat(shown.astype(float), outcomes.first)
    mean = float(sums.sum() / lengths.sum())
    interval = of_influence(mean, (sums - mean * lengths) / lengths.mean())
    if interval is None and mean in {0.0, 1.0}:
        interval = wilson(mean * len(sums), len(sums))
    return mean, interval.cut(0.0, 1.0) if interval else None


def _distinct(outcomes: RankingOutcomes, shown: npt.NDArray[np.bool_], catalogue: int) -> Interval | None:
    """The interval of the share of the catalogue that as many users like these are shown.

    Distinct items among users are distinct species among sampling units: their number S varies by S(1 - S/S*), where S* = S +
    (m-1)/m Q₁(Q₁-1)/(2(Q₂+1)) estimates how many there are to be seen from the items that one and that two of the m users were shown
    (Chao 1987 as corrected in Colwell et al. 2012, equations 4 and 5).
    """
    assert outcomes.item is not None
    users = len(outcomes.first)
    of_user = np.repeat(np.arange(users), outcomes.sizes)[shown]
    pairs = {*zip(of_user.tolist(), outcomes.item[shown].tolist(), strict=True)}
    _, times = np.unique(np.array([item for _, item in pairs], dtype=object).astype(str), return_counts=True)
    # Two items at least are taken as shown once: with none, all would seem to be seen, and the number to have no spread.
    seen, once, twice = len(times), max(int((times == 1).sum()), 2), int((times == 2).sum())
    to_see = seen + (users - 1) / users * once * (once - 1) / (2 * (twice + 1))
    found = of_normal(float(seen), sqrt(seen * (1 - seen / to_see)), "chao2")
    return found.mapped(lambda items: items / catalogue).cut(0.0, 1.0) if found else None


def _cold_users(outcomes: RankingOutcomes, known: Collection[str] | None) -> Measured:
    if not len(outcomes.rank):
        return nothing("no row of the window has a user and a score")
    if not known:
        return nothing("without a reference every user is new: load one with `reference MODEL FILE`")
    users, cold = len(outcomes.user), sum(user not in known for user in outcomes.user.tolist())
    return Measured(value=cold / users, interval=wilson(cold, users), n=users, rows=len(outcomes.rank))


def _cold_items(outcomes: RankingOutcomes, k: int, popularity: Mapping[str, float] | None) -> Measured:
    if reason := _no_catalogue(outcomes, popularity):
        return nothing(reason)
    assert popularity is not None and outcomes.item is not None
    shown = outcomes.rank <= k
    mean, interval = _per_shown_item(outcomes, shown, np.array([float(item not in popularity) for item in outcomes.item]))
    return Measured(value=mean, interval=interval, n=int(shown.sum()), rows=len(outcomes.rank))
