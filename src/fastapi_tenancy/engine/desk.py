"""The seam to a target that is a database of its own: opened, looked at, moved, closed."""

from __future__ import annotations

from typing import Protocol

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.model.plan import Move
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position, Target


class Desk(Protocol):
    """One open target; used by one thread at a time."""

    @property
    def target(self) -> Target:
        """The target, with the schema its database works in where that is known now."""
        ...

    def position(self) -> Position:
        """Where it stands, read now; over a new connection where the last one was lost."""
        ...

    def create(self) -> None:
        """Make the database or file that is missing."""
        ...

    def run(self, stage: Stage, position: Position, progress: Progress) -> None:
        """Run one stage; it is committed when this returns.

        Raises:
            Exception: whatever the database or the revision raised.
        """
        ...

    def fingerprint(self) -> str | None:
        """A hash of its structure, or None while somebody keeps a part of it locked."""
        ...

    def locate(self, stage: Stage, position: Position) -> tuple[Move, str] | None:
        """The statement at which a stage fails, where repeating it can tell; changes nothing."""
        ...

    def cancel(self) -> None:
        """Abort what is running, from another thread; its transaction rolls back."""
        ...

    def close(self) -> None:
        """Leave it."""
        ...
