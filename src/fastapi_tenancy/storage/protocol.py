"""What every catalogue can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from typing import Protocol, TypeAlias

from fastapi_tenancy.model.tenant import Tenant, TenantStatus

# Inside the classes below, ``list`` is a method.
Tenants: TypeAlias = list[Tenant]
ShardCounts: TypeAlias = dict[str | None, int]


class TenantStore(Protocol):
    """A catalogue of tenants. Every method is safe to call concurrently and from any thread.

    The order of a catalogue is its own, and the same in ``list`` and ``stream``.
    Every method may raise ``ServerUnreachableError``, and ``ConfigurationError`` when what the
    catalogue holds cannot be read as tenants; neither ever shows a password.
    """

    async def initialize(self) -> None:
        """Make the catalogue ready for use; harmless when it is, or when others do it too."""
        ...

    async def close(self) -> None:
        """Close the connections this store holds; the next call opens new ones."""
        ...

    async def create(self, tenant: Tenant) -> Tenant:
        """Add a tenant and return it as stored, with its times in UTC.

        Raises:
            TenantExistsError: the id, the identifier, the host or the schema is taken; names which.
            InvalidNameError: an id, identifier, host, shard or schema name that cannot be used.
            ReadOnlyCatalogueError: this catalogue can only be read.
        """
        ...

    async def get_by_id(self, id: str) -> Tenant:  # noqa: A002
        """Return the tenant with this id, deleted or not.

        Raises:
            TenantNotFoundError: there is none.
        """
        ...

    async def get_by_identifier(self, identifier: str) -> Tenant:
        """Return the tenant with this identifier, deleted or not.

        Raises:
            TenantNotFoundError: there is none.
        """
        ...

    async def get_by_host(self, host: str) -> Tenant:
        """Return the tenant with this host, deleted or not.

        Args:
            host: in lower case and without a port, as the catalogue keeps it.

        Raises:
            TenantNotFoundError: there is none; a catalogue without hosts never has one.
        """
        ...

    async def list(
        self, skip: int = 0, limit: int = 100, status: TenantStatus | None = None
    ) -> Tenants:
        """Return up to ``limit`` tenants after the first ``skip``.

        Without a ``status``, every tenant that is not deleted.
        """
        ...

    def stream(self, batch: int = 1000) -> AsyncIterator[Tenant]:
        """Give every tenant once, deleted ones too, reading ``batch`` at a time.

        A tenant that is there from the first read to the last is given exactly once, whatever
        is added or removed meanwhile. Nothing is held between two batches: no transaction, no
        connection.
        """
        ...

    async def update(self, tenant: Tenant) -> Tenant:
        """Replace the tenant with this id, all but ``created_at``, and return it as stored.

        Raises:
            TenantNotFoundError: there is none.
            TenantExistsError, InvalidNameError, ReadOnlyCatalogueError: as ``create``.
        """
        ...

    async def set_status(
        self,
        id: str,  # noqa: A002
        status: TenantStatus,
        among: Collection[TenantStatus],
    ) -> Tenant:
        """Give the tenant a status if it has one of ``among``, in one step; return it as stored.

        Of several callers that would lead it out of one status, one does.

        Raises:
            TenantNotFoundError: there is none.
            TenantStatusError: it has another status.
            ReadOnlyCatalogueError: this catalogue can only be read.
        """
        ...

    async def save_all(self, new: Iterable[Tenant], changed: Iterable[Tenant] = ()) -> None:
        """Add tenants and replace others, in one transaction: all of them or, on an error, none.

        First each of ``changed`` is replaced as by ``update``, then each of ``new`` is added as
        by ``create``, in their order, read while it goes on. An error that reading raises ends
        it too. Whoever can only read refuses this even for nobody at all.

        Raises:
            TenantNotFoundError: one of ``changed`` is not there.
            TenantExistsError, InvalidNameError, ReadOnlyCatalogueError: as ``create``.
        """
        ...

    async def delete(self, id: str, hard: bool = False) -> None:  # noqa: A002
        """Give the tenant the status ``deleted``; with ``hard``, remove it from the catalogue.

        A deleted tenant keeps its identifier and schema; a removed one gives them back. The
        tenant's own data is not touched.

        Raises:
            TenantNotFoundError: there is none.
            ReadOnlyCatalogueError: this catalogue can only be read.
        """
        ...

    async def count(self, status: TenantStatus | None = None) -> int:
        """Count the tenants with this ``status``; without one, all that are not deleted."""
        ...

    async def count_by_shard(self) -> ShardCounts:
        """Count the tenants of each shard that are not deleted; those without one under None.

        A shard that nobody lives on is not in it.
        """
        ...
