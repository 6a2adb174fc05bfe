"""A server that does not answer is asked by one session at a time: the others fail at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi_tenancy.errors import said

SLOW_S = 1.0
"""Seconds after which a connection that failed has held somebody up."""
PAUSE_S = 1.0
"""Seconds without an attempt after one that held somebody up."""


class Silence:
    """What is known of a place that takes no connections and is slow to say so.

    A refusal that comes at once costs nobody anything, so it is asked for each time. Waiting for a
    silent server is what fills a process with requests, and its threads with look-ups of a name.

    Args:
        error: made of the reason, for those who are not to wait.
    """

    def __init__(
        self, error: Callable[[str], Exception], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._error = error
        self._clock = clock
        self._told = ""
        self._until = 0.0
        self._asking = False

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Connect within.

        Raises:
            Exception: the place was silent a moment ago, or somebody asks it already.
        """
        if self._told and (self._asking or self._clock() < self._until):
            raise self._error(self._told)
        begun, self._asking = self._clock(), True
        try:
            yield
        except Exception as error:
            if self._clock() - begun >= SLOW_S:
                reason = said(error) or type(error).__name__
                self._told = f"it did not answer a moment ago, and is left alone: {reason}"
                self._until = self._clock() + PAUSE_S
            raise
        else:
            self._told = ""
        finally:
            self._asking = False
