"""SQLite files on the road of env.py itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Command, Engine
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.opening import open_isolation

ENV = """
from alembic import context
import sqlalchemy as sa

engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "r1", None


def upgrade():
    op.create_table("items", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("items")
"""


def test_up_no_op_and_down(tmp_path: Path) -> None:
    (tmp_path / "scripts" / "versions").mkdir(parents=True)
    ini = tmp_path / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = %(here)s/scripts\n")
    (tmp_path / "scripts" / "env.py").write_text(ENV)
    (tmp_path / "scripts" / "versions" / "r1.py").write_text(REVISION)
    files = [tmp_path / f"t{n}.db" for n in range(4)]
    fleet = [
        Tenant(id=f.stem, identifier=f.stem, database_url=DatabaseUrl(f"sqlite:///{f}"))
        for f in files
    ]
    config = TenancyConfig(
        database_url=f"sqlite:///{tmp_path}/main.db", isolation_strategy=IsolationStrategy.DATABASE
    )

    def run(command: Command, revision: str) -> set[tuple[str, str]]:
        options = RunOptions(
            command=command, revision=revision, engine=Engine.ENV, concurrency=2, create=True
        )
        report = FleetRun(History(ini), open_isolation(config), options).execute(lambda: fleet)
        return {(o.kind.value, o.road) for o in report.outcomes}

    assert run(Command.UPGRADE, "head") == {("migrated", "env")}
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
                ("r1",)
            ]
    assert run(Command.UPGRADE, "head") == {("already there", "")}
    assert run(Command.DOWNGRADE, "base") == {("migrated", "env")}
    assert not (tmp_path / "main.db").exists()
