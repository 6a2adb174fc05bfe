"""A project whose tenants share their tables, and a role that asks for the application."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from uuid import uuid4

import pytest

from cli_desk import Desk

ORDERS = """
op.create_table(
    "orders", sa.Column("id", sa.Integer, primary_key=True), sa.Column("tenant_id", sa.Uuid),
)
"""
SHARED = """
    import sqlalchemy as sa
    from alembic import context

    metadata = sa.MetaData()
    sa.Table("notes", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text), sa.Column("author", sa.Text))
    sa.Table("orders", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant_id", sa.Uuid){options})
    url = context.config.get_main_option("sqlalchemy.url")
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            context.run_migrations()
"""
RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO {role};
GRANT USAGE ON SEQUENCE orders_id_seq TO {role};
"""


def role_of(desk: Desk) -> str:
    """The role that the settings name."""
    return (desk.folder / "tenancy.toml").read_text().partition('rls_role = "')[2].strip('"\n')


@pytest.fixture
def shared(desk: Desk) -> Iterator[Desk]:
    """Tables that tenants share, at head, and a role for the application."""
    role = f"app_{uuid4().hex[:12]}"
    (desk.folder / "tenancy.toml").write_text(f'isolation_strategy = "rls"\nrls_role = "{role}"\n')
    env = desk.folder / "migrations" / "env.py"
    env.write_text(textwrap.dedent(SHARED.format(options="")))
    desk.revision("0004", "0003", "orders", ORDERS)
    desk.revision("0005", "0004", "apart", 'op.enable_tenant_rls("orders")')
    desk.sql(f"CREATE ROLE {role}")
    assert desk.run("tenants", "add", "acme").code == 0
    assert desk.run("upgrade").code == 0
    desk.sql(RIGHTS.format(role=role))
    yield desk
    desk.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
