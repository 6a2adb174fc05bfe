"""What is said of a tenant's place in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi_tenancy.cli.words import names_in_words
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant


def idle_places(tenants: Iterable[Tenant], isolation: IsolationProvider) -> Iterator[str]:
    """A warning for each kind of place that was said in vain: the strategy does not look at it.

    Raises:
        PlacementError: the place of one of them cannot be used.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for tenant in tenants:
        target = isolation.target(tenant)
        for field in _idle(tenant, target):
            found.setdefault((field, target.strategy.value), []).append(tenant.identifier)
    for (field, strategy), names in found.items():
        yield (
            f"{field} of {names_in_words(names)} has no effect: the setting isolation_strategy is"
            f" {isolation.config.isolation_strategy.value!r}, so the strategy there is {strategy!r}"
        )


def _idle(tenant: Tenant, target: Target) -> Iterator[str]:
    if tenant.database_url is not None and target.strategy is not IsolationStrategy.DATABASE:
        yield "database_url"
    if tenant.schema_name is not None and not target.schema:
        yield "schema_name"
