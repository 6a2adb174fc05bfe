"""The middleware in applications: sub-applications, paths, streams, errors, optional tenants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import StreamingResponse

from fastapi_tenancy import (
    OptionalTenantDep,
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
    TenantDep,
)
from fastapi_tenancy.errors import ConfigurationError
from serving import client, started

ACME = {"X-Tenant-ID": "acme"}


async def who(tenant: TenantDep) -> str:
    return tenant.identifier


async def perhaps(tenant: OptionalTenantDep) -> str | None:
    return None if tenant is None else tenant.identifier


async def get(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    """Ask an application that was started."""
    async with started(app), client(app) as http:
        return await http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.fixture
def base(config: TenancyConfig, store: SQLAlchemyTenantStore) -> dict[str, Any]:
    return {"database_url": config.database_url}


async def test_mounted_applications_see_the_tenant(base: dict[str, Any]) -> None:
    app, below = FastAPI(), FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base))
    below.add_api_route("/who", who)
    app.mount("/below", below)
    assert (await get(app, "/below/who", **ACME)).json() == "acme"


async def test_a_mounted_application_may_have_the_middleware_for_itself(
    base: dict[str, Any],
) -> None:
    manager = TenancyManager(TenancyConfig(**base))
    app, below = FastAPI(lifespan=manager.create_lifespan()), FastAPI()
    below.add_middleware(TenancyMiddleware, manager=manager)
    below.add_api_route("/who", who)
    below.add_api_route("/health", perhaps)
    app.mount("/below", below)
    app.add_api_route("/everybody", lambda: "served")
    async with started(app), client(app) as http:
        assert (await http.get("/everybody")).json() == "served"
        assert (await http.get("/below/who", headers=ACME)).json() == "acme"
        assert (await http.get("/below/who")).status_code == 404
        assert (await http.get("/below/health")).status_code == 200


class TestPath:
    """With the tenant in the path, routes do not repeat it."""

    @pytest.fixture
    def app(self, base: dict[str, Any]) -> FastAPI:
        made, below = FastAPI(), FastAPI()
        config = TenancyConfig(**base, resolution_strategy="path", path_prefix="/t")
        made.add_middleware(TenancyMiddleware, config=config)
        made.add_api_route("/who", who)
        made.add_api_route("/health", lambda: "well")

        @made.get("/where", name="where")
        async def where(request: Request) -> list[str]:
            return [str(request.url), str(request.url_for("where"))]

        below.add_api_route("/who", who)
        made.mount("/below", below)
        return made

    async def test_routes_and_mounts_match_the_rest(self, app: FastAPI) -> None:
        async with started(app), client(app) as http:
            assert (await http.get("/t/acme/who")).json() == "acme"
            assert (await http.get("/t/bolt/below/who")).json() == "bolt"
            assert (await http.get("/t/acme/none")).json() == {"detail": "Not Found"}
            for path in (
                "/who",
                "/t/nobody/who",
                "/t/idle/who",
                "/t//who",
                "/t/a%00b/who",
                "/t/%20acme/who",
            ):
                answer = await http.get(path)
                assert answer.headers["content-type"] == "application/problem+json", path
            assert (await http.get("/health")).json() == "well"

    async def test_urls_that_are_made_hold_the_tenant(self, app: FastAPI) -> None:
        wanted = "http://app.test/t/acme/where"
        assert (await get(app, "/t/acme/where")).json() == [wanted, wanted]

    @pytest.mark.parametrize("sent", ["/api/t/acme/where", "/t/acme/where"])
    async def test_a_root_path_stays_before_the_tenant(self, app: FastAPI, sent: str) -> None:
        """Whether the server puts it before the path, or a proxy took it away."""
        transport = httpx.ASGITransport(app, root_path="/api")
        async with (
            started(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as http,
        ):
            wanted = "http://x/api/t/acme/where"
            assert (await http.get(sent)).json() == [wanted, wanted]
            assert (await http.get("/api/health")).json() == "well"


@pytest.mark.parametrize(
    ("host", "served"),
    [("acme.example.com", True), ("ACME.example.com.:8000", True), ("bolt.example.com", False)],
)
async def test_the_host_is_that_of_the_catalogue(
    base: dict[str, Any], store: SQLAlchemyTenantStore, host: str, served: bool
) -> None:
    acme = await store.get_by_identifier("acme")
    await store.update(replace(acme, host="acme.example.com"))
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base, resolution_strategy="host"))
    app.add_api_route("/who", who)
    assert (await get(app, "/who", Host=host)).status_code == (200 if served else 404)


async def test_the_subdomain_is_the_identifier(base: dict[str, Any]) -> None:
    config = TenancyConfig(**base, resolution_strategy="subdomain", domain_suffix="example.com")
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=config)
    app.add_api_route("/who", who)
    assert (await get(app, "/who", Host="bolt.example.com")).json() == "bolt"
    assert (await get(app, "/who", Host="example.com")).status_code == 404


async def test_a_bad_token_is_a_challenge_and_a_good_one_of_nobody_is_not(
    base: dict[str, Any],
) -> None:
    key = "a secret of exactly 32 bytes ..."
    config = TenancyConfig(
        **base, resolution_strategy="jwt", jwt_key=key, jwt_algorithm="HS256", jwt_audience="shop"
    )
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=config)
    app.add_api_route("/who", who)

    def bearer(**claims: Any) -> dict[str, str]:
        usual = {"aud": "shop", "exp": time.time() + 60}
        return {"Authorization": f"Bearer {jwt.encode(usual | claims, key)}"}

    async with started(app), client(app) as http:
        assert (await http.get("/who", headers=bearer(tenant="acme"))).json() == "acme"
        unknown = await http.get("/who", headers=bearer(tenant="nobody"))
        nobody = await http.get("/who", headers=bearer())
        assert (unknown.status_code, unknown.text) == (404, nobody.text)
        none = await http.get("/who")
        expired = await http.get("/who", headers=bearer(tenant="acme", exp=1))
        assert (none.status_code, none.text) == (401, expired.text)
        assert none.headers["www-authenticate"] == "Bearer"
        assert expired.headers["www-authenticate"] == 'Bearer error="invalid_token"'


class TestOwnFunction:
    """Any function may say whose request it is."""

    def app(self, base: dict[str, Any], function: Any) -> FastAPI:
        made = FastAPI()
        made.add_middleware(TenancyMiddleware, config=TenancyConfig(**base), resolver=function)
        made.add_api_route("/who", who)
        return made

    async def test_a_plain_one(self, base: dict[str, Any]) -> None:
        app = self.app(base, lambda connection: connection.cookies.get("tenant"))
        async with started(app), client(app) as http:
            assert (await http.get("/who", headers={"Cookie": "tenant=acme"})).json() == "acme"
            assert (await http.get("/who", headers={"Cookie": "tenant=idle"})).status_code == 404
            assert (await http.get("/who")).status_code == 404

    async def test_an_async_one_that_returns_a_tenant(
        self, base: dict[str, Any], store: SQLAlchemyTenantStore
    ) -> None:
        async def ask(connection: Any) -> Any:
            return await store.get_by_id(connection.query_params["id"])

        app = self.app(base, ask)
        async with started(app), client(app) as http:
            assert (await http.get("/who?id=1")).json() == "acme"
            assert (await http.get("/who?id=3")).status_code == 404  # it is suspended

    async def test_one_that_breaks_or_returns_nonsense_is_an_error_of_the_application(
        self, base: dict[str, Any]
    ) -> None:
        for function in (lambda _: 7, lambda _: 1 / 0):
            assert (await get(self.app(base, function), "/who")).status_code == 500

    async def test_what_cannot_be_called_is_refused(self, base: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match="expected a function"):
            TenancyManager(TenancyConfig(**base), resolver="header")  # type: ignore[arg-type]


async def test_a_tenant_may_be_optional(base: dict[str, Any]) -> None:
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base, tenant_optional=True))
    app.add_api_route("/perhaps", perhaps)
    app.add_api_route("/who", who)
    async with started(app), client(app) as http:
        assert (await http.get("/perhaps")).json() is None
        assert (await http.get("/perhaps", headers=ACME)).json() == "acme"
        assert (await http.get("/perhaps", headers={"X-Tenant-ID": "nobody"})).status_code == 404
        assert (await http.get("/who")).status_code == 404


async def test_an_excluded_path_may_still_ask_for_the_tenant(base: dict[str, Any]) -> None:
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base), exclude="/open")
    app.add_api_route("/open/who", who)
    async with started(app), client(app) as http:
        assert (await http.get("/open/who", headers=ACME)).json() == "acme"
        assert (await http.get("/open/who")).status_code == 404


async def test_the_root_page_may_be_excluded_alone(base: dict[str, Any]) -> None:
    app = FastAPI()
    config = TenancyConfig(**base, paths_without_tenant="/")
    app.add_middleware(TenancyMiddleware, config=config)
    app.add_api_route("/", lambda: "home")
    async with started(app), client(app) as http:
        assert (await http.get("/")).json() == "home"
        assert (await http.get("/who")).headers["content-type"] == "application/problem+json"


async def test_streams_are_passed_on_as_they_come(base: dict[str, Any]) -> None:
    """Nothing is collected: the client has the first part before the second is made."""
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base))
    seen = asyncio.Event()

    @app.get("/stream")
    async def stream(tenant: TenantDep) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "one"
            await seen.wait()
            yield "two"

        return StreamingResponse(parts())

    bodies: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return await asyncio.Future()  # the client stays

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            bodies.append(message["body"])
            seen.set()

    scope = {
        "type": "http", "method": "GET", "path": "/stream", "query_string": b"",
        "headers": [(b"x-tenant-id", b"acme")],
    }  # fmt: skip
    async with started(app), asyncio.timeout(20):
        await app(scope, receive, send)
    assert bodies == [b"one", b"two"]


async def test_exceptions_of_endpoints_pass_through(base: dict[str, Any]) -> None:
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base))

    @app.get("/breaks")
    async def breaks() -> None:
        raise ZeroDivisionError

    async with started(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            with pytest.raises(ZeroDivisionError):
                await http.get("/breaks", headers=ACME)


async def test_cors_outside_of_it_answers_browsers_before_a_tenant_is_named(
    base: dict[str, Any],
) -> None:
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base))
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    app.add_api_route("/who", who)
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    async with started(app), client(app) as http:
        assert (await http.options("/who", headers=headers)).status_code == 200
        refused = await http.get("/who", headers=headers)
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"


async def test_the_status_of_a_refusal_can_be_chosen(base: dict[str, Any]) -> None:
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base, refused_status=403))
    answer = await get(app, "/who")
    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")


async def test_the_dependency_answers_as_the_middleware_does(base: dict[str, Any]) -> None:
    manager = TenancyManager(TenancyConfig(**base))
    alone, router = FastAPI(lifespan=manager.create_lifespan()), APIRouter()
    router.add_api_route("/who", who)
    router.add_api_route("/perhaps", perhaps)
    alone.include_router(router)
    async with started(alone), client(alone) as http:
        assert (await http.get("/who", headers=ACME)).json() == "acme"
        assert (await http.get("/perhaps")).json() is None
        refused = [
            await http.get("/who"),
            await http.get("/perhaps", headers={"X-Tenant-ID": "idle"}),
        ]
    for answer in refused:
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "The request names no tenant that is served here.",
        }


async def test_middleware_around_it_sees_what_routing_found(base: dict[str, Any]) -> None:
    """Metrics and tracing read the route from the scope once the request is served."""
    seen: list[str] = []

    class Around:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            if scope["type"] == "http":
                seen.append(f"{scope['endpoint'].__name__} {scope['state']['tenant'].identifier}")

    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base))
    app.add_middleware(Around)
    app.add_api_route("/who", who)
    await get(app, "/who", **ACME)
    assert seen == ["who acme"]


async def test_the_state_of_a_server_is_left_as_it_is(base: dict[str, Any]) -> None:
    """Some servers give every request the same dictionary."""
    app = FastAPI()
    app.add_middleware(TenancyMiddleware, config=TenancyConfig(**base))
    app.add_api_route("/who", who)
    shared: dict[str, Any] = {"pool": "kept"}

    @app.get("/state")
    async def state(request: Request) -> list[str]:
        return [request.state.pool, request.state.tenant.identifier]

    async def server(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": shared}, receive, send)

    async with started(app), client(server) as http:
        assert (await http.get("/state", headers=ACME)).json() == ["kept", "acme"]
    assert shared == {"pool": "kept"}


async def test_a_state_of_the_applications_own_is_not_taken_for_ours(
    base: dict[str, Any],
) -> None:
    manager = TenancyManager(TenancyConfig(**base))
    app = FastAPI(lifespan=manager.create_lifespan())

    @app.middleware("http")
    async def own(request: Request, call_next: Any) -> Any:
        request.state.tenant = "bolt"
        return await call_next(request)

    app.add_api_route("/who", who)
    assert (await get(app, "/who", **ACME)).json() == "acme"


async def test_an_application_without_a_manager_says_what_to_write() -> None:
    app = FastAPI()
    app.add_api_route("/who", who)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        with pytest.raises(RuntimeError, match=r"lifespan=manager\.create_lifespan"):
            await http.get("/who", headers=ACME)
