"""Users, their roles, and what roles may do."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "1f0c55a1b3d2"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    permissions = op.create_table(
        "permissions",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("uuid", sa.Uuid, unique=True),
        sa.Column("account_id", sa.Integer),
        sa.Column("name", sa.String(100)),
        sa.Column("title", sa.String(100)),
        sa.Column("description", sa.String(100)),
    )
    roles = op.create_table(
        "roles",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("role_name", sa.String(100)),
        sa.Column("role_description", sa.String(100)),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("email", sa.String(256), unique=True),
        sa.Column("first_name", sa.String(100)),
        sa.Column("last_name", sa.String(100)),
        sa.Column("user_role_id", sa.Integer, sa.ForeignKey("roles.id")),
        sa.Column("created_at", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
    )
    link = op.create_table(
        "roles_permissions_link",
        sa.Column("role_id", sa.Integer, sa.ForeignKey("roles.id"), primary_key=True),
        sa.Column("permission_id", sa.Integer, sa.ForeignKey("permissions.id"), primary_key=True),
    )
    # Every tenant gets UUIDs of its own: the revision is rendered anew for each of them.
    op.bulk_insert(
        permissions,
        [
            {"id": 1, "uuid": uuid4(), "name": "books:read", "title": "Read books"},
            {"id": 2, "uuid": uuid4(), "name": "books:write", "title": "Add and change books"},
        ],
    )
    op.bulk_insert(
        roles,
        [
            {"id": 1, "role_name": "librarian", "role_description": "Looks after the shelf"},
            {"id": 2, "role_name": "reader", "role_description": "Reads"},
        ],
    )
    op.bulk_insert(
        link,
        [
            {"role_id": 1, "permission_id": 1},
            {"role_id": 1, "permission_id": 2},
            {"role_id": 2, "permission_id": 1},
        ],
    )
    for table in ("permissions", "roles"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH 3")


def downgrade() -> None:
    for table in ("roles_permissions_link", "users", "roles", "permissions"):
        op.drop_table(table)
