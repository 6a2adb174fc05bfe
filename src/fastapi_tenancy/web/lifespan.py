"""Begins and ends a manager together with the application that it belongs to."""

from __future__ import annotations

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.manager import TenancyManager
from fastapi_tenancy.web.asgi import App, Message, Receive, Scope, Send
from fastapi_tenancy.web.unusable import refuse_start


async def within(
    manager: TenancyManager, app: App, scope: Scope, receive: Receive, send: Send
) -> None:
    """Run the lifespan of ``app`` while ``manager`` is ready.

    The application's own lifespan finds the manager as ``app.state.tenancy``. A manager that
    cannot be initialized ends the start with its reason.
    """
    begun = await receive()
    try:
        await manager.initialize()
    except TenancyError as error:
        await manager.shutdown()
        await refuse_start(error, send)
        return
    if "app" in scope:
        scope["app"].state.tenancy = manager
    first = [begun]

    async def replayed() -> Message:
        return first.pop() if first else await receive()

    async def ended(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown"):
            await manager.shutdown()  # a server stops once it hears that all is done
        await send(message)

    try:
        await app(scope, replayed, ended)
    finally:
        await manager.shutdown()
