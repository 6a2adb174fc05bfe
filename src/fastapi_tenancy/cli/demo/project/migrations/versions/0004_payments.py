"""Payments of invoices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_payments"
down_revision = "0003_invoices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column(
            "invoice_id",
            sa.Integer,
            sa.ForeignKey("invoices.id", name="fk_payments_invoice"),
            nullable=False,
        ),
        sa.Column("amount_cents", sa.Integer, nullable=False),
        sa.Column("paid_on", sa.Date, nullable=False),
        sa.CheckConstraint("amount_cents > 0", name="ck_payments_amount"),
    )
    op.create_index("ix_payments_invoice_id", "payments", ["invoice_id"])
    # What was paid so far was paid in full, on the day of the invoice.
    op.execute(
        "INSERT INTO payments (invoice_id, amount_cents, paid_on)"
        " SELECT id, total_cents, issued_on FROM invoices"
        " WHERE status = 'paid' AND total_cents > 0 ORDER BY id"
    )


def downgrade() -> None:
    op.drop_table("payments")
