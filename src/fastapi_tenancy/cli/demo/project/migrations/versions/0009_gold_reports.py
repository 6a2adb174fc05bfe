"""Revenue reports, for tenants who pay for gold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fastapi_tenancy import current_tenant

revision = "0009_gold_reports"
down_revision = "0008_invoice_lookup"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if current_tenant().tags.get("tier") == "gold":
        op.create_table(
            "revenue_by_month",
            sa.Column("month", sa.Date, primary_key=True),
            sa.Column("total_cents", sa.BigInteger, nullable=False),
        )
        op.execute(
            "INSERT INTO revenue_by_month (month, total_cents)"
            " SELECT date_trunc('month', issued_on)::date, sum(total_cents) FROM invoices"
            " WHERE status = 'paid' GROUP BY 1"
        )


def downgrade() -> None:
    if current_tenant().tags.get("tier") == "gold":
        op.drop_table("revenue_by_month")
