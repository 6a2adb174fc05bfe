"""Runs as the admin router takes and shows them."""

# No `from __future__ import annotations`: pydantic reads the annotations.

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.tenant import TenantStatus
from fastapi_tenancy.web.admin.documents.words import (
    Asked,
    Connections,
    Given,
    Revision,
    Tags,
    Track,
    Word,
)
from fastapi_tenancy.web.admin.runs.run import Result, Run, RunState


class Upgrade(Asked):
    """An upgrade of one tenant."""

    revision: Revision = "head"
    track: Track = None


class Downgrade(Asked):
    """A downgrade of one tenant. It may lose data, so it has to be meant."""

    revision: Revision
    confirm: Annotated[
        Word, Field(description="The identifier of the tenant once more.", examples=["acme"])
    ]
    track: Track = None


class FleetUpgrade(Asked):
    """An upgrade of every tenant that is not deleted, or of those that satisfy all of this."""

    revision: Revision = "head"
    track: Track = None
    tenants: Annotated[
        list[Word], Field(max_length=1000, description="Only these identifiers or ids.")
    ] = []  # noqa: RUF012
    tags: Annotated[Tags, Field(description="Only tenants with all of these tags.")] = {}  # noqa: RUF012
    statuses: Annotated[
        list[Literal["provisioning", "active", "suspended"]],
        Field(max_length=3, description="Only tenants of these; any of them will do."),
    ] = []  # noqa: RUF012
    create: Annotated[
        Annotated[bool, Field(strict=True)], Field(description="Make schemas that are missing.")
    ] = False
    concurrency: Annotated[
        Connections | None, Field(description="Tenants at a time; by default the setting.")
    ] = None

    @property
    def wanted(self) -> frozenset[TenantStatus] | None:
        """The statuses, or None for all but deleted."""
        return frozenset(map(TenantStatus, self.statuses)) or None


class Counts(Given):
    """How many results there are of each kind."""

    migrated: int
    already_there: int
    skipped: int
    failed: int


class RunDocument(Given):
    """A run, and how far it is."""

    id: str
    command: Literal["upgrade", "downgrade"]
    revision: str
    tenant: Annotated[str | None, Field(description="null where it is about the fleet.")]
    track: str | None
    state: RunState
    total: Annotated[
        int | None,
        Field(description="Results that will come; grows as servers and tracks are come to."),
    ]
    done: int
    counts: Counts
    error: Annotated[str | None, Field(description="Why nothing was done, or what ended it.")]
    warnings: list[str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> Self:
        """What is shown of a run."""
        counts, wish = run.counts, run.wish
        done = counts.total()
        return cls.model_validate(
            {
                "id": run.id,
                "command": wish.command.value,
                "revision": wish.revision,
                "tenant": wish.tenant,
                "track": wish.track,
                "state": run.state,
                "total": None if run.total is None else max(run.total, done),
                "done": done,
                "counts": {
                    "migrated": counts[OutcomeKind.MIGRATED],
                    "already_there": counts[OutcomeKind.THERE],
                    "skipped": counts[OutcomeKind.SKIPPED],
                    "failed": counts[OutcomeKind.FAILED],
                },
                "error": run.error,
                "warnings": list(run.warnings),
                "created_at": run.created_at,
                "started_at": run.started_at,
                "ended_at": run.ended_at,
            }
        )


class RunList(Given):
    """The runs of this process that are kept, the newest first."""

    items: list[RunDocument]


class ResultDocument(Given):
    """What became of one tenant in one history."""

    track: Annotated[str | None, Field(description="null where the project has one history.")]
    tenant_id: str
    identifier: str
    target: str
    outcome: OutcomeKind
    from_revision: str | None
    to_revision: str | None
    road: str | None
    error: str | None
    duration_ms: float

    @classmethod
    def of(cls, result: Result) -> Self:
        """What is shown of a result."""
        return cls(
            track=result.track or None,
            tenant_id=result.tenant_id,
            identifier=result.identifier,
            target=result.target,
            outcome=result.outcome,
            from_revision=result.from_revision,
            to_revision=result.to_revision,
            road=result.road,
            error=result.error,
            duration_ms=result.duration_ms,
        )


class ResultPage(Given):
    """Some results of a run."""

    items: list[ResultDocument]
    total: Annotated[int, Field(description="How many there are so far of what was asked for.")]
    skip: int
    limit: int
    final: Annotated[bool, Field(description="Whether the run is over and all was read back.")]
