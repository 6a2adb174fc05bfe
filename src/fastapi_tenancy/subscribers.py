"""Who asked to be told of something that happens within this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Subscribers(Generic[T]):
    """Functions that are called with everything of one kind; safe to use from any thread.

    Args:
        subject: what they are told of, for the log.
        log: where what they raise is logged.
    """

    def __init__(self, subject: str, log: logging.Logger) -> None:
        self._subject, self._log = subject, log
        self._lock = threading.Lock()
        self._callbacks: dict[object, Callable[[T], None]] = {}

    def add(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call ``callback`` with everything that is told from now on.

        Returns:
            What ends it; harmless when called again.
        """
        key = object()
        with self._lock:
            self._callbacks[key] = callback

        def remove() -> None:
            with self._lock:
                self._callbacks.pop(key, None)

        return remove

    def tell(self, news: T) -> None:
        """Call each of them; what one raises is logged, and keeps nothing from the others."""
        with self._lock:
            callbacks = tuple(self._callbacks.values())
        for callback in callbacks:
            try:
                callback(news)
            except Exception:
                self._log.exception("a subscriber to %s failed", self._subject)
