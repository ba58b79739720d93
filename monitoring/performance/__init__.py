"""How good a window's predictions were: every performance metric with an interval, of many windows or segments in one pass. Pure.

Values equal scikit-learn's to 1e-9 (tests/unit/test_performance_together.py) and Evidently's where it has the metric.
"""

from __future__ import annotations

__all__ = ["MINIMUM_LABELLED", "MINIMUM_OF_CLASS", "OF_LISTS", "Groups", "Interval", "Key", "Measured", "measure", "measure_groups"]

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from .classification import measure_classification
from .found import MINIMUM_LABELLED, MINIMUM_OF_CLASS, Key, Measured
from .groups import Groups
from .intervals import Interval
from .outcomes import binary_outcomes, multiclass_outcomes, ranking_outcomes, regression_outcomes
from .ranking import OF_LISTS, measure_ranking
from .regression import measure_regression


def measure(frame: pa.Table, **options: Any) -> dict[Key, Measured]:
    """`measure_groups` of all rows together."""
    return measure_groups(frame, Groups.whole(frame.num_rows), **options)[0]


def measure_groups(
    frame: pa.Table,
    groups: Groups,
    *,
    task: str,
    positive_label: str | None = None,
    ks: Sequence[int] = (10,),
    user: str | None = None,
    item: str | None = None,
    popularity: Mapping[str, float] | None = None,
    known_users: Collection[str] | None = None,
    costs: Mapping[str, float] | None = None,
    only: frozenset[str] | None = None,
) -> list[dict[Key, Measured]]:
    """All performance metrics of a task on each group of a frame's rows (`Store.frame`'s shape), by (metric, column).

    `column` is `""`, a class (multiclass) or `k=10` (ranking). `popularity` is each item's share of the reference's rows,
    `known_users` are the reference's users, `costs` those of one `false_positive` and one `false_negative` of a binary model. `only`
    restricts to the named metrics. A metric without a value says why; nothing is NaN. Where the frame's `@weight` differs from row to
    row of a group, its rows count by it (in classification and regression); nothing is drawn at random.
    """
    if task == "regression":
        found = measure_regression(regression_outcomes(frame, groups=groups))
    elif task == "ranking":
        found = []
        for first, last in zip(groups.edges[:-1], groups.edges[1:], strict=True):
            rows = frame.take(pa.array(groups.rows[first:last]))
            outcomes, shown = (ranking_outcomes(rows, user=user, item=item, labelled=labelled) for labelled in (True, False))
            found.append(measure_ranking(outcomes, shown, ks=ks, popularity=popularity, known_users=known_users))
    elif task == "binary":
        outcomes_ = binary_outcomes(frame, positive_label=positive_label, groups=groups)
        found = measure_classification(outcomes_, only=only, costs=costs)
    else:
        found = measure_classification(multiclass_outcomes(frame, groups=groups), only=only)
    return [{key: value for key, value in one.items() if only is None or key[0] in only} for one in found]
