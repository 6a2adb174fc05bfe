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
    values = [value for found, value in scope["headers"] if found == name]
    if not values:
        return None
    if len(values) > 1:
        raise TenantRefusedError(
            f"the header {name.decode()} came {len(values)} times; expected it once"
        )
    try:
        return bytes(values[0]).decode()
    except UnicodeDecodeError:
        raise TenantRefusedError(f"the header {name.decode()} is no UTF-8 text") from None
