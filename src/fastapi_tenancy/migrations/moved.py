"""Tells whoever asked to be told that a run of this process has come to the end of a target."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fastapi_tenancy.model.event import Event, Listener, TargetFinished
from fastapi_tenancy.model.target import Target

Subscriber = Callable[[Target], None]

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_subscribers: dict[object, Subscriber] = {}


def subscribe(callback: Subscriber) -> Callable[[], None]:
    """Call ``callback`` with every target that a run of this process has finished.

    It is called in a thread of the run, whether the target was moved, failed or stood there
    before: it has to be quick. What it raises is logged.

    Returns:
        What ends the subscription; harmless when called again.
    """
    key = object()
    with _lock:
        _subscribers[key] = callback

    def unsubscribe() -> None:
        with _lock:
            _subscribers.pop(key, None)

    return unsubscribe


def telling(listener: Listener) -> Listener:
    """A listener that also tells those who subscribed, and before ``listener`` hears of it."""

    def listen(event: Event) -> None:
        if isinstance(event, TargetFinished):
            _tell(event.outcome.target)
        listener(event)

    return listen


def _tell(target: Target) -> None:
    with _lock:
        told = tuple(_subscribers.values())
    for callback in told:
        try:
            callback(target)
        except Exception:
            _log.exception("a subscriber to what runs have finished failed")
