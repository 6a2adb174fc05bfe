"""Taxes on invoice lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010a_tax"
down_revision = "0009_gold_reports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "invoice_lines",
        sa.Column("tax_percent", sa.Numeric(4, 2), nullable=False, server_default="0"),
    )
    op.create_check_constraint(
        "ck_invoice_lines_tax", "invoice_lines", "tax_percent BETWEEN 0 AND 50"
    )


def downgrade() -> None:
    op.drop_constraint("ck_invoice_lines_tax", "invoice_lines")
    op.drop_column("invoice_lines", "tax_percent")
