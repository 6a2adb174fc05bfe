"""Connections that are kept between two looks, and that nothing is left of at the end."""

from __future__ import annotations

import psycopg
import pytest

from fastapi_tenancy.observe.lines import Lines


@pytest.fixture
def address(tenancy_database: str) -> str:
    return str(tenancy_database)


def test_a_connection_is_kept_for_the_next_look(address: str) -> None:
    lines = Lines(5)
    first = lines.look(address, lambda connection: connection)
    assert lines.look(address, lambda connection: connection) is first
    lines.close()
    assert first.closed


def test_a_look_that_ends_after_the_closing_keeps_nothing(address: str) -> None:
    lines = Lines(5)

    def look(connection: psycopg.Connection) -> psycopg.Connection:
        lines.close()
        return connection

    assert lines.look(address, look).closed
    again = lines.look(address, lambda connection: connection)
    assert not again.closed
    lines.close()
    assert again.closed


def test_what_nobody_uses_is_closed(address: str) -> None:
    moment = 0.0
    lines = Lines(5, lambda: moment)
    kept = lines.look(address, lambda connection: connection)
    assert lines.sweep()
    assert not kept.closed
    moment = 60.0
    assert not lines.sweep()
    assert kept.closed


def test_a_look_that_is_alone_keeps_nothing(address: str) -> None:
    assert Lines(5).look(address, lambda connection: connection, keep=False).closed
