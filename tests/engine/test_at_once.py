"""Databases that are migrated without looking first, and those among them that stand otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from fastapi_tenancy.engine import apply
from fastapi_tenancy.engine.database_desk import DatabaseDesk
from fastapi_tenancy.engine.sampling import SAMPLE
from fastapi_tenancy.migrations.results import TenantResult
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import DatabaseUrl, database_of
from fastapi_tenancy.observe import positions
from fastapi_tenancy.observe.marker import Marker
from own_databases import names, run, tenant
from project import Project
from snapshot import query

COUNT = 12
ODD = 7
"""Which of them is not like the others."""
AFTER = "SELECT string_agg(version_num, ',') FROM public.alembic_version"


@pytest.fixture
def urls(shop: Project, databases: Callable[[], DatabaseUrl]) -> list[str]:
    """Databases at the first revision."""
    made = [databases() for _ in range(COUNT)]
    move(shop, made, revision="r1")
    return [str(url) for url in made]


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each that was tried without looking came through."""
    found: list[bool] = []
    whole = DatabaseDesk.run_at_once

    def run_at_once(self: DatabaseDesk, *given: Any) -> Any:
        position = whole(self, *given)
        found.append(position is not None)
        return position

    monkeypatch.setattr(DatabaseDesk, "run_at_once", run_at_once)
    return found


def move(
    project: Project, urls: list[DatabaseUrl] | list[str], *asked: Any, **given: Any
) -> list[TenantResult]:
    fleet: list[Tenant] = [
        tenant(f"t{n:02}", database_url=DatabaseUrl(url)) for n, url in enumerate(urls)
    ]
    done = run(project, fleet, *asked, isolation_strategy=IsolationStrategy.DATABASE, **given)
    return [done[t.identifier] for t in fleet]


def said(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_most_of_an_equal_fleet(shop: Project, urls: list[str], sent: list[bool]) -> None:
    for command, after in ((Command.UPGRADE, "r2"), (Command.DOWNGRADE, "r1")):
        sent.clear()
        done = move(shop, urls, command)
        assert {(r["outcome"], r["to_revision"]) for r in done} == {("migrated", after)}
        assert [query(url, AFTER) for url in urls] == [[(after,)]] * COUNT
        # Those at work while it was decided have looked before they could know.
        assert sent.count(True) >= COUNT - SAMPLE - 3
        assert False not in sent


def test_one_that_is_there_already(shop: Project, urls: list[str], sent: list[bool]) -> None:
    move(shop, urls[ODD : ODD + 1])
    before = query(urls[ODD], "SELECT xmin::text FROM public.items")
    done = move(shop, urls)
    assert done[ODD]["outcome"] == "already there"
    assert query(urls[ODD], "SELECT xmin::text FROM public.items") == before
    assert sum(r["outcome"] == "migrated" for r in done) == COUNT - 1
    assert sent.count(False) == 1


def test_one_at_another_revision_and_one_at_none(shop: Project, urls: list[str]) -> None:
    move(shop, urls[ODD : ODD + 1], Command.DOWNGRADE, revision="base")
    said(urls[ODD + 1], "DROP TABLE public.alembic_version, public.items")
    done = move(shop, urls)
    assert {(r["outcome"], r["to_revision"]) for r in done} == {("migrated", "r2")}
    assert all(names(url) == [("ONE",), ("TWO",), ("THREE",)] for url in urls)


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (["UPDATE public.alembic_version SET version_num = 'gone'"], "gone"),
        (["INSERT INTO public.alembic_version VALUES ('gone')"], "gone"),
        (
            [
                "ALTER TABLE public.alembic_version DROP CONSTRAINT alembic_version_pkc",
                "ALTER TABLE public.alembic_version ALTER version_num DROP NOT NULL",
                "INSERT INTO public.alembic_version VALUES (NULL)",
            ],
            "without a revision",
        ),
        (
            [
                "ALTER TABLE public.alembic_version RENAME TO versions",
                "CREATE VIEW public.alembic_version AS SELECT * FROM public.versions",
            ],
            "not a table",
        ),
        (["ALTER TABLE public.items ADD label int"], "already exists"),
    ],
    ids=["unknown", "two", "empty", "view", "failing"],
)
def test_one_that_cannot_be_migrated(
    shop: Project, urls: list[str], statements: list[str], told: str
) -> None:
    said(urls[ODD], *statements)
    before = query(urls[ODD], "SELECT version_num FROM public.alembic_version ORDER BY 1")
    done = move(shop, urls)
    assert [r["success"] for r in done] == [n != ODD for n in range(COUNT)], done
    assert told in str(done[ODD]["error"])
    assert query(urls[ODD], "SELECT version_num FROM public.alembic_version ORDER BY 1") == before
    assert [query(url, AFTER) for url in urls if url != urls[ODD]] == [[("r2",)]] * (COUNT - 1)


def test_one_whose_tables_are_elsewhere(shop: Project, urls: list[str]) -> None:
    said(
        urls[ODD],
        "CREATE SCHEMA elsewhere",
        "ALTER TABLE public.items SET SCHEMA elsewhere",
        "ALTER TABLE public.alembic_version SET SCHEMA elsewhere",
        "CREATE TABLE public.alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO public.alembic_version VALUES ('r1')",
        f'ALTER DATABASE "{database_of(urls[ODD])}" SET search_path TO elsewhere, public',
    )
    done = move(shop, urls)
    assert all(r["success"] for r in done), done
    heads = "SELECT version_num FROM elsewhere.alembic_version"
    assert query(urls[ODD], heads) == [("r2",)]
    assert query(urls[ODD], AFTER) == [("r1",)]
    assert query(urls[ODD], "SELECT count(label) FROM elsewhere.items") == [(3,)]


def test_one_that_is_half_done(shop: Project, urls: list[str], sent: list[bool]) -> None:
    rows = query(urls[ODD], "SELECT xmin::text FROM public.alembic_version")[0][0]
    said(urls[ODD], Marker("r2", True, {}, rows, None).sql("public.alembic_version", 0))
    move(shop, urls)
    assert sent.count(False) == 1
    comment = "SELECT obj_description('public.alembic_version'::regclass, 'pg_class')"
    assert [query(url, AFTER) for url in urls] == [[("r2",)]] * COUNT
    assert query(urls[0], comment) == [(None,)]


def test_one_whose_version_table_is_locked(
    shop: Project, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "WAIT_MS", 300)
    monkeypatch.setattr(positions, "WAIT_MS", 300)
    with psycopg.connect(urls[ODD]) as other:
        other.execute("LOCK TABLE public.alembic_version IN ACCESS EXCLUSIVE MODE")
        done = move(shop, urls)
    assert [r["success"] for r in done] == [n != ODD for n in range(COUNT)], done[ODD]
    assert "another session keeps its version table locked" in str(done[ODD]["error"])


def test_one_whose_version_table_is_further_along_the_path(shop: Project, urls: list[str]) -> None:
    said(
        urls[ODD],
        "CREATE SCHEMA first",
        f'ALTER DATABASE "{database_of(urls[ODD])}" SET search_path TO first, public',
    )
    done = move(shop, urls)
    assert [r["success"] for r in done] == [n != ODD for n in range(COUNT)], done[ODD]
    assert "is in public, but its search path makes new tables in first" in str(done[ODD]["error"])
    assert query(urls[ODD], AFTER) == [("r1",)]
    assert query(urls[ODD], "SELECT count(*) FROM pg_tables WHERE schemaname = 'first'") == [(0,)]
