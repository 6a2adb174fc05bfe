"""What a history makes at its head, as statements, and whether that can be copied."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fastapi_tenancy.engine.project import Project, load_project
from fastapi_tenancy.engine.render import dialect_of
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.model.plan import Command, Engine, Road
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.provision.baselines.constant import why_not

FORMAT = "2"
"""Changes when baselines are made in another way: those of an earlier version are made anew."""
FEW = 10
"""Revisions up to which a replay is quicker than making a baseline first."""


@dataclass(frozen=True, slots=True)
class Head:
    """The statements of all revisions; ``reason`` says why they are replayed for each tenant.

    ``digest`` stands for all that they depend on but the server.
    """

    opened: Opened
    history: History
    heads: tuple[str, ...]
    scripts: tuple[str, ...]
    version_table: str
    digest: str = ""
    reason: str = ""


def read_head(opened: Opened, sample: Target, reason: str = "") -> Head:
    """Render every revision.

    Args:
        sample: a place of the kind that is asked for.
        reason: why it is not worth while.

    Raises:
        ConfigurationError: the scripts or env.py cannot be used.
    """
    history, config = opened.fleet.history(), opened.fleet.config
    wanted = opened.track.asked("heads")
    span = history.span(Command.UPGRADE, wanted, ())
    if len(span.moves) <= FEW:
        reason = f"{len(span.moves)} revisions are replayed as quickly as a baseline is made"
    if reason:
        return Head(opened, history, span.after, (), "", reason=reason)
    project = load_project(history, (sample,), ())
    steps = project.steps(span, sample, Engine(config.engine))
    apart = next((step for c in steps if (step := c.step).road is not Road.REPLAY), None)
    reason = _reason(project)
    if apart is not None:
        reason = f"revision {apart.move.revision}: {apart.reason}"
    rendered = [part for c in steps if (part := c.rendered) is not None]
    scripts = tuple(statement.sql for part in rendered for statement in part.statements)
    reason = reason or why_not(scripts, ())
    environment = project.environment
    table = project.version_table_sql(dialect_of(sample))(environment.version_table)
    extra = opened.fleet.isolation.shared_schemas()
    parts = (FORMAT, opened.track.name, table, *span.after, *extra, *scripts)
    digest = hashlib.blake2b("\x00".join(parts).encode(), digest_size=16).hexdigest()
    return Head(opened, history, span.after, scripts, environment.version_table, digest, reason)


def _reason(project: Project) -> str:
    environment = project.environment
    if environment.version_schema is not None:
        return f"env.py keeps the version table in the schema {environment.version_schema}"
    return ""
