"""Revision files of a small history about notes."""

from __future__ import annotations

from pathlib import Path

REVISION = '''"""{id}"""
import sqlalchemy as sa
from alembic import op

from fastapi_tenancy import current_tenant

revision = "{id}"
down_revision = {down!r}


def upgrade():
    {up}


def downgrade():
    {undo}
'''

HISTORY = {
    "r1": 'op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))',
    "r2": 'op.add_column("notes", sa.Column("body", sa.Text))',
    "r3": "op.execute(\"INSERT INTO notes (body) VALUES ('once')\")",
}
UNDO = {
    "r1": 'op.drop_table("notes")',
    "r2": 'op.drop_column("notes", "body")',
    "r3": 'op.execute("DELETE FROM notes")',
}


def write_revision(
    folder: Path, revision: str, down: str | None, up: str, undo: str = "pass"
) -> None:
    text = REVISION.format(id=revision, down=down, up=up, undo=undo)
    (folder / "alembic" / "versions" / f"{revision}.py").write_text(text)
