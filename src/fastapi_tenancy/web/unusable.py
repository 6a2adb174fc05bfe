"""Stands in for an application whose settings cannot be used: it does not start."""

from __future__ import annotations

import logging

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.web.asgi import Receive, Scope, Send

_log = logging.getLogger("fastapi_tenancy")


class Unusable:
    """Ends the start of the application with the reason; a server that starts it anyway raises it.

    Starlette makes its middleware when the application is started. What is raised there, servers
    take for an application without a start, and they serve it.
    """

    def __init__(self, error: ConfigurationError) -> None:
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse to start.

        Raises:
            ConfigurationError: a request came.
        """
        if scope["type"] != "lifespan":
            raise self._error.with_traceback(None)
        await receive()
        await refuse_start(self._error, send)


async def refuse_start(error: Exception, send: Send) -> None:
    """End the start of the application, with a reason that people can read."""
    _log.error("the application cannot start: %s", error)
    await send({"type": "lifespan.startup.failed", "message": str(error)})
