"""What an application has sent, so that it is known whether it can still be answered for."""

from __future__ import annotations

from fastapi_tenancy.web.asgi import Message, Send

_ACCEPTED = frozenset(("websocket.accept", "websocket.send"))


class Sent:
    """Sends on, and remembers what kind of message was the last."""

    __slots__ = ("_last", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._last = ""

    async def __call__(self, message: Message) -> None:
        """Send a message on."""
        self._last = message["type"]
        await self._send(message)

    @property
    def open(self) -> bool:
        """True while an answer may begin, or a WebSocket be closed."""
        return not self._last or self.accepted

    @property
    def accepted(self) -> bool:
        """True while a WebSocket is served."""
        return self._last in _ACCEPTED
