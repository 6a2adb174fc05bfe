"""Requests over a few connections that stay open, each sent when the one before is answered."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Load:
    """What was served, and the share of that time in which this process was at work itself."""

    answers: int
    per_second: float
    busy: float


def load(port: int, requests: Sequence[bytes], seconds: float) -> Load:
    """Send requests in turn for some seconds; all of them have to be answered with status 200."""
    return asyncio.run(_load(port, requests, seconds))


async def _load(port: int, requests: Sequence[bytes], seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    following = itertools.cycle(requests)
    made = [
        await loop.create_connection(lambda: _Client(following), "127.0.0.1", port)
        for _ in range(CONNECTIONS)
    ]
    clients = [client for _, client in made]
    before, worked, started = sum(c.answers for c in clients), time.process_time(), loop.time()
    await asyncio.sleep(seconds)
    took, work = loop.time() - started, time.process_time() - worked
    answers = sum(c.answers for c in clients) - before
    for client in clients:
        client.stop()
    return Load(answers, answers / took, work / took)


class _Client(asyncio.Protocol):
    """One connection; it knows where an answer ends by the length of the first one."""

    def __init__(self, following: Iterator[bytes]) -> None:
        self.answers = 0
        self._following = following
        self._length = self._got = 0
        self._stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(next(self._following))

    def data_received(self, data: bytes) -> None:
        if not self._got and not data.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"not served: {data[:200]!r}")
        self._got += len(data)
        self._length = self._length or _length(data)
        if self._got < self._length:
            return
        self._got = 0
        self.answers += 1
        self._transport.write(next(self._following))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._stopped:
            raise RuntimeError("the server closed a connection") from exc

    def stop(self) -> None:
        """Close the connection."""
        self._stopped = True
        self._transport.abort()


def _length(answer: bytes) -> int:
    head, _, _ = answer.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
    return len(head) + 4 + int(fields[b"content-length"])
