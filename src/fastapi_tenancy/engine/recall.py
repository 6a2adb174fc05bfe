"""Reads positions back over the connections that have just served the same targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg

from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.observe.connect import Line
from fastapi_tenancy.observe.positions import read_fleet

Read = Callable[[psycopg.Connection, Sequence[str]], Iterator[Position]]
"""Reads the positions of some schemas over a connection, in order."""


def recall(sessions: Sequence[Session], schemas: Sequence[str], read: Read) -> dict[str, Position]:
    """The positions of those schemas that an open session remembers, read by all at once.

    A server process reads tables it has worked on in a third of the time. What a session cannot
    read (its connection was lost meanwhile) is left out.
    """
    wanted = set(schemas)
    shares = [(s, [name for name in s.remembered if name in wanted]) for s in sessions]
    shares = [(s, share) for s, share in shares if share]
    if not shares:
        return {}

    def read_share(session: Session, share: list[str]) -> dict[str, Position]:
        try:
            return dict(zip(share, read(session.raw, share), strict=True))
        except (psycopg.Error, ServerUnreachableError):
            return {}

    found: dict[str, Position] = {}
    with ThreadPoolExecutor(len(shares)) as pool:
        for part in pool.map(lambda pair: read_share(*pair), shares):
            found |= part
    return found


def complete(
    line: Line, schemas: Sequence[str], recalled: Mapping[str, Position], table: str
) -> Iterator[Position]:
    """Yield the position of each schema, in order; those not recalled are read over ``line``."""
    rest = read_fleet(line, [s for s in schemas if s not in recalled], table)
    for schema in schemas:
        yield recalled[schema] if schema in recalled else next(rest)
