"""Ctrl-C and SIGTERM during a run: the first lets tenants in flight finish, the second aborts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from fastapi_tenancy.engine.stop import Stop

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
WAIT_S = 0.5
"""Seconds a signal may wait for its handler."""


def run_stoppable(
    work: Callable[[], T], stop: Stop, told: Callable[[str], None], *, at_once: bool = False
) -> T:
    """Return what ``work`` returns, with signals turned into requests to ``stop``.

    The work runs in a thread of its own: a signal handler runs in the main thread, which must
    hold none of the locks that the handler takes, and must not be inside a long call into C.
    A third signal ends the process as if nobody handled it.

    Args:
        told: is given a sentence for people at each signal.
        at_once: the first signal aborts what is in flight already.

    Raises:
        Exception: what ``work`` raised.
    """
    answer: list[T] = []
    failure: list[BaseException] = []

    def go() -> None:
        try:
            answer.append(work())
        except BaseException as error:  # carried over to the thread that waits
            failure.append(error)

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.requested.is_set():
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            told("aborting: transactions in flight roll back")
        elif at_once:
            told("interrupted: what was made is taken back")
            stop.request()
        else:
            told("stopping: tenants in flight finish, no other starts; once more to abort them")
        stop.request()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    thread = threading.Thread(target=go, name="tenancy-run")
    try:
        thread.start()
        while thread.is_alive():
            # Python 3.13 handles signals only between two waits, not during one.
            thread.join(WAIT_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if failure:
        raise failure[0]
    return answer[0]
