"""A PostgreSQL server: reachable, with room enough, and a role that may do what it has to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import psycopg

from fastapi_tenancy.cli.checking.finding import Finding, Named, action, fine, note
from fastapi_tenancy.cli.checking.survey import Server
from fastapi_tenancy.cli.checking.versions import Versions
from fastapi_tenancy.cli.words import in_words
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.budget import check_budget
from fastapi_tenancy.errors import BudgetError, ConfigurationError
from fastapi_tenancy.model.chunks import chunked
from fastapi_tenancy.model.target import MISSING
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.connect import Line, connect
from fastapi_tenancy.observe.positions import read_positions
from fastapi_tenancy.observe.rights import (
    CHUNK,
    Role,
    read_lock_table,
    read_role,
    read_schema_rights,
)
from fastapi_tenancy.observe.server import is_pooled

CONNECTION, ROOM, RIGHTS = "connection", "room", "rights"


@dataclass(slots=True)
class _Seen:
    """What was found in the schemas of a database."""

    largest: int = 0
    closed: Named = field(default_factory=Named)
    others: Named = field(default_factory=Named)
    missing: int = 0


class ServerCheck:
    """Looks at one server: through the database of its schemas, or through a few of its own."""

    def __init__(self, config: TenancyConfig, versions: Versions, table: str) -> None:
        self._config = config
        self._versions = versions
        self._table = table

    def look(self, server: Server) -> Iterator[Finding]:
        """Yield what was found; the positions go to the version tables' own check."""
        asked = False
        for database, schemas in server.schemas.items():
            address = server.addresses[database]
            try:
                yield from self._database(database, address, schemas, first=not asked)
                asked = True
            except (ConfigurationError, psycopg.Error) as error:
                yield action(CONNECTION, f"{database}: {masked(str(error))}")
        if server.wholes:
            yield from self._wholes(server, first=not asked)

    def _database(
        self, database: str, address: str, schemas: list[str], *, first: bool
    ) -> Iterator[Finding]:
        with Line(address, self._config.connect_timeout_s) as line:
            role = read_role(line.connection())
            yield fine(CONNECTION, f"{database} as {role.name}")
            if first:
                yield from self._room(line.connection())
            seen = self._schemas(line, schemas)
            yield from self._locks(line.connection(), seen.largest)
            yield from _schema_rights(role, seen)
            self._common(line.connection())

    def _room(self, connection: psycopg.Connection) -> Iterator[Finding]:
        if is_pooled(connection):
            yield note(
                CONNECTION,
                "a pooler stands in between",
                "in transaction mode too; only a statement outside of a transaction that cannot be"
                " aimed by name, and an autocommit block under plain Alembic, need a database_url"
                " that goes to PostgreSQL directly",
            )
        concurrency = self._config.concurrency
        try:
            warning = check_budget(connection, concurrency)
        except BudgetError as error:
            yield action(ROOM, str(error).removesuffix(" Nothing was changed"))
            return
        if warning:
            yield note(ROOM, warning, "lower concurrency, or raise max_connections")
        else:
            yield fine(ROOM, f"connections enough for concurrency {concurrency}")

    def _schemas(self, line: Line, schemas: list[str]) -> _Seen:
        seen = _Seen()
        for chunk in chunked(schemas, CHUNK):
            line.close()  # a server process remembers every table it has read, for all its life
            connection = line.connection()
            rights = read_schema_rights(connection, chunk, self._table)
            usable = [s for s in chunk if s in rights and rights[s].usable]
            positions = dict(
                zip(usable, read_positions(connection, usable, self._table), strict=True)
            )
            for schema in chunk:
                if schema not in rights:
                    seen.missing += 1
                    self._versions.see(schema, MISSING, 0)
                    continue
                found = rights[schema]
                seen.largest = max(seen.largest, found.relations)
                if found.others:
                    seen.others.add(schema)
                if schema in positions:
                    self._versions.see(schema, positions[schema], found.tables)
                else:
                    seen.closed.add(schema)
        return seen

    def _locks(self, connection: psycopg.Connection, largest: int) -> Iterator[Finding]:
        table, concurrency = read_lock_table(connection), self._config.concurrency
        needed = largest * concurrency
        if needed <= table.slots:
            yield fine(ROOM, f"locks enough: {in_words(largest, 'object')} in the largest tenant")
            return
        enough = math.ceil(needed * 1.2 / table.transactions)
        yield action(
            ROOM,
            f"the largest tenant has {in_words(largest, 'object')}; {concurrency} at once may lock"
            f" {needed:,}, and the server has room for {table.slots:,}",
            f"raise max_locks_per_transaction to {enough} (a restart), or lower concurrency",
        )

    def _common(self, connection: psycopg.Connection) -> None:
        extra = list(self._config.search_path_extra)
        for schema, position in zip(
            extra, read_positions(connection, extra, self._table), strict=True
        ):
            if position.state == "versioned":
                self._versions.common[schema] = position.heads

    def _wholes(self, server: Server, *, first: bool) -> Iterator[Finding]:
        reached, lost = 0, Named()
        why = ""
        for target in server.wholes:
            try:
                with closing(connect(target.address, self._config.connect_timeout_s)) as connection:
                    if first and not reached:
                        yield from self._room(connection)
                    yield from self._whole(connection, target.name)
                    reached += 1
            except (ConfigurationError, psycopg.Error) as error:
                lost.add(target.name)
                why = why or masked(str(error))
        if lost:
            yield action(CONNECTION, f"{lost}: {why}", "`tenancy upgrade --create` makes databases")
        if reached:
            rest = f"; looked at {len(server.wholes)}" if server.count > len(server.wholes) else ""
            yield fine(CONNECTION, f"{in_words(server.count, 'database')}{rest}")

    def _whole(self, connection: psycopg.Connection, name: str) -> Iterator[Finding]:
        role = read_role(connection)
        if role.schema is None:
            yield action(
                RIGHTS,
                f"{name}: no schema of the search path of {role.name} exists",
                f"create one, or ALTER ROLE {role.name} SET search_path",
            )
            return
        found = read_schema_rights(connection, [role.schema], self._table)[role.schema]
        position = next(iter(read_positions(connection, [role.schema], self._table)))
        self._versions.see(name, position, found.tables)
        if not role.creates_tables:
            yield _grant(name, role, role.schema)
        if found.others:
            yield _owned(name, role)
        yield from (f for f in self._locks(connection, found.relations) if f.do)


def _schema_rights(role: Role, seen: _Seen) -> Iterator[Finding]:
    if seen.closed:
        yield _grant(str(seen.closed), role, "...")
    if seen.others:
        yield _owned(str(seen.others), role)
    if not role.creates_schemas:
        grant = f'GRANT CREATE ON DATABASE "{role.database}" TO "{role.name}"'
        kind = action if seen.missing else note
        yield kind(RIGHTS, f"{role.name} may not create schemas, so --create will fail", grant)
    if not seen.closed and not seen.others and role.creates_schemas:
        yield fine(RIGHTS, f"{role.name} may create schemas, and owns what is in them")


def _grant(where: str, role: Role, schema: str) -> Finding:
    return action(
        RIGHTS,
        f"{where}: {role.name} may not create tables there",
        f'GRANT USAGE, CREATE ON SCHEMA {schema} TO "{role.name}"',
    )


def _owned(where: str, role: Role) -> Finding:
    return action(
        RIGHTS,
        f"{where}: some tables belong to others than {role.name}, who cannot alter them",
        f'connect as their owner, or ALTER TABLE ... OWNER TO "{role.name}"',
    )
