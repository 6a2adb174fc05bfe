"""A key of its own for every workspace, made in Python."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0006_workspace_key"
down_revision = "0005_users"
branch_labels = None
depends_on = None


def upgrade() -> None:
    workspace = op.create_table(
        "workspace",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("public_key", sa.Uuid, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_workspace_one_row"),
    )
    op.bulk_insert(workspace, [{"id": 1, "public_key": uuid4()}])


def downgrade() -> None:
    op.drop_table("workspace")
