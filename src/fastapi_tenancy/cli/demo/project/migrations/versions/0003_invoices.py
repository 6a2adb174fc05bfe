"""Invoices and their lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_invoices"
down_revision = "0002_products"
branch_labels = None
depends_on = None


STATUS = sa.Enum("draft", "sent", "paid", "void", name="invoice_status")


def upgrade() -> None:
    op.create_table(
        "invoices",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column(
            "customer_id",
            sa.Integer,
            sa.ForeignKey("customers.id", name="fk_invoices_customer"),
            nullable=False,
        ),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("status", STATUS, nullable=False, server_default="draft"),
        sa.Column("issued_on", sa.Date, nullable=False),
        sa.Column("total_cents", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("ix_invoices_customer_id", "invoices", ["customer_id"])
    op.create_table(
        "invoice_lines",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column(
            "invoice_id",
            sa.Integer,
            sa.ForeignKey("invoices.id", name="fk_invoice_lines_invoice", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "product_id",
            sa.Integer,
            sa.ForeignKey("products.id", name="fk_invoice_lines_product"),
            nullable=False,
        ),
        sa.Column("quantity", sa.Integer, nullable=False, server_default="1"),
        sa.Column("unit_cents", sa.Integer, nullable=False),
    )
    op.create_index("ix_invoice_lines_invoice_id", "invoice_lines", ["invoice_id"])


def downgrade() -> None:
    op.drop_table("invoice_lines")
    op.drop_table("invoices")
    op.execute("DROP TYPE invoice_status")
