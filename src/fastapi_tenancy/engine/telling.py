"""Tells one listener what several servers have to say."""

from __future__ import annotations

import threading

from fastapi_tenancy.model.event import Event, Listener, Stopping, Warned


class Telling:
    """A listener in front of another one: an event at a time, and the same warning once."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._said: set[Warned | Stopping] = set()

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        with self._lock:
            if isinstance(event, Warned | Stopping):
                if event in self._said:
                    return
                self._said.add(event)
            self._listener(event)
