"""Names of schemas and databases that are made from identifiers."""

from __future__ import annotations

import re
import string
from hashlib import blake2b

MARKS = "-. @+/:"
"""What stands between the words of an identifier; in a name it becomes ``_``."""

_OUTSIDE = re.compile(r"[^a-z0-9_]")
_COMMON = re.compile(rf"[A-Za-z0-9_{re.escape(MARKS)}]*")
_PLAIN = str.maketrans(string.ascii_uppercase + MARKS, string.ascii_lowercase + "_" * len(MARKS))


def derived_name(identifier: str) -> str:
    """An identifier in lower case, with ``_`` for everything but letters, digits and ``_``.

    Identifiers that only differ in case and in ``MARKS`` come to one name, and a catalogue takes
    one of them (``plain_name``). Others may differ in nothing else, so part of a hash follows.
    """
    name = _OUTSIDE.sub("_", identifier.lower())
    if _COMMON.fullmatch(identifier):
        return name
    mark = blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{name}_{mark}"


def plain_name(identifier: str) -> str:
    """The same for all identifiers that come to one ``derived_name``; catalogues compare it."""
    return identifier.translate(_PLAIN)
