"""The demo: three case studies on simulated data, with real scikit-learn models and planted changes. Offline and seeded."""

from __future__ import annotations

__all__: list[str] = []
