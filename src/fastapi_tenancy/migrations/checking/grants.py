"""Looks whether the role that asks may use the tables of tenants, and no more than those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import psycopg

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.isolation.place import place
from fastapi_tenancy.migrations.checking.finding import Finding, Subject
from fastapi_tenancy.observe.bypass import Bypass
from fastapi_tenancy.observe.granted import USED, WRITING, Granted, read_granted
from fastapi_tenancy.observe.policies import TableSecurity
from fastapi_tenancy.storage.leases import LEASES
from fastapi_tenancy.storage.table import TENANTS


def look_at_grants(
    connection: psycopg.Connection, role: Bypass, tables: Sequence[TableSecurity], where: str
) -> Iterator[Finding]:
    """Tables of tenants that the role may not use: those of a newer revision, most often."""
    asked = [(security.schema, security.table) for security in tables]
    visible = {(security.schema, security.table): security.visible for security in tables}
    for granted in read_granted(connection, role.role, asked, USED):
        schema = None if visible[granted.schema, granted.table] else granted.schema
        told = partial(
            Finding, subject=Subject.ROLE, where=where, table=granted.table, schema=schema
        )
        if not granted.reached:
            yield told(
                found=f"the role {role.role} may not use its schema {granted.schema}",
                do=f"GRANT USAGE ON SCHEMA {quote(granted.schema)} TO {quote(role.role)}",
            )
        missing = [p for p in USED if p not in granted.privileges]
        if missing:
            # Some may be kept back on purpose: nobody deletes from an audit log.
            yield told(
                found=f"the role {role.role} has no right to {_listed(missing)}",
                do=_grant(granted, missing, role.role),
                note=len(missing) < len(USED),
            )
        if granted.sequences and "INSERT" in granted.privileges:
            sequences = ", ".join(granted.sequences)
            yield told(
                found=f"the role {role.role} has no right to the sequence {sequences}, which INSERT"
                " takes numbers from",
                do=f"GRANT USAGE ON SEQUENCE {sequences} TO {quote(role.role)}",
            )


def _grant(granted: Granted, missing: list[str], role: str) -> str:
    rights, schema = ", ".join(missing), quote(granted.schema)
    return (
        f"GRANT {rights} ON {granted.name} TO {quote(role)}; for tables of later revisions, too:"
        f" ALTER DEFAULT PRIVILEGES FOR ROLE {quote(granted.owner)} IN SCHEMA {schema}"
        f" GRANT {rights} ON TABLES TO {quote(role)}"
    )


def look_at_catalogue(
    connection: psycopg.Connection, config: TenancyConfig, role: Bypass, home: str
) -> Iterator[Finding]:
    """Tables of this package that the role of sessions may write.

    Only ``rls_role`` is judged: where there is none, the role that connects is that of the
    catalogue as well.
    """
    if config.rls_role is None or place(config.catalogue_url) != home:
        return
    elsewhere = config.tenants_query is not None or config.schema_pattern is not None
    kept = {LEASES.name: "who is at work (the leases)"}
    if not elsewhere:
        kept[TENANTS.name] = "the list of tenants"
    asked = [(None, name) for name in kept]
    for granted in read_granted(connection, role.role, asked, WRITING):
        if granted.privileges:
            yield Finding(
                subject=Subject.ROLE,
                where=f"database {home}",
                table=granted.table,
                found=f"the role {role.role} may write {kept[granted.table]}"
                f" ({', '.join(granted.privileges)}), where no policy keeps tenants apart",
                do=_revoke(granted),
            )


def _revoke(granted: Granted) -> str:
    if granted.owns:
        return (
            f"let another role own it: ALTER TABLE {granted.name} OWNER TO ..., or keep it in a"
            " database of its own (catalogue_url)"
        )
    whom = ", ".join(g if g == "PUBLIC" else quote(g) for g in granted.grantees)
    return f"REVOKE {', '.join(granted.privileges)} ON {granted.name} FROM {whom}"


def look_at_owner(
    connection: psycopg.Connection, role: Bypass, tables: Sequence[TableSecurity], where: str
) -> Iterator[Finding]:
    """Tables whose policies do not hold for the role, because it has the rights of their owner."""
    open_to_owners = [(t.schema, t.table) for t in tables if t.enabled and not t.forced]
    for granted in read_granted(connection, role.role, open_to_owners, ()):
        if granted.owns:
            yield Finding(
                subject=Subject.ROLE,
                where=where,
                table=granted.table,
                found=f"the role {role.role} has the rights of its owner {granted.owner}, for whom"
                " its policies do not hold (no FORCE)",
                do=f"ALTER TABLE {granted.name} FORCE ROW LEVEL SECURITY, or let another role ask"
                " (rls_role)",
            )


def _listed(rights: Sequence[str]) -> str:
    *most, last = rights
    return f"{', '.join(most)} and {last}" if most else last
