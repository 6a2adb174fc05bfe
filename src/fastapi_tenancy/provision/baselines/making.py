"""Makes a baseline: the migrations are run in a scratch place, which is then taken as it is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

import psycopg

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.isolation.names import qualified, quote
from fastapi_tenancy.migrations.reference.building import reference
from fastapi_tenancy.model.baseline import Baseline
from fastapi_tenancy.model.event import Differed, Event
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.structure import read_fingerprints
from fastapi_tenancy.provision.baselines.constant import why_not
from fastapi_tenancy.provision.baselines.dumping import dump
from fastapi_tenancy.provision.baselines.head import Head
from fastapi_tenancy.provision.baselines.surroundings import privileges, why_not_here

SCHEMA = "tenancy_baseline_schema"
"""Stands in a script for the schema of whoever it is for."""

_TABLES = """
SELECT relname::text FROM pg_catalog.pg_class
WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') AND relname <> %s
"""


class NoBaselineError(TenancyError):
    """What the migrations make cannot be copied for another tenant; says why."""


@dataclass(slots=True)
class _Ears:
    """Hears whether the migrations changed what all tenants share."""

    heard: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Differed):
            self.heard.append(event.difference.message)


def make(head: Head, key: str, beside: Target) -> Baseline:
    """Build what the migrations make beside this target, and take it as a script.

    Raises:
        NoBaselineError: it cannot be copied.
        TenancyError: the migrations fail, the place cannot be made, or pg_dump is not there.
    """
    fleet, ears = head.opened.fleet, _Ears()
    with reference(fleet, head.history, beside=beside, heads=head.heads, listener=ears) as made:
        target = made.target
        if ears.heard:
            raise NoBaselineError(ears.heard[0])
        with closing(connect(target.address, fleet.config.connect_timeout_s)) as connection:
            filled = _filled(connection, target.schema, head.version_table)
            reason = why_not(head.scripts, filled) or why_not_here(
                connection, target.schema, head.scripts, filled
            )
            if reason:
                raise NoBaselineError(reason)
            if privileges(connection) != key.rpartition("-")[2]:
                raise NoBaselineError("the role's default privileges are being changed")
            fingerprint = read_fingerprints(connection, [target.schema])[target.schema]
            major = connection.info.server_version // 10000
        taken = dump(target, major)
    if SCHEMA in taken:
        raise NoBaselineError(f"{SCHEMA} stands in it, which is to stand for a tenant's schema")
    script = taken.replace(target.schema, SCHEMA)
    return Baseline(key, head.opened.track.name, head.heads, fingerprint, script.encode())


def _filled(connection: psycopg.Connection, schema: str, version_table: str) -> list[str]:
    """The tables of a schema that have rows."""
    tables = [str(name) for (name,) in connection.execute(_TABLES, [quote(schema), version_table])]
    found = []
    for table in tables:
        row = connection.execute(
            f"SELECT EXISTS (SELECT FROM {qualified(schema, table)})".encode()
        ).fetchone()
        if row is not None and row[0]:
            found.append(table)
    return found
