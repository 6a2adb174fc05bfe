"""Taxes and subscriptions meet."""

from __future__ import annotations

revision = "0011_merge"
down_revision = ("0010a_tax", "0010b_subscriptions")
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
