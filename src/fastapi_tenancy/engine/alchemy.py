"""The SQLAlchemy engine over a connection that somebody else has opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import Connection, NullPool, create_engine, event
from sqlalchemy.engine import Engine

if TYPE_CHECKING:
    from fastapi_tenancy.engine.lending import Lending


def make_engine(lending: Lending) -> Engine:
    """An engine whose first connection is the one that is lent, and whose others are new ones."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lending.lend, poolclass=NullPool, use_native_hstore=False
    )

    def begin(connection: Connection) -> None:
        if lending.is_lent(driver(connection)):
            lending.start()

    event.listen(engine, "begin", begin)
    event.listen(engine, "before_cursor_execute", lending.record)
    return engine


def driver(connection: Connection) -> psycopg.Connection:
    """The psycopg connection under SQLAlchemy's."""
    found: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return found
