"""A bounded memory that forgets what is old, and what was not asked for in a long time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """At most ``size`` values, each for ``ttl_s`` seconds; safe to use from any thread."""

    def __init__(
        self, size: int, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size, self._ttl_s, self._clock = size, ttl_s, clock
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value, or None where it is unknown or too old."""
        found = self._values.get(key)
        if found is None:
            return None
        until, value = found
        if self._clock() >= until:
            self._drop(key, found)
            return None
        if len(self._values) >= self._size:  # only then does it matter who is asked for
            self._touch(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember a value; the one that was not asked for the longest makes room."""
        if self._ttl_s <= 0:
            return
        with self._lock:
            self._values[key] = (self._clock() + self._ttl_s, value)
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)

    def forget(self, keys: Iterable[Key]) -> None:
        """Forget these, where they are known."""
        for key in keys:  # a lock for each, so that nobody waits for all of a large import
            with self._lock:
                self._values.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()

    def _touch(self, key: Key) -> None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)

    def _drop(self, key: Key, found: tuple[float, Value]) -> None:
        with self._lock:
            if self._values.get(key) is found:
                del self._values[key]

    def __len__(self) -> int:
        return len(self._values)
