"""In shared tables a session sees its tenant's rows, and a role that would see more is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fastapi_tenancy import Tenant, TenantSessions
from fastapi_tenancy.errors import ConfigurationError, ServerUnreachableError
from fastapi_tenancy.isolation.rls import RLSIsolationProvider
from fastapi_tenancy.model.url import with_database
from houses import ACME, BOLT, config_of

NAMES = text("SELECT name FROM items ORDER BY name")
ADD = text("INSERT INTO items (tenant_id, name) VALUES (:tenant, :name)")
TABLES = """
CREATE TABLE items (tenant_id text NOT NULL, name text);
CREATE POLICY own ON items USING (tenant_id = current_setting('app.tenant_id', true));
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
INSERT INTO items VALUES ('1', 'anvil'), ('2', 'bolt');
"""


class Shared:
    """Shared tables, and a role that is neither their owner nor a superuser."""

    def __init__(self, url: str, role: str) -> None:
        self.url, self.role = url, role

    def run(self, query: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(query.encode())

    def address(self, role: str = "") -> str:
        parts = conninfo_to_dict(self.url)
        plain = self.url.replace(f"//{parts['user']}", f"//{role or self.role}", 1)
        assert (role or self.role) in plain
        return plain


@pytest.fixture
def shared(tenancy_database: str) -> Iterator[Shared]:
    name = str(conninfo_to_dict(tenancy_database)["dbname"])
    place = Shared(tenancy_database, f"app_{name}")
    place.run(TABLES)
    place.run(f'CREATE ROLE "{place.role}" LOGIN')
    place.run(f'GRANT SELECT, INSERT, UPDATE, DELETE ON items TO "{place.role}"')
    yield place
    place.run(f'DROP OWNED BY "{place.role}"; DROP ROLE "{place.role}"')


def opened(shared: Shared, driver: str, role: str = "", **settings: Any) -> TenantSessions:
    return TenantSessions(RLSIsolationProvider(config_of(shared.address(role), driver, **settings)))


@pytest.fixture
async def sessions(shared: Shared, driver: str) -> AsyncIterator[TenantSessions]:
    made = opened(shared, driver)
    yield made
    await made.close()


async def test_each_tenant_has_its_rows(sessions: TenantSessions):
    await sessions.check()
    async with sessions.session(ACME) as acme, sessions.session(BOLT) as bolt:
        assert (await acme.scalars(NAMES)).all() == ["anvil"]
        assert (await bolt.scalars(NAMES)).all() == ["bolt"]
        await acme.execute(ADD, {"tenant": "1", "name": "rope"})
        await acme.commit()
        assert (await acme.scalars(NAMES)).all() == ["anvil", "rope"]
        assert (await bolt.scalars(NAMES)).all() == ["bolt"]
        with pytest.raises(DBAPIError, match="row-level security"):
            await bolt.execute(ADD, {"tenant": "1", "name": "theirs"})
    async with sessions.common() as session:
        assert (await session.scalars(NAMES)).all() == []


async def test_an_identifier_and_another_setting_may_be_what_counts(shared: Shared, driver: str):
    shared.run(
        "DROP POLICY own ON items; UPDATE items SET tenant_id = 'o''b\\x' WHERE name = 'bolt'"
    )
    shared.run("CREATE POLICY own ON items USING (tenant_id = current_setting('Shop.who', true))")
    sessions = opened(shared, driver, rls_setting="Shop.who", rls_field="identifier")
    async with sessions.session(Tenant(id="7", identifier="o'b\\x")) as session:
        assert (await session.scalars(NAMES)).all() == ["bolt"]
    await sessions.close()


async def test_a_superuser_is_refused_at_start_and_in_use(shared: Shared, driver: str):
    sessions = TenantSessions(RLSIsolationProvider(config_of(shared.url, driver)))
    with pytest.raises(ConfigurationError, match=r"is a superuser.*rls_role"):
        await sessions.check()
    with pytest.raises(ConfigurationError, match="is a superuser"):
        async with sessions.session(ACME) as session:
            await session.execute(NAMES)
    await sessions.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER ROLE {role} BYPASSRLS", r"'app_.*allowed to bypass it \(BYPASSRLS\)"),
        ("ALTER TABLE items OWNER TO {role}", "owns items .*ALTER TABLE items FORCE ROW LEVEL"),
        ("ALTER TABLE items DISABLE ROW LEVEL SECURITY", "ALTER TABLE items ENABLE ROW LEVEL"),
    ],
)
async def test_what_would_bypass_is_named_with_what_to_do(
    shared: Shared, driver: str, change: str, told: str
):
    shared.run(change.format(role=shared.role))
    sessions = opened(shared, driver)
    with pytest.raises(ConfigurationError, match=told):
        await sessions.check()
    if "OWNER" in change:
        shared.run("ALTER TABLE items FORCE ROW LEVEL SECURITY")
        await sessions.check()
        async with sessions.session(BOLT) as session:
            assert (await session.scalars(NAMES)).all() == ["bolt"]
    await sessions.close()


VIEW = "CREATE VIEW every AS SELECT name FROM items; GRANT SELECT ON every TO {role}"
HELD = "CREATE MATERIALIZED VIEW held AS SELECT {what} FROM items; GRANT SELECT ON held TO {{role}}"
OWNER = (
    "CREATE ROLE {role}_2; GRANT CREATE ON SCHEMA public TO {role}_2;"
    " ALTER TABLE items OWNER TO {role}_2;"
)
INVOKER = "CREATE VIEW inner_one WITH (security_invoker = on) AS SELECT * FROM items;"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (VIEW, r"the view every reads as its owner .*ALTER VIEW every SET \(security_invoker"),
        (
            f"{VIEW}; REVOKE SELECT ON every FROM {{role}}; GRANT UPDATE (name) ON every TO {{role}}",
            "the view every",
        ),
        (
            "CREATE VIEW inner_one AS SELECT * FROM items; " + VIEW.replace("items", "inner_one"),
            "the view every",
        ),
        (OWNER + VIEW + "; ALTER VIEW every OWNER TO {role}_2", "owner app_.*_2, for whom"),
        (HELD.format(what="*"), r"materialized view held holds .*REVOKE ALL ON held from the role"),
        (INVOKER + HELD.format(what="*").replace("items", "inner_one"), "materialized view held"),
        (VIEW.replace("VIEW every", "VIEW every WITH (security_invoker = true)"), None),
        (f"{VIEW}; REVOKE ALL ON every FROM {{role}}", None),
        (INVOKER + VIEW.replace("items", "inner_one"), None),
        (
            OWNER + VIEW + "; ALTER VIEW every OWNER TO {role}_2;"
            " ALTER TABLE items FORCE ROW LEVEL SECURITY",
            None,
        ),
        (f"{VIEW}; ALTER VIEW every OWNER TO {{role}}", None),
        (HELD.format(what="count(*)"), None),
        (
            HELD.format(what="*") + "; REVOKE ALL ON held FROM {role}; CREATE VIEW own AS SELECT *"
            " FROM held WHERE tenant_id = current_setting('app.tenant_id');"
            " GRANT SELECT ON own TO {role}",
            None,
        ),
        ("CREATE TABLE plans (name text); " + VIEW.replace("items", "plans"), None),
    ],
)
async def test_a_view_that_shows_the_rows_of_all_is_named_with_what_to_do(
    shared: Shared, driver: str, made: str, told: str | None
):
    shared.run(made.format(role=shared.role))
    sessions = opened(shared, driver)
    if told is None:
        await sessions.check()
    else:
        with pytest.raises(ConfigurationError, match=told):
            await sessions.check()
    await sessions.close()
    if "_2" in made:
        shared.run(f"REASSIGN OWNED BY {shared.role}_2 TO CURRENT_USER")
        shared.run(f"DROP OWNED BY {shared.role}_2; DROP ROLE {shared.role}_2")


async def test_a_role_to_take_on_makes_a_superuser_harmless(shared: Shared, driver: str):
    config = config_of(shared.url, driver, rls_role=shared.role)
    sessions = TenantSessions(RLSIsolationProvider(config))
    await sessions.check()
    async with sessions.session(ACME) as session:
        assert (await session.scalars(NAMES)).all() == ["anvil"]
        await session.commit()
        assert await session.scalar(text("SELECT current_user")) == shared.role
    await sessions.close()


async def test_a_role_that_is_not_there_or_not_allowed_is_named(shared: Shared, driver: str):
    missing = opened(shared, driver, rls_role="nobody-here")
    with pytest.raises(ConfigurationError, match="role 'nobody-here', which the database does not"):
        await missing.check()
    other = f"{shared.role}_other"
    shared.run(f'CREATE ROLE "{other}"')
    refused = opened(shared, driver, rls_role=other)
    with pytest.raises(ConfigurationError, match=rf"GRANT {other} TO"):
        await refused.check()
    shared.run(f'DROP ROLE "{other}"')
    for sessions in (missing, refused):
        await sessions.close()


async def test_a_server_that_cannot_be_asked_is_said(shared: Shared, driver: str):
    nowhere = "postgresql://app:geheim@127.0.0.1:1/shop"
    for url in (nowhere, str(with_database(shared.address(), "missing-one"))):
        sessions = TenantSessions(RLSIsolationProvider(config_of(url, driver)))
        with pytest.raises(ServerUnreachableError, match="cannot be asked at") as caught:
            await sessions.check()
        assert "geheim" not in str(caught.value)
        await sessions.close()


async def test_other_strategies_have_nothing_to_check(driver: str):
    from houses import schema_sessions

    await schema_sessions("postgresql://127.0.0.1:1/shop", driver).check()
