"""Leases in a table: who is at work on what, for all processes that share a catalogue.

A lease ends by itself unless it is renewed, so a killed process keeps nobody away for long. Each
call is one short transaction, which any pooler can carry; times are those of the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from fastapi_tenancy.errors import ConfigurationError, ServerUnreachableError
from fastapi_tenancy.storage.database import CatalogueDatabase
from fastapi_tenancy.storage.making import take_turns

LEASE_S = 15.0
"""Seconds after which the work of a killed process can be taken over."""
FORGIVEN_S = 3600.0
"""Seconds after which a failure is not counted together with the next one any more."""

LEASES = sa.Table(
    "tenancy_leases",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text),
    sa.Column("until", sa.Double, nullable=False),
    sa.Column("work", sa.Text, nullable=False),
    sa.Column("ended", sa.Double),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text),
)
_EPOCH = {
    "postgresql": "extract(epoch FROM pg_catalog.clock_timestamp())::float8",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}


@dataclass(frozen=True, slots=True)
class Lease:
    """What stands in a row after somebody asked for it; times in seconds, of the database.

    ``owner`` is who is at work until ``until``; without one, nobody begins before ``until``.
    ``ended`` is when ``work`` was last done, or failed with ``error``, ``failures`` times in a row.
    """

    taken: bool
    now: float
    owner: str | None = None
    until: float = 0.0
    work: str = ""
    ended: float | None = None
    failures: int = 0
    error: str | None = None

    def done_since(self, moment: float, work: str) -> bool:
        """True when somebody has come to the end of that work after ``moment``."""
        return self.ended is not None and self.ended >= moment and self.work == work

    @property
    def pause_s(self) -> float:
        """Seconds that nobody begins anew, because the last attempt failed; 0 if it did not."""
        paused = self.owner is None and self.error is not None
        return max(0.0, self.until - self.now) if paused else 0.0


class LeaseTable:
    """The leases of a database; ``prepare`` comes first."""

    def __init__(self, url: str, *, connect_timeout_s: float = 10) -> None:
        self._database = CatalogueDatabase(url, connect_timeout_s=connect_timeout_s)

    async def prepare(self) -> None:
        """Create the table unless it is there; several processes may do so at once.

        Raises:
            ServerUnreachableError: the database did not take the connection.
            ConfigurationError: the role may not make it, or something else bears its name.
        """
        try:
            await self._database.run(_ensure, makes=True)
        except ServerUnreachableError:
            raise
        except ConfigurationError as error:
            raise ConfigurationError(
                f"the table {LEASES.name}, by which processes agree on who migrates, cannot be"
                f" made: {error}. Give the role of catalogue_url the right to make it, or let"
                " nothing be migrated by the application (when_behind, migrate_at_start)"
            ) from error

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._database.close()

    async def take(
        self,
        name: str,
        owner: str,
        *,
        work: str = "",
        since: float | None = None,
        at_most: int | None = None,
    ) -> Lease:
        """Take a lease if nobody holds it, and say how it stands.

        Args:
            since: do not take it if the same work was done after this moment.
            at_most: leases that may be held at a time, of those whose names begin alike up to the
                first colon.
        """

        def work_on(connection: sa.Connection) -> Lease:
            if at_most is not None:
                take_turns(connection)
                if _held(connection, name) >= at_most:
                    return _look(connection, name, taken=False)
            asked = _asked(connection, name, owner, work, since)
            taken = connection.execute(asked).first() is not None
            return _look(connection, name, taken=taken)

        return await self._database.run(work_on)

    async def renew(self, name: str, owner: str) -> bool:
        """Hold a lease for longer; False when it is somebody else's by now."""

        def work_on(connection: sa.Connection) -> bool:
            until = _now(connection) + LEASE_S
            return connection.execute(_of(name, owner).values(until=until)).rowcount == 1

        return await self._database.run(work_on)

    async def give_back(self, name: str, owner: str) -> None:
        """End a lease and leave no trace of it."""
        gone = sa.delete(LEASES).where(LEASES.c.name == name, LEASES.c.owner == owner)
        await self._database.run(lambda connection: connection.execute(gone).rowcount)

    async def end(self, name: str, owner: str) -> None:
        """End a lease, and say that its work is done."""

        def work_on(connection: sa.Connection) -> None:
            now = _now(connection)
            values = {"owner": None, "until": now, "ended": now, "failures": 0, "error": None}
            connection.execute(_of(name, owner).values(values))

        await self._database.run(work_on)

    async def fail(
        self, name: str, owner: str, *, error: str, failures: int, pause_s: float
    ) -> None:
        """End a lease whose work failed; nobody takes it for ``pause_s`` seconds."""

        def work_on(connection: sa.Connection) -> None:
            now = _now(connection)
            values = {"owner": None, "until": now + pause_s, "ended": now}
            said = {"failures": failures, "error": error}
            connection.execute(_of(name, owner).values(values | said))

        await self._database.run(work_on)


def _ensure(connection: sa.Connection) -> None:
    if sa.inspect(connection).has_table(LEASES.name):
        _refuse_another(connection)
        return
    take_turns(connection)
    connection.execute(CreateTable(LEASES, if_not_exists=True))


def _refuse_another(connection: sa.Connection) -> None:
    there = {column["name"] for column in sa.inspect(connection).get_columns(LEASES.name)}
    missing = [column.name for column in LEASES.c if column.name not in there]
    if missing:
        raise ConfigurationError(
            f"a table of that name is there that lacks {', '.join(missing)}; rename or drop it"
        )


def _now(connection: sa.Connection) -> sa.ColumnElement[float]:
    return sa.literal_column(_EPOCH[connection.dialect.name], sa.Double)


def _of(name: str, owner: str) -> sa.Update:
    return sa.update(LEASES).where(LEASES.c.name == name, LEASES.c.owner == owner)


def _held(connection: sa.Connection, name: str) -> int:
    """Leases of this kind in the hands of others."""
    kind = name.partition(":")[0] + ":"
    counted = sa.select(sa.func.count()).where(
        LEASES.c.name.startswith(kind, autoescape=True),
        LEASES.c.name != name,
        LEASES.c.owner.is_not(None),
        LEASES.c.until > _now(connection),
    )
    return int(connection.execute(counted).scalar_one())


def _asked(
    connection: sa.Connection, name: str, owner: str, work: str, since: float | None
) -> sa.Insert:
    now = _now(connection)
    free = LEASES.c.until <= now
    if since is not None:
        other = sa.or_(LEASES.c.ended.is_(None), LEASES.c.ended < since, LEASES.c.work != work)
        free = sa.and_(free, other)
    values: dict[str, Any] = {"owner": owner, "until": now + LEASE_S, "work": work}
    forgiven = sa.case((LEASES.c.ended < now - FORGIVEN_S, 0), else_=LEASES.c.failures)
    anew = values | {"ended": None, "failures": forgiven}
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return (
        insert(LEASES)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=[LEASES.c.name], set_=anew, where=free)
        .returning(LEASES.c.name)
    )


def _look(connection: sa.Connection, name: str, *, taken: bool) -> Lease:
    now = float(connection.execute(sa.select(_now(connection))).scalar_one())
    columns = [c for c in LEASES.c if c.name != "name"]
    row = connection.execute(sa.select(*columns).where(LEASES.c.name == name)).first()
    return Lease(taken=taken, now=now, **(row._asdict() if row is not None else {}))
