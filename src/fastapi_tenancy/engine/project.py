"""An Alembic project made ready for a run: its history, what env.py asked for, its renderer."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_tenancy.engine.live import LiveRunner
from fastapi_tenancy.engine.render import Renderer
from fastapi_tenancy.history.environment import Environment, read_environment
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.plan import Engine, Road, Span, Step
from fastapi_tenancy.model.script import Classified, Rendered, Stage, cut
from fastapi_tenancy.model.target import Target


@dataclass(frozen=True, slots=True)
class Project:
    """What stays the same for every target of a run."""

    history: History
    environment: Environment
    renderer: Renderer
    live: LiveRunner

    def steps(self, span: Span, sample: Target, engine: Engine) -> tuple[Classified, ...]:
        """The road of each move of a span, as this engine setting wants it."""
        if engine is Engine.ENV:
            return own_steps(span)
        if engine is Engine.LIVE:
            reason = "asked for with --engine live"
            return tuple(Classified(Step(m, Road.LIVE, reason), None) for m in span.moves)
        return tuple(self.renderer.classify(m, sample) for m in span.moves)

    def stages(self, steps: tuple[Classified, ...], span: Span) -> tuple[Stage, ...]:
        """The steps cut at revision boundaries, as env.py's options ask for."""
        per_move = self.environment.transaction_per_migration
        return cut(steps, span.before, per_move=per_move)

    def stamp_stages(self, span: Span) -> tuple[Stage, ...]:
        """Stages that only change version rows."""
        steps = tuple(
            Classified(Step(m, Road.REPLAY, "version rows only"), Rendered(m, ()))
            for m in span.moves
        )
        return cut(steps, span.before, per_move=False)


def own_steps(span: Span) -> tuple[Classified, ...]:
    """The steps of a span where env.py itself takes every one of them."""
    reason = "asked for with --engine env"
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
        Renderer(history, environment, extra),
        LiveRunner(history, environment, extra),
    )
