"""The tenant's identifier in a header."""

from __future__ import annotations

from fastapi_tenancy.resolving.headers import the_header
from fastapi_tenancy.resolving.key import Scope, TenantKey


class HeaderResolver:
    """Reads the identifier from a header such as ``X-Tenant-ID``."""

    def __init__(self, header_name: str) -> None:
        self._name = header_name.lower().encode("ascii")

    def __call__(self, scope: Scope) -> TenantKey | None:
        """The identifier, or None where the header is missing or empty.

        Raises:
            TenantRefusedError: the header came more than once, or is no text.
        """
        value = the_header(scope, self._name)
        return TenantKey("identifier", value) if value else None
