"""The files of a new project."""

from __future__ import annotations

from fastapi_tenancy.model.tenant import IsolationStrategy

INI = """\
# Settings of Alembic. The database is named in tenancy.toml.

[alembic]
script_location = %(here)s/alembic
prepend_sys_path = .
path_separator = os

[loggers]
keys = root,alembic

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARNING
handlers = console
qualname =

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""
ENV = '''\
"""What Alembic runs: for the tenant after -x tenant=, and under `tenancy` for all of them."""

from models import Base

from fastapi_tenancy.migrations.env import run_migrations

run_migrations(target_metadata=Base.metadata)
'''
ENV_WITHOUT_MODELS = '''\
"""What Alembic runs: for the tenant after -x tenant=, and under `tenancy` for all of them."""

from fastapi_tenancy.migrations.env import run_migrations

# Import the metadata of your models and name it here; --autogenerate compares with it:
# from models import Base
run_migrations(target_metadata=None)
'''
TEMPLATE = '''\
"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
'''
_MODELS = '''\
"""The tables of {whose}."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    # With names of their own, constraints can be changed on every database.
    metadata = MetaData(
        naming_convention={{
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }}
    )


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
{columns}    name: Mapped[str]
'''
_REVISION = '''\
"""Customers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer(), nullable=False),
{columns}        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
    )
{more}

def downgrade() -> None:
    op.drop_table("customers")
'''
_POLICY = """\
    # A tenant sees its own rows: the application says whose they are, in each transaction,
    # with SELECT set_config('app.tenant_id', '<tenant>', true).
    op.enable_tenant_rls("customers")
"""


def models(strategy: IsolationStrategy) -> str:
    """``models.py``; shared tables say of each row whose it is."""
    if strategy is not IsolationStrategy.RLS:
        return _MODELS.format(whose="each tenant", columns="")
    column = "    tenant_id: Mapped[str]\n"
    return _MODELS.format(whose="all tenants, who see their own rows of them", columns=column)


def revision(strategy: IsolationStrategy) -> str:
    """The first revision: what ``models`` has."""
    if strategy is not IsolationStrategy.RLS:
        return _REVISION.format(columns="", more="")
    column = '        sa.Column("tenant_id", sa.String(), nullable=False),\n'
    return _REVISION.format(columns=column, more=_POLICY)
