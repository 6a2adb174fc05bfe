"""The JSON documents of the command, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alembic.script import Script
from alembic.util import to_tuple

from fastapi_tenancy.engine.brief import Prepared
from fastapi_tenancy.engine.status import FleetStatus
from fastapi_tenancy.migrations.results import joined, results_of
from fastapi_tenancy.model.outcome import OutcomeKind, Report
from fastapi_tenancy.model.plan import Step
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Track
from fastapi_tenancy.model.url import masked, shown_url

if TYPE_CHECKING:
    from fastapi_tenancy.cli.planned import Planned
    from fastapi_tenancy.migrations.tracks.running import Ended


def report_document(report: Report) -> dict[str, Any]:
    """The end of a run."""
    return {
        "run_id": report.run_id,
        "command": report.command.value,
        "revision": report.revision,
        **_numbers(report),
        **_unusual(report),
        "results": _results(report),
    }


def reports_document(ended: Sequence[Ended]) -> dict[str, Any]:
    """The end of a run on several tracks: its numbers in all, by track, and every result."""
    reports = [one.report for one in ended]
    tracks = [
        {"track": e.track.name, "scope": e.track.scope.value, **report_document(e.report)}
        for e in ended
    ]
    results = [{"track": t["track"], **r} for t in tracks for r in t.pop("results")]
    numbers = [_numbers(report) for report in reports]
    return {
        "command": reports[0].command.value,
        **{key: round(sum(n[key] for n in numbers), 3) for key in numbers[0]},
        "tracks": tracks,
        "results": results,
    }


def _numbers(report: Report) -> dict[str, Any]:
    counts = report.counts()
    return {
        "total": sum(counts.values()),
        "succeeded": counts[OutcomeKind.MIGRATED] + counts[OutcomeKind.THERE],
        "failed": counts[OutcomeKind.FAILED],
        "skipped": counts[OutcomeKind.SKIPPED],
        "duration_s": round(report.duration_s, 3),
    }


def _results(report: Report) -> list[dict[str, Any]]:
    return [
        {k: v for k, v in result.items() if k != "revision"}
        for outcome in report.outcomes
        for result in results_of(outcome)
    ]


def _unusual(report: Report) -> dict[str, Any]:
    """Keys that are there only when there is something to say."""
    unusual: dict[str, Any] = {}
    if report.interrupted:
        unusual["interrupted"] = True
    if report.differences:
        unusual["differences"] = [
            {"subject": d.subject, "message": masked(d.message), "settled": d.settled}
            for d in report.differences
        ]
    return unusual


def statuses_document(found: Sequence[tuple[Track, FleetStatus]]) -> dict[str, Any]:
    """Where every track stands."""
    return {
        "tracks": [
            {"track": track.name, "scope": track.scope.value, **status_document(status)}
            for track, status in found
        ]
    }


def status_document(status: FleetStatus) -> dict[str, Any]:
    """Where a fleet stands."""
    unreachable = [{"error": error, "tenants": n} for error, n in status.unreachable]
    return {
        "total": status.total,
        "at_head": status.at_head,
        "behind": status.behind,
        "ahead": status.ahead,
        "unversioned": status.unversioned,
        "missing": status.missing,
        **status.unusual,
        "heads": list(status.heads),
        "positions": [{"revision": r, "tenants": n} for r, n in status.positions],
        **({"unreachable": unreachable} if unreachable else {}),
    }


def plan_document(prepared: Prepared) -> dict[str, Any]:
    """What a run would do."""
    plan = prepared.plan
    return {
        "command": plan.command.value,
        "revision": plan.revision,
        "dry_run": True,
        "cohorts": [
            {
                "tenants": len(cohort.targets),
                "from_revision": joined(cohort.span.before),
                "to_revision": joined(cohort.span.after),
                "state": cohort.position.state.value,
                "targets": [t.name for t in cohort.targets],
                "steps": [step_document(c.step) for s in stages for c in s.steps],
            }
            for cohort, stages in zip(plan.cohorts, prepared.stages, strict=True)
        ],
        "already_there": sum(len(c.targets) for c in plan.there),
        "refused": [
            {"identifier": r.target.tenant.identifier, "target": r.target.name, "error": r.error}
            for r in plan.refusals
        ],
    }


def plans_document(planned: Planned) -> dict[str, Any]:
    """What a run on several tracks would do."""
    tracks = [
        {"track": asked.track.name, "scope": asked.track.scope.value, **plan_document(prepared)}
        for asked, prepared in planned
    ]
    for document in tracks:
        del document["dry_run"]
    return {"command": tracks[0]["command"], "dry_run": True, "tracks": tracks}


def step_document(step: Step) -> dict[str, Any]:
    """A revision and its road."""
    return {
        "revision": step.move.revision,
        "direction": "upgrade" if step.move.upgrade else "downgrade",
        "road": step.road.value,
        "reason": step.reason,
        "message": step.move.doc,
    }


def tenant_document(tenant: Tenant) -> dict[str, Any]:
    """A tenant of the catalogue; the password of its URL masked."""
    return {
        "id": tenant.id,
        "identifier": tenant.identifier,
        "name": tenant.name,
        "status": tenant.status.value,
        "tags": dict(tenant.tags),
        "schema_name": tenant.schema_name,
        "database_url": tenant.database_url and shown_url(tenant.database_url),
        "isolation_strategy": tenant.isolation_strategy and tenant.isolation_strategy.value,
        "host": tenant.host,
        "shard": tenant.shard,
        "created_at": tenant.created_at.isoformat() if tenant.created_at else None,
        "updated_at": tenant.updated_at.isoformat() if tenant.updated_at else None,
    }


def revision_document(script: Script) -> dict[str, Any]:
    """A revision of the scripts, and what it comes after."""
    down = script.down_revision
    return {
        "revision": script.revision,
        "down_revisions": [down] if isinstance(down, str) else list(down or ()),
        "depends_on": list(to_tuple(script.dependencies, default=())),
        "labels": sorted(script.branch_labels),
        "head": script.is_head,
        "message": script.doc,
    }
