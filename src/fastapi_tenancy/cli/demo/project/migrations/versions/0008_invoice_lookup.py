"""Find invoices by day without keeping anybody from writing them."""

from __future__ import annotations

from alembic import op

revision = "0008_invoice_lookup"
down_revision = "0007_customer_names"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_invoices_issued_on", "invoices", ["issued_on"], postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_invoices_issued_on", "invoices", postgresql_concurrently=True)
