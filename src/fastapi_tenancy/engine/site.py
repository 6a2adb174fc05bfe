"""The seam between a run and the places it works in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fastapi_tenancy.engine.brief import Prepared
from fastapi_tenancy.model.target import Position, Target


class Site(Protocol):
    """Targets that are read, planned, moved and proven together."""

    def prepare(self, targets: list[Target]) -> Prepared:
        """Plan without changing anything: the same road with the last gate closed.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        ...

    def look(self, targets: list[Target]) -> Iterator[Position]:
        """Yield where each target stands, in order.

        Raises:
            ConfigurationError: no connection, or env.py cannot be used.
        """
        ...

    def run(self, targets: list[Target]) -> None:
        """Move the targets and prove it; each of them gets its outcome in the tally.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        ...

    def close(self) -> None:
        """Leave no connection behind."""
        ...
