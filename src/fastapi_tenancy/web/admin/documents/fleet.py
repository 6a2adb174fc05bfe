"""Where the fleet stands, and what a run would do."""

# No `from __future__ import annotations`: pydantic reads the annotations.

from typing import Annotated, Literal, Self

from pydantic import Field

from fastapi_tenancy.engine.brief import Prepared
from fastapi_tenancy.engine.status import FleetStatus
from fastapi_tenancy.migrations.results import joined
from fastapi_tenancy.model.plan import Cohort, Plan, Refusal, Road, Step
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import PositionState
from fastapi_tenancy.model.track import Scope, Track
from fastapi_tenancy.web.admin.documents.words import Given

SHOWN = 100
"""Targets, refusals and positions of each kind that a document names."""


class Position(Given):
    """How many tenants stand at a revision."""

    revision: str
    tenants: int


class TrackStatus(Given):
    """Where the places of one history stand."""

    track: Annotated[str | None, Field(description="null where the project has one history.")]
    scope: Scope
    heads: list[str]
    total: int
    at_head: int
    behind: int
    ahead: int
    unversioned: int
    missing: int
    refused: int
    half_done: int
    positions: Annotated[
        list[Position], Field(description=f"Where most of them stand; up to {SHOWN}.")
    ]

    @classmethod
    def of(cls, track: Track, status: FleetStatus) -> Self:
        """What is shown of one history."""
        return cls(
            track=track.name or None,
            scope=track.scope,
            heads=list(status.heads),
            total=status.total,
            at_head=status.at_head,
            behind=status.behind,
            ahead=status.ahead,
            unversioned=status.unversioned,
            missing=status.missing,
            refused=status.refused,
            half_done=status.half_done,
            positions=[Position(revision=r, tenants=n) for r, n in status.positions[:SHOWN]],
        )


class FleetDocument(Given):
    """Where the fleet stands, history by history."""

    is_up_to_date: bool
    tracks: list[TrackStatus]


class PlannedStep(Given):
    """A revision, the road it takes, and why."""

    revision: str
    direction: Literal["upgrade", "downgrade"]
    road: Road
    reason: str
    message: str

    @classmethod
    def of(cls, step: Step) -> Self:
        """What is shown of a step."""
        return cls(
            revision=step.move.revision,
            direction="upgrade" if step.move.upgrade else "downgrade",
            road=step.road,
            reason=step.reason,
            message=step.move.doc,
        )


class PlannedCohort(Given):
    """Targets that stand alike, and the way they would go."""

    state: PositionState
    from_revision: str | None
    to_revision: str | None
    count: int
    targets: Annotated[list[str], Field(description=f"The first {SHOWN} of them.")]
    steps: list[PlannedStep]

    @classmethod
    def of(cls, cohort: Cohort, stages: tuple[Stage, ...]) -> Self:
        """What is shown of a cohort."""
        return cls(
            state=cohort.position.state,
            from_revision=joined(cohort.span.before),
            to_revision=joined(cohort.span.after),
            count=len(cohort.targets),
            targets=[target.name for target in cohort.targets[:SHOWN]],
            steps=[PlannedStep.of(c.step) for stage in stages for c in stage.steps],
        )


class Refused(Given):
    """A tenant that cannot take part, and why."""

    identifier: str
    target: str
    error: str

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """What is shown of a refusal."""
        target = refusal.target
        return cls(identifier=target.tenant.identifier, target=target.name, error=refusal.error)


class TrackPlan(Given):
    """What a run would do in one history."""

    track: Annotated[str | None, Field(description="null where the project has one history.")]
    scope: Scope
    revision: str
    cohorts: list[PlannedCohort]
    already_there: int
    refused_count: int
    refused: Annotated[list[Refused], Field(description=f"The first {SHOWN} of them.")]

    @classmethod
    def of(cls, track: Track, prepared: Prepared) -> Self:
        """What is shown of a plan."""
        plan: Plan = prepared.plan
        pairs = zip(plan.cohorts, prepared.stages, strict=True)
        return cls(
            track=track.name or None,
            scope=track.scope,
            revision=plan.revision,
            cohorts=[PlannedCohort.of(cohort, stages) for cohort, stages in pairs],
            already_there=sum(len(cohort.targets) for cohort in plan.there),
            refused_count=len(plan.refusals),
            refused=[Refused.of(refusal) for refusal in plan.refusals[:SHOWN]],
        )


class PlanDocument(Given):
    """What a run would do; nothing was changed."""

    command: Literal["upgrade", "downgrade"]
    tracks: list[TrackPlan]
