"""Whether row-level security holds for a role at all."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

_ROLE = """
SELECT r.rolname::text, r.rolsuper, r.rolbypassrls FROM pg_catalog.pg_roles r
WHERE r.rolname = coalesce(%s, current_user::text)
"""


@dataclass(frozen=True, slots=True)
class Bypass:
    """A role, and why no policy holds for it."""

    role: str
    superuser: bool
    bypasses: bool

    @property
    def reason(self) -> str:
        """In words; empty where policies hold."""
        if self.superuser:
            return "is a superuser"
        return "has BYPASSRLS" if self.bypasses else ""


def read_bypass(connection: psycopg.Connection, role: str | None = None) -> Bypass | None:
    """Read a role, by default that of the connection; None where there is no such role."""
    row = connection.execute(_ROLE, [role]).fetchone()
    return Bypass(*row) if row is not None else None
