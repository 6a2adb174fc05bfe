"""What a request says of its tenant, and who reads it there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from fastapi_tenancy.model.tenant import Tenant

Scope: TypeAlias = Mapping[str, Any]
"""An ASGI scope of type ``http`` or ``websocket``."""

By: TypeAlias = Literal["identifier", "host"]
"""What tells a tenant from the others: plain words, since an enum's are slow to look up."""


class TenantKey(NamedTuple):
    """The name a request gives its tenant; it comes from outside, and may be anything."""

    by: By
    value: str


Named: TypeAlias = TenantKey | Tenant | None
"""What a request says: a name, a tenant that was looked up already, or nothing."""

Resolver: TypeAlias = Callable[[Scope], Named | Awaitable[Named]]
"""Reads from a request who its tenant is.

It raises ``TenantRefusedError`` where a request names its tenant in a way that cannot be right.
"""
