"""Makes `alembic.op` and `alembic.context` local to the running context.

Alembic keeps the active Operations and EnvironmentContext in module globals, so two
migrations in one process overwrite each other's. A permanent dispatcher takes that place:
it looks the active object up in a ContextVar and falls back to what plain Alembic installed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import alembic.context
import alembic.op
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext

_installing = threading.Lock()


class _Dispatcher:
    """Stands where Alembic puts its proxy; every attribute is that of the active object."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._active: ContextVar[Any] = ContextVar(f"tenancy_{subject}", default=None)
        self._plain: Any = None

    def __getattr__(self, name: str) -> Any:
        current = self._active.get()
        if current is None:
            current = self._plain
        if current is None:
            raise NameError(
                f"alembic.{self._subject}.{name} was used outside of a running migration."
                " Move it into upgrade(), downgrade() or another function they call."
            )
        return getattr(current, name)


_op = _Dispatcher("op")
_context = _Dispatcher("context")


def _route(proxied: Any, module: Any, dispatcher: _Dispatcher) -> None:
    def install(self: Any) -> None:
        dispatcher._plain = self

    def remove(_self: Any) -> None:
        dispatcher._plain = None

    def module_attribute(name: str) -> Any:
        # Alembic publishes class attributes such as context.config as module globals.
        if name in proxied._setups[proxied][0]:
            try:
                return getattr(dispatcher, name)
            except NameError:
                pass
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    dispatcher._plain = vars(module).get("_proxy")
    for name in proxied._setups[proxied][0]:
        vars(module).pop(name, None)
    proxied._install_proxy = install
    proxied._remove_proxy = remove
    module.__getattr__ = module_attribute
    module._proxy = dispatcher


def install() -> None:
    """Put the dispatchers in place, once for the life of the process."""
    with _installing:
        if vars(alembic.op).get("_proxy") is not _op:
            _route(Operations, alembic.op, _op)
            _route(EnvironmentContext, alembic.context, _context)


def environment() -> Any:
    """The EnvironmentContext at work here: the engine's, or the one plain Alembic installed.

    ``alembic.context`` shows its methods only; the options of the running command are its own.

    Raises:
        NameError: no env.py is running.
    """
    found = vars(alembic.context).get("_proxy")
    if found is _context:
        found = _context._active.get() or _context._plain
    if found is None:
        raise NameError("no env.py is running; this is for code that env.py calls")
    return found


@contextmanager
def active(*, op: Any = None, context: Any = None) -> Iterator[None]:
    """Make these the objects behind ``alembic.op`` and ``alembic.context``, here only."""
    install()
    op_token = _op._active.set(op)
    context_token = _context._active.set(context)
    try:
        yield
    finally:
        _context._active.reset(context_token)
        _op._active.reset(op_token)
