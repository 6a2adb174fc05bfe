"""Where a reference is built, and what other tracks make there first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from fastapi_tenancy.errors import ServerUnreachableError, TenancyError
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.migrations.reference.earlier import Earlier, in_database, of_tenants
from fastapi_tenancy.migrations.reference.naming import new_name
from fastapi_tenancy.migrations.reference.scratch import NotAllowedError, Scratch, ScratchFile
from fastapi_tenancy.migrations.reference.server import ScratchDatabase, ScratchSchema
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.event import Listener, Warned
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant

_SAME = "A new tenant would fail in the same way"


@dataclass(frozen=True, slots=True)
class Ground:
    """A scratch place, the tracks that are built in it first, and what to do where that fails.

    ``shared`` are schemas beside it that its migrations see.
    """

    scratch: Scratch
    first: tuple[Earlier, ...] = ()
    shared: tuple[str, ...] = ()
    advice: str = _SAME
    advice_first: str = ""


def grounds(
    fleet: Fleet,
    like: Target | None,
    beside: Target | None,
    before: Sequence[Opened],
    extra: tuple[str, ...],
) -> tuple[Ground, ...]:
    """The places that will do, the best one first.

    A schema lies beside what tenants share, and that has to stand where it should. Where it does
    not, a database has room for all of it.

    Raises:
        ConfigurationError: there is no place for a tenant, or a track cannot be looked at.
    """
    name, timeout = new_name(), fleet.config.connect_timeout_s
    target = like or _of_nobody(fleet, name, beside)
    require_reachable(target)
    common = tuple(in_database(before, target))
    own = tuple(before) if like is None else ()
    if target.is_file:
        file = ScratchFile(name, target)
        return (Ground(file, tuple(of_tenants(own, file.target))),)
    if not target.schema or like is not None:
        return (_database(ScratchDatabase(name, target, timeout), common, own),)
    shared = fleet.isolation.shared_schemas()
    schema = ScratchSchema(name, target, shared, timeout)
    within = Ground(schema, tuple(of_tenants(own, schema.target)), shared)
    behind = [earlier.name for earlier in common if not earlier.stands(extra)]
    if not behind:
        return (within,)
    upgrades = " and ".join(f"`tenancy upgrade --track {name}`" for name in behind)
    apart = _database(ScratchDatabase(name, schema.target, timeout), common, own)
    return (
        replace(
            apart,
            advice=_alone(upgrades),
            advice_first=f"; or run {upgrades}: beside what stands, it is not built",
        ),
        replace(within, advice=_needed(upgrades)),
    )


def _needed(upgrades: str) -> str:
    return (
        f"What other tracks make has to be there first: run {upgrades}, or give the role that"
        " connects CREATEDB, so that they are built in a scratch database, too"
    )


def _alone(upgrades: str) -> str:
    return (
        "That was in a scratch database, which holds what migrations make and nothing that was made"
        f" by hand, such as extensions; run {upgrades}, and the reference is built beside what you"
        " have"
    )


def _of_nobody(fleet: Fleet, name: str, beside: Target | None) -> Target:
    if beside is not None:
        nobody = Tenant(id=name, identifier=name, shard=beside.tenant.shard)
        return replace(beside, tenants=(nobody,))
    home = next(iter(Homes(fleet.config)), None)  # the first server there is
    return fleet.isolation.target(
        Tenant(id=name, identifier=name, shard=home.shard if home else None)
    )


def _database(
    database: ScratchDatabase, common: Sequence[Earlier], own: Sequence[Opened]
) -> Ground:
    target = database.target
    first = (*(earlier.within(target) for earlier in common), *of_tenants(own, target))
    return Ground(database, first)


@contextmanager
def made(candidates: Sequence[Ground], listener: Listener) -> Iterator[Ground]:
    """Yield the first place that the role may make, and remove it whatever happens.

    Raises:
        ScratchError: none of them could be made.
        ServerUnreachableError: the server does not take the connection.
    """
    with ExitStack() as leaving:
        for ground in candidates:
            try:
                leaving.enter_context(_there(ground.scratch, listener))
                break
            except (NotAllowedError, ServerUnreachableError):
                if ground is candidates[-1]:
                    raise
        yield ground


@contextmanager
def _there(scratch: Scratch, listener: Listener) -> Iterator[None]:
    scratch.sweep()
    try:
        scratch.make()
        yield
    finally:
        _removed(scratch, listener)


def _removed(scratch: Scratch, listener: Listener) -> None:
    """Remove it; where that fails and nothing else has, say so."""
    try:
        scratch.remove(scratch.name)
    except TenancyError as error:
        listener(Warned(f"{error}. The next run that builds one tries again"))
