"""Sampling: which predictions are logged where not all can be, and the weight with which each of them speaks for those left out.

Whether a prediction is kept depends on its id alone: the same in every process, and what is kept of less is a part of what is kept of
more. Errors and unusually slow calls are always kept, with the weight 1 that belongs to what is never left out (Horvitz and Thompson 1952).
"""

from __future__ import annotations

__all__ = ["Sampler"]

from collections import deque
from collections.abc import Callable
from hashlib import blake2b

_HASH_BYTES = 8
_REMEMBERED = 512  # latencies, of which
_SLOW = 0.99  # the quantile above which a call is an outlier, looked for
_EVERY = 128  # calls


class Sampler:
    """Keeps the share `rate` of predictions, halved `halvings()` times."""

    def __init__(self, rate: float, halvings: Callable[[], int]) -> None:
        self._rate, self._halvings = rate, halvings
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._seen = 0
        self._slow = float("inf")  # ms

    def weight(self, key: str, *, latency: float | None = None, failed: bool = False) -> float | None:
        """The weight of a prediction (1: it speaks for itself alone), or None where it is left out."""
        outlier = failed or (latency is not None and self._is_slow(latency))
        rate = self._rate / (1 << self._halvings())
        if outlier or rate >= 1.0:
            return 1.0
        return 1.0 / rate if _place(key) < rate else None

    def _is_slow(self, latency: float) -> bool:
        """Whether a latency is above nearly all that came before it."""
        found = latency > self._slow
        self._latencies.append(latency)
        self._seen += 1
        if self._seen % _EVERY == 0:
            ordered = sorted(self._latencies)
            self._slow = ordered[int(len(ordered) * _SLOW)]
        return found


def _place(key: str) -> float:
    """A number in [0, 1) that looks random and is always the same for the same id."""
    return int.from_bytes(blake2b(key.encode(), digest_size=_HASH_BYTES).digest(), "big") / 2.0 ** (8 * _HASH_BYTES)
