"""The list of tenants, read once: where they live, and who cannot live there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.finding import Finding, Named, action, fine, note
from fastapi_tenancy.cli.project import with_store
from fastapi_tenancy.engine.targets import resolve
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant, TenantStatus
from fastapi_tenancy.opening import open_isolation

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.isolation.protocol import IsolationProvider
    from fastapi_tenancy.storage.protocol import TenantStore

CHECK = "tenants"
SAMPLE = 20
"""Databases of their own that are opened, of a server or of all files."""


@dataclass(slots=True)
class Server:
    """A server, or the file system: schemas of databases, and databases that are looked at."""

    schemas: dict[str, list[str]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    wholes: list[Target] = field(default_factory=list)
    count: int = 0
    """Databases that are a target each; more than are looked at, perhaps."""


@dataclass(slots=True)
class Survey:
    """Where the tenants live; names and places only, so that it stays small."""

    isolation: IsolationProvider
    servers: dict[str, Server] = field(default_factory=dict)
    samples: list[Target] = field(default_factory=list)
    statuses: Counter[TenantStatus] = field(default_factory=Counter)
    refused: dict[str, Named] = field(default_factory=dict)
    claims: dict[TargetKey, str] = field(default_factory=dict)
    contested: dict[TargetKey, list[str]] = field(default_factory=dict)

    def see(self, tenant: Tenant) -> None:
        """Take note of a tenant; one that is marked deleted claims nothing."""
        self.statuses[tenant.status] += 1
        if tenant.status is TenantStatus.DELETED:
            return
        resolved = resolve(self.isolation, [tenant])
        for refusal in resolved.refusals:
            self.refused.setdefault(refusal.error, Named()).add(tenant.identifier)
        for target in resolved.targets:
            self._place(target)

    def _place(self, target: Target) -> None:
        name = target.tenant.identifier
        first = self.claims.setdefault(target.key, name)
        if first != name:
            if target.strategy is not IsolationStrategy.RLS:
                self.contested.setdefault(target.key, [first]).append(name)
            return
        if len(self.samples) < SAMPLE:
            self.samples.append(target)
        server = self.servers.setdefault(target.server, Server())
        if target.schema:
            server.schemas.setdefault(target.database, []).append(target.schema)
            server.addresses[target.database] = target.address
        else:
            server.count += 1
            if len(server.wholes) < SAMPLE:
                server.wholes.append(target)


def read_survey(config: TenancyConfig) -> tuple[Survey | None, list[Finding]]:
    """Read the list, or None where it cannot be read, and what was found in it."""
    survey = Survey(open_isolation(config))

    async def read(store: TenantStore) -> None:
        async for tenant in store.stream():
            survey.see(tenant)

    try:
        with_store(config, read)
    except ConfigurationError as error:
        return None, [action(CHECK, str(error))]
    return survey, list(_told(survey))


def _told(survey: Survey) -> Iterator[Finding]:
    alive = survey.statuses.total() - survey.statuses[TenantStatus.DELETED]
    if not alive:
        yield note(CHECK, "the list is empty", "`tenancy tenants add IDENTIFIER` adds the first")
    for key, names in survey.contested.items():
        yield action(
            CHECK,
            f"{', '.join(names)} all claim {key[1] or key[0]}",
            "give each one its own (schema_name, database_url); none of them is migrated",
        )
    for error, named in survey.refused.items():
        yield action(CHECK, f"{named}: {error}")
    if alive and not survey.contested and not survey.refused:
        counted = ", ".join(f"{n:,} {status}" for status, n in sorted(survey.statuses.items()))
        yield fine(CHECK, counted)
