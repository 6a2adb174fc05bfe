"""Writes a revision of what models and migrations differ in."""

from __future__ import annotations

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.history.revising import Draft, Written, autogenerate_revision
from fastapi_tenancy.migrations.comparing.whom import Request, whom
from fastapi_tenancy.model.event import Listener, silent


def write_differences(
    request: Request, draft: Draft, *, listener: Listener = silent, stop: Stop | None = None
) -> Written:
    """Write the revision; nothing where nothing differs.

    Raises:
        ScratchError: no reference could be made.
        MigrationFailedError: the migrations fail in an empty place.
        WasInterruptedError: ``stop`` was asked for.
        ConfigurationError: there can be no such revision; nothing was written.
        ScriptError: env.py failed; nothing was written.
    """
    with whom(request, listener=listener, stop=stop) as found:
        return autogenerate_revision(
            request.history, draft, found.target, found.aiming.aim(), request.extra
        )
