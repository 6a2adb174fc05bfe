"""Books."""

import sqlalchemy as sa
from alembic import op

revision = "8a4be7c90f61"
down_revision = "1f0c55a1b3d2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("title", sa.String(256), nullable=False),
        sa.Column("author", sa.String(256)),
    )
    op.create_index("ix_books_title", "books", ["title"])


def downgrade() -> None:
    op.drop_table("books")
