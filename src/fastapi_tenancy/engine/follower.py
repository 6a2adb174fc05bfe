"""What a session tells of a revision that runs live on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fastapi_tenancy.engine.session import Session


class Follower(Protocol):
    """Follows what a live revision sends, and decides what becomes of it."""

    def skips(self, statement: str, *, parameters: bool, count: int = 1) -> bool:
        """True when the statement is not to be sent: an earlier run has committed it."""
        ...

    def sent(
        self, statement: str, *, parameters: bool, count: int = 1, result: bool = False
    ) -> None:
        """Told each statement that was sent, and whether it gave rows back."""
        ...

    def alone(self, session: Session, statement: str) -> None:
        """Run a statement that no transaction may hold."""
        ...

    def commit(self, session: Session) -> None:
        """Called before each commit, inside of the transaction; may commit itself."""
        ...

    def savepoint(self, name: str) -> None:
        """Told each savepoint."""
        ...

    def rolled_back(self, name: str = "") -> None:
        """Told each rollback, to a savepoint or of the whole transaction."""
        ...
