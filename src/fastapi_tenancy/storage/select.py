"""Which tenants of a catalogue a command is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi_tenancy.model.tenant import Tenant, TenantStatus


def matches(
    tenant: Tenant,
    *,
    identifiers: frozenset[str],
    tags: Mapping[str, str],
    statuses: frozenset[TenantStatus] | None,
    exclude: frozenset[str],
) -> bool:
    """Return True if ``tenant`` is selected.

    ``identifiers`` and ``exclude`` hold ids or identifiers; no ``identifiers`` means all.
    Every one of ``tags`` must be there with that value. ``statuses`` None means every
    tenant that is not deleted.
    """
    names = {tenant.id, tenant.identifier}
    if names & exclude or (identifiers and not names & identifiers):
        return False
    if statuses is None:
        alive = tenant.status is not TenantStatus.DELETED
    else:
        alive = tenant.status in statuses
    return alive and all(tenant.tags.get(key) == value for key, value in tags.items())


class Named:
    """Whom names mean: the tenant of that identifier, and without one those of that id."""

    def __init__(self, names: Iterable[str]) -> None:
        self._identifiers: dict[str, Tenant] = {}
        self._ids: dict[str, list[Tenant]] = {}
        self._names = frozenset(names)

    def see(self, tenant: Tenant) -> None:
        """Take note of a tenant of the catalogue."""
        if tenant.identifier in self._names:
            self._identifiers[tenant.identifier] = tenant
        if tenant.id in self._names:
            self._ids.setdefault(tenant.id, []).append(tenant)

    def of(self, name: str) -> list[Tenant]:
        """The tenants that a name means, once all tenants were seen; nobody if it is unknown."""
        if name in self._identifiers:
            return [self._identifiers[name]]
        return self._ids.get(name, [])

    def identifiers(self, names: Iterable[str]) -> frozenset[str]:
        """The identifiers of all that these names mean."""
        return frozenset(tenant.identifier for name in names for tenant in self.of(name))
