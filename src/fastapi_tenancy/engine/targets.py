"""From tenants to targets: names are checked, and no two tenants share one by accident."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from fastapi_tenancy.errors import InvalidNameError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.event import Listener, Warned
from fastapi_tenancy.model.plan import Refusal
from fastapi_tenancy.model.target import MISSING, Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import masked

TenantSource = Callable[[], Iterable[Tenant]]
"""Reads the catalogue; asked again at the end of a run."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Targets to work on, and tenants that have none."""

    targets: list[Target]
    refusals: list[Refusal]

    def tenants(self) -> Iterator[Tenant]:
        """Every tenant, refused ones too."""
        for target in (*self.targets, *(r.target for r in self.refusals)):
            yield from target.tenants

    def without(self, schemas: Collection[str], tenants: Collection[str]) -> Resolved:
        """What is left without these schemas, and the refused without tenants of these ids."""
        return Resolved(
            [t for t in self.targets if t.schema not in schemas],
            [r for r in self.refusals if r.target.tenant.id not in tenants],
        )


def resolve(isolation: IsolationProvider, tenants: Iterable[Tenant]) -> Resolved:
    """Find each tenant's target; tenants that claim one schema together are all refused."""
    claims: dict[str, Target] = {}
    contested: dict[str, list[Target]] = {}
    refusals: list[Refusal] = []
    for tenant in tenants:
        try:
            target = isolation.target(tenant)
        except InvalidNameError as error:
            nowhere = Target(tenant.schema_name or "", (tenant,))
            refusals.append(Refusal(nowhere, MISSING, str(error)))
            continue
        first = claims.setdefault(target.schema, target)
        if first is not target:
            contested.setdefault(target.schema, [first]).append(target)
    for schema, targets in contested.items():
        del claims[schema]
        names = ", ".join(repr(t.tenant.identifier) for t in targets)
        refusals += [
            Refusal(
                target,
                MISSING,
                f"the tenants {names} all claim the schema {schema!r}; give each one its own"
                " (schema_name), none of them was touched",
            )
            for target in targets
        ]
    return Resolved(list(claims.values()), refusals)


def resolve_again(
    isolation: IsolationProvider, tenants: TenantSource, listener: Listener
) -> Resolved | None:
    """The tenants there are after the work; None when the catalogue cannot be read any more."""
    try:
        return resolve(isolation, tenants())
    except Exception as error:  # whatever it is, the report of what was done must come
        listener(
            Warned(
                "the list of tenants could not be read again, so tenants created or deleted"
                f" during the run are not known: {masked(str(error))}"
            )
        )
        return None
