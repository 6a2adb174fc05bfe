"""TenancyMiddleware: finds the tenant of each request before the application sees it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import (
    CatalogueUnavailableError,
    ConfigurationError,
    NoTenantNamedError,
    TenancyError,
    TenantRefusedError,
)
from fastapi_tenancy.manager import TenancyManager
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.resolving.key import Resolver
from fastapi_tenancy.web.answer import answer_to
from fastapi_tenancy.web.asgi import App, Receive, Scope, Send, route_path
from fastapi_tenancy.web.context import request_tenant
from fastapi_tenancy.web.lifespan import within

_log = logging.getLogger("fastapi_tenancy")


class TenancyMiddleware:
    """Serves requests of a known, active tenant; others get an answer that reveals nothing.

    The tenant is ``request.state.tenant`` and ``current_request_tenant()``.

    Args:
        config: settings for a manager of its own, begun and ended with the application.
        manager: a manager that somebody else shuts down; its settings count.
        resolver: reads the tenant from a request, instead of what ``resolution_strategy`` names.
        exclude: paths, with all below them, that need no tenant; by default
            ``paths_without_tenant``.
        optional: whether requests that name no tenant are served; by default
            ``tenant_optional``.

    Raises:
        ConfigurationError: neither ``config`` nor ``manager`` is given.
    """

    def __init__(
        self,
        app: App,
        config: TenancyConfig | None = None,
        manager: TenancyManager | None = None,
        resolver: Resolver | None = None,
        exclude: Iterable[str] | None = None,
        optional: bool | None = None,
    ) -> None:
        self.app = app
        self._own = manager is None
        self._manager = manager or _manager_of(config, resolver)
        settings = self._manager.config
        self._exclude = tuple(exclude if exclude is not None else settings.paths_without_tenant)
        self._optional = settings.tenant_optional if optional is None else optional

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the lifespan of the application."""
        if scope["type"] in ("http", "websocket"):
            await self._request(scope, receive, send)
        elif scope["type"] == "lifespan" and self._own:
            await within(self._manager, self.app, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = {**scope.get("state", {}), "tenancy": self._manager}
        if self._excluded(scope):
            await self.app({**scope, "state": state}, receive, send)
            return
        try:
            state["tenant"] = tenant = await self._tenant(scope)
        except (TenantRefusedError, CatalogueUnavailableError) as error:
            _log.warning("%s refused: %s", _shown(scope), error)
            await answer_to(error, self._manager.config.refused_status).send(scope, send)
            return
        token = request_tenant.set(tenant)
        try:
            await self.app({**scope, "state": state}, receive, send)
        finally:
            request_tenant.reset(token)

    async def _tenant(self, scope: Scope) -> Tenant | None:
        try:
            return await self._manager.resolve(scope)
        except NoTenantNamedError:
            if self._optional:
                return None
            raise
        except (TenantRefusedError, CatalogueUnavailableError):
            raise
        except TenancyError as error:  # it could not be initialized
            raise CatalogueUnavailableError(str(error)) from error

    def _excluded(self, scope: Scope) -> bool:
        path = route_path(scope)
        return any(path == one or path.startswith(one + "/") for one in self._exclude)


def _manager_of(config: TenancyConfig | None, resolver: Resolver | None) -> TenancyManager:
    if config is None:
        raise ConfigurationError(
            "TenancyMiddleware got neither config= nor manager=; write"
            " app.add_middleware(TenancyMiddleware, config=TenancyConfig())"
        )
    return TenancyManager(config, resolver=resolver)


def _shown(scope: Scope) -> str:
    kind = scope.get("method", "WebSocket")
    return f"{kind} {scope['path']!r}"
