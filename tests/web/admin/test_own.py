"""What is asked of one tenant moves that tenant, in its own histories, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from operators import SIGNED_IN, application, begun, over, told

from fastapi_tenancy import TenancyConfig, TenancyManager
from serving import client, started
from several import ini, located, revision, scripts, shop

MORE = '\n[tracks.more]\nscope = "tenant"\nalembic_section = "more"\nafter = ["tenants"]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two histories: what companies share, and the books of each tenant."""
    made = tmp_path / "several"
    made.mkdir()
    monkeypatch.chdir(made)
    shop(made)
    return made


def _second_history(folder: Path) -> None:
    """A history of tenants that comes after their books."""
    sections = {name: located(name) for name in ("shared", "tenants", "more")}
    ini(folder / "alembic.ini", sections)
    with (folder / "tenancy.toml").open("a") as settings:
        settings.write(MORE)
    made = scripts(folder / "more", 'version_table="more_version"')
    create = 'op.create_table("more", sa.Column("id", sa.Integer))'
    revision(made, "m1", None, create, 'op.drop_table("more")')


@pytest.fixture
async def http(folder: Path, tenancy_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """The operator's client; the companies are at s1, and acme is not migrated yet."""
    manager = TenancyManager(TenancyConfig(database_url=tenancy_database))
    app = application(manager)
    async with started(app), client(app, **SIGNED_IN) as made:
        assert (await _done(made, "/fleet/upgrade", track="shared"))["state"] == "succeeded"
        answer = await made.post("/admin/tenants", json={"identifier": "acme"})
        assert answer.status_code == 201, answer.text
        yield made


async def _done(http: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    address = await begun(http, path, **body)
    run = await over(http, address)
    results = (await http.get(f"{address}/results")).json()["items"]
    return {**run, "results": [(r["track"], r["outcome"], r["error"]) for r in results]}


def _stands(url: str, schema: str, table: str = "alembic_version") -> str:
    with psycopg.connect(url) as connection:
        rows = connection.execute(f'SELECT version_num FROM "{schema}".{table}'.encode())
        return ",".join(name for (name,) in rows.fetchall())


async def test_what_everybody_uses_is_not_downgraded_in_the_name_of_one(
    http: httpx.AsyncClient, tenancy_database: str
) -> None:
    down = {"revision": "base", "confirm": "acme", "track": "shared"}
    detail = told(await http.post("/admin/tenants/acme/downgrade", json=down), 409)["detail"]
    assert "the track 'shared' is not a tenant's own (its scope is 'shared')" in detail
    told(await http.post("/admin/tenants/acme/upgrade", json={"track": "shared"}), 409)
    told(await http.get("/admin/tenants/acme/plan", params={"track": "shared"}), 409)
    assert _stands(tenancy_database, "shared") == "s1"


async def test_a_tenant_is_upgraded_in_its_own_history_only(
    http: httpx.AsyncClient, folder: Path, tenancy_database: str
) -> None:
    revision(folder / "tenants", "t2", "t1", 'op.add_column("books", sa.Column("t", sa.Text))')
    plan = (await http.get("/admin/tenants/acme/plan")).json()
    assert [track["track"] for track in plan["tracks"]] == ["tenants"]
    run = await _done(http, "/tenants/acme/upgrade")
    assert (run["state"], run["results"]) == ("succeeded", [("tenants", "migrated", None)])
    revision(folder / "tenants", "t3", "t2", "pass")
    revision(folder / "shared", "s2", "s1", "pass")
    run = await _done(http, "/tenants/acme/upgrade")
    assert run["state"] == "refused"
    assert "the track 'tenants' waits for 'shared'" in run["error"]
    assert "waits for 'shared'" in told(await http.get("/admin/tenants/acme/plan"), 409)["detail"]
    stands = [_stands(tenancy_database, name) for name in ("shared", "tenant_acme")]
    assert stands == ["s1", "t2"]


async def test_histories_of_a_tenant_go_one_after_the_other(
    folder: Path, tenancy_database: str
) -> None:
    _second_history(folder)
    app = application(TenancyManager(TenancyConfig(database_url=tenancy_database)))
    async with started(app), client(app, **SIGNED_IN) as http:
        await _done(http, "/fleet/upgrade", track="shared")
        answer = await http.post("/admin/tenants", json={"identifier": "acme"})
        assert answer.status_code == 201, answer.text
        down = {"revision": "-1", "confirm": "acme"}
        detail = told(await http.post("/admin/tenants/acme/downgrade", json=down), 409)["detail"]
        assert "has to say which history is meant: track, one of tenants, more" in detail
        revision(folder / "tenants", "t2", "t1", 'op.execute("SELECT no_such_function()")')
        revision(folder / "more", "m2", "m1", "pass")
        run = await _done(http, "/tenants/acme/upgrade")
        assert run["state"] == "failed"
        outcomes = [(track, outcome) for track, outcome, _ in run["results"]]
        assert outcomes == [("tenants", "failed"), ("more", "skipped")]
        assert "the history 'tenants', which comes before, is not there yet" in run["results"][1][2]
        revision(folder / "tenants", "t2", "t1", "pass")
        assert (await _done(http, "/tenants/acme/upgrade"))["state"] == "succeeded"
        down["track"] = "more"
        assert (await _done(http, "/tenants/acme/downgrade", **down))["state"] == "succeeded"
    assert _stands(tenancy_database, "tenant_acme") == "t2"
    assert _stands(tenancy_database, "tenant_acme", "more_version") == "m1"
