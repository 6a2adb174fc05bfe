"""Sees what a revision touches while it renders: the clock, chance, a connection of its own."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import psycopg
from sqlalchemy.engine import Engine, create

_CLOCK = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime", "strftime", "ctime"}
_CLOCK |= {"asctime", "clock_gettime", "clock_gettime_ns", "monotonic", "monotonic_ns"}
_CLOCK |= {"perf_counter", "perf_counter_ns"}
_CHANCE = {"urandom", "getrandom", "getrandbits", "random", "randbytes", "generate_time_safe"}
_CLOCK_OWNERS = {"time", "datetime"}
_IGNORED = ("logging", "sqlalchemy", "alembic", "threading")
_CONNECTING = {
    function.__code__: what
    for function, what in (
        (create.create_engine, "create_engine()"),
        (Engine.connect, "a connection of its own"),
        (Engine.raw_connection, "a connection of its own"),
        (psycopg.Connection.connect, "a connection of its own"),
    )
}


def _source(function: Any) -> str | None:
    """Name the clock or the source of chance that this C function reads, or None."""
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if name in _CHANCE:
        return f"{name}()"
    if name in _CLOCK:
        module = getattr(function, "__module__", None) or getattr(owner, "__module__", None)
        if module in _CLOCK_OWNERS:
            return f"{name}()"
    return None


def _beside_the_revision(frame: FrameType) -> bool:
    """True for libraries that only time themselves, and for what garbage collection calls.

    A collection starts wherever it becomes due, so what its callbacks and finalizers do says
    nothing about the code that happens to run.
    """
    if (frame.f_globals.get("__name__") or "").startswith(_IGNORED):
        return True
    callbacks = [getattr(c, "__code__", None) for c in gc.callbacks]
    step: FrameType | None = frame
    while step is not None:
        if step.f_code in callbacks or step.f_code.co_name == "__del__":
            return True
        step = step.f_back
    return False


@contextmanager
def watching(chance: Callable[[str], None], connect: Callable[[str], NoReturn]) -> Iterator[None]:
    """Call ``chance(what)`` when the clock or chance is read, ``connect(what)`` for new engines.

    A profile function of this thread sees every call, also those in modules that the
    revision imports, without replacing anything in them; what ``connect`` raises ends the render.
    """
    before = sys.getprofile()

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call":
            what = _source(arg)
            if what and not _beside_the_revision(frame):
                chance(what)
        elif event == "call" and frame.f_code in _CONNECTING:
            connect(_CONNECTING[frame.f_code])

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
