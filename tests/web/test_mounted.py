"""URLs that a mounted application makes hold the tenant that the path named."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from fastapi_tenancy import (
    SQLAlchemyTenantStore,
    TenancyConfig,
    TenancyManager,
    TenancyMiddleware,
)
from serving import started, websocket

Http = Callable[..., httpx.AsyncClient]


@pytest.fixture
def manager(config: TenancyConfig, store: SQLAlchemyTenantStore) -> TenancyManager:
    url = config.database_url
    return TenancyManager(TenancyConfig(database_url=url, resolution_strategy="path"))


def reached(app: FastAPI | Starlette, root: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, root_path=root)
    return httpx.AsyncClient(transport=transport, base_url="http://x")


def links(app: FastAPI, *names: str) -> None:
    """An endpoint that tells its own URL, and those of others."""

    @app.get("/link/{number}", name="link")
    async def link(request: Request, number: int) -> list[str]:
        own = request.url_for("link", number=number)
        return [str(request.url), str(own), *(str(request.url_for(name)) for name in names)]


@pytest.mark.parametrize("root", ["", "/proxy"])
@pytest.mark.parametrize("level", [0, 1, 2])
async def test_whichever_application_has_the_middleware(
    manager: TenancyManager, level: int, root: str
) -> None:
    apps = [FastAPI(lifespan=manager.create_lifespan()), FastAPI(), FastAPI()]
    apps[level].add_middleware(TenancyMiddleware, manager=manager)
    links(apps[2])
    apps[1].mount("/api", apps[2])
    apps[0].mount("/v1", apps[1])
    parts = ["/v1", "/api", "/link/7"]
    parts.insert(level, "/t/acme")
    path = f"{root}{''.join(parts)}"
    async with started(apps[0]), reached(apps[0], root) as http:
        assert (await http.get(path)).json() == [f"http://x{path}"] * 2


async def test_what_is_beside_the_mount_has_no_tenant(manager: TenancyManager) -> None:
    app, inner = FastAPI(lifespan=manager.create_lifespan()), FastAPI()
    inner.add_middleware(TenancyMiddleware, manager=manager)
    app.add_api_route("/login", lambda: "who?", name="login")
    app.add_api_route("/api/status", lambda: "well", name="status", methods=["POST"])
    app.add_api_route("/apis", lambda: "many", name="apis")
    inner.add_api_route("/", lambda: "home", name="home")
    links(inner, "login", "status", "apis", "home")
    app.mount("/api", inner)
    async with started(app), reached(app) as http:
        answer = await http.get("/api/t/bolt/link/1")
        assert answer.json()[2:] == [
            "http://x/login", "http://x/api/status", "http://x/apis", "http://x/api/t/bolt/",
        ]  # fmt: skip
        assert (await http.get("/api/t/nobody/link/1")).status_code == 404


async def test_names_and_parameters_of_mounts(manager: TenancyManager) -> None:
    async def where(request: Request) -> JSONResponse:
        own = request.url_for("shop:where", **request.path_params)
        return JSONResponse(str(own))

    middleware = [Middleware(TenancyMiddleware, manager=manager)]
    routes = [Route("/where", where, name="where")]
    app = Starlette(
        routes=[Mount("/{region}/shop", routes=routes, name="shop", middleware=middleware)]
    )
    async with manager, reached(app) as http:
        answer = await http.get("/eu/shop/t/acme/where")
    assert answer.json() == "http://x/eu/shop/t/acme/where"


async def test_a_websocket_makes_urls_too(manager: TenancyManager) -> None:
    app, inner = FastAPI(lifespan=manager.create_lifespan()), FastAPI()
    inner.add_middleware(TenancyMiddleware, manager=manager)

    @inner.websocket("/ws", name="ws")
    async def tell(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(str(socket.url_for("ws")))
        await socket.close()

    app.mount("/api", inner)
    async with started(app):
        sent = await websocket(app, "/api/t/acme/ws", host="x")
    assert sent[1]["text"] == "ws://x/api/t/acme/ws"
