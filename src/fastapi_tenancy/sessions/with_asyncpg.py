"""asyncpg's connection, sending more than BEGIN and COMMIT in their messages."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

from fastapi_tenancy.sessions.course import Course
from fastapi_tenancy.sessions.line import hung_up

_ENDS = ("COMMIT;", "ROLLBACK;")
"""What asyncpg's transactions send at their end."""


class AsyncpgConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose transactions begin and end as its course says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.course = Course()

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """As asyncpg does; BEGIN, COMMIT and ROLLBACK take along what the course says."""
        course = self.course
        if query.startswith("BEGIN") and query.endswith(";"):
            course.beginning = True
            found = await super().execute(query + ";".join(course.head), timeout=timeout)
            course.begun()
        elif query in _ENDS:
            course.aimed = False
            found = await super().execute(query + ";".join(course.tail), timeout=timeout)
            course.ended()
        else:
            found = await super().execute(query, *args, timeout=timeout)
        return str(found)

    def _cancel_current_command(self, waiter: Any, *others: Any) -> None:
        """As asyncpg does, but that a pooler is left instead of being asked to cancel.

        Cancel requests make widespread versions of PgBouncer end (its issue 801), with the
        sessions of everybody.
        """
        if not self.course.pooled:
            super()._cancel_current_command(waiter, *others)
            return
        self.terminate()
        if not waiter.done():
            waiter.set_result(None)

    def is_idle(self) -> bool:
        """True while no transaction is open."""
        return not self.is_in_transaction()

    async def add_listener(self, channel: str, callback: Any) -> None:
        """As asyncpg does; the connection is nobody else's afterwards."""
        self.course.hooked()
        await super().add_listener(channel, callback)

    def add_log_listener(self, callback: Any) -> None:
        """As asyncpg does; the connection is nobody else's afterwards."""
        self.course.hooked()
        super().add_log_listener(callback)

    def add_query_logger(self, callback: Any) -> None:
        """As asyncpg does; the connection is nobody else's afterwards."""
        self.course.hooked()
        super().add_query_logger(callback)

    async def set_type_codec(self, typename: str, **arguments: Any) -> None:
        """As asyncpg does; the connection is nobody else's afterwards."""
        self.course.hooked()
        await super().set_type_codec(typename, **arguments)

    def is_spoiled(self) -> bool:
        """True when nobody else may have the connection: it would hear what is not for it."""
        return self.course.spoiled

    def is_lost(self) -> bool:
        """True if the server has closed the connection; asks nobody."""
        if self.is_closed():
            return True
        socket = self._transport.get_extra_info("socket")
        return socket is not None and hung_up(socket.fileno())

    def is_foreign(self) -> bool:
        """True where it belongs to another event loop than the one that runs."""
        try:
            return self._loop is not asyncio.get_running_loop()
        except RuntimeError:
            return True

    def hang_up(self) -> None:
        """Say good-bye to the server without waiting, whatever became of the event loop."""
        transport = self._transport
        with suppress(RuntimeError):  # a closed loop does not take the rest of it
            self.terminate()
        lost = getattr(transport, "_call_connection_lost", None)
        if self._loop.is_closed() and lost is not None and transport._sock is not None:
            lost(None)  # what the loop would have called; it closes the socket

    def pid(self) -> int:
        """The number of the server's process, as it was told when connecting."""
        return int(self.get_server_pid())

    def reported(self, setting: str) -> str | None:
        """What the server has said of a setting that it tells of by itself."""
        return getattr(self.get_settings(), setting, None)

    async def found(self, query: str) -> bool:
        """Whether a query outside of any transaction gives a row."""
        return str(await super().execute(query)) != "SELECT 0"

    async def rows(self, query: str) -> list[Any]:
        """What a query outside of any transaction gives."""
        return list(await super().fetch(query))

    async def forget_types(self) -> None:
        """Read the database's types anew where they are needed again."""
        await super().reload_schema_state()

    async def tidy(self) -> None:
        """Take away what was left, in a message of its own."""
        await super().execute(";".join(self.course.tail))
        self.course.ended()
