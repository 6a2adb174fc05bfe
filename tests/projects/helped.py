"""A project whose env.py is the call of the helper, and the two commands that work on it."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import psycopg

from alembic_process import Typed, alembic
from cli_process import Done, Shell

INI = """\
[alembic]
script_location = %(here)s/alembic
prepend_sys_path = .
path_separator = os
{more}
[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = WARN
handlers = console
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""
ENV = """\
from models import metadata

from fastapi_tenancy.migrations.env import run_migrations

run_migrations(target_metadata=metadata{options})
"""
MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
items = sa.Table(
    "items", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text),
    sa.Column("note", sa.Text),
)
"""
TEMPLATE = '''"""${message}"""
import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade():
    ${upgrades or "pass"}


def downgrade():
    ${downgrades or "pass"}
'''
REVISION = '''"""{name}"""
import sqlalchemy as sa
from alembic import op

from fastapi_tenancy import current_tenant

revision = {name!r}
down_revision = {down!r}


def upgrade():
{up}


def downgrade():
{undo}
'''
ITEMS = """
op.create_table("items", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
op.execute("INSERT INTO items (name) VALUES ('one'), ('two')")
"""
NOTE = 'op.add_column("items", sa.Column("note", sa.Text))'
WHOSE = """
op.get_bind().execute(sa.text("UPDATE items SET note = :n"), {"n": current_tenant().identifier})
"""


@dataclass
class Helped:
    """The project's folder and its database."""

    folder: Path
    url: str
    shell: Shell

    @classmethod
    def made(cls, folder: Path, url: str, settings: str = "") -> Helped:
        """Write a project of three revisions."""
        project = cls(folder, url, Shell(folder))
        (folder / "alembic" / "versions").mkdir(parents=True)
        project.ini()
        (folder / "models.py").write_text(MODELS)
        (folder / "alembic" / "script.py.mako").write_text(TEMPLATE)
        (folder / "tenancy.toml").write_text(f'database_url = "{url}"\n{settings}\n')
        project.env()
        project.revision("r1", None, ITEMS, 'op.drop_table("items")')
        project.revision("r2", "r1", NOTE, 'op.drop_column("items", "note")')
        project.revision("r3", "r2", WHOSE)
        return project

    def ini(self, more: str = "") -> None:
        """Write alembic.ini, with these lines added to its section."""
        (self.folder / "alembic.ini").write_text(INI.replace("{more}", more))

    def env(self, options: str = "") -> None:
        """Write env.py, with these options added to its call."""
        (self.folder / "alembic" / "env.py").write_text(ENV.format(options=options))

    def revision(self, name: str, down: str | None, up: str = "pass", undo: str = "pass") -> None:
        """Write a revision file from the source of its two functions."""
        text = REVISION.format(name=name, down=down, up=_block(up), undo=_block(undo))
        (self.folder / "alembic" / "versions" / f"{name}.py").write_text(text)

    def alembic(self, typed: str, **environment: str) -> Typed:
        """Type ``alembic ...``."""
        return alembic(self.folder, *shlex.split(typed), **environment)

    def tenancy(self, typed: str) -> Done:
        """Type ``tenancy ...``."""
        return self.shell.run(*shlex.split(typed))

    def done(self, typed: str) -> str:
        """Type a whole line that has to succeed; what it wrote on stdout."""
        program, _, rest = typed.partition(" ")
        ended = self.alembic(rest) if program == "alembic" else self.tenancy(rest)
        assert ended.code == 0, (typed, ended.out, ended.err)
        return ended.out

    def refused(self, typed: str) -> str:
        """Type ``alembic ...`` that has to be refused, in one line and without a traceback."""
        ended = self.alembic(typed)
        assert ended.code not in (0, None), ended
        assert "Traceback" not in ended.err, ended.err
        lines = [line for line in (ended.out + ended.err).splitlines() if "FAILED" in line]
        assert len(lines) == 1, ended
        return lines[0].strip().removeprefix("FAILED: ")

    def add(self, *identifiers: str) -> None:
        """Put tenants into the list."""
        for identifier in identifiers:
            self.done(f"tenancy tenants add {identifier}")

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """The rows of a query."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def stands(self) -> dict[str, str]:
        """The version row of each schema that has a version table, ``public`` too."""
        schemas = self.sql(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version' ORDER BY 1"
        )
        return {
            str(s): ",".join(
                str(v) for (v,) in self.sql(f'SELECT version_num FROM "{s}".alembic_version')
            )
            for (s,) in schemas
        }


def _block(source: str) -> str:
    return textwrap.indent(textwrap.dedent(source).strip(), "    ")
