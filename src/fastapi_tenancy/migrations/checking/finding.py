"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """What a finding is about."""

    MODELS = "models"
    """Models and migrations differ."""
    POLICIES = "policies"
    """A table that tenants share does not keep their rows apart."""
    ROLE = "role"
    """No policy holds for the role that asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be, and what to do about it.

    ``where`` says what was looked at: the migrations, a tenant, or a database. ``kind`` is the
    operation of a revision that would make the difference. A ``note`` fails no check.
    """

    subject: Subject
    where: str
    found: str
    do: str
    table: str = ""
    schema: str | None = None
    kind: str = ""
    note: bool = False
