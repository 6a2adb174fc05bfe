"""Whether the other end of a socket has hung up, without asking it."""

from __future__ import annotations

import select

_HUNG_UP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
"""``POLLRDHUP`` is Linux's; elsewhere the end of a stream counts as ``POLLHUP``."""


def hung_up(socket: int) -> bool:
    """True if the peer has closed its end; what it said before may still be unread."""
    poll = select.poll()
    poll.register(socket, _HUNG_UP)
    return bool(poll.poll(0))
