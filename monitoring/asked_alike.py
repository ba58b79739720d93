"""Those who ask the same at the same time get one answer: twenty sessions that look at one page would keep the collector from its turn."""

from __future__ import annotations

__all__ = ["AskedAlike"]

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class AskedAlike:
    """Answers questions, each at most once at a time. Use it from any thread.

    Nobody gets an answer that was begun before he asked: he would miss what he had written himself. Whoever asks while one is being made
    waits for the next one, with all who have come by then. An answer goes to several and is to be changed by none of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, Future[Any]] = {}
        self._next: dict[Hashable, Future[Any]] = {}

    def answer(self, question: Hashable, find: Callable[[], Any]) -> Any:
        """What `find` returns or raises, called here or by another who asked the same and whose call began after this one."""
        with self._lock:
            mine = self._next.get(question)
            if mine is not None:
                before, is_first = None, False
            else:
                before, is_first = self._under_way.get(question), True
                mine = self._next[question] = Future()
        if not is_first:
            return mine.result()
        if before is not None:
            before.exception()  # only waits for its end
        with self._lock:
            del self._next[question]  # whoever comes from here on waits for the one after this
            self._under_way[question] = mine
        try:
            mine.set_result(find())
        except BaseException as error:
            mine.set_exception(error)
        finally:
            with self._lock:
                if self._under_way.get(question) is mine:
                    del self._under_way[question]
        return mine.result()
