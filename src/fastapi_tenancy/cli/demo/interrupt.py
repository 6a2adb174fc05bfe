"""Ctrl-C during the demo: a run in flight is aborted, then everything is cleaned up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.model.selection import Selection

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns the first signal into KeyboardInterrupt, once no worker thread is at work."""

    def __init__(self) -> None:
        self._stop: Stop | None = None
        self._postponing = self._pending = False

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Handle signals for the length of a ``with`` block; elsewhere than in the main thread
        nobody can, and nothing is done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def postpone(self) -> None:
        """Keep a signal that comes from now on until ``take_effect``."""
        self._postponing = True

    def take_effect(self) -> None:
        """Take signals again, and the one that was kept.

        Raises:
            KeyboardInterrupt: a signal came meanwhile.
        """
        self._postponing = False
        if self._pending:
            raise KeyboardInterrupt

    def run(
        self,
        fleet: Fleet,
        options: RunOptions,
        selection: Selection,
        listener: Listener = silent,
    ) -> Report:
        """Carry out a run of the engine.

        Raises:
            KeyboardInterrupt: a signal came; the run has been aborted.
        """
        self._stop = stop = Stop()
        try:
            report = fleet.run(options, selection, listener=listener, stop=stop)
        finally:
            self._stop = None
        if report.interrupted:
            raise KeyboardInterrupt
        return report

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # cleaning up is not to be interrupted
        if self._postponing:
            self._pending = True
            return
        if self._stop is None:
            raise KeyboardInterrupt
        self._stop.request()
        self._stop.request()
