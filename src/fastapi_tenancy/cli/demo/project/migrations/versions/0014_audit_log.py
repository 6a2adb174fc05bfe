"""Who did what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014_audit_log"
down_revision = "0013_currency"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", name="fk_audit_log_user")),
        sa.Column("happened_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("details", JSONB, nullable=False, server_default="{}"),
    )
    op.create_index("ix_audit_log_user_id", "audit_log", ["user_id"])
    op.create_index("ix_audit_log_details", "audit_log", ["details"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_table("audit_log")
