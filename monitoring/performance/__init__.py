"""How good a window's predictions were: every performance metric with an interval, from scikit-learn and statsmodels. Pure.

Where Evidently computes a metric, the runner takes Evidently's value and this module's interval; the values here are the same by
other means (a cross-check), serve segments and the reference, and stand alone where Evidently has no such metric.
"""

from __future__ import annotations

__all__ = ["MINIMUM_LABELLED", "MINIMUM_OF_CLASS", "OF_LISTS", "Interval", "Measured", "measure"]

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from .classification import measure_classification
from .found import MINIMUM_LABELLED, MINIMUM_OF_CLASS, Measured
from .intervals import Interval
from .outcomes import binary_outcomes, multiclass_outcomes, ranking_outcomes, regression_outcomes
from .ranking import OF_LISTS, measure_ranking
from .regression import measure_regression


def measure(
    frame: pa.Table,
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
) -> dict[tuple[str, str], Measured]:
    """All performance metrics of a task on one frame (`Store.frame`'s shape), by (metric, column).

    `column` is `""`, a class (multiclass) or `k=10` (ranking). `popularity` is each item's share of the reference's rows,
    `known_users` are the reference's users, `costs` those of one `false_positive` and one `false_negative` of a binary model. `only`
    restricts to the named metrics. A metric without a value says why; nothing is NaN. Where the frame's `@weight` differs from row to
    row, rows count by it (in classification and regression); nothing is drawn at random.
    """
    if task == "regression":
        found = measure_regression(regression_outcomes(frame))
    elif task == "ranking":
        outcomes, shown = (ranking_outcomes(frame, user=user, item=item, labelled=labelled) for labelled in (True, False))
        found = measure_ranking(outcomes, shown, ks=ks, popularity=popularity, known_users=known_users)
    elif task == "binary":
        found = measure_classification(binary_outcomes(frame, positive_label=positive_label), only=only, costs=costs)
    else:
        found = measure_classification(multiclass_outcomes(frame), only=only)
    return {key: value for key, value in found.items() if only is None or key[0] in only}
