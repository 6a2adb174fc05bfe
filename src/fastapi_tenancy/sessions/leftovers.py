"""What a session may leave behind in its connection, and the statements that take it away.

They go out in one message with COMMIT or ROLLBACK, so that they cost no round trip.
"""

from __future__ import annotations

_ANYWHERE = (
    "CLOSE ALL",
    "SET SESSION AUTHORIZATION DEFAULT",
    "UNLISTEN *",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
    "DISCARD SEQUENCES",
    "DISCARD TEMP",
)

DIRECT = ("RESET ALL", "DEALLOCATE ALL", *_ANYWHERE)
"""``DISCARD ALL`` in statements that may stand behind a COMMIT."""

POOLED = ("RESET search_path", "RESET row_security", *_ANYWHERE)
"""The same behind a pooler, which has settings and prepared statements of its own there."""
