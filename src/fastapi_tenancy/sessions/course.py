"""What a driver's connection sends along with the beginning and the end of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Course:
    """The state of one connection; a driver's class keeps it, the events of its engine set it."""

    __slots__ = (
        *("aimed", "also", "beginning", "behind", "changes", "dirty"),
        *("head", "pooled", "served", "settings", "spoiled"),
    )

    def __init__(self) -> None:
        self.head: tuple[str, ...] = ()
        """Sent with BEGIN."""
        self.behind: tuple[str, ...] = ()
        """Sent with COMMIT and ROLLBACK."""
        self.also: tuple[str, ...] = ()
        """Sent on top of these with the end of this transaction."""
        self.settings: tuple[str, ...] = ()
        """Takes away what was set, where ``behind`` does not; it may be sent when needed only."""
        self.pooled = False
        """True where a pooler gives the server's process to others between transactions."""
        self.aimed = False
        """True while a transaction is open that began with ``head``."""
        self.beginning = False
        """True from when BEGIN is sent until it is known to have been carried out."""
        self.dirty = False
        """True while something may be left in the connection."""
        self.served = False
        """True once somebody has used the connection."""
        self.spoiled = False
        """True when something was left in it that cannot be taken away."""
        self.changes = 0
        """How many times tenants had been forgotten when its types were read."""

    @property
    def tail(self) -> tuple[str, ...]:
        """What is to be sent with the end of this transaction."""
        return (*self.behind, *self.also)

    def turn_to(self, head: tuple[str, ...]) -> None:
        """Say what the next transaction begins with."""
        self.head, self.aimed, self.dirty, self.served = head, False, True, True
        self.beginning = False

    def rest(self) -> None:
        """Nobody's transactions begin here now."""
        self.head, self.aimed, self.beginning = (), False, False

    def begun(self) -> None:
        """A transaction was opened, with ``head``."""
        self.aimed, self.beginning = True, False

    def ended(self) -> None:
        """A transaction was closed, with ``tail``."""
        self.aimed = self.dirty = False
        self.also = ()

    def hooked(self) -> None:
        """A function of somebody's was put into the driver's connection, to be called by it."""
        self.spoiled = self.spoiled or self.served


class AimedConnection(Protocol):
    """A driver's connection that sends along what its course says."""

    course: Course

    def is_idle(self) -> bool:
        """True while no transaction is open."""
        ...

    def is_spoiled(self) -> bool:
        """True when nobody else may have the connection."""
        ...

    def is_lost(self) -> bool:
        """True if the server has closed the connection; asks nobody."""
        ...

    def is_foreign(self) -> bool:
        """True where it belongs to another event loop than the one that runs."""
        ...

    def hang_up(self) -> None:
        """Close it without waiting, whatever became of its event loop."""
        ...

    def pid(self) -> int:
        """The number of the server's process, as it was told when connecting."""
        ...

    def reported(self, setting: str) -> str | None:
        """What the server has said of a setting that it tells of by itself."""
        ...

    async def found(self, query: str) -> bool:
        """Whether a query outside of any transaction gives a row."""
        ...

    async def rows(self, query: str) -> Sequence[Sequence[object]]:
        """What a query outside of any transaction gives."""
        ...

    async def forget_types(self) -> None:
        """Read the database's types anew where they are needed again."""
        ...

    async def tidy(self) -> None:
        """Take away what was left, in a message of its own."""
        ...
