"""Autogenerate writes, repairs and takes back row-level security, and nothing when nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from helped import Helped

HEAD = """\
import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, String, Table, Text, Uuid

metadata = sa.MetaData()
"""
PLAIN = 'Table("plans", metadata, Column("id", Integer, primary_key=True))\n'
ORDERS = """
Table("orders", metadata, Column("id", Integer, primary_key=True), Column("tenant_id", Uuid){more})
"""
BARE = """\
from alembic import context
from sqlalchemy import create_engine, pool
import fastapi_tenancy.migrations.rls
from models import metadata

url = context.config.get_main_option("sqlalchemy.url")
with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata{options})
    with context.begin_transaction():
        context.run_migrations()
"""
POLICY = """
SELECT c.relname, p.polname, pg_get_expr(polqual, polrelid), relrowsecurity, relforcerowsecurity
FROM pg_class c LEFT JOIN pg_policy p ON polrelid = c.oid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname IN ('orders', 'plans')
ORDER BY 1, 2
"""
INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'orders' ORDER BY 1"


class Shared:
    """A project of shared tables, under `alembic`, whose tables and models are written as wanted."""

    def __init__(self, project: Helped) -> None:
        self.project = project
        self.number = 0

    def models(self, *tables: str) -> None:
        """Let the models be these."""
        (self.project.folder / "models.py").write_text(HEAD + "".join(tables))

    def written(self, **environment: str) -> tuple[list[str], list[str]]:
        """Autogenerate; the operations of upgrade() and downgrade()."""
        self.number += 1
        name = f"g{self.number}"
        ended = self.project.alembic(f"revision --autogenerate -m x --rev-id {name}", **environment)
        assert ended.code == 0, ended
        text = (self.project.folder / "alembic" / "versions" / f"{name}_x.py").read_text()
        up, _, down = text.partition("def downgrade")
        return _operations(up), _operations(down)

    def applied(self) -> None:
        """Upgrade with plain Alembic."""
        self.project.done("alembic upgrade head")

    def unchanged(self) -> None:
        """Nothing is left to be written, and a downgrade comes back to where it was."""
        assert "No new upgrade operations" in self.project.done("alembic check")


def _operations(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line.startswith("op.") and "create_table" not in line]


@pytest.fixture(params=["helper", "bare"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, tenancy_database: str) -> Shared:
    project = Helped.made(tmp_path / "project", tenancy_database, 'isolation_strategy = "rls"')
    for path in (project.folder / "alembic" / "versions").glob("*.py"):
        path.unlink()
    template = project.folder / "alembic" / "script.py.mako"
    template.write_text(
        template.read_text().replace("import sqlalchemy", "${imports or ''}\nimport sqlalchemy")
    )
    if request.param == "bare":
        url = tenancy_database.replace("postgresql:", "postgresql+psycopg:").replace("%", "%%")
        project.ini(f"sqlalchemy.url = {url}")
        (project.folder / "alembic" / "env.py").write_text(BARE.format(options=""))
    return Shared(project)


def test_a_new_table_of_several_tenants(shared: Shared):
    shared.models(PLAIN, ORDERS.format(more=""))
    up, down = shared.written()
    assert up == ["op.enable_tenant_rls('orders')"]
    assert down[0] == "op.disable_tenant_rls('orders')"
    shared.applied()
    shared.unchanged()
    assert [(r[0], r[1], *r[3:]) for r in shared.project.sql(POLICY)] == [
        ("orders", "tenant_rls", True, True),
        ("plans", None, False, False),
    ]
    shared.project.done("alembic downgrade base")
    shared.project.done("alembic upgrade head")
    shared.unchanged()


@pytest.fixture
def standing(shared: Shared) -> Shared:
    """A table of several tenants, migrated."""
    shared.models(PLAIN, ORDERS.format(more=""))
    shared.written()
    shared.applied()
    return shared


def there_and_back(shared: Shared) -> None:
    """What was written goes up, down and up again, and leaves nothing to be written."""
    before = shared.project.sql(POLICY)
    shared.applied()
    shared.unchanged()
    shared.project.done("alembic downgrade -1")
    assert shared.project.sql(POLICY) == before
    shared.applied()
    shared.unchanged()


def test_a_column_that_is_added(shared: Shared):
    shared.models(ORDERS.format(more="").replace(', Column("tenant_id", Uuid)', ""))
    assert shared.written()[0] == []
    shared.applied()
    shared.models(ORDERS.format(more=""))
    up, down = shared.written()
    assert [line.partition("(")[0] for line in up] == ["op.add_column", "op.enable_tenant_rls"]
    assert [line.partition("(")[0] for line in down] == ["op.disable_tenant_rls", "op.drop_column"]
    there_and_back(shared)


def test_a_table_that_says_it_is_everybodys(standing: Shared):
    standing.models(PLAIN, ORDERS.format(more=', info={"tenant_rls": False}'))
    up, down = standing.written()
    assert (up, down) == (["op.disable_tenant_rls('orders')"], ["op.enable_tenant_rls('orders')"])
    there_and_back(standing)


def test_a_table_with_another_column_is_marked(standing: Shared):
    standing.models(
        ORDERS.format(more=""),
        PLAIN.replace("))", '), Column("org", String(9)), info={"tenant_rls": "org"})'),
    )
    up, _down = standing.written()
    assert up[1:] == ["op.enable_tenant_rls('plans', column='org')"]
    there_and_back(standing)


@pytest.mark.parametrize(
    ("broken", "back"),
    [
        ("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY", "enable"),
        ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "enable"),
        ("ALTER POLICY tenant_rls ON orders USING (true)", "enable"),
        ("ALTER POLICY tenant_rls ON orders WITH CHECK (true)", "enable"),
        ("ALTER POLICY tenant_rls ON orders TO CURRENT_USER", "enable"),
        ("DROP POLICY tenant_rls ON orders", "disable"),
        ("DROP POLICY tenant_rls ON orders; CREATE POLICY x ON orders USING (id > 1)", "disable"),
    ],
)
def test_what_does_not_hold_is_put_right(standing: Shared, broken: str, back: str):
    standing.project.sql(broken)
    up, down = standing.written()
    assert (up, down) == (["op.enable_tenant_rls('orders')"], [f"op.{back}_tenant_rls('orders')"])
    standing.applied()
    standing.unchanged()


def test_a_policy_that_compares_values_only_is_made_to_compare_texts_too(standing: Shared):
    value = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"
    standing.project.sql(
        f"ALTER POLICY tenant_rls ON orders USING (tenant_id = {value})"
        f" WITH CHECK (tenant_id = {value})"
    )
    up, down = standing.written()
    assert (up, down) == (["op.enable_tenant_rls('orders')"], ["op.enable_tenant_rls('orders')"])
    standing.applied()
    standing.unchanged()
    assert "CASE" in str(standing.project.sql(POLICY))


@pytest.mark.parametrize(
    "using",
    [
        "tenant_id = current_setting('app.tenant_id')::uuid",
        "tenant_id::text = current_setting('app.tenant_id', true)",
        "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid) = tenant_id",
    ],
)
def test_a_policy_by_hand_that_holds_is_left_alone(standing: Shared, using: str):
    standing.project.sql(
        f"DROP POLICY tenant_rls ON orders; CREATE POLICY mine ON orders USING ({using})"
    )
    standing.unchanged()
    standing.project.sql(
        "CREATE POLICY more ON orders USING (true);"
        f"CREATE POLICY less ON orders AS RESTRICTIVE USING ({using})"
    )
    standing.unchanged()
    standing.project.sql("DROP POLICY less ON orders")
    assert standing.written()[0] == ["op.enable_tenant_rls('orders')"]


def test_another_setting(standing: Shared):
    toml = standing.project.folder / "tenancy.toml"
    toml.write_text(toml.read_text() + 'rls_setting = "shop.tenant"\n')
    up, down = standing.written()
    assert up == ["op.enable_tenant_rls('orders', setting='shop.tenant')"]
    assert down == ["op.enable_tenant_rls('orders')"]
    there_and_back(standing)


def test_another_column(standing: Shared):
    toml = standing.project.folder / "tenancy.toml"
    toml.write_text(toml.read_text() + 'rls_column = "org"\n')
    standing.models(PLAIN, ORDERS.format(more="").replace("tenant_id", "org"))
    up, _down = standing.written()
    assert [line.partition("(")[0] for line in up] == [
        "op.disable_tenant_rls",
        "op.add_column",
        "op.drop_column",
        "op.enable_tenant_rls",
    ]
    there_and_back(standing)
    assert "orders_org_rls_idx" in str(standing.project.sql(INDEXES))


def test_another_type(shared: Shared):
    shared.models(ORDERS.format(more="").replace("Uuid)", "Integer)"))
    shared.written()
    shared.applied()
    shared.models(ORDERS.format(more="").replace("Uuid)", "sa.BigInteger)"))
    up, _down = shared.written()
    assert [line.partition("(")[0] for line in up] == [
        "op.disable_tenant_rls",
        "op.alter_column",
        "op.enable_tenant_rls",
    ]
    there_and_back(shared)
    assert "::bigint" in str(shared.project.sql(POLICY))


def test_a_table_that_goes(standing: Shared):
    standing.models(PLAIN)
    up, down = standing.written()
    assert up == ["op.disable_tenant_rls('orders')", "op.drop_table('orders')"]
    assert down == ["op.enable_tenant_rls('orders')"]
    there_and_back(standing)


def test_an_index_that_the_models_have(shared: Shared):
    shared.models(ORDERS.format(more=', Index("mine", "tenant_id", "id")'))
    shared.written()
    shared.applied()
    shared.unchanged()
    assert [i for (i,) in shared.project.sql(INDEXES)] == ["mine", "orders_pkey"]
    shared.models(ORDERS.format(more=""))
    assert shared.written()[0] == ["op.drop_index(op.f('mine'), table_name='orders')"]
    shared.applied()
    shared.unchanged()


def test_tables_of_other_schemas(shared: Shared):
    shared.project.sql("CREATE SCHEMA sales")
    env = shared.project.folder / "alembic" / "env.py"
    env.write_text(
        env.read_text().replace(
            "target_metadata=metadata", "target_metadata=metadata, include_schemas=True"
        )
    )
    shared.models(ORDERS.format(more=', schema="sales"'), ORDERS.format(more=""))
    up, down = shared.written()
    assert sorted(up) == [
        "op.enable_tenant_rls('orders')",
        "op.enable_tenant_rls('orders', schema='sales')",
    ]
    assert "op.disable_tenant_rls('orders', schema='sales')" in down
    there_and_back(shared)
    shared.project.sql("ALTER TABLE sales.orders NO FORCE ROW LEVEL SECURITY")
    assert shared.written()[0] == ["op.enable_tenant_rls('orders', schema='sales')"]


def test_what_the_project_leaves_out_is_left_out(standing: Shared):
    standing.project.sql("DROP POLICY tenant_rls ON orders")
    env = standing.project.folder / "alembic" / "env.py"
    env.write_text(
        env.read_text().replace(
            "target_metadata=metadata",
            "target_metadata=metadata, include_object=lambda o, name, *rest: name != 'orders'",
        )
    )
    standing.unchanged()


@pytest.mark.parametrize("shared", ["bare"], indirect=True)
@pytest.mark.parametrize(
    ("settings", "by_column"),
    [
        ('"schema"', False),
        ('"schema"\nstandard_isolation_strategy = "rls"', False),
        ('"hybrid"', False),
        ('"hybrid"\nstandard_isolation_strategy = "rls"', True),
        ('"hybrid"\npremium_isolation_strategy = "rls"', True),
    ],
)
def test_without_shared_tables_only_what_is_marked(shared: Shared, settings: str, by_column: bool):
    toml = shared.project.folder / "tenancy.toml"
    toml.write_text(toml.read_text().replace('"rls"', settings))
    marked = '), Column("tenant_id", Text), info={"tenant_rls": True})'
    shared.models(ORDERS.format(more=""), PLAIN.replace("))", marked))
    both = ["op.enable_tenant_rls('orders')", "op.enable_tenant_rls('plans')"]
    assert sorted(shared.written()[0]) == (both if by_column else both[1:])


@pytest.mark.parametrize(
    ("info", "told"),
    [("5", "expected True, False, or"), ("'whose'", "has no column whose")],
)
def test_a_mark_that_means_nothing(shared: Shared, info: str, told: str):
    shared.models(ORDERS.format(more=f', info={{"tenant_rls": {info}}}'))
    assert told in shared.project.refused("revision --autogenerate -m x")
