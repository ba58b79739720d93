"""Figures that were drawn before: a page runs anew for every click, and most of what it shows is as it was."""

from __future__ import annotations

__all__ = ["drawn"]

import pickle
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import Any

import pyarrow as pa

from monitoring.charts.theme import Figure

_MOST = 96  # figures kept for all visitors together: some ten pages, each in two themes
_kept: OrderedDict[bytes, Any] = OrderedDict()
_lock = Lock()


def drawn(draw: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """`draw(*args, **named)`, a pure function of `monitoring.charts`; the same figure again where all arguments hold the same.

    The arguments themselves are the key – tables by all of their content – so nothing here can be out of date. What is returned is shared:
    it must not be changed.
    """
    key = _key(draw, args, named)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    figure = draw(*args, **named)
    if isinstance(figure, Figure):
        figure.finish()
    with _lock:
        _kept[key] = figure
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
    return figure


def _key(draw: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> bytes:
    digest = blake2b(f"{draw.__module__}.{draw.__qualname__}".encode(), digest_size=16)
    for name, value in [*((str(place), value) for place, value in enumerate(args)), *sorted(named.items())]:
        content = _content(value) if isinstance(value, pa.Table) else pickle.dumps(value)
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.digest()


def _content(table: pa.Table) -> memoryview:
    """The rows as an Arrow stream: only they, though the table may be a slice of a larger one."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return memoryview(sink.getvalue())
