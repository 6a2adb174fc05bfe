"""A small Alembic project in a folder, its database, and somebody who types commands there."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from cli_process import Done, Shell

INI = """\
[alembic]
script_location = %(here)s/migrations
path_separator = os
"""

ENV = """\
import sqlalchemy as sa
from alembic import context

url = context.config.get_main_option("sqlalchemy.url")
engine = sa.create_engine(url, poolclass=sa.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""

REVISION = '''"""{doc}"""
from alembic import context, op
import sqlalchemy as sa

revision = {name!r}
down_revision = {down!r}
branch_labels = {labels!r}


def upgrade():
{up}


def downgrade():
{undo}
'''

NOTES = """
op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
"""
SHOUT = """
texts = op.get_bind().execute(sa.text("SELECT text FROM notes")).all()
"""


@dataclass
class Desk:
    """A project: three revisions, the last of which reads rows, and tenants to be added."""

    folder: Path
    url: str
    shell: Shell

    @classmethod
    def furnished(cls, folder: Path, url: str) -> Desk:
        """Write the project down."""
        desk = cls(folder, url, Shell(folder, {"TENANCY_DATABASE_URL": url}))
        (folder / "migrations" / "versions").mkdir(parents=True)
        (folder / "alembic.ini").write_text(INI)
        (folder / "migrations" / "env.py").write_text(ENV)
        desk.revision("0001", None, "notes", NOTES, 'op.drop_table("notes")')
        author = 'op.add_column("notes", sa.Column("author", sa.Text))'
        desk.revision("0002", "0001", "authors", author, 'op.drop_column("notes", "author")')
        desk.revision("0003", "0002", "read every note", SHOUT)
        return desk

    def revision(
        self,
        name: str,
        down: str | tuple[str, ...] | None,
        doc: str,
        up: str,
        undo: str = "pass",
        labels: Iterable[str] = (),
    ) -> Path:
        """Write a revision file."""
        path = self.folder / "migrations" / "versions" / f"{name}.py"
        text = REVISION.format(
            doc=doc,
            name=name,
            down=down,
            labels=tuple(labels) or None,
            up=textwrap.indent(textwrap.dedent(up).strip(), "    "),
            undo=textwrap.indent(textwrap.dedent(undo).strip(), "    "),
        )
        path.write_text(text)
        return path

    def run(self, *arguments: str, merged: bool = False) -> Done:
        """Run ``tenancy``."""
        return self.shell.run(*arguments, merged=merged)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run ``tenancy ... --json``; its one document."""
        done = self.run(*arguments, "--json")
        assert done.code == code, (done.out, done.err)
        return json.loads(done.out)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run SQL in the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def add(self, *identifiers: str, schemas: bool = True) -> None:
        """Put tenants into the catalogue, in this order, and make their schemas."""
        if not self.sql("SELECT to_regclass('tenants')")[0][0]:
            assert self.run("tenants", "add", identifiers[0]).code == 0
        for number, identifier in enumerate(identifiers):
            self.sql(
                "INSERT INTO tenants (id, identifier, created_at)"
                f" VALUES ('id-{identifier}', '{identifier}', now() + interval '{number} ms')"
                " ON CONFLICT DO NOTHING"
            )
            if schemas:
                self.sql(f'CREATE SCHEMA "tenant_{identifier}"')
        self.sql("UPDATE tenants SET id = 'id-' || identifier")

    def stands(self) -> dict[str, str | None]:
        """The revision of each tenant, read without the command."""
        schemas = [
            s
            for (s,) in self.sql(
                "SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version' ORDER BY 1"
            )
        ]
        found = {}
        for schema in schemas:
            rows = self.sql(f'SELECT version_num FROM "{schema}".alembic_version ORDER BY 1')
            found[schema.removeprefix("tenant_")] = ",".join(r for (r,) in rows) or None
        return found
