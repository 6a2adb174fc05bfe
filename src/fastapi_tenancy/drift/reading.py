"""Reads the structures of a fleet: servers side by side, schemas in bulk, the rest one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg

from fastapi_tenancy.drift.place import Look, Way, read_alone, read_schemas, told
from fastapi_tenancy.drift.values import Kind
from fastapi_tenancy.engine.lanes import SERVERS_AT_ONCE
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.chunks import chunked
from fastapi_tenancy.model.event import Listener, Reading
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.structure import CHUNK

PER_CONNECTION = 2000
"""A server process remembers what it has described: another one goes on after so many schemas."""

Take = Callable[[Look], None]
Kinds = Callable[[Target], Kind]


class Reader:
    """Reads targets and hands each look on as it comes, one at a time.

    Args:
        ways: how targets of each kind are read.
        concurrency: connections at a time on each server.
        listener: is told how many have been read.
        stop: reads no further once it is asked for.
    """

    def __init__(
        self,
        ways: Mapping[Kind, Way],
        kinds: Kinds,
        concurrency: int,
        listener: Listener,
        stop: Stop,
    ) -> None:
        self._ways = ways
        self._kinds = kinds
        self._concurrency = concurrency
        self._listener = listener
        self._stop = stop
        self._handing = threading.Lock()
        self._done = self._total = 0

    def read(self, targets: Sequence[Target], take: Take) -> None:
        """Look at each of the targets; what cannot be read is a look too."""
        self._done, self._total = 0, len(targets)
        self._listener(Reading(0, self._total))
        servers: dict[str, list[Target]] = {}
        for target in targets:
            servers.setdefault(target.server, []).append(target)
        with ThreadPoolExecutor(min(SERVERS_AT_ONCE, len(servers)) or 1, "tenancy-drift") as pool:
            for ended in [pool.submit(self._server, of, take) for of in servers.values()]:
                ended.result()

    def _server(self, targets: list[Target], take: Take) -> None:
        databases: dict[str, list[Target]] = {}
        alone = []
        for target in targets:
            if self._kinds(target) is Kind.SCHEMA:
                databases.setdefault(target.database, []).append(target)
            else:
                alone.append(target)
        for schemas in databases.values():
            for part in chunked(schemas, PER_CONNECTION):
                self._schemas(part, take)
        with ThreadPoolExecutor(max(1, min(self._concurrency, len(alone)))) as pool:
            for ended in [pool.submit(self._alone, target, take) for target in alone]:
                ended.result()

    def _schemas(self, targets: list[Target], take: Take) -> None:
        way = self._ways[Kind.SCHEMA]
        try:
            with closing(connect(targets[0].address, way.timeout_s)) as connection:
                for chunk in chunked(targets, CHUNK):
                    if self._stop.requested.is_set():
                        return
                    self._hand(_in_bulk(connection, chunk, way), take)
        except ServerUnreachableError as error:
            problem = masked(str(error))
            self._hand([Look(target, problem=problem) for target in targets], take)

    def _alone(self, target: Target, take: Take) -> None:
        if not self._stop.requested.is_set():
            self._hand([read_alone(target, self._ways[self._kinds(target)])], take)

    def _hand(self, looks: Iterable[Look], take: Take) -> None:
        for look in looks:
            with self._handing:
                take(look)
                self._done += 1
        self._listener(Reading(self._done, self._total))


def _in_bulk(connection: psycopg.Connection, chunk: list[Target], way: Way) -> Iterable[Look]:
    """Read a chunk in one go; each by itself where that fails, so that one fails alone."""
    try:
        return list(read_schemas(connection, chunk, way))
    except psycopg.Error as error:
        if connection.closed:
            problem = f"the connection was lost: {told(error)}"
            return [Look(target, problem=problem) for target in chunk]
        return [read_alone(target, way) for target in chunk]
