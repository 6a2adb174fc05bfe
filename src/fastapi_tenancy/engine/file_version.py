"""The version table of an SQLite file."""

from __future__ import annotations

from sqlalchemy.dialects.sqlite import pysqlite

from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.observe.files import quoted


class FileVersion:
    """Its quoted name, and the statement that makes it where there is none."""

    def __init__(self, project: Project) -> None:
        name = project.environment.version_table
        self.table = quoted(name)
        dialect = pysqlite.dialect()
        # SQLite keeps the statement as it was written, so the name is as Alembic writes it.
        made = project.version_table_sql(dialect)(dialect.identifier_preparer.quote(name))
        self.create = made.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
