"""Looks at the databases that tenants share, as they are now; nothing is changed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import psycopg

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.isolation.homes import Home, Homes
from fastapi_tenancy.isolation.names import literal
from fastapi_tenancy.isolation.shared import shared_tables
from fastapi_tenancy.migrations.checking.finding import Finding, Subject
from fastapi_tenancy.migrations.checking.grants import (
    look_at_catalogue,
    look_at_grants,
    look_at_owner,
)
from fastapi_tenancy.migrations.checking.policies import Shared
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import is_postgresql, masked
from fastapi_tenancy.observe.bypass import read_bypass
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.policies import TableSecurity, securities, security_sql
from fastapi_tenancy.observe.views import open_views, views_sql


def look_live(config: TenancyConfig, shared: Shared) -> Iterator[Finding]:
    """What does not hold in the shared databases; nothing where tenants share none.

    Args:
        shared: what the models say of them.
    """

    def look(connection: psycopg.Connection, home: Home) -> Iterator[Finding]:
        where = _where(home)
        rows = connection.execute(shared.query().encode()).fetchall()
        for finding in shared.judged(rows, where)[1]:
            do = f"`tenancy upgrade` where it is behind, else {finding.do}"
            yield replace(finding, do=do) if finding.kind else finding
        meant = [one for one in securities(rows) if shared.wanted(one) is not None]
        yield from _role(connection, config, home, meant)
        yield from _views(connection, config, where)

    return _homes(config, look)


def look_at_role(config: TenancyConfig) -> Iterator[Finding]:
    """The same without models: tables of tenants are those that have a policy."""

    def look(connection: psycopg.Connection, home: Home) -> Iterator[Finding]:
        rows = connection.execute(security_sql().encode()).fetchall()
        secured = [one for one in securities(rows) if one.policies]
        role = read_bypass(connection, config.rls_role)
        if role is not None and not role.reason:
            yield from look_at_owner(connection, role, secured, _where(home))
        yield from _role(connection, config, home, secured)
        yield from _views(connection, config, _where(home))

    return _homes(config, look)


Look = Callable[[psycopg.Connection, Home], Iterator[Finding]]


def _homes(config: TenancyConfig, look: Look) -> Iterator[Finding]:
    """What is found in each shared database; one that cannot be looked at is noted."""
    for home in shared_homes(config):
        try:
            with (
                closing(connect(home.address, config.connect_timeout_s)) as connection,
                connection.transaction(),
            ):
                connection.execute("SET TRANSACTION READ ONLY")
                yield from look(connection, home)
        except (ServerUnreachableError, psycopg.Error) as error:
            told = masked(str(error)).strip()
            yield Finding(
                subject=Subject.POLICIES, where=_where(home), found=told, do="", note=True
            )


def shared_homes(config: TenancyConfig) -> list[Home]:
    """The databases in which tenants share tables; a file keeps nobody apart, and is none."""
    if IsolationStrategy.RLS not in config.strategies:
        return []
    homes = {home.place: home for home in Homes(config) if is_postgresql(home.url)}
    return list(homes.values())


def _where(home: Home) -> str:
    return f"database {home.place}"


def _role(
    connection: psycopg.Connection, config: TenancyConfig, home: Home, meant: list[TableSecurity]
) -> Iterator[Finding]:
    found, where = read_bypass(connection, config.rls_role), _where(home)
    if found is None:
        yield Finding(
            subject=Subject.ROLE,
            where=where,
            found=f"there is no role {config.rls_role} (rls_role)",
            do="make it, or name the role that the application connects as",
        )
    elif found.reason:
        yield Finding(
            subject=Subject.ROLE,
            where=where,
            found=f"the role {found.role} {found.reason}: no policy holds for it",
            do="let sessions take on another role (rls_role), or the application connect as one",
        )
    if found is not None and not found.superuser:  # who may do everything anyway
        yield from look_at_grants(connection, found, meant, where)
        yield from look_at_catalogue(connection, config, found, home.place)


def _views(connection: psycopg.Connection, config: TenancyConfig, where: str) -> Iterator[Finding]:
    """Views that show all rows; a note where the role may not use them, or they may be meant so."""
    role = literal(config.rls_role) if config.rls_role else "current_user"
    query = views_sql(role, config.rls_column, shared_tables(config))
    for view in open_views(connection.execute(query.encode()).fetchall()):
        yield Finding(
            subject=Subject.POLICIES,
            where=where,
            table=view.name,
            found=view.found,
            do=view.mending,
            note=not view.leaks,
        )
