"""The exit codes of the `tenancy` command; no other module knows them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told."""

    DONE = 0
    FAILED = 1
    """Some tenants failed, a difference was found that nobody settled, or a check said no."""
    REFUSED = 2
    """The command line or the configuration is wrong; nothing was changed."""
    INTERRUPTED = 130
    PIPE = 141
    """Whoever read the output went away: what a shell says of a program ended by SIGPIPE."""
