"""Judges what was found at a table: does it keep tenants apart, and if not, why not?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_tenancy.isolation.expression import Form, tenant_form
from fastapi_tenancy.isolation.policy import POLICY, TenantPolicy
from fastapi_tenancy.observe.policies import Policy, TableSecurity

_SHOWN = 120


def own_policy(found: TableSecurity) -> Policy | None:
    """The policy that ``op.enable_tenant_rls`` made, if it is there."""
    return next((p for p in found.policies if p.name == POLICY), None)


def needs_enabling(found: TableSecurity, wanted: TenantPolicy) -> bool:
    """True where ``op.enable_tenant_rls`` would make a difference for the better.

    Policies that somebody wrote by hand and that hold are left alone.
    """
    if not (found.enabled and found.forced):
        return True
    own = own_policy(found)
    if own is None:
        return not _others_hold(found, wanted)
    for_all = own.command == "*" and own.permissive and own.for_everybody
    return not (for_all and _holds(own, wanted))


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a table does not keep tenants apart; ``mended`` by ``op.enable_tenant_rls`` or not."""

    found: str
    mended: bool = True


def problems(found: TableSecurity, wanted: TenantPolicy) -> Iterator[Problem]:
    """Why a table does not keep tenants apart; nothing where it does."""
    if not found.policies:
        yield Problem(f"it has the column {wanted.column}, and no policy")
        return
    if not found.enabled:
        yield Problem("it has policies, but row-level security is not enabled: they say nothing")
    if not found.forced:
        yield Problem(f"row-level security is not forced: its owner {found.owner} sees every row")
    if _restricted(found, wanted):
        return
    permissive = [p for p in found.policies if p.permissive]
    if not permissive:
        yield Problem("it has no permissive policy: nobody sees any of its rows")
    for policy in permissive:
        if not _holds(policy, wanted):
            yield Problem(_lets_through(policy, wanted), mended=policy.name == POLICY)


def _others_hold(found: TableSecurity, wanted: TenantPolicy) -> bool:
    permissive = [p for p in found.policies if p.permissive]
    return bool(permissive) and (
        _restricted(found, wanted) or all(_holds(p, wanted) for p in permissive)
    )


def _restricted(found: TableSecurity, wanted: TenantPolicy) -> bool:
    """True where a restrictive policy keeps tenants apart, whatever others let through."""
    return any(
        not p.permissive and p.command == "*" and p.for_everybody and _holds(p, wanted)
        for p in found.policies
    )


def _holds(policy: Policy, wanted: TenantPolicy) -> bool:
    form = Form(wanted.column, wanted.setting)
    # What may be written follows what is seen, where nothing else is said.
    said = [e for e in (policy.using, policy.check) if e is not None]
    return bool(said) and all(tenant_form(e) == form for e in said)


def _lets_through(policy: Policy, wanted: TenantPolicy) -> str:
    expressions = [
        f"{word} ({expression})"
        for word, expression in (("USING", policy.using), ("WITH CHECK", policy.check))
        if expression is not None
    ]
    shown = " ".join(expressions)
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
    return (
        f"its policy {policy.name} does not say that {wanted.column} equals the setting"
        f" {wanted.setting}: {shown}"
    )
