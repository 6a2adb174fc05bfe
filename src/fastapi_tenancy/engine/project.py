"""An Alembic project made ready for a run: its history, what env.py asked for, its renderer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Dialect

import fastapi_tenancy.isolation.operations  # noqa: F401 - registers op.enable_tenant_rls
from fastapi_tenancy.engine.live import LiveRunner
from fastapi_tenancy.engine.render import Renderer, dialect_of
from fastapi_tenancy.engine.trace import NeedsConnection
from fastapi_tenancy.engine.version_table import create_sql
from fastapi_tenancy.errors import MigrationFailedError, NotHonouredError
from fastapi_tenancy.history.environment import Environment, read_environment
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.plan import Engine, Move, Road, Span, Step
from fastapi_tenancy.model.script import Classified, Rendered, Stage, cut
from fastapi_tenancy.model.target import Target

ASKED = "asked for with --engine env"


@dataclass(frozen=True, slots=True)
class Project:
    """What stays the same for every target of a run."""

    history: History
    environment: Environment
    renderer: Renderer
    live: LiveRunner
    extra: tuple[str, ...] = ()
    """The user's own x-arguments."""

    def steps(self, span: Span, sample: Target, engine: Engine) -> tuple[Classified, ...]:
        """The road of each move of a span, as this engine setting wants it.

        Raises:
            NotHonouredError: env.py does what only env.py itself can do.
        """
        if engine is Engine.ENV:
            return own_steps(span, ASKED)
        if self.environment.beyond and engine is not Engine.AUTO:
            raise NotHonouredError(self.beyond)
        if self.environment.beyond:
            return own_steps(span, self.beyond)
        if engine is Engine.LIVE:
            reason = "asked for with --engine live"
            return tuple(Classified(Step(m, Road.LIVE, reason), None) for m in span.moves)
        return tuple(self.renderer.classify(m, sample) for m in span.moves)

    @property
    def beyond(self) -> str:
        """What env.py does that the engine cannot do for it, and what can; or nothing."""
        told = self.environment.beyond
        return f"{told}, which only env.py itself can do (--engine env)" if told else ""

    def stages(
        self, steps: tuple[Classified, ...], span: Span, sample: Target
    ) -> tuple[Stage, ...]:
        """The steps cut at revision boundaries, as env.py's options or the database ask for."""
        # Alembic takes SQLite to have no transactions around DDL, and commits each migration.
        per_move = self.environment.transaction_per_migration or sample.is_file
        return cut(steps, span.before, per_move=per_move)

    def render(self, move: Move, target: Target) -> Rendered:
        """Render a move for a target.

        Raises:
            MigrationFailedError: for this target it reached for a connection.
        """
        try:
            return self.renderer.render(move, target)
        except NeedsConnection as need:
            raise MigrationFailedError(
                f"revision {move.revision} rendered without a connection for other tenants, but"
                f" reaches for {need} for this one; run it with --engine live"
            ) from None

    def rendered(self, stage: Stage, target: Target) -> tuple[Rendered, ...]:
        """The statements of a stage in which nothing runs live, for one target."""
        return tuple(c.rendered or self.render(c.step.move, target) for c in stage.steps)

    def version_table_sql(self, dialect: Dialect) -> Callable[[str], str]:
        """What gives ``CREATE TABLE`` of the version table for its qualified and quoted name."""
        environment = self.environment
        return create_sql(
            environment.version_table, environment.options, self.history.known, dialect
        )

    def stamp_stages(self, span: Span) -> tuple[Stage, ...]:
        """Stages that only change version rows."""
        steps = tuple(
            Classified(Step(m, Road.REPLAY, "version rows only"), Rendered(m, ()))
            for m in span.moves
        )
        return cut(steps, span.before, per_move=False)


def own_steps(span: Span, reason: str) -> tuple[Classified, ...]:
    """The steps of a span where env.py itself takes every one of them."""
    return tuple(Classified(Step(m, Road.ENV, reason), None) for m in span.moves)


def load_project(history: History, targets: tuple[Target, ...], extra: tuple[str, ...]) -> Project:
    """Run env.py for a sample of the targets and prepare rendering.

    Raises:
        ScriptError: env.py failed.
        ConfigurationError: its options cannot be honoured for a fleet.
    """
    require_reachable(targets[0])
    environment = read_environment(history, targets, extra)
    return Project(
        history,
        environment,
        Renderer(history, environment, dialect_of(targets[0]), extra),
        LiveRunner(history, environment, extra),
        extra,
    )
