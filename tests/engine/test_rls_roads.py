"""op.enable_tenant_rls and op.disable_tenant_rls: one result on every road, that of plain Alembic."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from fastapi_tenancy.model.plan import Command, Engine
from project import Project
from same import FLEET, both_roads

TOP = "import fastapi_tenancy.migrations.rls"
ORDERS = """
op.create_table(
    "orders", sa.Column("id", sa.Integer, primary_key=True), sa.Column("tenant_id", sa.Uuid),
)
op.create_table(
    "It's odd: \\"100%\\"", sa.Column("id", sa.Integer, primary_key=True), sa.Column("whose: %s", sa.Text),
)
op.create_table("kept", sa.Column("id", sa.Integer, primary_key=True), sa.Column("tenant_id", sa.BigInteger))
op.create_index("kept_by_tenant", "kept", ["tenant_id", "id"])
"""
ENABLE = """
op.enable_tenant_rls("orders")
op.enable_tenant_rls("It's odd: \\"100%\\"", column="whose: %s", setting="shop.whose")
op.enable_tenant_rls("kept")
"""
DISABLE = """
op.disable_tenant_rls("kept")
op.disable_tenant_rls("It's odd: \\"100%\\"", column="whose: %s", setting="shop.whose")
op.disable_tenant_rls("orders")
"""
POLICIES = """
SELECT c.relname, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid),
    relrowsecurity, relforcerowsecurity
FROM pg_policy JOIN pg_class c ON c.oid = polrelid WHERE relnamespace = %s::regnamespace ORDER BY 1
"""
INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = %s AND indexname !~ 'pk' ORDER BY 1"


@pytest.fixture
def secured(project: Project) -> Project:
    project.revision("r1", None, ORDERS)
    project.revision("r2", "r1", ENABLE, DISABLE, top=TOP)
    return project


def _rows(url: str, query: str, schema: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), [schema]).fetchall()


@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.REPLAY, Engine.LIVE, Engine.ENV])
def test_up_and_down_on_every_road(
    secured: Project,
    schemas: Callable[..., list[str]],
    copied: Callable[[], str],
    engine: Engine,
):
    schemas(*FLEET)
    secured.run(FLEET, "r1").require_success()
    bare = _rows(secured.url, INDEXES, "a1")
    done = both_roads(secured, copied, engine=engine)
    if engine is Engine.AUTO:
        assert set(done.taken.values()) == {"replay", "live"}
    found = _rows(secured.url, POLICIES, "a5")
    assert [f[0] for f in found] == ['It\'s odd: "100%"', "kept", "orders"]
    assert [(f[1] == f[2], *f[3:]) for f in found] == [(True, True, True)] * 3
    value = "(NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid"
    assert (
        str(found[2][1]).split()
        == (
            f"(tenant_id = CASE WHEN (({value})::text = current_setting('app.tenant_id'::text, true))"
            f" THEN {value} ELSE NULL::uuid END)"
        ).split()
    )
    assert (
        found[0][1]
        == "(\"whose: %s\" = NULLIF(current_setting('shop.whose'::text, true), ''::text))"
    )
    assert [i for (i,) in _rows(secured.url, INDEXES, "a5")] == [
        'It\'s odd: "100%"_whose: %s_rls_idx',
        "kept_by_tenant",
        "orders_tenant_id_rls_idx",
    ]
    both_roads(secured, copied, revision="r1", command=Command.DOWNGRADE, engine=engine)
    assert _rows(secured.url, POLICIES, "a5") == []
    assert _rows(secured.url, INDEXES, "a5") == bare
