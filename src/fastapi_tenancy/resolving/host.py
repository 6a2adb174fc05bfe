"""The tenant whose host the request was sent to."""

from __future__ import annotations

from fastapi_tenancy.resolving.hosts import request_host
from fastapi_tenancy.resolving.key import Scope, TenantKey


class HostResolver:
    """Takes the whole host, which the catalogue knows as the tenant's ``host``."""

    def __init__(self, *, forwarded: bool = False) -> None:
        self._forwarded = forwarded

    def __call__(self, scope: Scope) -> TenantKey | None:
        """The host, or None where the request names none.

        Raises:
            TenantRefusedError: a header came twice, or holds no host.
        """
        host = request_host(scope, forwarded=self._forwarded)
        return TenantKey("host", host) if host else None
