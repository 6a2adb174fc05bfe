"""What the models are compared with: a reference that is built for it, or a tenant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.at_head import standing_at_head
from fastapi_tenancy.migrations.comparing.aiming import Aiming, Ours, aimed, everything
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.reference.building import WasInterruptedError, reference
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which models and which migrations are compared, and where.

    ``tenant`` names a tenant to compare with; by default a reference is built from the
    migrations. ``like`` is a place of a track that is not about tenants, ``ours`` leaves out the
    tables of other tracks, by their schema. ``before`` are the tracks that this one comes after.
    ``heads`` are where the models belong; None means all heads of the scripts. ``extra`` are the
    user's own ``-x`` arguments; ``track`` is empty where the project has one history.
    """

    fleet: Fleet
    history: History
    tenant: str | None = None
    extra: tuple[str, ...] = ()
    like: Target | None = None
    ours: Ours = everything
    before: tuple[Opened, ...] = ()
    heads: tuple[str, ...] | None = None
    track: str = ""


@dataclass(frozen=True, slots=True)
class Whom:
    """A place at head, and a connection to it."""

    target: Target
    aiming: Aiming


@contextmanager
def whom(
    request: Request, *, listener: Listener = silent, stop: Stop | None = None
) -> Iterator[Whom]:
    """Yield what a request compares with.

    Raises:
        ScratchError: no reference could be made.
        MigrationFailedError: the migrations fail in an empty place.
        WasInterruptedError: ``stop`` was asked for.
        ConfigurationError: the tenant named does not stand at head.
    """
    stop, fleet, history = stop or Stop(), request.fleet, request.history
    if request.tenant is not None:
        target = standing_at_head(fleet, history, request.tenant, request.extra, request.heads)
        with aimed(fleet.config, fleet.isolation, target, request.ours) as aiming:
            aiming.heads = request.heads
            yield Whom(target, aiming)
        return
    building = reference(
        fleet,
        history,
        request.like,
        before=request.before,
        heads=request.heads,
        extra=request.extra,
        listener=listener,
        stop=stop,
    )
    with (
        building as made,
        aimed(fleet.config, made.isolation, made.target, request.ours, made.others) as aiming,
    ):
        if stop.requested.is_set():
            raise WasInterruptedError("interrupted before the models were compared")
        aiming.heads = request.heads
        yield Whom(made.target, aiming)
