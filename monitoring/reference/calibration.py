"""How sure the reference's rows were and whether they were right: what the bar of a calibration error is drawn from. Pure."""

from __future__ import annotations

__all__ = ["Confidence"]

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitoring.performance.intervals import Floats
from monitoring.performance.outcomes import binary_outcomes, multiclass_outcomes
from monitoring.performance.scores import calibration_error, confidence
from storage.custody.reference_profiles import Fact

_SEED = 20_260_102
_DRAWS = 200
_MOST_ROWS = 10_000
_Z_999 = 3.2905  # the normal quantile of 99.95 %: 99.9 % between both tails


@dataclass(frozen=True, slots=True)
class Confidence:
    """Score and outcome (1: right) of each labelled row with a score, in order; nothing where the scores are no probabilities."""

    score: Floats
    outcome: Floats

    @classmethod
    def of(cls, table: pa.Table, *, task: str, positive_label: str | None) -> Confidence:
        """From rows in the shape of `Store.frame`."""
        found = binary_outcomes(table, positive_label=positive_label) if task == "binary" else multiclass_outcomes(table)
        if not len(found.scored_label) or ((found.scores < 0) | (found.scores > 1)).any():
            return cls(np.empty(0), np.empty(0))
        return cls(*confidence(found))

    def to_fact(self) -> Fact:
        """`from_fact` reads it back."""
        return Fact(pa.table({"score": self.score, "outcome": self.outcome}), None)

    @classmethod
    def from_fact(cls, fact: Fact) -> Confidence:
        """What `to_fact` told."""
        return cls(np.asarray(fact.table["score"].to_numpy(), float), np.asarray(fact.table["outcome"].to_numpy(), float))

    def threshold(self, size: int) -> float | None:
        """The calibration error that `size` rows drawn from these exceed in one of a thousand samples.

        The error of few rows is larger than that of many though nothing changed (Roelofs et al. 2022, §3), so the reference's own
        value is no fair bar. 200 seeded draws; mean and 3.29 standard deviations.
        """
        if not len(self.score) or not size:
            return None
        random = np.random.default_rng([_SEED, size])
        kept = np.sort(random.permutation(len(self.score))[:_MOST_ROWS])
        score, outcome = self.score[kept], self.outcome[kept]
        counts = random.multinomial(size, np.full(len(score), 1 / len(score)), size=_DRAWS).astype(float)
        errors = calibration_error(score, outcome, counts)
        return float(errors.mean() + _Z_999 * errors.std(ddof=1))
