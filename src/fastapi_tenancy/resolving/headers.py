"""Reads a header that a request may carry once."""

from __future__ import annotations

from fastapi_tenancy.errors import TenantRefusedError
from fastapi_tenancy.resolving.key import Scope


def the_header(scope: Scope, name: bytes) -> str | None:
    """The value of a header, or None.

    Args:
        name: in lower case.

    Raises:
        TenantRefusedError: it is there more than once, or is no UTF-8 text.
    """
    found: bytes | None = None
    for named, value in scope["headers"]:
        if named == name:
            if found is not None:
                raise TenantRefusedError(f"the header {name.decode()} came more than once")
            found = value
    if found is None:
        return None
    try:
        return str(found, "utf-8")
    except UnicodeDecodeError:
        raise TenantRefusedError(f"the header {name.decode()} is no UTF-8 text") from None
