"""Reading structures for drift: chunks, locks, who is migrated meanwhile, and being interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from cli_desk import Desk
from fastapi_tenancy.cli.reading import reading
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.drift.detecting import MOVED, Request, find_drift
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.migrations.fleet import in_own_loop
from fastapi_tenancy.migrations.reference.building import WasInterruptedError
from fastapi_tenancy.migrations.tracks.opening import open_tracks
from fastapi_tenancy.model.event import Event, Reading
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.opening import open_isolation
from fastapi_tenancy.storage.memory import InMemoryTenantStore

SCRATCH = "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'tenancy_scratch')"


def request_for(desk: Desk, names: list[str]) -> Request:
    config = TenancyConfig(database_url=desk.url, alembic_ini=desk.folder / "alembic.ini")
    store = InMemoryTenantStore([Tenant(id=name, identifier=name) for name in names])
    isolation = open_isolation(config)
    every = open_tracks(config, in_own_loop(store, isolation), isolation)
    return Request(opened=every[0], every=every)


def stamped(desk: Desk, count: int) -> list[str]:
    """Schemas without a migration's help: a table each, and a version row."""
    names = [f"m{number}" for number in range(count)]
    with psycopg.connect(desk.url, autocommit=True) as connection:
        for name in names:
            connection.execute(
                f"CREATE SCHEMA tenant_{name}"
                f" CREATE TABLE notes (id serial PRIMARY KEY, text text, author text)"
                f" CREATE TABLE alembic_version (version_num varchar(32) NOT NULL"
                f" CONSTRAINT alembic_version_pkc PRIMARY KEY);"
                f" INSERT INTO tenant_{name}.alembic_version VALUES ('0003')"
            )
    return names


def test_many_schemas_are_read_in_chunks(desk: Desk):
    names = stamped(desk, 250)
    desk.sql("ALTER TABLE tenant_m17.notes ADD by_hand int")
    told: list[Event] = []
    most, ended = [0], threading.Event()

    def watch() -> None:
        with psycopg.connect(desk.url, autocommit=True) as connection:
            while not ended.wait(0.002):
                row = connection.execute("SELECT count(*) FROM pg_locks").fetchone()
                most[0] = max(most[0], row[0] if row else 0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        found = find_drift(request_for(desk, names), listener=told.append)
    finally:
        ended.set()
        thread.join()
    (group,) = found.groups
    assert (group.identical, group.drifted) == (249, 1)
    assert [v.tenants for v in group.variants] == [("m17",)]
    read = [event.done for event in told if isinstance(event, Reading)]
    assert read == [0, 100, 200, 250]
    assert most[0] < 1000


def test_whoever_is_migrated_meanwhile_has_not_drifted(fleet: Callable[..., Desk]):
    desk = fleet("acme", "bolt", at="0001")

    def listen(event: Event) -> None:
        if isinstance(event, Reading) and event.done == 0:
            assert desk.run("upgrade", "0002", "--tenant", "bolt").code == 0

    found = find_drift(request_for(desk, ["acme", "bolt"]), listener=listen)
    assert [(g.identical, g.drifted) for g in found.groups] == [(1, 0)]
    assert [(u.tenants, u.reason) for u in found.unread] == [(("bolt",), MOVED)]


def test_an_interrupt_leaves_nothing(fleet: Callable[..., Desk]):
    desk, stop = fleet("acme", at="0003"), Stop()

    def listen(event: Event) -> None:
        stop.request()

    with pytest.raises(WasInterruptedError):
        find_drift(request_for(desk, ["acme"]), listener=listen, stop=stop)
    assert desk.sql(SCRATCH) == [(0,)]


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown(tmp_path: Path, terminal: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fastapi_tenancy.cli.reading.LINE_EVERY_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    with (tmp_path / "shown").open("w+") as file:
        console = Console(file=file, force_terminal=terminal, width=100)
        with reading(console, "structures") as listener:
            listener(Reading(1200, 5000))
        file.seek(0)
        shown = file.read()
    assert ("1200/5000" if terminal else "read 1,200 of 5,000 structures\n") in shown
