"""The data half of the proof: what a revision sent live, against what its render would send."""

from __future__ import annotations

from fastapi_tenancy.engine.apply import Progress
from fastapi_tenancy.engine.compare import first_difference
from fastapi_tenancy.engine.failure import cause
from fastapi_tenancy.engine.render import Renderer
from fastapi_tenancy.engine.trace import NeedsConnection
from fastapi_tenancy.model.plan import Move, Road
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Target


def written_otherwise(
    renderer: Renderer, stage: Stage, target: Target, progress: Progress
) -> str | None:
    """How the rows written live differ from those the render would write, or None.

    Args:
        progress: of the target that ran live, with the statements that were recorded.
    """
    for classified in stage.steps:
        move = classified.step.move
        if classified.step.road is Road.LIVE:
            continue
        found = _compared(renderer, move, target, progress.recorded.get(move.revision, []))
        if found:
            return f"revision {move.revision} writes other rows when replayed: {found}"
    return None


def _compared(renderer: Renderer, move: Move, target: Target, live: list[str]) -> str | None:
    try:
        first = [s.sql for s in renderer.render(move, target).statements]
        again = [s.sql for s in renderer.render(move, target).statements]
    except NeedsConnection as need:
        return f"it reaches for {need} after all"
    except Exception as error:  # it ran live, so its render alone is to blame
        return f"it does not render: {cause(error)}"
    return first_difference(first, live, again)
