"""Baselines in a table, for all processes that share a catalogue."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from fastapi_tenancy.model.baseline import Baseline
from fastapi_tenancy.storage.database import CatalogueDatabase
from fastapi_tenancy.storage.making import take_turns

KEPT = 8
"""Baselines of a track that are kept: versions of an application may be at work side by side."""

BASELINES = sa.Table(
    "tenancy_baselines",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("track", sa.Text, nullable=False),
    sa.Column("heads", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("made", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
_READ = sa.select(*(column for column in BASELINES.c if column.name != "made"))


class BaselineTable:
    """The baselines of a catalogue's database; the table is made when it is first written."""

    def __init__(self, database: CatalogueDatabase) -> None:
        self._database = database

    async def get(self, key: str) -> Baseline | None:
        """The baseline of this key, or None.

        Raises:
            ServerUnreachableError: the database did not take the connection.
            ConfigurationError: the table cannot be read.
        """

        def read(connection: sa.Connection) -> Baseline | None:
            if not sa.inspect(connection).has_table(BASELINES.name):
                return None
            row = connection.execute(_READ.where(BASELINES.c.key == key)).one_or_none()
            return None if row is None else _baseline(row)

        return await self._database.run(read)

    async def put(self, baseline: Baseline) -> None:
        """Keep a baseline, and the newest few of its track beside it.

        Raises:
            ServerUnreachableError: the database did not take the connection.
            ConfigurationError: the role may not write it.
        """

        def write(connection: sa.Connection) -> None:
            take_turns(connection)
            connection.execute(CreateTable(BASELINES, if_not_exists=True))
            connection.execute(sa.delete(BASELINES).where(BASELINES.c.key == baseline.key))
            connection.execute(sa.insert(BASELINES).values(_row(baseline)))
            connection.execute(_older(baseline.track))

        await self._database.run(write)


def _older(track: str) -> sa.Delete:
    """All but the newest of a track."""
    of_track = sa.select(BASELINES.c.key).where(BASELINES.c.track == track)
    newest = of_track.order_by(BASELINES.c.made.desc()).limit(KEPT).scalar_subquery()
    return sa.delete(BASELINES).where(BASELINES.c.track == track, BASELINES.c.key.not_in(newest))


def _row(baseline: Baseline) -> dict[str, object]:
    return {
        "key": baseline.key,
        "track": baseline.track,
        "heads": json.dumps(baseline.heads),
        "fingerprint": baseline.fingerprint,
        "payload": baseline.payload,
    }


def _baseline(row: sa.Row[Any]) -> Baseline:
    heads = tuple(json.loads(row.heads))
    return Baseline(row.key, row.track, heads, row.fingerprint, bytes(row.payload))
