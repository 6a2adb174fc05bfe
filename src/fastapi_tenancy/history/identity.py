"""Whose migration is running: the tenant of the current context, and who asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Identity:
    """The target a migration runs for; ``asked`` is told each time a revision looks at it."""

    target: Target
    asked: Callable[[str], None] | None = None

    def tenant(self) -> Tenant:
        """The tenant, with the look recorded."""
        self.note("current_tenant()")
        return self.target.tenant

    def note(self, what: str) -> None:
        """Record that the migration looked at ``what`` of its identity."""
        if self.asked is not None:
            self.asked(what)


_identity: ContextVar[Identity | None] = ContextVar("tenancy_identity", default=None)


@contextmanager
def running_for(identity: Identity) -> Iterator[None]:
    """Make ``identity`` the one that ``current_tenant()`` answers with, here only."""
    token = _identity.set(identity)
    try:
        yield
    finally:
        _identity.reset(token)


def current_identity() -> Identity | None:
    """The identity set by the engine in this context, or None under plain Alembic."""
    return _identity.get()
