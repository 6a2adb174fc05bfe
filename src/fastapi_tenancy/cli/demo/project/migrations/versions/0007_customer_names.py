"""Given and family names, taken from the full names that are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_customer_names"
down_revision = "0006_workspace_key"
branch_labels = None
depends_on = None


CUSTOMERS = sa.table(
    "customers",
    sa.column("id", sa.Integer),
    sa.column("full_name", sa.String),
    sa.column("given_name", sa.String),
    sa.column("family_name", sa.String),
)


def upgrade() -> None:
    op.add_column("customers", sa.Column("given_name", sa.String(60)))
    op.add_column("customers", sa.Column("family_name", sa.String(60)))
    connection = op.get_bind()
    names = []
    for row in connection.execute(sa.select(CUSTOMERS.c.id, CUSTOMERS.c.full_name)):
        given, _, family = row.full_name.partition(" ")
        names.append({"customer": row.id, "given": given, "family": family})
    if names:
        connection.execute(
            CUSTOMERS.update()
            .where(CUSTOMERS.c.id == sa.bindparam("customer"))
            .values(given_name=sa.bindparam("given"), family_name=sa.bindparam("family")),
            names,
        )
    op.alter_column("customers", "given_name", nullable=False)
    op.alter_column("customers", "family_name", nullable=False)
    op.drop_column("customers", "full_name")


def downgrade() -> None:
    op.add_column("customers", sa.Column("full_name", sa.String(120)))
    op.execute("UPDATE customers SET full_name = trim(given_name || ' ' || family_name)")
    op.alter_column("customers", "full_name", nullable=False)
    op.drop_column("customers", "family_name")
    op.drop_column("customers", "given_name")
