"""What a run and its worker processes tell each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.target import Target, TargetKey
from fastapi_tenancy.model.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told when it starts: the project, and what is the same for every job."""

    ini: Path
    section: str
    command: Command
    revision: str
    x_arguments: tuple[str, ...]
    settings: tuple[str, ...]
    """``SET LOCAL`` statements for each transaction, on servers that know them."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of env.py.

    It is for one target, or, where env.py loops over schemas itself, for all of these: what it
    finds beside them is left alone.
    """

    targets: tuple[Target, ...]
    loops: bool = False
    purge: bool = False
    """Version rows are removed before a stamp."""
    waits: bool = False
    """Its transactions wait for others that make what tenants share, too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job: the error of the target at which env.py ended, if it failed.

    ``failed`` is None where the failure belongs to no target, or to all.
    """

    error: str | None = None
    traceback: str | None = None
    failed: TargetKey | None = None
    met: tuple[TargetKey, ...] = ()
    """Targets that env.py came to."""
    duration_ms: float = 0.0


def shipped(target: Target) -> Target:
    """The target as another process can be given it: with the one tenant it runs for."""
    tenant: Tenant = replace(target.tenant, tags=dict(target.tenant.tags))
    return replace(target, tenants=(tenant,))
