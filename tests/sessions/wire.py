"""A line to a server that counts round trips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.conninfo import conninfo_to_dict


class Wire:
    """Passes everything on; a round trip is a word of the client after one of the server's."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._tasks: set[asyncio.Task[None]] = set()
        self.trips = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        there_reader, there_writer = await asyncio.open_unix_connection(self._socket)
        answered = [True]
        there = self._pass_on(reader, there_writer, answered, asked=True)
        back = self._pass_on(there_reader, writer, answered, asked=False)
        await asyncio.gather(there, back)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answered: list[bool],
        *,
        asked: bool,
    ) -> None:
        while data := await reader.read(65536):
            self.trips += asked and answered[0]
            answered[0] = not asked
            writer.write(data)
        writer.close()


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """A line to the server of ``url``, and the URL of its database through it."""
    parts = conninfo_to_dict(url)
    wire = Wire(f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}")
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield wire, f"postgresql://{parts['user']}@127.0.0.1:{port}/{parts['dbname']}"
