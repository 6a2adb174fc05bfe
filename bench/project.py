"""Writes the Alembic project a benchmark runs: a first revision of ten tables, then small ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TABLES = 10
FIRST = "rev000"

_ENV = """\
from alembic import context
from sqlalchemy import NullPool, create_engine

url = context.config.get_main_option("sqlalchemy.url")
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    given = context.config.attributes
    schema = given.get("schema")
    aimed = {"options": f"-csearch_path={schema}"} if schema else {}
    engine = create_engine(given.get("url", url), poolclass=NullPool, connect_args=aimed)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
_REVISION = '''\
"""{revision}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}


def upgrade():
{upgrade}


def downgrade():
    pass
'''


def revision_id(number: int) -> str:
    """The id of the revision of that number; 0 makes the tables."""
    return f"rev{number:03}"


def tables_sql(tables: int) -> str:
    """The tables of a tenant, as the first revision makes them."""
    made = [
        f"CREATE TABLE item_{n} (id integer PRIMARY KEY, name text NOT NULL, price numeric,"
        f" parent integer, made_at timestamptz NOT NULL DEFAULT now())"
        for n in range(tables)
    ]
    return ";\n".join(made)


def additive(number: int) -> str:
    """The body of a revision that adds a column and an index, to one table after the other."""
    table = f"item_{number % TABLES}"
    return (
        f'    op.add_column("{table}", sa.Column("extra_{number}", sa.Integer()))\n'
        f'    op.create_index("ix_extra_{number}", "{table}", ["extra_{number}"])'
    )


def reading(number: int) -> str:
    """The body of a revision that reads rows and writes what it made of them."""
    return (
        "    bind = op.get_bind()\n"
        '    rows = bind.execute(sa.text("SELECT id, name FROM item_0 ORDER BY id")).all()\n'
        "    for key, name in rows:\n"
        '        bind.execute(sa.text("UPDATE item_0 SET name = :name WHERE id = :id"),'
        f' {{"name": f"{{name}} {number}", "id": key}})'
    )


def trivial(number: int) -> str:
    """The body of the cheapest revision that changes structure."""
    return f'    op.add_column("item_0", sa.Column("extra_{number}", sa.Integer()))'


def write_project(folder: Path, url: str, tables: int, bodies: Iterable[str]) -> Path:
    """Write a project whose revisions after the first have these bodies; return its ini file."""
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic" / "env.py").write_text(_ENV)
    script = f'    op.execute("""{tables_sql(tables)}""")'
    for number, body in enumerate([script, *bodies]):
        down = revision_id(number - 1) if number else None
        text = _REVISION.format(revision=revision_id(number), down=down, upgrade=body)
        (versions / f"{revision_id(number)}.py").write_text(text)
    ini = folder / "alembic.ini"
    address = url.replace("postgresql://", "postgresql+psycopg://", 1).replace("%", "%%")
    ini.write_text(f"[alembic]\nscript_location = {folder}/alembic\nsqlalchemy.url = {address}\n")
    return ini
