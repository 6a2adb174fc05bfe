"""The half of a catalogue that somebody else writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fastapi_tenancy.errors import ReadOnlyCatalogueError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.database import CatalogueDatabase


class ReadOnlyStore:
    """Connections to a catalogue that can be read and refuses every change.

    Args:
        database: where it is.
        source: what it is read from, in words, and where a change belongs.
    """

    def __init__(self, database: CatalogueDatabase, source: str) -> None:
        self._database = database
        self._source = source

    async def initialize(self) -> None:
        """Do nothing: whoever owns the data creates it."""

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._database.close()

    async def create(self, tenant: Tenant) -> Tenant:
        """Refuse.

        Raises:
            ReadOnlyCatalogueError: always.
        """
        raise self._refusal(f"tenant {tenant.identifier!r} cannot be added")

    async def update(self, tenant: Tenant) -> Tenant:
        """Refuse.

        Raises:
            ReadOnlyCatalogueError: always.
        """
        raise self._refusal(f"tenant {tenant.identifier!r} cannot be changed")

    async def set_status(
        self,
        id: str,  # noqa: A002
        status: TenantStatus,
        among: Collection[TenantStatus],  # noqa: ARG002
    ) -> Tenant:
        """Refuse.

        Raises:
            ReadOnlyCatalogueError: always.
        """
        raise self._refusal(f"tenant {id!r} cannot be made {status.value}")

    async def save_all(
        self,
        new: Iterable[Tenant],  # noqa: ARG002
        changed: Iterable[Tenant] = (),  # noqa: ARG002
    ) -> None:
        """Refuse.

        Raises:
            ReadOnlyCatalogueError: always.
        """
        raise self._refusal("tenants cannot be imported")

    async def delete(self, id: str, hard: bool = False) -> None:  # noqa: A002, ARG002
        """Refuse.

        Raises:
            ReadOnlyCatalogueError: always.
        """
        raise self._refusal(f"tenant {id!r} cannot be removed")

    def _refusal(self, what: str) -> ReadOnlyCatalogueError:
        return ReadOnlyCatalogueError(f"{what}: the tenants are read from {self._source}")
