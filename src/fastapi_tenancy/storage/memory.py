"""A catalogue in memory, for tests and for programs that know their tenants."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from fastapi_tenancy.model.tenant import NO_TAGS, Tenant, TenantStatus
from fastapi_tenancy.storage.changes import Change, names_of, tell
from fastapi_tenancy.storage.exists import status_error
from fastapi_tenancy.storage.index import TenantIndex
from fastapi_tenancy.storage.names import check_tenant
from fastapi_tenancy.storage.paging import check_window, streamed
from fastapi_tenancy.storage.protocol import ShardCounts, Tenants
from fastapi_tenancy.storage.times import in_utc


class InMemoryTenantStore:
    """A ``TenantStore`` that forgets everything at the end, in the order tenants were created.

    Args:
        tenants: those it begins with.

    Raises:
        TenantExistsError, InvalidNameError: as ``create``.
    """

    def __init__(self, tenants: Iterable[Tenant] = ()) -> None:
        self._lock = threading.Lock()
        self._index = TenantIndex()
        self._order: list[tuple[datetime, str]] = []
        for tenant in tenants:
            self._add(tenant)

    async def initialize(self) -> None:
        """Do nothing: the catalogue is ready."""

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    async def create(self, tenant: Tenant) -> Tenant:
        """Add a tenant; see ``TenantStore.create``."""
        with self._lock:
            made = self._add(tenant)
        tell(Change(after=names_of([made])))
        return made

    async def get_by_id(self, id: str) -> Tenant:  # noqa: A002
        """Return the tenant with this id; see ``TenantStore.get_by_id``."""
        with self._lock:
            return self._index[id]

    async def get_by_identifier(self, identifier: str) -> Tenant:
        """Return the tenant with this identifier; see ``TenantStore.get_by_identifier``."""
        with self._lock:
            return self._index.of_identifier(identifier)

    async def get_by_host(self, host: str) -> Tenant:
        """Return the tenant with this host; see ``TenantStore.get_by_host``."""
        with self._lock:
            return self._index.of_host(host)

    async def list(
        self, skip: int = 0, limit: int = 100, status: TenantStatus | None = None
    ) -> Tenants:
        """Return up to ``limit`` tenants after the first ``skip``; see ``TenantStore.list``."""
        check_window(skip, limit)
        return self._chosen(status)[skip : skip + limit]

    def stream(self, batch: int = 1000) -> AsyncIterator[Tenant]:
        """Give every tenant once, deleted ones too; see ``TenantStore.stream``."""
        return streamed(self._page, batch)

    async def update(self, tenant: Tenant) -> Tenant:
        """Replace the tenant with this id; see ``TenantStore.update``."""
        with self._lock:
            before = self._index[tenant.id]
            made = self._replace(tenant)
        tell(Change(names_of([before]), names_of([made])))
        return made

    async def set_status(
        self,
        id: str,  # noqa: A002
        status: TenantStatus,
        among: Collection[TenantStatus],
    ) -> Tenant:
        """Give the tenant a status if it has one of these; see ``TenantStore.set_status``."""
        with self._lock:
            before = self._index[id]
            if before.status not in among:
                raise status_error(before, status, among)
            made = self._replace(replace(before, status=status))
        tell(Change(names_of([before]), names_of([made])))
        return made

    async def save_all(self, new: Iterable[Tenant], changed: Iterable[Tenant] = ()) -> None:
        """Add tenants and replace others, or do nothing; see ``TenantStore.save_all``."""
        changed, new = list(changed), list(new)
        with self._lock:
            before = [self._index[id_] for _, id_ in self._order]
            try:
                for tenant in changed:
                    self._replace(tenant)
                for tenant in new:
                    self._add(tenant)
            except BaseException:
                self._index, self._order = TenantIndex(before), [_key(t) for t in before]
                raise
        replaced = {tenant.id for tenant in changed}
        tell(Change(names_of(t for t in before if t.id in replaced), names_of([*changed, *new])))

    async def delete(self, id: str, hard: bool = False) -> None:  # noqa: A002
        """Mark the tenant as deleted, or remove it with ``hard``; see ``TenantStore.delete``."""
        with self._lock:
            tenant = self._index[id]
            self._forget(tenant)
            if not hard:
                self._keep(
                    replace(tenant, status=TenantStatus.DELETED, updated_at=datetime.now(UTC))
                )
        tell(Change(names_of([tenant]), () if hard else names_of([tenant])))

    async def count(self, status: TenantStatus | None = None) -> int:
        """Count the tenants with this ``status``; see ``TenantStore.count``."""
        return len(self._chosen(status))

    async def count_by_shard(self) -> ShardCounts:
        """Count the tenants of each shard; see ``TenantStore.count_by_shard``."""
        return dict(Counter(tenant.shard for tenant in self._chosen(None)))

    async def _page(self, last: Tenant | None, batch: int) -> Tenants:
        with self._lock:
            start = 0 if last is None else bisect_right(self._order, _key(last))
            return [self._index[id_] for _, id_ in self._order[start : start + batch]]

    def _chosen(self, status: TenantStatus | None) -> Tenants:
        with self._lock:
            everyone = [self._index[id_] for _, id_ in self._order]
        if status is None:
            return [t for t in everyone if t.status is not TenantStatus.DELETED]
        return [t for t in everyone if t.status is status]

    def _add(self, tenant: Tenant) -> Tenant:
        check_tenant(tenant)
        now = datetime.now(UTC)
        return self._keep(_frozen(tenant, tenant.created_at, tenant.updated_at or now))

    def _replace(self, tenant: Tenant) -> Tenant:
        check_tenant(tenant)
        before = self._index[tenant.id]
        self._forget(before)
        try:
            return self._keep(_frozen(tenant, before.created_at, datetime.now(UTC)))
        except Exception:
            self._keep(before)
            raise

    def _keep(self, tenant: Tenant) -> Tenant:
        self._index.add(tenant)
        insort(self._order, _key(tenant))
        return tenant

    def _forget(self, tenant: Tenant) -> None:
        self._index.remove(tenant)
        del self._order[bisect_right(self._order, _key(tenant)) - 1]


def _frozen(tenant: Tenant, created_at: datetime | None, updated_at: datetime) -> Tenant:
    return replace(
        tenant,
        created_at=in_utc(created_at or updated_at),
        updated_at=in_utc(updated_at),
        tags=MappingProxyType(dict(tenant.tags)) if tenant.tags else NO_TAGS,
    )


def _key(tenant: Tenant) -> tuple[datetime, str]:
    assert tenant.created_at is not None  # noqa: S101 - set by _create
    return tenant.created_at, tenant.id
