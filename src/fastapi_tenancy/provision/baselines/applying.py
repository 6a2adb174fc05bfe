"""Makes a tenant's schema of a baseline, in one transaction that is proven before its end."""

from __future__ import annotations

import time
from contextlib import closing

import psycopg
from psycopg import errors

from fastapi_tenancy.errors import MigrationFailedError, TenancyError
from fastapi_tenancy.isolation.names import qualified, quote
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.baseline import Baseline
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Proof
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.connect import connect
from fastapi_tenancy.observe.structure import read_fingerprints
from fastapi_tenancy.provision.baselines.making import SCHEMA
from fastapi_tenancy.provision.baselines.surroundings import privileges

ROAD = "baseline"


class PlaceIsThereError(TenancyError):
    """The place is there already: what is in it, the migrations have to find out."""


class PrivilegesChangedError(TenancyError):
    """The role's default privileges are not those that the baseline was made under."""


def apply(
    baseline: Baseline, target: Target, isolation: IsolationProvider, version_table: str
) -> Outcome:
    """Make the schema with everything in it, or nothing; it is read back before the commit.

    Raises:
        PlaceIsThereError: there is a schema of this name.
        PrivilegesChangedError: the server gives other rights to what is made than it gave then.
        MigrationFailedError: what was made is not what the migrations make.
        psycopg.Error: the server refused it, or was lost: then nobody knows.
        ServerUnreachableError: it did not take the connection.
    """
    began = time.perf_counter()
    config, schema = isolation.config, quote(target.schema)
    lock_ms = round((config.lock_timeout_s or 0) * 1000)
    script = baseline.payload.decode().replace(SCHEMA, schema)
    opening = f"SET LOCAL lock_timeout = {lock_ms}; {isolation.create_sql(target)};\n"
    # What is sent is UTF-8, whatever the role or the database has been given as its encoding.
    opened = connect(target.address, config.connect_timeout_s, client_encoding="UTF8")
    with closing(opened) as connection:
        try:
            with connection.transaction():
                if privileges(connection) != baseline.key.rpartition("-")[2]:
                    raise PrivilegesChangedError("the role has other default privileges by now")
                connection.execute((opening + script).encode())
                _require_same(connection, baseline, target, version_table)
        except (errors.DuplicateSchema, errors.UniqueViolation) as error:
            raise PlaceIsThereError(f"the schema {target.schema!r} is there") from error
    return Outcome(
        target,
        OutcomeKind.MIGRATED,
        to_heads=baseline.heads,
        road=ROAD,
        duration_ms=(time.perf_counter() - began) * 1000,
        proof=Proof(baseline.heads, baseline.fingerprint),
    )


def _require_same(
    connection: psycopg.Connection, baseline: Baseline, target: Target, version_table: str
) -> None:
    found = read_fingerprints(connection, [target.schema]).get(target.schema)
    table = qualified(target.schema, version_table)
    rows = connection.execute(f"SELECT version_num::text FROM {table}".encode()).fetchall()
    if found != baseline.fingerprint or {row[0] for row in rows} != set(baseline.heads):
        raise MigrationFailedError("what the baseline made is not what the migrations make")
