"""Models described: `ModelSchema` from Python, from the contract's YAML, or inferred from a frame. Pure, and light to import."""

from __future__ import annotations

__all__ = ["METHODS", "ColumnDrift", "DriftSettings", "Fairness", "Feature", "Kind", "ModelSchema", "Ranking", "Retention", "Task"]

from monitoring.schema.model import Feature, Kind, ModelSchema, Ranking, Task
from monitoring.schema.settings import METHODS, ColumnDrift, DriftSettings, Fairness, Retention
