"""Positions of many schemas at once: the heads of each, or what is missing."""

from __future__ import annotations

import psycopg
import pytest

from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.target import MISSING, UNVERSIONED, Position
from fastapi_tenancy.observe import positions
from fastapi_tenancy.observe.connect import Line, connect
from fastapi_tenancy.observe.positions import read_fleet, read_positions, read_positions_abreast


def made(connection, schema, heads, table="alembic_version"):
    quoted = '"' + schema.replace('"', '""') + '"'
    connection.execute(f"CREATE SCHEMA {quoted}".encode())
    if heads is not None:
        connection.execute(f"CREATE TABLE {quoted}.{table} (version_num varchar(32))".encode())
        for head in heads:
            connection.execute(f"INSERT INTO {quoted}.{table} VALUES ('{head}')".encode())


def test_each_schema_has_its_own_answer_in_the_order_asked(connection):
    made(connection, "two_heads", ["b", "a"])
    made(connection, "one_head", ["a"])
    made(connection, "no_head", [])
    made(connection, "no_table", None)
    made(connection, 'quo"ted; %s', ["c"])
    names = ["one_head", "gone", 'quo"ted; %s', "no_table", "two_heads", "no_head"]
    assert list(read_positions(connection, names, "alembic_version")) == [
        Position(("a",)),
        MISSING,
        Position(("c",)),
        UNVERSIONED,
        Position(("a", "b")),
        Position(()),
    ]


def test_more_schemas_than_one_message_reads(connection, monkeypatch):
    monkeypatch.setattr(positions, "READ", 3)
    monkeypatch.setattr(positions, "LOOKUP", 7)
    names = [f"t{n}" for n in range(20)]
    for number, name in enumerate(names):
        made(connection, name, [f"r{number}"])
    found = list(read_positions(connection, names, "alembic_version"))
    assert found == [Position((f"r{n}",)) for n in range(20)]


def test_a_version_table_of_another_name_is_read(connection):
    made(connection, "one", ["a"], table="versions")
    assert list(read_positions(connection, ["one"], "versions")) == [Position(("a",))]
    assert list(read_positions(connection, ["one"], "alembic_version")) == [UNVERSIONED]


def test_many_schemas_are_read_over_two_connections(connection, tenancy_database, monkeypatch):
    monkeypatch.setattr(positions, "MANY", 5)
    names = [f"t{n}" for n in range(5)]
    for number, name in enumerate(names):
        made(connection, name, [f"r{number}"])
    opened = []

    def another():
        opened.append(connect(tenancy_database, 10))
        return opened[-1]

    found = list(read_positions_abreast(connection, another, names, "alembic_version"))
    assert found == [Position((f"r{n}",)) for n in range(5)]
    assert [c.closed for c in opened] == [True]
    assert (
        list(read_positions_abreast(connection, another, names[:4], "alembic_version"))
        == (found[:4])
    )
    assert len(opened) == 1


def test_without_a_second_connection_the_first_reads_all(connection, monkeypatch):
    monkeypatch.setattr(positions, "MANY", 5)
    names = [f"t{n}" for n in range(5)]
    for number, name in enumerate(names):
        made(connection, name, [f"r{number}"])

    def another():
        raise ServerUnreachableError("no connection is free")

    found = list(read_positions_abreast(connection, another, names, "alembic_version"))
    assert found == [Position((f"r{n}",)) for n in range(5)]


def test_what_fails_over_the_second_connection_is_raised(connection, monkeypatch):
    monkeypatch.setattr(positions, "MANY", 2)
    made(connection, "one", ["a"])
    made(connection, "two", ["a"])

    def another():
        raise psycopg.OperationalError("the server went away")

    with pytest.raises(psycopg.OperationalError, match="went away"):
        list(read_positions_abreast(connection, another, ["one", "two"], "alembic_version"))


def test_a_large_fleet_is_read_over_connections_that_end(connection, tenancy_database, monkeypatch):
    monkeypatch.setattr(positions, "PER_CONNECTION", 4)
    names = [f"t{n}" for n in range(10)]
    for number, name in enumerate(names):
        made(connection, name, [f"r{number}"])
    readers = set()
    with Line(tenancy_database, 10) as line:
        for number, position in enumerate(read_fleet(line, names, "alembic_version")):
            assert position == Position((f"r{number}",))
            readers.add(line.connection().info.backend_pid)
    assert len(readers) == 3
