"""Recognizes a statement that was sent before, whatever values it carries."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from fastapi_tenancy.engine.compare import normalized

_PARAMETER = re.compile(r"%\(\w+\)s|%s")
_VALUES = {"null", "true", "false"}


@lru_cache(maxsize=1024)
def digest(sql: str, *, parameters: bool = False) -> str:
    """A short hash, the same for statements that differ in their values only.

    Args:
        parameters: True when ``sql`` has psycopg's placeholders, which count as values.
    """
    if parameters:
        sql = _PARAMETER.sub("''", sql).replace("%%", "%")
    words = ("?" if t[0] in "'#" or t in _VALUES else t for t in normalized(sql))
    return hashlib.blake2b("\x00".join(words).encode(), digest_size=8).hexdigest()
