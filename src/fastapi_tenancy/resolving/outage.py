"""A catalogue that failed is left alone for a moment, so that requests do not queue up for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi_tenancy.errors import (
    CatalogueUnavailableError,
    ServerUnreachableError,
    TenancyError,
    TenantNotFoundError,
)
from fastapi_tenancy.model.url import masked

PAUSE_S = 1.0
"""Seconds without a question after one that reached nobody."""


class Outage:
    """Whether asking is of any use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._reason = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask within; a server that is away stands for all questions of the next moment.

        Raises:
            CatalogueUnavailableError: asking failed, or the server was away a moment ago.
        """
        if self._clock() < self._until:
            raise CatalogueUnavailableError(self._reason)
        try:
            yield
        except TenantNotFoundError:
            raise
        except (OSError, ServerUnreachableError) as error:  # a TimeoutError is an OSError
            self._reason, self._until = _told(error), self._clock() + PAUSE_S
            raise CatalogueUnavailableError(self._reason) from error
        except TenancyError as error:  # of one tenant, perhaps
            raise CatalogueUnavailableError(str(error)) from error


def _told(error: Exception) -> str:
    return masked(str(error)) or f"the catalogue failed: {type(error).__name__}"
