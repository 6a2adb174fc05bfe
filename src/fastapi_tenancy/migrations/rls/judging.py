"""Judges what was found at a table: does it keep tenants apart, and if not, why not?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_tenancy.isolation.exactness import Exact
from fastapi_tenancy.isolation.expression import tenant_form
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
    return not (for_all and _exact(own, found, wanted) >= _needed(found, wanted))


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a table does not keep tenants apart; ``mended`` by ``op.enable_tenant_rls`` or not.

    A ``note`` says what holds, but not for every id there could be.
    """

    found: str
    mended: bool = True
    note: bool = False


def problems(found: TableSecurity, wanted: TenantPolicy) -> Iterator[Problem]:
    """Why a table does not keep tenants apart; nothing where it does."""
    if not found.policies:
        yield Problem(f"it has the column {wanted.column}, and no policy")
        return
    if not found.enabled:
        yield Problem("it has policies, but row-level security is not enabled: they say nothing")
    if not found.forced:
        yield Problem(f"row-level security is not forced: its owner {found.owner} sees every row")
    if _restricted(found, wanted, _needed(found, wanted)):
        return
    permissive = [p for p in found.policies if p.permissive]
    if not permissive:
        yield Problem("it has no permissive policy: nobody sees any of its rows")
    restricted = _restricted(found, wanted)
    for policy in permissive:
        exact = _exact(policy, found, wanted)
        if exact is Exact.MERGED and not restricted:
            yield Problem(_lets_through(policy, found, wanted), mended=policy.name == POLICY)
        elif exact < _needed(found, wanted):
            own = policy.name == POLICY
            yield Problem(_takes_for_one(policy, found, wanted), mended=own, note=not own)


def _others_hold(found: TableSecurity, wanted: TenantPolicy) -> bool:
    permissive = [p for p in found.policies if p.permissive]
    return bool(permissive) and (
        _restricted(found, wanted)
        or all(_exact(p, found, wanted) >= Exact.TYPE for p in permissive)
    )


def _restricted(found: TableSecurity, wanted: TenantPolicy, needed: Exact = Exact.TYPE) -> bool:
    """True where a restrictive policy keeps tenants apart, whatever others let through."""
    return any(
        not p.permissive
        and p.command == "*"
        and p.for_everybody
        and _exact(p, found, wanted) >= needed
        for p in found.policies
    )


def _exact(policy: Policy, found: TableSecurity, wanted: TenantPolicy) -> Exact:
    """How a policy compares the column with the setting; ``MERGED`` where it does anything else."""
    # What may be written follows what is seen, where nothing else is said.
    said = (e for e in (policy.using, policy.check) if e is not None)
    return min((_level(e, found, wanted) for e in said), default=Exact.MERGED)


def _level(expression: str, found: TableSecurity, wanted: TenantPolicy) -> Exact:
    form = tenant_form(expression, found.types)
    meant = (wanted.column, wanted.setting)
    return form.exact if form and (form.column, form.setting) == meant else Exact.MERGED


def _needed(found: TableSecurity, wanted: TenantPolicy) -> Exact:
    kind = found.columns.get(wanted.column)
    return kind.needed if kind else Exact.TYPE


def _takes_for_one(policy: Policy, found: TableSecurity, wanted: TenantPolicy) -> str:
    return (
        f"its policy {policy.name} compares {wanted.column} as {found.types[wanted.column]}: ids"
        " of tenants that are written differently and mean the same value are one tenant to it"
    )


def _lets_through(policy: Policy, found: TableSecurity, wanted: TenantPolicy) -> str:
    expressions = [
        f"{word} ({expression})"
        for word, expression in (("USING", policy.using), ("WITH CHECK", policy.check))
        if expression is not None and _level(expression, found, wanted) is Exact.MERGED
    ]
    shown = " ".join(expressions)
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
    return (
        f"its policy {policy.name} does not say that {wanted.column} equals the setting"
        f" {wanted.setting}: {shown}"
    )
