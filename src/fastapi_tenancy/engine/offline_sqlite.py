"""The script for SQLite's shell, sqlite3."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_tenancy.engine.file_version import FileVersion
from fastapi_tenancy.engine.offline import OfflineScript, in_transaction
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.isolation.names import literal
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.observe.files import existing

_GUARD = "temp.tenancy_guard"


class SqliteScript(OfflineScript):
    """Opens each file, and stops at the first that is not where the plan found it."""

    def __init__(self) -> None:
        self._begun = False

    def _way_to(self, target: Target, position: Position) -> Iterator[str]:  # noqa: ARG002
        if not self._begun:
            self._begun = True
            yield ".bail on"
        name = str(existing(target.address)).replace("\\", "\\\\").replace('"', '\\"')
        yield '.open "' + name.replace("\n", "\\n") + '"'

    def _head(self, project: Project, target: Target, stage: Stage, at: Position) -> list[str]:  # noqa: ARG002
        version = FileVersion(project)
        made = [] if stage.before else [version.create]
        return [*made, *_guard(version.table, stage.before)]

    def _table(self, project: Project, target: Target) -> str:  # noqa: ARG002
        return FileVersion(project).table

    def _in_transaction(self, target: Target, statements: list[str]) -> str:  # noqa: ARG002
        return in_transaction(["BEGIN IMMEDIATE"], statements)

    def _alone(self, target: Target, statement: str) -> str:  # noqa: ARG002
        return f"{statement};"


def _guard(table: str, heads: tuple[str, ...]) -> list[str]:
    """Statements that fail unless the version table holds exactly these."""
    found = f"(SELECT group_concat(v) FROM (SELECT version_num AS v FROM {table} ORDER BY 1))"
    expected = literal(",".join(sorted(heads))) if heads else "NULL"
    return [
        f"CREATE TABLE {_GUARD} (it_moved_meanwhile INTEGER CHECK (it_moved_meanwhile = 0))",
        f"INSERT INTO {_GUARD} VALUES ({found} IS NOT {expected})",
        f"DROP TABLE {_GUARD}",
    ]
