"""Reading where a file stands while other processes work on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fastapi_tenancy.model.target import PositionState
from fastapi_tenancy.observe.files import read_file_position


class Disturbed(sqlite3.Connection):
    """A connection that is refused a few times, as SQLite refuses one whose journal has gone."""

    refusals = 0

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        if self.refusals:
            self.refusals -= 1
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorname = "SQLITE_CANTOPEN"
            raise error
        return super().execute(sql, *given)


@pytest.fixture
def disturbed(tmp_path: Path) -> Iterator[Disturbed]:
    with closing(sqlite3.connect(tmp_path / "a.db", factory=Disturbed)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('r1')")
        connection.commit()
        yield connection


def test_a_file_that_is_let_go_of_at_that_moment_is_read_again(disturbed: Disturbed) -> None:
    disturbed.refusals = 3
    assert read_file_position(disturbed, "alembic_version", Path("a.db")).heads == ("r1",)


def test_one_that_stays_closed_is_told_of(disturbed: Disturbed) -> None:
    disturbed.refusals = 100
    found = read_file_position(disturbed, "alembic_version", Path("a.db"))
    assert found.state is PositionState.UNREADABLE
    assert "look at its permissions" in found.problem
