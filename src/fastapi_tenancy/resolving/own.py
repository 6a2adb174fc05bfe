"""A function of the application's own that says whose request it is."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi_tenancy.errors import ConfigurationError, MissingExtraError
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.resolving.key import Named, Scope, TenantKey

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

Said: TypeAlias = "str | Tenant | TenantKey | None"
Own: TypeAlias = "Callable[[HTTPConnection], Said | Awaitable[Said]]"
"""Gets the connection and returns an identifier, a tenant, a key, or None; it may be async.

A plain function runs in the event loop, so it must not wait for anything.
"""


class OwnResolver:
    """Asks a function of the application's own.

    Raises:
        ConfigurationError: it cannot be called.
        MissingExtraError: Starlette, whose connections it would get, is not installed.
    """

    def __init__(self, function: Own) -> None:
        if not callable(function):
            raise ConfigurationError(
                f"resolver is {function!r}; expected a function that takes the connection and"
                " returns the tenant's identifier"
            )
        try:
            from starlette.requests import HTTPConnection
        except ModuleNotFoundError as missing:
            raise MissingExtraError("fastapi", missing) from missing
        self._function: Callable[[Any], Any] = function
        self._connection = HTTPConnection

    async def __call__(self, scope: Scope) -> Named:
        """What the function says.

        Raises:
            ConfigurationError: it is none of what it may say.
        """
        said = self._function(self._connection(dict(scope)))
        if inspect.isawaitable(said):
            said = await said
        if isinstance(said, str) and not isinstance(said, TenantKey):
            return TenantKey("identifier", said) if said else None
        if said is None or isinstance(said, Tenant | TenantKey):
            return said
        raise ConfigurationError(
            f"the resolver returned {type(said).__name__}; expected the tenant's identifier, a"
            " Tenant, a TenantKey or None"
        )
