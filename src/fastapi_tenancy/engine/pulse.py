"""Notices that a server has stopped answering in the middle of a run."""

from __future__ import annotations

import threading

from fastapi_tenancy.errors import ServerUnreachableError


class Pulse:
    """Counts the connections in a row that nobody answered.

    One may be lost on a busy server. When each worker has lost two and nothing else succeeded
    meanwhile, the rest of the targets need not wait for it one after the other.

    Args:
        patience: how many in a row are taken for a server that is gone.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._missed = 0
        self._cause = ""

    def heard(self) -> None:
        """The server did what it was asked for."""
        if self._missed:
            with self._lock:
                self._missed = 0

    def note(self, error: BaseException) -> None:
        """Take note of an error; only silence counts."""
        if isinstance(error, ServerUnreachableError) and error.timed_out and error.cause:
            with self._lock:
                self._missed += 1
                self._cause = error.cause

    def require(self) -> None:
        """Called before a target is begun.

        Raises:
            ServerUnreachableError: the server has stopped answering.
        """
        if self._missed >= self._patience:
            lost = ServerUnreachableError(
                f"the server has stopped answering: {' '.join(self._cause.split())}"
            )
            lost.timed_out = True
            raise lost


def is_timeout(error: BaseException) -> bool:
    """Whether asking the server once more would only take as long again."""
    return isinstance(error, ServerUnreachableError) and error.timed_out
