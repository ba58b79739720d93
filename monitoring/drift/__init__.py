"""Drift methods: what each one is (`registry`), what they compare (`samples`), and scores equal to Evidently 0.7.23's. Pure.

Scores are computed here where `COVERED` says so, and by Evidently elsewhere.
They are fast enough for all windows of a run, and to draw thousands of pairs for a null (`verdicts`).
"""

from __future__ import annotations

__all__ = [
    "COVERED",
    "METHODS",
    "DriftMethod",
    "EvidentlyVerdict",
    "Sample",
    "base_method",
    "binned_scores",
    "comparable",
    "effect",
    "evidently_verdict",
    "histograms",
    "is_effect",
    "judged",
    "judged_scores",
    "method_label",
    "refusal",
    "resolve_method",
    "score",
    "why_not",
]

from monitoring.drift.binned import binned_scores, histograms, judged_scores
from monitoring.drift.registry import METHODS, DriftMethod, base_method, is_effect, method_label
from monitoring.drift.samples import Sample, comparable
from monitoring.drift.scores import COVERED, EvidentlyVerdict, effect, evidently_verdict, judged, refusal, resolve_method, score, why_not
