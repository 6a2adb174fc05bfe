"""psycopg's connection, sending more than BEGIN and COMMIT in their messages.

It overrides a method without documentation (``_exec_command``); what is watched afterwards
(``watch.py``) does not depend on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import errors, generators, pq, waiting
from psycopg.adapt import Transformer

from fastapi_tenancy.sessions.course import Course
from fastapi_tenancy.sessions.line import hung_up

_ENDS = (b"COMMIT", b"ROLLBACK")
_FINE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class PsycopgConnection(psycopg.AsyncConnection[Any]):
    """A connection whose transactions begin and end as its course says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.course = Course()

    def is_idle(self) -> bool:
        """True while no transaction is open."""
        return self.pgconn.transaction_status == pq.TransactionStatus.IDLE

    def add_notice_handler(self, callback: Any) -> None:
        """As psycopg does; the connection is nobody else's afterwards."""
        super().add_notice_handler(callback)
        self.course.hooked()

    def add_notify_handler(self, callback: Any) -> None:
        """As psycopg does; the connection is nobody else's afterwards."""
        super().add_notify_handler(callback)
        self.course.hooked()

    def is_spoiled(self) -> bool:
        """True when nobody else may have the connection: it would hear what is not for it."""
        return self.course.spoiled or bool(getattr(self, "_notifies_backlog", None))

    def is_lost(self) -> bool:
        """True if the server has closed the connection; asks nobody."""
        return self.closed or hung_up(self.pgconn.socket)

    def is_foreign(self) -> bool:
        """False: psycopg waits in whatever event loop runs."""
        return False

    def hang_up(self) -> None:
        """Close it without waiting."""
        self.pgconn.finish()

    def pid(self) -> int:
        """The number of the server's process, as it was told when connecting."""
        return self.info.backend_pid

    def reported(self, setting: str) -> str | None:
        """What the server has said of a setting that it tells of by itself."""
        return self.info.parameter_status(setting)

    async def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """As psycopg does, but that a pooler is left instead of being asked to cancel.

        Cancel requests make widespread versions of PgBouncer end (its issue 801), with the
        sessions of everybody.
        """
        if not self.course.pooled:
            return await super().wait(gen, *args, **kwargs)
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, *args, **kwargs)
        except asyncio.CancelledError:
            if self.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise

    async def found(self, query: str) -> bool:
        """Whether a query outside of any transaction gives a row."""
        async with self.lock:
            results = await self.wait(self._sent(query.encode()))
        return bool(results[-1].ntuples)

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        """What a query outside of any transaction gives."""
        async with self.lock:
            results = await self.wait(self._sent(query.encode()))
        loader = Transformer(self)
        loader.set_pgresult(results[-1])
        return loader.load_rows(0, results[-1].ntuples, tuple)

    async def forget_types(self) -> None:
        """psycopg remembers none that a migration changes."""

    async def tidy(self) -> None:
        """Take away what was left, in a message of its own."""
        async with self.lock:
            await self.wait(self._sent(_joined(self.course.tail)))
        self.course.ended()

    def _exec_command(self, command: Any, result_format: pq.Format = pq.Format.TEXT) -> Any:
        if command in _ENDS:
            result = yield from self._ending(command)
        elif command == self._get_tx_start_command():
            result = yield from self._beginning(command)
        else:
            result = yield from super()._exec_command(command, result_format)
        return result

    def _beginning(self, command: bytes) -> Generator[Any, Any, Any]:
        self.course.beginning = True
        if self._pipeline:  # where a message holds one statement; they still go out together
            for statement in (command, *(s.encode() for s in self.course.head)):
                yield from super()._exec_command(statement)
            result = None
        else:
            results = yield from self._sent(_joined((command.decode(), *self.course.head)))
            result = results[0]
        self.course.begun()
        return result

    def _ending(self, command: bytes) -> Generator[Any, Any, Any]:
        tail = self.course.tail
        if not tail or self._pipeline:
            return (yield from super()._exec_command(command))
        self.course.aimed = False
        results = yield from self._answered(_joined((command.decode(), *tail)))
        self._require(results[0])
        # What follows did not change what was committed: it is looked at when the connection
        # goes back to its pool.
        if results[-1].status in _FINE:
            self.course.ended()
        return results[0]

    def _sent(self, message: bytes) -> Generator[Any, Any, list[Any]]:
        results = yield from self._answered(message)
        for result in results:
            self._require(result)
        return results

    def _answered(self, message: bytes) -> Generator[Any, Any, list[Any]]:
        self._check_connection_ok()
        self.pgconn.send_query(message)
        results: list[Any] = yield from generators.execute(self.pgconn)
        return results

    def _require(self, result: Any) -> None:
        if result.status not in _FINE:
            raise errors.error_from_result(result, encoding=self.info.encoding)


def _joined(statements: tuple[str, ...]) -> bytes:
    return ";".join(statements).encode()
