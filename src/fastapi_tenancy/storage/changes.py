"""Tells whoever asked to be told that tenants of a catalogue have changed, within this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.subscribers import Subscribers


@dataclass(frozen=True, slots=True)
class TenantNames:
    """What a tenant is found by."""

    id: str
    identifier: str
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What tenants were found by before a change, and what they are found by now.

    A tenant that is new is in ``after`` alone, one that was removed in ``before`` alone. Whoever
    keeps tenants forgets what it keeps under any name of either.
    """

    before: tuple[TenantNames, ...] = ()
    after: tuple[TenantNames, ...] = ()


Subscriber = Callable[[Change], None]

_subscribers = Subscribers[Change]("changes of tenants", logging.getLogger(__name__))


def subscribe(callback: Subscriber) -> Callable[[], None]:
    """Call ``callback`` with every change that a store of this process makes; see ``tell``.

    It is called in the thread that made the change, once the change is committed and before the
    store's method returns, so it has to be quick and safe to call from any thread. What it raises
    is logged. A reader that began before the change may still hold what was there: whoever keeps
    what is read has to notice changes that came in between.

    Returns:
        What ends the subscription; harmless when called again.
    """
    return _subscribers.add(callback)


def tell(change: Change) -> None:
    """Tell every subscriber of a change; what every store that is written does after a commit.

    It is told too when the answer to a commit was lost, and nobody knows whether it was done.
    """
    if change.before or change.after:
        _subscribers.tell(change)


def names_of(tenants: Iterable[Tenant]) -> tuple[TenantNames, ...]:
    """What these tenants are found by."""
    return tuple(TenantNames(t.id, t.identifier, t.host) for t in tenants)
