"""A window against a reference, all features together: scores, calibrated thresholds, p-values and drivers of both methods."""

from __future__ import annotations

__all__ = ["METHODS", "Method", "Multivariate", "Reference", "compare"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own dependency, without types

from monitoring.drift_nulls import DRAWS, NullCache, size_bucket
from monitoring.multivariate.domain import domain_auc, domain_drivers, domain_null
from monitoring.multivariate.encoding import MOST_ROWS, Columns, Encoder, columns_of, joined, sampled
from monitoring.multivariate.own import OwnScores, own_scores
from monitoring.multivariate.reconstruction import reconstruction_change, reconstruction_drivers, reconstruction_null, varies
from monitoring.own_windows import Span
from monitoring.plain import counted
from monitoring.verdicts import percent

Floats = npt.NDArray[np.float64]
Status = Literal["ok", "drift", "insufficient_data", "not_applicable"]

_SEED = 20_261_126
_FEWEST = 30  # rows of a side, as for one column
_SEEABLE = 5.0  # times the minimum effect: where chance hides even this, a window cannot be called ok
_DRAWN_FROM = 20_000  # rows of the reference that pairs are drawn from


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to compare all features together; `nothing` is its score without any difference."""

    name: str
    label: str
    nothing: float
    minimum_effect: float
    description: str


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        # One feature moved by 0.18 standard deviations gives an AUC of Φ(0.18/√2) = 0.55.
        Method(name="domain_classifier", label="Domain classifier", nothing=0.5, minimum_effect=0.05,
               description="Out-of-fold AUC of a classifier that tells the window's rows from the reference's: 0.5 to 1."),
        Method(name="pca_reconstruction", label="PCA reconstruction", nothing=0.0, minimum_effect=0.1,
               description="Change of the error with which the reference's principal components describe the rows, as a share of it."),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Multivariate:
    """What one method found: `value` in its own units, None where `reason` says why; `drivers` are features' shares, summing to 1.

    `change` is the signed change of a reconstruction error; `n` and `n_reference` are the rows that were compared. `own_windows` is how
    many of the reference's own windows say how far season and memory go (0: rows count as independent). `independent` says why they do
    where own windows are no longer known.
    """

    method: str
    status: Status
    reason: str
    n: int
    n_reference: int
    value: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    own_windows: int = 0
    drivers: Mapping[str, float] = field(default_factory=dict)
    change: float | None = None
    independent: str | None = None


class Source(Protocol):
    """Where a reference's rows come from; a table in the shape of `Store.frame` will do (`Whole`)."""

    def sampled(self, most: int) -> pa.Table:
        """At most so many rows, as `encoding.sampled` takes them."""

    def own_scores(self, name: str, score: Callable[[pa.Table], Floats]) -> Floats | str:
        """What `score` says of all rows, asked under a name; the sentence that says why where that is not known."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All rows of a reference, at hand."""

    table: pa.Table

    def sampled(self, most: int) -> pa.Table:
        """See `Source`."""
        return sampled(self.table, most)

    def own_scores(self, name: str, score: Callable[[pa.Table], Floats]) -> Floats:  # noqa: ARG002
        """See `Source`."""
        return score(self.table)


class Reference:
    """A reference prepared for many windows: the rows that windows are compared with, and the nulls by window size."""

    def __init__(self, rows: pa.Table | Source, kinds: Mapping[str, str], *, key: str, cache: NullCache | None = None,
                 draws: int = DRAWS) -> None:  # fmt: skip
        """`rows` are in the shape of `Store.frame`; `kinds` are the features' (numerical, categorical, text, datetime).

        `key` names the rows' content, and with the features finds its nulls of `draws` pairs.
        """
        self.kinds = kinds
        self._key = f"{key}/{'/'.join(f'{name}:{kind}' for name, kind in kinds.items())}"
        self._cache, self._draws = cache or NullCache(), draws
        self._source: Source = Whole(rows) if isinstance(rows, pa.Table) else rows
        self._all = columns_of(self._source.sampled(_DRAWN_FROM), kinds)
        compared = self._source.sampled(MOST_ROWS)
        self.columns, self._size = columns_of(compared, kinds), int(compared.num_rows)

    def __len__(self) -> int:
        return self._size

    def null(self, method: str, n_window: int) -> Floats:
        """Scores of pairs drawn from the reference, sorted: seconds of CPU when new, nothing when known."""
        size, draw = size_bucket(n_window), domain_null if method == "domain_classifier" else reconstruction_null
        return self._cache.get(self._key, method, len(self), size,
                               draw=lambda seed: draw(self._all, len(self), size, draws=self._draws, seed=seed))  # fmt: skip

    def own(self, span: Span | None) -> Mapping[str, OwnScores] | str:
        """By method, the scores of the reference's own windows like `span`; empty without windows, and a sentence where they are not known.
        Seconds of CPU when new."""
        if span is None:
            return {}
        name = f"{span.name}/{sorted(self.kinds.items())}"
        told = self._source.own_scores(name, lambda table: self._own(table, span))
        if isinstance(told, str):
            return told
        found = told.reshape(len(METHODS), -1)
        return {name: OwnScores(scores) for name, scores in zip(METHODS, found, strict=True)} if found.shape[1] else {}

    def _own(self, table: pa.Table, span: Span) -> Floats:
        def scored(_: int) -> Floats:
            with threadpool_limits(1, user_api="blas"):
                return own_scores(table, self.kinds, span, _scores).ravel()

        return self._cache.get(self._key, "own windows", span.name, least=0, draw=scored)


def _scores(both: Columns, cut: int) -> tuple[float, float]:
    """Of each method, in the order of `METHODS`; rows before `cut` are the reference's."""
    encoder = Encoder.fit(both)
    plain = encoder.plain(both)
    rich, rows = encoder.rich(plain), encoder.balanced(plain)
    change = abs(reconstruction_change(rows[:cut], rows[cut:])) if varies(rows[:cut]) else 0.0
    return domain_auc(rich[:cut], rich[cut:], seed=_SEED), change


def compare(reference: Reference, window: pa.Table, *, level: float = 0.001, span: Span | None = None) -> list[Multivariate]:
    """Both methods' findings on one window in the shape of `Store.frame`, at most `MOST_ROWS` rows of it, always the same ones.

    `level` is the share of windows without drift that each method may name. With a `span` the reference's own windows like it are no drift:
    a score must be past them too. Costs tenths of a second of CPU once the nulls of this
    reference and window size are known, and some seconds before that.
    """
    rows = sampled(window)
    few = _too_few(rows.num_rows, len(reference), len(reference.kinds))
    if few is not None:
        status: Status = "not_applicable" if len(reference.kinds) < 2 else "insufficient_data"
        return [Multivariate(method=name, status=status, reason=few, n=rows.num_rows, n_reference=len(reference)) for name in METHODS]
    both = joined(reference.columns, columns_of(rows, reference.kinds))
    with threadpool_limits(1, user_api="blas"):  # the matrices are small: threads that wait for a busy core take ten times as long
        encoder = Encoder.fit(both)
        plain = encoder.plain(both)
        own = reference.own(span)
        known = {} if isinstance(own, str) else own
        found = [_by_classifier(reference, encoder, plain, level, known), _by_reconstruction(reference, encoder, plain, level, known)]
    return [replace(one, reason=f"{one.reason} {own}", independent=own) for one in found] if isinstance(own, str) else found


def _by_classifier(reference: Reference, encoder: Encoder, plain: Floats, level: float, own: Mapping[str, OwnScores]) -> Multivariate:
    rich, cut = encoder.rich(plain), len(reference)
    value = domain_auc(rich[:cut], rich[cut:], seed=_SEED)
    found = _judged("domain_classifier", value, reference, len(plain) - cut, level, own)
    if found.status != "drift":
        return found
    return replace(found, drivers=domain_drivers(encoder, plain[:cut], plain[cut:], seed=_SEED))


def _by_reconstruction(reference: Reference, encoder: Encoder, plain: Floats, level: float, own: Mapping[str, OwnScores]) -> Multivariate:
    rows, cut = encoder.balanced(plain), len(reference)
    if not varies(rows[:cut]):
        return Multivariate(method="pca_reconstruction", status="not_applicable", n=len(rows) - cut, n_reference=cut,
                            reason="No feature of the reference varies, so there are no directions of variation.")  # fmt: skip
    change = reconstruction_change(rows[:cut], rows[cut:])
    found = replace(_judged("pca_reconstruction", abs(change), reference, len(plain) - cut, level, own), change=change)
    if found.status != "drift":
        return found
    owner = encoder.owner[~encoder.missing]
    return replace(found, drivers=reconstruction_drivers(rows[:cut], rows[cut:], owner, encoder.names))


def _judged(method: str, value: float, reference: Reference, n: int, level: float, own: Mapping[str, OwnScores]) -> Multivariate:
    """A verdict needs a score that pairs drawn from the reference reach in at most `level` of draws, and the minimum effect.

    Where the reference's own windows are further apart than such pairs, one more of them must reach it as seldom.
    """
    kind, null = METHODS[method], reference.null(method, n)
    level = max(level, 1 / (len(null) + 1))  # no draw is rarer than one of them
    chance = float(null[-max(1, int(level * (len(null) + 1) + 1e-9))])
    smallest = kind.nothing + kind.minimum_effect
    threshold = max(chance, smallest)
    p_value = (1 + len(null) - int(np.searchsorted(null, value, "left"))) / (1 + len(null))
    apart = own[method] if method in own and own[method].beyond(null, kind.nothing) else None
    if apart is not None:
        p_value, chance = max(p_value, apart.p_value(value)), max(chance, apart.score_at(level))
        threshold = max(chance, smallest)
    drawn = (f"pairs drawn from the reference ({len(reference):,} reference and {n:,} window rows) reach {chance:.3g} in "
             f"{percent(level)} of draws")  # fmt: skip
    if apart is not None:
        drawn = (f"{len(apart.scores)} of the reference's own windows ({len(reference):,} reference and {n:,} window rows) let one more "
                 f"reach {chance:.3g} in {percent(level)} of cases")  # fmt: skip
    found = Multivariate(method=method, status="ok", reason="", n=n, n_reference=len(reference), value=value, threshold=threshold,
                         p_value=p_value, own_windows=len(apart.scores) if apart is not None else 0)  # fmt: skip
    least = f", the minimum effect: {drawn}" if threshold == smallest else f": {drawn}"
    if value > threshold:
        return replace(found, status="drift", reason=f"The {method} score of {value:.3g} is past its threshold {threshold:.3g}{least}.")
    if chance - kind.nothing > _SEEABLE * kind.minimum_effect:
        return replace(found, status="insufficient_data", reason=(
            f"Chance alone reaches {chance:.3g} with {n:,} rows, so a score of {kind.nothing + _SEEABLE * kind.minimum_effect:.3g} could "
            "not be seen."))
    return replace(found, reason=f"The {method} score of {value:.3g} stays within its threshold {threshold:.3g}{least}.")


def _too_few(n: int, n_reference: int, features: int) -> str | None:
    if features < 2:
        return "The model has fewer than two features; the drift of each is all there is."
    if n < _FEWEST:
        return f"Only {counted(n, 'row')} of the window; {_FEWEST} are needed to judge."
    if n_reference < _FEWEST:
        return f"Only {counted(n_reference, 'row')} of the reference; {_FEWEST} are needed to judge."
    return None
