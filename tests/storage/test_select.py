"""Which tenants a command is about."""

from __future__ import annotations

from typing import Any

import pytest

from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.select import matches

GOLD = Tenant(id="7", identifier="acme", tags={"tier": "gold", "region": "eu"})
ANY: dict[str, Any] = {
    "identifiers": frozenset(),
    "tags": {},
    "statuses": None,
    "exclude": frozenset(),
}


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        ({}, True),
        ({"identifiers": frozenset({"acme", "x"})}, True),
        ({"identifiers": frozenset({"7"})}, True),
        ({"identifiers": frozenset({"x"})}, False),
        ({"exclude": frozenset({"acme"})}, False),
        ({"exclude": frozenset({"7"})}, False),
        ({"exclude": frozenset({"x"})}, True),
        ({"identifiers": frozenset({"acme"}), "exclude": frozenset({"7"})}, False),
        ({"tags": {"tier": "gold"}}, True),
        ({"tags": {"tier": "gold", "region": "eu"}}, True),
        ({"tags": {"tier": "gold", "region": "us"}}, False),
        ({"tags": {"plan": "gold"}}, False),
        ({"statuses": frozenset({TenantStatus.ACTIVE})}, True),
        ({"statuses": frozenset({TenantStatus.SUSPENDED})}, False),
        ({"statuses": frozenset()}, False),
    ],
)
def test_every_part_of_a_selection_must_hold(selection: dict[str, Any], selected: bool) -> None:
    assert matches(GOLD, **ANY | selection) is selected


@pytest.mark.parametrize("status", TenantStatus)
def test_by_default_only_the_deleted_are_left_out(status: TenantStatus) -> None:
    tenant = Tenant(id="1", identifier="a", status=status)
    assert matches(tenant, **ANY) is (status is not TenantStatus.DELETED)
    assert matches(tenant, **ANY | {"statuses": frozenset({status})})
