"""What happens when a live revision leaves its transaction: marked before, and never twice.

Every commit before the end of a stage carries a marker of the statements it holds. A run that
was interrupted there is taken up again by running the revision anew, without those.
"""

from __future__ import annotations

from collections import Counter

import psycopg

from fastapi_tenancy.engine.alone import run_alone
from fastapi_tenancy.engine.digest import digest
from fastapi_tenancy.engine.lease import Lease
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.model.plan import Move

_RESULT = "!"
"""Before the digest of a statement that wrote rows and gave a result back."""
_WRITING = ("INSERT", "UPDATE", "DELETE", "MERGE")


class Leaving:
    """Follows the statements of one live stage, and marks them where it commits halfway."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._move: Move | None = None
        self._sent: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        """Statements an interrupted run has committed, not met again so far."""
        self._kept: dict[str, tuple[Counter[str], Counter[str]]] = {}
        self._finishing = False
        self._finished = False

    def meet(self, raw: psycopg.Connection, move: Move, head: list[str]) -> bool:
        """Send ``head``, which opens the transaction; False when another runner is at work."""
        return self._lease.meet(raw, move, head)

    def wait(self, pause: float) -> None:
        """Wait for the other runner."""
        self._lease.wait(pause)

    def turn_to(self, move: Move) -> None:
        """Say which move runs next."""
        marker = self._lease.marker
        resumed = self._lease.resumed and marker is not None and marker.revision == move.revision
        self._move = move
        self._sent = Counter(marker.sent) if marker is not None and resumed else Counter()
        self._done = self._sent.copy()
        self._kept = {"": (self._sent.copy(), self._done.copy())}
        self._lease.resumed = resumed

    def skips(self, statement: str, *, parameters: bool, count: int = 1) -> bool:
        """True when an interrupted run has committed this statement.

        Raises:
            MigrationFailedError: it has, and the revision needs a result that is gone.
        """
        if not self._done:
            return False
        key = digest(statement, parameters=parameters)
        if self._done[_RESULT + key]:
            raise MigrationFailedError(
                "an earlier run of this revision was interrupted after it had committed"
                f" «{statement[:120]}», whose result cannot be had again. Look at what is done,"
                " finish the revision by hand and stamp the tenant"
            )
        if self._done[key] < count:
            return False
        self._done[key] -= count
        return True

    def sent(
        self, statement: str, *, parameters: bool, count: int = 1, result: bool = False
    ) -> None:
        """Note a statement that was sent; reads are sent again by a run that takes this up."""
        if result and not statement.lstrip().upper().startswith(_WRITING):
            return
        key = digest(statement, parameters=parameters)
        self._sent[_RESULT + key if result else key] += count

    def commit(self, session: Session) -> None:
        """Commit the open transaction, with a marker unless it is the last of the stage."""
        if self._finishing:
            self._finished = True
        elif self._move is not None:
            self._lease.commit(session, self._move, self._sent)
            self._kept = {"": (self._sent.copy(), self._done.copy())}

    def alone(self, session: Session, statement: str) -> None:
        """Run a statement that no transaction may hold, and mark that it is done."""
        run_alone(session, statement, resumed=self._lease.resumed)
        with session.lending.marked():
            self.sent(statement, parameters=False)

    def savepoint(self, name: str) -> None:
        """Remember what was sent until now."""
        self._kept[name] = (self._sent.copy(), self._done.copy())

    def rolled_back(self, name: str = "") -> None:
        """Forget what was sent since the savepoint, or since the last commit."""
        if name in self._kept:
            sent, done = self._kept[name]
            self._sent, self._done = sent.copy(), done.copy()

    def clear_sql(self) -> str | None:
        """The statement that takes the marker away, if one was left; the last commit follows."""
        self._finishing = True
        return self._lease.clear_sql()

    def close(self, session: Session) -> None:
        """After the stage: where the last commit did not come, let the next runner in."""
        if not self._finished and self._move is not None:
            self._lease.give_up(session)
