"""No two invoices bear the same number."""

from __future__ import annotations

from alembic import op

revision = "0012_invoice_numbers"
down_revision = "0011_merge"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_unique_constraint("uq_invoices_number", "invoices", ["number"])


def downgrade() -> None:
    op.drop_constraint("uq_invoices_number", "invoices")
