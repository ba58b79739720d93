"""shop-recommendations: which items does this customer want? Ranked lists in a letter every Monday, and a new collection."""

from __future__ import annotations

__all__ = ["ROWS", "recommendations_case"]

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.demo.case import Case, Floats, Ints, Release, asked_latency, known_labels, one_thread, to_arrow_times
from monitoring.demo.planted import DAYS, MODELS, catalogue_day, monday
from monitoring.schema import ModelSchema

ROWS: Final = 36_000
"""Items shown in the served weeks: 20 to each of 200 customers in 9 weeks."""

_LENGTH = 20  # items in a list
_ITEMS = 400  # on sale at any time
_REPLACED = 0.7  # share of them that the new collection replaces
_IN_STOCK = 0.6  # chance that an item can be shown in a given list
_TRAINING = 40_000

_NUMERICAL = ("item_popularity", "item_reviews", "item_rating", "price", "affinity", "price_gap", "delivery_days", "user_orders")
_CATEGORIES = ("books", "garden", "kitchen", "music", "outdoor", "shoes", "sports", "toys")


@one_thread()
def recommendations_case(end: datetime, *, rows: int = ROWS, seed: int = 1) -> Case:
    """The case that ends at `end` (midnight, UTC) with about `rows` shown items; all but the dates comes from `seed`."""
    rng = np.random.default_rng([seed, 202])
    start = monday(end - timedelta(days=DAYS))
    weeks = -(-(end - start).days // 7)
    shop = _open_shop(rng, customers=max(2, round(rows / (weeks * _LENGTH))))
    model = _train(rng, shop)
    # One week, as long as a window: ranking metrics group by customer, and two weeks would make one list of forty.
    reference = _lists(rng, shop, model, [start - timedelta(weeks=1)], prefix="early", renewed_from=None)
    served = _lists(rng, shop, model, [start + timedelta(weeks=w) for w in range(weeks)], prefix="show", renewed_from=catalogue_day(end))
    served = _before(served, end)
    labels = _labels(rng, served, end)
    release = Release(schema=_schema(), served=served.drop_columns(["bought"]))
    reference = reference.drop_columns(["error"])
    return Case(
        name="recommendations", start=start, end=end, reference=reference, releases=(release,), labels=labels, predict=model.predict
    )


def _schema() -> ModelSchema:
    return ModelSchema.from_dict(
        {
            "name": MODELS["recommendations"],
            "version": "1",
            "task": "ranking",
            "features": {**dict.fromkeys(_NUMERICAL, "numerical"), "category": "categorical"},
            "timestamp": "shown_at",
            "id": "impression_id",
            "prediction": "rank",
            "score": "ranking_score",
            "label": "bought",
            "latency": "latency_ms",
            "label_delay": "3d",
            "window": "1w",
            "ranking": {"user": "user_id", "item": "item_id", "k": [5, 10]},
        }
    )


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """Items on sale; `quality` is what customers feel and nobody measures, `wanted` a fashion that no feature knows."""

    item: npt.NDArray[np.str_]
    category: Ints
    price: Floats
    popularity: Floats
    reviews: Floats
    rating: Floats
    quality: Floats
    wanted: Floats


@dataclass(frozen=True, slots=True)
class _Shop:
    """Customers with their tastes, and the catalogue before and after the renewal."""

    taste: Floats  # (customers, categories), rows sum to 1
    purse: Floats  # what a customer usually pays
    orders: Floats
    old: _Catalogue
    new: _Catalogue


@dataclass(frozen=True, slots=True)
class _Model:
    """A gradient-boosted classifier of purchases; its probability ranks."""

    classifier: Any

    def predict(self, features: pa.Table) -> tuple[None, Floats]:
        """Scores, one per row: the caller sorts them."""
        columns = {name: features[name].to_numpy(zero_copy_only=False) for name in (*_NUMERICAL, "category")}
        return None, self.score(columns)

    def score(self, columns: dict[str, npt.NDArray[np.generic]]) -> Floats:
        """The same for numpy columns of one length."""
        scores: Floats = self.classifier.predict_proba(_matrix(columns))[:, 1]
        return np.round(scores, 6)


def _open_shop(rng: np.random.Generator, *, customers: int) -> _Shop:
    """Customers and both catalogues. A new item takes category and price of the item it replaces: those do not drift."""
    taste = rng.dirichlet(np.full(len(_CATEGORIES), 0.7), customers)
    purse, orders = rng.lognormal(3.2, 0.4, customers), np.round(rng.gamma(2.0, 8.0, customers)) + 1
    quality = rng.normal(size=_ITEMS)
    sales = np.exp(3.6 + 0.7 * quality + rng.normal(0, 0.35, _ITEMS)).round()
    old = _Catalogue(
        item=np.array([f"item-{number:04d}" for number in range(_ITEMS)]),
        category=np.arange(_ITEMS) % len(_CATEGORIES),
        price=np.round(rng.lognormal(3.2, 0.5, _ITEMS), 2),
        popularity=sales,
        reviews=(sales * rng.lognormal(-0.5, 0.3, _ITEMS)).round(),
        rating=np.clip(3.8 + 0.4 * quality + rng.normal(0, 0.25, _ITEMS), 1, 5).round(1),
        quality=quality,
        wanted=np.zeros(_ITEMS),
    )
    return _Shop(taste, purse, orders, old, _renewed(rng, old))


def _renewed(rng: np.random.Generator, old: _Catalogue) -> _Catalogue:
    """The catalogue after the summer collection: new items have hardly sold, have no rating, and are in fashion."""
    fresh = rng.random(_ITEMS) < _REPLACED
    return _Catalogue(
        item=np.where(fresh, np.array([f"item-{number:04d}" for number in range(1000, 1000 + _ITEMS)]), old.item),
        category=old.category,
        price=old.price,
        popularity=_chosen(fresh, np.round(rng.lognormal(2.6, 0.3, _ITEMS)), old.popularity),
        reviews=_chosen(fresh, rng.poisson(0.5, _ITEMS), old.reviews),
        rating=_chosen(fresh, np.full(_ITEMS, np.nan), old.rating),
        quality=np.where(fresh, rng.normal(size=_ITEMS), old.quality),
        wanted=np.where(fresh, 1.0, -1.0),
    )


def _chosen(fresh: npt.NDArray[np.bool_], new: npt.ArrayLike, old: Floats) -> Floats:
    """`new` where `fresh`, else `old`."""
    return np.where(fresh, np.asarray(new, dtype=np.float64), old)


def _pairs(shop: _Shop, catalogue: _Catalogue, users: Ints, items: Ints, delivery: Ints) -> dict[str, npt.NDArray[np.generic]]:
    """The features of (customer, item) pairs given by position; `delivery` is what the carrier promises today, in days."""
    price, category = catalogue.price[items], catalogue.category[items]
    return {
        "item_popularity": catalogue.popularity[items],
        "item_reviews": catalogue.reviews[items],
        "item_rating": catalogue.rating[items],
        "price": price,
        "affinity": np.round(shop.taste[users, category], 4),
        "price_gap": np.round(np.log(price / shop.purse[users]), 4),
        "delivery_days": delivery,
        "user_orders": shop.orders[users],
        "category": np.array(_CATEGORIES)[category],
    }


def _bought(rng: np.random.Generator, shop: _Shop, catalogue: _Catalogue, users: Ints, items: Ints) -> Ints:
    """1 where the customer buys what is shown."""
    taste = shop.taste[users, catalogue.category[items]]
    gap = np.log(catalogue.price[items] / shop.purse[users])
    utility = -3.2 + 0.8 * catalogue.quality[items] + 6.0 * taste - 0.7 * np.abs(gap) + catalogue.wanted[items]
    return (rng.random(len(users)) < 1 / (1 + np.exp(-utility))).astype(np.int64)


def _matrix(columns: dict[str, npt.NDArray[np.generic]]) -> Floats:
    positions = np.searchsorted(np.array(_CATEGORIES), columns["category"].astype(str)).astype(np.float64)
    return np.column_stack([*(columns[name].astype(np.float64) for name in _NUMERICAL), positions])


def _train(rng: np.random.Generator, shop: _Shop) -> _Model:
    """Fit on purchases from lists drawn at random, before anything was ranked."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    users, items = rng.integers(0, len(shop.orders), _TRAINING), rng.integers(0, _ITEMS, _TRAINING)
    classifier = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, learning_rate=0.1, min_samples_leaf=400, random_state=0)
    pairs = _pairs(shop, shop.old, users, items, rng.integers(1, 6, _TRAINING))
    classifier.fit(_matrix(pairs), _bought(rng, shop, shop.old, users, items))
    return _Model(classifier)


def _lists(
    rng: np.random.Generator, shop: _Shop, model: _Model, weeks: list[datetime], *, prefix: str, renewed_from: datetime | None
) -> pa.Table:
    """One list per customer and week, sent as a letter on Monday morning; ordered by time; `bought` is the truth."""
    tables = []
    for number, week in enumerate(weeks):
        catalogue = shop.new if renewed_from is not None and week >= renewed_from else shop.old
        tables.append(_week(rng, shop, model, catalogue, week, prefix=f"{prefix}-{number:02d}"))
    return pa.concat_tables(tables)


def _week(rng: np.random.Generator, shop: _Shop, model: _Model, catalogue: _Catalogue, week: datetime, *, prefix: str) -> pa.Table:
    """Score every item in stock for every customer, keep the best twenty of each."""
    customers = len(shop.orders)
    users, items = np.repeat(np.arange(customers), _ITEMS), np.tile(np.arange(_ITEMS), customers)
    delivery = rng.integers(1, 6, (customers, _ITEMS))
    scores = model.score(_pairs(shop, catalogue, users, items, delivery.ravel())).reshape(customers, _ITEMS)
    in_stock = np.where(rng.random(scores.shape) < _IN_STOCK, scores, -1.0)
    shown = np.argsort(-in_stock, axis=1, kind="stable")[:, :_LENGTH]
    sent = np.sort(int(week.timestamp() * 1_000_000) + ((6 + 6 * rng.random(customers)) * 3_600_000_000).astype(np.int64))
    order = rng.permutation(customers)  # whose letter is sent when
    users, items = np.repeat(order, _LENGTH), shown[order].ravel()
    columns: dict[str, Any] = {
        "impression_id": pa.array([f"{prefix}-{user:05d}-{place % _LENGTH + 1:02d}" for place, user in enumerate(users)]),
        "shown_at": to_arrow_times(np.repeat(sent, _LENGTH)),
        "user_id": pa.array([f"user-{user:05d}" for user in users]),
        "item_id": pa.array(catalogue.item[items]),
    }
    shown_pairs = _pairs(shop, catalogue, users, items, delivery[users, items])
    columns |= {name: pa.array(values, from_pandas=True) for name, values in shown_pairs.items()}
    columns["rank"] = pa.array(np.tile(np.arange(1, _LENGTH + 1), customers))
    columns["ranking_score"] = pa.array(scores[users, items])
    columns["latency_ms"] = pa.array(asked_latency(rng, len(users), median=4.5, sigma=0.35))  # each item is a call of its own
    columns["error"] = pa.nulls(len(users), pa.string())
    columns["bought"] = pa.array(_bought(rng, shop, catalogue, users, items))
    return pa.table(columns)


def _before(served: pa.Table, end: datetime) -> pa.Table:
    """What was shown before `end`: the last week may be running."""
    moments = served["shown_at"].cast(pa.int64()).to_numpy()
    return served.slice(0, int(np.searchsorted(moments, int(end.timestamp() * 1_000_000))))


def _labels(rng: np.random.Generator, served: pa.Table, end: datetime) -> pa.Table:
    """Bought or not: settled within three days of the list."""
    size = served.num_rows
    shown_at = served["shown_at"].cast(pa.int64()).to_numpy()
    known_at = shown_at + (np.clip(rng.gamma(2.0, 0.6, size), 0.02, 3.0) * 86_400_000_000).astype(np.int64)
    return known_labels(served["impression_id"].combine_chunks(), ("bought", served["bought"].combine_chunks()), known_at, end,
                        id_column="impression_id")
