"""Tells whoever asked to be told that a run of this process has come to the end of a target."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi_tenancy.model.event import Event, Listener, TargetFinished
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.subscribers import Subscribers

Subscriber = Callable[[Target], None]

_subscribers = Subscribers[Target]("what runs have finished", logging.getLogger(__name__))


def subscribe(callback: Subscriber) -> Callable[[], None]:
    """Call ``callback`` with every target that a run of this process has finished.

    It is called in a thread of the run, whether the target was moved, failed or stood there
    before: it has to be quick. What it raises is logged.

    Returns:
        What ends the subscription; harmless when called again.
    """
    return _subscribers.add(callback)


def telling(listener: Listener) -> Listener:
    """A listener that also tells those who subscribed, and before ``listener`` hears of it."""

    def listen(event: Event) -> None:
        if isinstance(event, TargetFinished):
            _subscribers.tell(event.outcome.target)
        listener(event)

    return listen
