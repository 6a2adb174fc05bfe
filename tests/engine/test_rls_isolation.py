"""What a role without BYPASSRLS sees and can write in tables that op.enable_tenant_rls was run for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.policy import TenantPolicy, enable_sql
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.opening import open_isolation
from own_databases import ENVIRONMENT
from project import Project

TYPES = {
    "sa.Uuid": ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"),
    "sa.BigInteger": ("1", "2"),
    "sa.Text": ("acme", "bolt"),
    "sa.String(4)": ("acme", "bolt"),
    "sa.CHAR(4)": ("acme", "bolt"),
    "ENUM('acme', 'bolt', name='Whose')": ("acme", "bolt"),
}
TABLES = """
op.create_table(
    "customers", sa.Column("id", sa.Integer, primary_key=True), sa.Column("tenant_id", {kind}),
    sa.Column("name", sa.Text), sa.UniqueConstraint("tenant_id", "id"),
)
op.create_table(
    "orders", sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("tenant_id", {again}), sa.Column("customer_id", sa.Integer),
    sa.ForeignKeyConstraint(["tenant_id", "customer_id"], ["customers.tenant_id", "customers.id"],
        name="of_the_same", ondelete="CASCADE"),
)
"""
SECURE = 'op.enable_tenant_rls("customers")\nop.enable_tenant_rls("orders")'
UNSECURE = 'op.disable_tenant_rls("orders")\nop.disable_tenant_rls("customers")'
ORDERS = "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY 1"
UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
SET = "SELECT set_config('app.tenant_id', %s, true)"


@dataclass
class Shared:
    """Shared tables, the role that owns them, and the role that an application connects as."""

    project: Project
    first: str
    second: str
    owner: str
    app: str

    @contextmanager
    def asking(self, role: str, tenant: str | None) -> Iterator[psycopg.Connection]:
        """A transaction of a role on behalf of a tenant, taken back afterwards."""
        with (
            psycopg.connect(_as(self.project.url, role)) as connection,
            connection.transaction(force_rollback=True),
        ):
            if tenant is not None:
                connection.execute(SET, [tenant])
            yield connection

    def migrated(self, revision: str, command: Command = Command.UPGRADE) -> None:
        """Move the one target with the engine, as the owner."""
        config = TenancyConfig(
            database_url=_as(self.project.url, self.owner), isolation_strategy=IsolationStrategy.RLS
        )
        options = RunOptions(command=command, revision=revision)
        run = FleetRun(History(self.project.ini), open_isolation(config), options)
        fleet = [Tenant(id=name, identifier=name) for name in ("one", "two")]
        report = run.execute(lambda: fleet)
        assert all(outcome.success for outcome in report.outcomes), report.outcomes


def _as(url: str, role: str) -> DatabaseUrl:
    user = str(psycopg.conninfo.conninfo_to_dict(url)["user"])
    return DatabaseUrl(url.replace(f"//{user}@", f"//{role}@", 1))


@pytest.fixture
def shared_tables(project: Project) -> Iterator[Callable[..., Shared]]:
    owner, app = (f"{kind}_{uuid4().hex[:12]}" for kind in ("owner", "app"))
    (project.root / "scripts" / "env.py").write_text(ENVIRONMENT)

    def make(kind: str) -> Shared:
        again = "ENUM(name='Whose', create_type=False)" if "ENUM" in kind else kind
        top = "from sqlalchemy.dialects.postgresql import ENUM"
        project.revision("r1", None, TABLES.format(kind=kind, again=again), top=top)
        project.revision("r2", "r1", SECURE, UNSECURE)
        shared = Shared(project, *TYPES[kind], owner, app)
        shared.migrated("r1")
        with psycopg.connect(_as(project.url, owner), autocommit=True) as connection:
            connection.execute(f"GRANT ALL ON customers, orders TO {app}".encode())
            _fill(connection, TYPES[kind])
        shared.migrated("head")
        return shared

    with psycopg.connect(project.url, autocommit=True) as connection:
        for role in (owner, app):
            connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {owner}".encode())
        yield make
        for role in (owner, app):
            connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}".encode())


def _fill(connection: psycopg.Connection, tenants: tuple[str, str]) -> None:
    for number, tenant in enumerate(tenants, 1):
        connection.execute(
            "INSERT INTO customers VALUES (%s, %s, %s)", [number, tenant, f"name {number}"]
        )
        connection.execute(
            "INSERT INTO orders (tenant_id, customer_id) VALUES (%s, %s)", [tenant, number]
        )


@pytest.mark.parametrize("kind", TYPES)
def test_each_tenant_sees_and_writes_its_own_rows(
    shared_tables: Callable[[str], Shared], kind: str
) -> None:
    shared = shared_tables(kind)
    for role in (shared.app, shared.owner):
        with shared.asking(role, shared.first) as connection:
            assert connection.execute("SELECT id FROM customers").fetchall() == [(1,)]
            assert connection.execute(ORDERS).fetchall() == [(1, "name 1")]
            assert connection.execute("UPDATE orders SET customer_id = NULL").rowcount == 1
            assert connection.execute("DELETE FROM customers").rowcount == 1
        with shared.asking(role, shared.second) as connection:
            assert connection.execute(ORDERS).fetchall() == [(2, "name 2")]
            own = connection.execute(
                "INSERT INTO customers VALUES (7, %s) RETURNING id", [shared.second]
            )
            assert own.fetchall() == [(7,)]
            with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                connection.execute("INSERT INTO customers VALUES (8, %s)", [shared.first])
        with (
            shared.asking(role, shared.second) as connection,
            pytest.raises(errors.InsufficientPrivilege, match="row-level security"),
        ):
            connection.execute("UPDATE orders SET tenant_id = %s", [shared.first])


@pytest.mark.parametrize("missing", [None, ""])
@pytest.mark.parametrize("kind", ["sa.Uuid", "sa.BigInteger", "sa.Text"])
def test_without_the_setting_there_is_nothing(
    shared_tables: Callable[[str], Shared], kind: str, missing: str | None
) -> None:
    shared = shared_tables(kind)
    for role in (shared.app, shared.owner):
        with shared.asking(role, missing) as connection:
            assert connection.execute("SELECT FROM customers").rowcount == 0
            assert connection.execute("UPDATE customers SET name = 'x'").rowcount == 0
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("INSERT INTO customers VALUES (9, %s)", [shared.first])


def test_a_setting_that_a_finished_transaction_left_empty_shows_nothing(
    shared_tables: Callable[[str], Shared],
) -> None:
    shared = shared_tables("sa.Uuid")
    with psycopg.connect(_as(shared.project.url, shared.app), autocommit=True) as connection:
        with connection.transaction():
            connection.execute(SET, [shared.first])
            assert connection.execute("SELECT FROM customers").rowcount == 1
        # PostgreSQL keeps the setting, as an empty text, which is no uuid.
        assert connection.execute("SELECT FROM customers").rowcount == 0


@pytest.mark.parametrize("kind", ["sa.Uuid", "sa.BigInteger", "sa.Text", "sa.String(4)"])
def test_a_reference_leads_to_nobody_else(
    shared_tables: Callable[[str], Shared], kind: str
) -> None:
    shared = shared_tables(kind)
    refer = "INSERT INTO orders (tenant_id, customer_id) VALUES (%s, %s)"
    with shared.asking(shared.app, shared.second) as connection:
        connection.execute(refer, [shared.second, 2])
        # The customer is there, and another tenant's: the key holds the tenant.
        with pytest.raises(errors.ForeignKeyViolation, match="of_the_same"):
            connection.execute(refer, [shared.second, 1])
    with shared.asking(shared.app, shared.first) as connection:
        connection.execute("DELETE FROM customers")  # cascades to what it does not see, too
        assert connection.execute("SELECT FROM orders").rowcount == 0


@pytest.mark.parametrize("kind", ["sa.Uuid", "sa.BigInteger", "sa.Text", "sa.String(4)"])
def test_the_index_is_used(shared_tables: Callable[[str], Shared], kind: str) -> None:
    shared = shared_tables(kind)
    with shared.asking(shared.app, shared.first) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SET LOCAL enable_bitmapscan = off")
        plan = "\n".join(r for (r,) in connection.execute("EXPLAIN SELECT * FROM orders"))
    assert "Index Scan using orders_tenant_id_rls_idx" in plan
    assert "Index Cond" in plan
    assert "current_setting" in plan
    assert "Filter" not in plan


@pytest.mark.parametrize(("kind", "least"), [("uuid", 900), ("int", 900), ("numeric", 400)])
def test_rows_are_estimated_as_without_a_policy(
    tenancy_database: str, kind: str, least: int
) -> None:
    with psycopg.connect(tenancy_database) as connection:
        own = UUID if kind == "uuid" else "1"
        connection.execute(f"CREATE TABLE items (tenant_id {kind})".encode())
        connection.execute(enable_sql(TenantPolicy(table="items")).encode())
        connection.execute(
            f"INSERT INTO items SELECT '{own}' FROM generate_series(1, 1000)".encode()
        )
        connection.execute("ANALYZE items")
        role = f"asks_{uuid4().hex[:12]}"
        connection.execute(
            f"CREATE ROLE {role}; GRANT ALL ON items TO {role}; SET ROLE {role}".encode()
        )
        connection.execute(SET, [own])
        ((plan,),) = connection.execute("EXPLAIN (FORMAT JSON) SELECT FROM items").fetchall()
        assert plan[0]["Plan"]["Plan Rows"] >= least
        connection.rollback()


SPELLINGS = [
    ("int", "1", ["01", "+1", " 1"]),
    ("bigint", "1", ["01"]),
    ("uuid", UUID, [UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}"]),
    ("numeric", "1", ["1.0", "01"]),
    ("char(4)", "abc", ["abc ", "ABC"]),
    ("varchar(3)", "abc", ["abcdef"]),
    ("name", "x" * 63, ["x" * 64]),
    ("boolean", "true", ["t", "yes", "1"]),
    ("cut", "abc", ["abcdef"]),
    ("number", "1", ["01"]),
    ("insensitive", "acme", ["ACME"]),
    ('text COLLATE "any case"', "acme", ["ACME"]),
]


@pytest.mark.parametrize(("kind", "own", "others"), SPELLINGS)
def test_ids_that_are_written_differently_are_different_tenants(
    tenancy_database: str, kind: str, own: str, others: list[str]
) -> None:
    with psycopg.connect(tenancy_database) as connection:
        connection.execute(
            "CREATE DOMAIN cut AS varchar(3); CREATE DOMAIN number AS int;"
            "CREATE COLLATION \"any case\" (provider = icu, locale = 'und-u-ks-level2',"
            " deterministic = false);"
            # What citext is, without the extension: not every server has it.
            'CREATE DOMAIN insensitive AS text COLLATE "any case"'
        )
        connection.execute(f"CREATE TABLE items (tenant_id {kind})".encode())
        connection.execute(enable_sql(TenantPolicy(table="items")).encode())
        connection.execute("INSERT INTO items VALUES (%s)", [own])
        role = f"asks_{uuid4().hex[:12]}"
        connection.execute(
            f"CREATE ROLE {role}; GRANT ALL ON items TO {role}; SET ROLE {role}".encode()
        )
        seen = {}
        for tenant in (own, *others):
            connection.execute(SET, [tenant])
            seen[tenant] = connection.execute("SELECT FROM items").rowcount
            if tenant != own:
                with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                    connection.execute("INSERT INTO items VALUES (%s)", [own])
        assert seen == {own: 1, **dict.fromkeys(others, 0)}
        connection.rollback()


def test_a_downgrade_shows_everything_again(shared_tables: Callable[[str], Shared]) -> None:
    shared = shared_tables("sa.Uuid")
    shared.migrated("r1", Command.DOWNGRADE)
    with shared.asking(shared.app, None) as connection:
        assert connection.execute("SELECT FROM customers").rowcount == 2
    shared.migrated("head")
    with shared.asking(shared.app, None) as connection:
        assert connection.execute("SELECT FROM customers").rowcount == 0
