"""Subscriptions, written at the same time as taxes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010b_subscriptions"
down_revision = "0009_gold_reports"
branch_labels = None
depends_on = None


PERIOD = sa.Enum("month", "year", name="billing_period")


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column(
            "customer_id",
            sa.Integer,
            sa.ForeignKey("customers.id", name="fk_subscriptions_customer", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "product_id",
            sa.Integer,
            sa.ForeignKey("products.id", name="fk_subscriptions_product"),
            nullable=False,
        ),
        sa.Column("period", PERIOD, nullable=False),
        sa.Column("renews_on", sa.Date, nullable=False),
    )
    op.create_index("ix_subscriptions_customer_id", "subscriptions", ["customer_id"])


def downgrade() -> None:
    op.drop_table("subscriptions")
    op.execute("DROP TYPE billing_period")
