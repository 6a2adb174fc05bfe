"""Tenants by what no two of them may share."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.errors import ConfigurationError, TenantNotFoundError
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.storage.alike import common_name
from fastapi_tenancy.storage.exists import clash, common_schema, exists_error


class TenantIndex:
    """Tenants by id, by identifier, by host and by schema in a database they share."""

    def __init__(self, tenants: Iterable[Tenant] = ()) -> None:
        self._by_id: dict[str, Tenant] = {}
        self._ids: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._schemas: dict[tuple[str | None, str], str] = {}
        self._names: dict[tuple[str | None, str], str] = {}
        for tenant in tenants:
            self.add(tenant)

    def __getitem__(self, id_: str) -> Tenant:
        if id_ not in self._by_id:
            raise TenantNotFoundError(id_)
        return self._by_id[id_]

    def of_identifier(self, identifier: str) -> Tenant:
        """The tenant with this identifier.

        Raises:
            TenantNotFoundError: there is none.
        """
        if identifier not in self._ids:
            raise TenantNotFoundError(identifier)
        return self._by_id[self._ids[identifier]]

    def of_host(self, host: str) -> Tenant:
        """The tenant with this host.

        Raises:
            TenantNotFoundError: there is none.
        """
        if host not in self._hosts:
            raise TenantNotFoundError(host)
        return self._by_id[self._hosts[host]]

    def add(self, tenant: Tenant) -> None:
        """Take a tenant in.

        Raises:
            TenantExistsError: the id, the identifier, the host or the schema is taken; names which.
        """
        place, name = common_schema(tenant), common_name(tenant)
        near = [
            tenant.id,
            self._ids.get(tenant.identifier),
            None if tenant.host is None else self._hosts.get(tenant.host),
            None if place is None else self._schemas.get(place),
            None if name is None else self._names.get(name),
        ]
        others = [self._by_id[id_] for id_ in near if id_ in self._by_id]
        if any(clash(tenant, other) for other in others):
            raise exists_error(tenant, others)
        self._by_id[tenant.id] = tenant
        self._ids[tenant.identifier] = tenant.id
        if tenant.host is not None:
            self._hosts[tenant.host] = tenant.id
        if place is not None:
            self._schemas[place] = tenant.id
        if name is not None:
            self._names[name] = tenant.id

    def remove(self, tenant: Tenant) -> None:
        """Let a tenant go that is there."""
        del self._by_id[tenant.id], self._ids[tenant.identifier]
        if tenant.host is not None:
            del self._hosts[tenant.host]
        place, name = common_schema(tenant), common_name(tenant)
        if place is not None:
            del self._schemas[place]
        if name is not None:
            del self._names[name]


def first_clash(
    there: Iterable[Tenant], changed: Iterable[Tenant], new: Iterable[Tenant]
) -> ConfigurationError:
    """The error for the first of these that what is there, or one before it, stands in the way of.

    Args:
        there: the catalogue, before anything is written.
    """
    index = TenantIndex(there)
    try:
        for tenant in changed:
            index.remove(index[tenant.id])
            index.add(tenant)
        for tenant in new:
            index.add(tenant)
    except ConfigurationError as error:
        return error
    return ConfigurationError(
        "the catalogue refused these tenants: another process changed it at the same moment, or its"
        " table has rules of its own. Nothing was changed; try again"
    )
