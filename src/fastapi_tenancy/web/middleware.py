"""TenancyMiddleware: finds the tenant of each request before the application sees it."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import (
    ConfigurationError,
    NoTenantNamedError,
    TenantRefusedError,
    UnavailableError,
)
from fastapi_tenancy.manager import TenancyManager
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.resolving.own import Own
from fastapi_tenancy.resolving.route import route_path
from fastapi_tenancy.web.answer import Answer
from fastapi_tenancy.web.asgi import App, Receive, Scope, Send
from fastapi_tenancy.web.context import request_tenant
from fastapi_tenancy.web.exclusions import Exclusions
from fastapi_tenancy.web.lifespan import within
from fastapi_tenancy.web.refusal import refused
from fastapi_tenancy.web.sent import Sent
from fastapi_tenancy.web.served import Served, leave
from fastapi_tenancy.web.unusable import Unusable


class TenancyMiddleware:
    """Serves requests of a known, active tenant; others get an answer that reveals nothing.

    The tenant is ``request.state.tenant`` and ``current_request_tenant()``.

    Args:
        config: settings for a manager of its own, begun and ended with the application.
        manager: a manager that somebody else shuts down; its settings count.
        resolver: with ``config``: says whose request it is, see ``TenancyManager``.
        exclude: paths, with all below them, that need no tenant; by default
            ``paths_without_tenant``.
        optional: whether requests that name no tenant are served; by default
            ``tenant_optional``.

    With settings that cannot be used, or without ``config`` and ``manager``, the application does
    not start, and says why.
    """

    def __init__(
        self,
        app: App,
        config: TenancyConfig | None = None,
        manager: TenancyManager | None = None,
        resolver: Own | None = None,
        exclude: Iterable[str] | None = None,
        optional: bool | None = None,
    ) -> None:
        self.app = app
        self._own = manager is None
        self._unusable: Unusable | None = None
        try:
            self._manager = _chosen(config, manager, resolver)
            settings = self._manager.config
            without = settings.paths_without_tenant if exclude is None else exclude
            self._exclude = Exclusions(without)
        except ConfigurationError as error:
            self._unusable = Unusable(error)
            return
        self._inside = self._manager.inside
        self._optional = settings.tenant_optional if optional is None else optional

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the lifespan of the application."""
        if self._unusable is not None:
            await self._unusable(scope, receive, send)
        elif scope["type"] in ("http", "websocket"):
            await self._request(scope, receive, send)
        elif scope["type"] == "lifespan" and self._own:
            await within(self._manager, self.app, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        if route_path(scope) in self._exclude:
            leave(scope, Served(self._manager))
            await self._pass_on(scope, receive, send)
            return
        try:
            tenant = await self._tenant(scope)
        except (TenantRefusedError, UnavailableError) as error:
            await self._refused(scope, error).send(scope, send)
            return
        leave(scope, Served(self._manager, tenant, True))
        if self._inside is not None and tenant is not None:
            scope.update(self._inside(scope))
        token = request_tenant.set(tenant)
        try:
            await self._pass_on(scope, receive, send)
        finally:
            request_tenant.reset(token)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application serve; what it cannot serve for now is answered here."""
        sent = Sent(send)
        try:
            await self.app(scope, receive, sent)
        except UnavailableError as error:
            if not sent.open:
                raise
            await self._refused(scope, error).send(scope, send, accepted=sent.accepted)

    def _refused(self, scope: Scope, error: TenantRefusedError | UnavailableError) -> Answer:
        return refused(scope, error, self._manager.config.refused_status)

    async def _tenant(self, scope: Scope) -> Tenant | None:
        try:
            return await self._manager.resolve(scope)
        except NoTenantNamedError:
            if self._optional:
                return None
            raise


def _chosen(
    config: TenancyConfig | None, manager: TenancyManager | None, resolver: Own | None
) -> TenancyManager:
    if manager is not None and resolver is not None:
        raise ConfigurationError(
            "TenancyMiddleware got manager= and resolver=; give the resolver to the manager:"
            " TenancyManager(config, resolver=...)"
        )
    if manager is not None:
        return manager
    if config is None:
        raise ConfigurationError(
            "TenancyMiddleware got neither config= nor manager=; write"
            " app.add_middleware(TenancyMiddleware, config=TenancyConfig())"
        )
    return TenancyManager(config, resolver=resolver)
