"""Companies, and who may sign in."""

import sqlalchemy as sa
from alembic import op

revision = "d6ba8c13303e"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("timezone('utc', now())")


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("identifier", sa.String(63), nullable=False, unique=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        schema="shared",
    )
    op.create_table(
        "shared_users",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("email", sa.String(256), nullable=False, unique=True),
        sa.Column(
            "tenant_id",
            sa.Integer,
            sa.ForeignKey("shared.companies.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
        schema="shared",
    )


def downgrade() -> None:
    op.drop_table("shared_users", schema="shared")
    op.drop_table("companies", schema="shared")
