"""What is said of a tenant's place in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi_tenancy.cli.words import names_in_words
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant


def idle_places(tenants: Iterable[Tenant], isolation: IsolationProvider) -> Iterator[str]:
    """A warning for each kind of place that was said in vain: nothing looks at it.

    Raises:
        PlacementError: the place of one of them cannot be used.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for tenant in tenants:
        target = isolation.target(tenant)
        for field in _idle(tenant, target):
            found.setdefault((field, target.strategy.value), []).append(tenant.identifier)
    for (field, strategy), names in found.items():
        why = (
            "a database_url of its own says where a tenant lives"
            if field == "shard"
            else f"the setting isolation_strategy is {isolation.config.isolation_strategy.value!r},"
            f" so the strategy there is {strategy!r}"
        )
        yield f"{field} of {names_in_words(names)} has no effect: {why}"


def _idle(tenant: Tenant, target: Target) -> Iterator[str]:
    own = tenant.database_url is not None
    if own and target.strategy is not IsolationStrategy.DATABASE:
        yield "database_url"
    if tenant.schema_name is not None and not target.schema:
        yield "schema_name"
    if tenant.shard is not None and own and target.strategy is IsolationStrategy.DATABASE:
        yield "shard"
