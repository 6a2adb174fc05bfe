"""What a session may leave behind in its connection, and the statements that take it away.

They go out in one message with COMMIT or ROLLBACK, so that they cost no round trip.
"""

from __future__ import annotations

import re

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

_SETTINGS = """DO $$ DECLARE found text; BEGIN
FOR found IN SELECT name FROM pg_catalog.pg_settings WHERE source = 'session' AND name NOT IN
('application_name', 'client_encoding', 'standard_conforming_strings')
LOOP EXECUTE 'RESET ' || found; END LOOP; END $$"""
"""Resets what was set, but for what drivers and poolers rely on; takes about a millisecond."""

_NAME = r"[a-z_]\w*(?:\.[a-z_]\w*)*"
_SETS = re.compile(
    rf"\bset_config\b(?:\s*\(\s*'(?P<called>{_NAME})')?"
    rf"|(?:^|;)\s*set\b(?!\s+(?:local|transaction|constraints)\b)"
    rf"(?:\s+session)?\s+(?P<set>{_NAME})",
    re.IGNORECASE,
)


def resets(statement: str) -> tuple[str, ...]:
    """What takes away the settings that a text may leave where ``RESET ALL`` may not be sent.

    What a function sets inside is not seen.
    """
    found = [match["called"] or match["set"] for match in _SETS.finditer(statement)]
    own = (f"RESET {name}" for name in found if name and "." in name)  # nothing lists these
    return (_SETTINGS, *own) if found else ()
