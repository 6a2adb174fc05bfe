"""Tells a Ctrl-C that somebody pressed from a KeyboardInterrupt that code raised by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""SIGTERM too: some give it Python's handler of SIGINT."""


@contextmanager
def watching_for_signals() -> Iterator[Callable[[], bool]]:
    """Give the answer to: may a signal be behind a KeyboardInterrupt raised in this block?

    Signals are handled in the main thread only, and as whoever set their handler wants it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    arrived: list[int] = []
    with ExitStack() as restoring:
        known = all(_noted(number, arrived, restoring) for number in _SIGNALS)
        yield lambda: bool(arrived) or not known


def _noted(number: signal.Signals, arrived: list[int], restoring: ExitStack) -> bool:
    """Note each of these signals before it is handled; False where that is not possible."""
    handler: Any = signal.getsignal(number)
    if handler in (signal.SIG_DFL, signal.SIG_IGN):
        return True  # it raises nothing

    def note(received: int, frame: FrameType | None) -> None:
        arrived.append(received)
        handler(received, frame)

    def restore() -> None:
        if signal.getsignal(number) is note:  # not one that the code in the block has set
            signal.signal(number, handler)

    try:
        if handler is None:  # not set from Python: it could not be restored
            return False
        signal.signal(number, note)
    except ValueError:  # a subinterpreter: its main thread may not set any
        return False
    restoring.callback(restore)
    return True
