"""Which tenants a command is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi_tenancy.model.tenant import NO_TAGS, TenantStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A choice of tenants; the empty selection is every tenant that is not deleted.

    ``identifiers`` and ``exclude`` hold ids or identifiers. ``statuses`` None means every
    status but deleted. ``limit`` keeps the first so many, in catalogue order.
    """

    identifiers: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)
    statuses: frozenset[TenantStatus] | None = None
    exclude: frozenset[str] = frozenset()
    limit: int | None = None
