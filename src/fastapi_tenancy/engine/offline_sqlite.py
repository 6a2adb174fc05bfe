"""The script for SQLite's shell, sqlite3."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_tenancy.engine.excerpts import excerpt
from fastapi_tenancy.engine.file_version import FileVersion
from fastapi_tenancy.engine.lexer import tokens
from fastapi_tenancy.engine.offline import OfflineScript
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.names import literal
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.observe.files import existing

_GUARD = "temp.tenancy_guard"
_OUTSIDE = ("PRAGMA", "ATTACH", "DETACH")


class SqliteScript(OfflineScript):
    """Opens each file, and stops at the first that is not where the plan found it."""

    def __init__(self) -> None:
        self._begun = False

    def _turn_to(self, project: Project) -> None:
        self._version = FileVersion(project)

    def _way_to(self, target: Target, position: Position) -> Iterator[str]:  # noqa: ARG002
        if not self._begun:
            self._begun = True
            yield ".bail on"
        name = str(existing(target.address).resolve()).replace("\\", "\\\\").replace('"', '\\"')
        yield '.open "' + name.replace("\n", "\\n") + '"'

    def _head(self, target: Target, stage: Stage, at: Position) -> list[str]:  # noqa: ARG002
        made = [] if stage.before else [self._version.create]
        return [*made, *_guard(self._version.table, stage.before)]

    def _table(self, target: Target) -> str:  # noqa: ARG002
        return self._version.table

    def _in_transaction(self, target: Target, statements: list[str]) -> str:  # noqa: ARG002
        for statement in statements:
            _refuse_pragma(statement)
        return "\n".join(map(_ended, ["BEGIN IMMEDIATE", *statements, "COMMIT"]))

    def _alone(self, target: Target, statement: str) -> str:  # noqa: ARG002
        return f"{statement};"


def _ended(statement: str) -> str:
    """With its semicolon where SQLite keeps none of the space before it in what it stores."""
    text = statement.rstrip().rstrip(";")
    return f"{text}\n;" if "--" in text.rpartition("\n")[2] else f"{text};"


def _refuse_pragma(statement: str) -> None:
    first = next((t.upper for t in tokens(statement) if t.kind == "word"), None)
    if first in _OUTSIDE:
        raise ConfigurationError(
            f"--sql cannot show {excerpt(statement, 60)!r}: SQLite ignores or refuses it in a"
            " transaction, and a run does the whole revision on a copy of the file. Ask for a"
            " revision before it, or look at it with --dry-run"
        )


def _guard(table: str, heads: tuple[str, ...]) -> list[str]:
    """Statements that fail unless the version table holds exactly these."""
    found = f"(SELECT group_concat(v) FROM (SELECT version_num AS v FROM {table} ORDER BY 1))"
    expected = literal(",".join(sorted(heads))) if heads else "NULL"
    return [
        f"CREATE TABLE {_GUARD} (it_moved_meanwhile INTEGER CHECK (it_moved_meanwhile = 0))",
        f"INSERT INTO {_GUARD} VALUES ({found} IS NOT {expected})",
        f"DROP TABLE {_GUARD}",
    ]
