"""What an application holds: begun once, ended whole, and by itself where nobody does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI, Request
from psycopg.conninfo import conninfo_to_dict

from fastapi_tenancy import (
    InMemoryTenantStore,
    SchemaIsolationProvider,
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    Tenant,
    manager_of,
)
from fastapi_tenancy.errors import (
    ConfigurationError,
    ServerUnreachableError,
    TenancyError,
    TenantRefusedError,
)
from serving import client, started

ACME = Tenant(id="1", identifier="acme")
HEADERS = {"X-Tenant-ID": "acme"}
AWAY = "postgresql://u:geheim@127.0.0.1:1/none"


class Watched(SQLAlchemyTenantStore):
    """A catalogue that counts how often it was begun and ended."""

    begun = ended = 0

    async def initialize(self) -> None:
        self.begun += 1
        await super().initialize()

    async def close(self) -> None:
        self.ended += 1
        await super().close()


async def none_left(url: str) -> bool:
    """Whether every connection ends: the server takes a moment to notice."""
    for _ in range(100):
        if connections(url) == 0:
            return True
        await asyncio.sleep(0.05)
    return False


def connections(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


async def test_it_opens_the_catalogue_of_the_settings_and_closes_it(
    config: TenancyConfig, tenancy_database: str
) -> None:
    manager = TenancyManager(config)
    assert isinstance(manager.tenant_store, SQLAlchemyTenantStore)
    assert isinstance(manager.isolation_provider, SchemaIsolationProvider)
    assert (manager.config, manager.ready) == (config, False)
    await manager.initialize()
    assert manager.ready
    await manager.tenant_store.create(ACME)
    assert connections(tenancy_database) > 0
    for _ in range(2):
        await manager.shutdown()
    assert (connections(tenancy_database), manager.ready) == (0, False)
    async with manager:  # once more
        assert (await manager.resolve(request())).id == "1"
    assert await none_left(tenancy_database)


def request(**headers: str) -> dict[str, Any]:
    pairs = headers or {"x-tenant-id": "acme"}
    return {"type": "http", "headers": [(k.encode(), v.encode()) for k, v in pairs.items()]}


async def test_a_catalogue_that_is_given_is_begun_and_not_ended(
    config: TenancyConfig, tenancy_database: str
) -> None:
    store = Watched(tenancy_database)
    async with TenancyManager(config, store):
        pass
    assert (store.begun, store.ended) == (1, 0)
    await store.close()


async def test_many_may_begin_it_at_once(config: TenancyConfig, tenancy_database: str) -> None:
    store = Watched(tenancy_database)
    manager = TenancyManager(config, store)
    await asyncio.gather(*(manager.initialize() for _ in range(20)))
    await manager.initialize()
    assert store.begun == 1
    await manager.shutdown()
    await store.close()


async def test_one_who_gives_up_beginning_it_stops_nobody(
    config: TenancyConfig, tenancy_database: str
) -> None:
    store = Watched(tenancy_database)
    manager = TenancyManager(config, store)
    first, second = (asyncio.create_task(manager.initialize()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert (manager.ready, store.begun) == (True, 1)
    await manager.shutdown()
    await store.close()


async def test_a_server_that_is_away_is_said_without_its_password() -> None:
    config = TenancyConfig(database_url=AWAY, connect_timeout_s=2)
    with pytest.raises(ServerUnreachableError) as caught:
        async with TenancyManager(config):
            pass
    assert "geheim" not in str(caught.value)


async def test_what_fails_at_the_start_can_be_begun_again(
    config: TenancyConfig, tenancy_database: str
) -> None:
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE tenants (n int)")
        manager = TenancyManager(config)
        with pytest.raises(ConfigurationError):
            await manager.initialize()
        connection.execute("DROP TABLE tenants")
    await manager.initialize()
    await manager.shutdown()


def test_it_serves_one_event_loop_after_another(config: TenancyConfig) -> None:
    manager = TenancyManager(config, InMemoryTenantStore([ACME]))

    async def use() -> str:
        async with manager:
            return (await manager.resolve(request())).identifier

    assert [asyncio.run(use()) for _ in range(2)] == ["acme", "acme"]


class Bare:
    """What a user may bring: a few of the methods, and None for a tenant that is not there."""

    async def initialize(self) -> None:
        """Be ready."""

    async def get_by_identifier(self, identifier: str) -> Tenant | None:
        return ACME if identifier == "acme" else None


class TestStores:
    async def test_one_with_the_methods_that_are_needed_is_enough(
        self, config: TenancyConfig
    ) -> None:
        async with TenancyManager(config, Bare()) as manager:  # type: ignore[arg-type]
            assert await manager.resolve(request()) == ACME
            with pytest.raises(TenantRefusedError):
                await manager.resolve(request(**{"x-tenant-id": "bolt"}))

    @pytest.mark.parametrize(
        ("store", "told"),
        [
            (
                Bare(),
                "the store Bare has no method get_by_host(), which finding a tenant by its host",
            ),
            (
                InMemoryTenantStore,
                "store is the class InMemoryTenantStore; expected a catalogue made",
            ),
            ("postgresql://u:geheim@h/db", "the store str has no method initialize()"),
        ],
    )
    async def test_others_are_refused_in_words(
        self, config: TenancyConfig, store: Any, told: str
    ) -> None:
        by_host = TenancyConfig(database_url=config.database_url, resolution_strategy="host")
        with pytest.raises(ConfigurationError) as caught:
            TenancyManager(by_host, store)
        assert told in str(caught.value)
        assert "geheim" not in str(caught.value)


class TestLifespan:
    async def test_it_begins_and_ends_with_the_application(self, config: TenancyConfig) -> None:
        manager = TenancyManager(config, InMemoryTenantStore([ACME]))
        app = FastAPI(lifespan=manager.create_lifespan())
        async with started(app):
            assert manager.ready
            assert app.state.tenancy is manager
        assert not manager.ready

    async def test_the_applications_own_lifespan_finds_it_ready(
        self, config: TenancyConfig
    ) -> None:
        manager = TenancyManager(config, InMemoryTenantStore([ACME]))
        seen: list[bool] = []

        @asynccontextmanager
        async def own(app: FastAPI) -> AsyncIterator[dict[str, str]]:
            seen.append(app.state.tenancy.ready)
            yield {"word": "kept"}
            seen.append(app.state.tenancy.ready)

        app = FastAPI(lifespan=manager.create_lifespan(own))
        async with started(app):
            pass
        assert seen == [True, True]

    async def test_it_ends_where_the_applications_own_fails(self, config: TenancyConfig) -> None:
        manager = TenancyManager(config, InMemoryTenantStore([ACME]))

        @asynccontextmanager
        async def own(app: FastAPI) -> AsyncIterator[None]:
            raise RuntimeError("no licence")
            yield

        with pytest.raises(RuntimeError, match="no licence"):
            async with started(FastAPI(lifespan=manager.create_lifespan(own))):
                pass
        assert not manager.ready

    async def test_the_middleware_begins_and_ends_a_manager_of_its_own(
        self, config: TenancyConfig, store: SQLAlchemyTenantStore, tenancy_database: str
    ) -> None:
        seen: list[bool] = []

        @asynccontextmanager
        async def own(app: FastAPI) -> AsyncIterator[None]:
            seen.append(app.state.tenancy.ready)
            yield
            seen.append(app.state.tenancy.ready)

        await store.close()
        app = FastAPI(lifespan=own)
        app.add_middleware(TenancyMiddleware, config=config)
        app.add_api_route("/hello", lambda: "hello")
        async with started(app), client(app, **HEADERS) as http:
            assert (await http.get("/hello")).json() == "hello"
            assert connections(tenancy_database) > 0
        assert seen == [True, True]
        assert not app.state.tenancy.ready
        assert await none_left(tenancy_database)

    async def test_an_application_that_cannot_begin_says_why_and_does_not_start(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = FastAPI()
        config = TenancyConfig(database_url=AWAY, connect_timeout_s=2)
        app.add_middleware(TenancyMiddleware, config=config)
        with pytest.raises(RuntimeError, match="cannot be reached") as caught:
            async with started(app):
                pass
        assert "geheim" not in str(caught.value) + caplog.text
        assert "Traceback" not in str(caught.value)

    async def test_a_manager_of_somebody_else_is_left_to_them(self, config: TenancyConfig) -> None:
        """The lifespan of the documentation: it initializes and shuts down by itself."""
        manager = TenancyManager(config, InMemoryTenantStore([ACME]))

        @asynccontextmanager
        async def own(app: FastAPI) -> AsyncIterator[None]:
            await manager.initialize()
            yield
            await manager.shutdown()

        app = FastAPI(lifespan=own)
        app.add_middleware(TenancyMiddleware, config=config, manager=manager)
        app.add_api_route("/hello", lambda: "hello")
        async with started(app), client(app, **HEADERS) as http:
            assert (await http.get("/hello")).json() == "hello"
        assert not manager.ready

    @pytest.mark.parametrize("middleware", [True, False])
    async def test_endpoints_reach_the_manager(
        self, config: TenancyConfig, middleware: bool
    ) -> None:
        manager = TenancyManager(config, InMemoryTenantStore([ACME]))
        app = FastAPI(lifespan=manager.create_lifespan())
        if middleware:
            app.add_middleware(TenancyMiddleware, manager=manager)

        @app.get("/admin/ready")
        async def ready(request: Request) -> bool:
            return manager_of(request) is manager and manager.ready

        async with started(app), client(app) as http:
            assert (await http.get("/admin/ready")).json() is True

    async def test_two_applications_may_share_one_manager(self, config: TenancyConfig) -> None:
        manager = TenancyManager(config, InMemoryTenantStore([ACME]))
        apps = [FastAPI(), FastAPI()]
        for app in apps:
            app.add_middleware(TenancyMiddleware, manager=manager)
            app.add_api_route("/hello", lambda: "hello")
        for app in apps:
            async with client(app, **HEADERS) as http:
                assert (await http.get("/hello")).json() == "hello"
        await manager.shutdown()


async def test_it_does_not_begin_where_row_level_security_would_not_hold(
    tenancy_database: str,
) -> None:
    role = f"web_{conninfo_to_dict(tenancy_database)['dbname']}"
    settings: dict[str, Any] = {"database_url": tenancy_database, "isolation_strategy": "rls"}
    manager = TenancyManager(TenancyConfig(**settings))
    with pytest.raises(ConfigurationError, match="is a superuser"):
        async with manager:
            pass
    assert not manager.ready
    with psycopg.connect(tenancy_database, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{role}"'.encode())
        try:
            async with TenancyManager(TenancyConfig(**settings, rls_role=role)) as manager:
                assert manager.ready
        finally:
            connection.execute(f'DROP ROLE "{role}"'.encode())


class TestUnusable:
    """What is wrong with the settings ends the start; servers would hide what is raised there."""

    @pytest.fixture(params=["nothing", "two resolvers", "no path", "no key"])
    def wrong(self, request: pytest.FixtureRequest, config: TenancyConfig) -> tuple[FastAPI, str]:
        app = FastAPI()
        if request.param == "nothing":
            app.add_middleware(TenancyMiddleware)
            return app, "neither config= nor manager="
        if request.param == "no path":
            app.add_middleware(TenancyMiddleware, config=config, exclude=["health"])
            return app, "write '/health'"
        if request.param == "two resolvers":
            manager = TenancyManager(config, InMemoryTenantStore())
            app.add_middleware(TenancyMiddleware, manager=manager, resolver=lambda _: "acme")
            return app, "give the resolver to the manager"
        short = TenancyConfig(
            resolution_strategy="jwt", jwt_key="geheim", jwt_algorithm="HS256", jwt_audience="a"
        )
        app.add_middleware(TenancyMiddleware, config=short)
        return app, "jwt_key has 6 bytes"

    async def test_the_application_does_not_start_and_says_why(
        self, wrong: tuple[FastAPI, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        app, told = wrong
        with pytest.raises(RuntimeError) as caught:
            async with started(app):
                pass
        assert told in str(caught.value)
        assert told in caplog.text
        assert "geheim" not in str(caught.value) + caplog.text

    async def test_and_serves_nobody(self, wrong: tuple[FastAPI, str]) -> None:
        app, told = wrong
        app.add_api_route("/hello", lambda: "hello")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            for _ in range(2):
                with pytest.raises(ConfigurationError, match=told):
                    await http.get("/hello")


async def test_requests_do_not_queue_up_for_a_manager_that_cannot_begin() -> None:
    class Broken(InMemoryTenantStore):
        begun = 0

        async def initialize(self) -> None:
            self.begun += 1
            raise ServerUnreachableError("the catalogue cannot be reached")

    store = Broken()
    manager = TenancyManager(TenancyConfig(), store)
    found = await asyncio.gather(
        *(manager.resolve(request()) for _ in range(20)), return_exceptions=True
    )
    found.append(*await asyncio.gather(manager.resolve(request()), return_exceptions=True))
    assert all(isinstance(one, TenancyError) for one in found)
    assert store.begun == 1
