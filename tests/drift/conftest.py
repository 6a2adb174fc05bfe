"""Projects of every kind, and a shell."""

from __future__ import annotations

from desk_fixtures import desk, fleet

__all__ = ["desk", "fleet"]
