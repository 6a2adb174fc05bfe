"""What a session may leave behind in its connection, and the statements that take it away.

They go out in one message with COMMIT or ROLLBACK, so that they cost no round trip.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi_tenancy.isolation.names import literal, quote

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

_POOLED = ("RESET search_path", "RESET row_security", *_ANYWHERE)
"""The same behind a pooler, which has settings and prepared statements of its own there."""

_KEPT = (
    *("application_name", "client_encoding", "DateStyle", "IntervalStyle"),
    *("standard_conforming_strings", "TimeZone"),
)
"""What a client says of itself when it connects; poolers keep it for each of theirs."""


def pooled(setting: str) -> tuple[str, ...]:
    """What is sent with each end behind a pooler: what decides whose rows are seen.

    Args:
        setting: that by which policies know the tenant.
    """
    return (f"RESET {'.'.join(quote(part) for part in setting.split('.'))}", *_POOLED)


def every_setting(reported: Callable[[str], str | None]) -> tuple[str, ...]:
    """What takes away every setting behind a pooler, but for what the pooler believes is set.

    Args:
        reported: what the server has said of a setting when the connection was made.
    """
    known = [(name, reported(name)) for name in _KEPT]
    kept = (f"SET {name} TO {literal(value)}" for name, value in known if value is not None)
    return ("RESET ALL", *kept)
