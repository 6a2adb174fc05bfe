"""What a request says of its tenant, and who reads it there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from fastapi_tenancy.model.tenant import Tenant

Scope: TypeAlias = Mapping[str, Any]
"""An ASGI scope of type ``http`` or ``websocket``."""


class By(StrEnum):
    """What tells a tenant from the others."""

    IDENTIFIER = "identifier"
    HOST = "host"


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
