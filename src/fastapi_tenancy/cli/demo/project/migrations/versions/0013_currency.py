"""Currencies, and room for large totals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_currency"
down_revision = "0012_invoice_numbers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("invoices", "total_cents", type_=sa.BigInteger)
    op.add_column(
        "invoices", sa.Column("currency", sa.CHAR(3), nullable=False, server_default="EUR")
    )


def downgrade() -> None:
    op.drop_column("invoices", "currency")
    op.alter_column("invoices", "total_cents", type_=sa.Integer)
