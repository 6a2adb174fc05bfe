"""`tenancy check`: do models and migrations agree, and are tenants who share tables kept apart?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastapi_tenancy.cli.arguments import x_arguments
from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Extra, Json, Where, command
from fastapi_tenancy.model.track import Scope

if TYPE_CHECKING:
    from fastapi_tenancy.migrations.checking.check import Checked
    from fastapi_tenancy.migrations.checking.finding import Finding
    from fastapi_tenancy.migrations.tracks.opening import Opened
    from fastapi_tenancy.model.track import Track


@command
def check(
    output: Output,
    where: Where,
    tenant: Annotated[
        str | None,
        typer.Option(
            metavar="IDENTIFIER",
            help="Compare with this one, not with what the migrations make.",
        ),
    ] = None,
    x: Extra = None,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Fail where models and migrations differ, or a policy does not keep tenants apart."""
    from fastapi_tenancy.cli.project import chosen_tracks, open_tracks

    every, extra = open_tracks(where), x_arguments(x)
    chosen = chosen_tracks(where)
    if tenant is not None and len(chosen) > 1:
        chosen = tuple(opened for opened in chosen if opened.track.scope is Scope.TENANT)
    found = [(o.track, _checked(output, o, every, tenant, extra)) for o in chosen]
    if output.json:
        output.document(_document(found, tenant))
    else:
        for track, checked in found:
            _show(output, track, checked, tenant)
    return Exit.DONE if all(checked.fine for _, checked in found) else Exit.FAILED


def _checked(
    output: Output,
    opened: Opened,
    every: tuple[Opened, ...],
    tenant: str | None,
    extra: tuple[str, ...],
) -> Checked:
    from fastapi_tenancy.cli.undone import run_undone
    from fastapi_tenancy.migrations.checking.check import check, left_out
    from fastapi_tenancy.migrations.comparing.tracks import compared_by, request_of

    other = compared_by(opened, every)
    if other is not None:
        return left_out(opened.track, other)
    request = request_of(opened, every, tenant, extra)
    return run_undone(lambda listener, stop: check(request, listener=listener, stop=stop), output)


def _document(found: list[tuple[Track, Checked]], tenant: str | None) -> dict[str, Any]:
    fine = all(checked.fine for _, checked in found)
    if found[0][0].name:
        tracks = [
            {"track": track.name, "scope": track.scope.value, **_one(checked, tenant)}
            for track, checked in found
        ]
        return {"fine": fine, "tracks": tracks}
    return _one(found[0][1], tenant)


def _one(checked: Checked, tenant: str | None) -> dict[str, Any]:
    findings = [_finding(finding) for finding in checked.findings]
    return {"fine": checked.fine, "compared_with": tenant, "findings": findings}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.subject.value,
        "where": finding.where,
        "table": finding.table or None,
        "schema": finding.schema,
        "operation": finding.kind or None,
        "found": finding.found,
        "do": finding.do or None,
        "note": finding.note,
    }


def _show(output: Output, track: Track, checked: Checked, tenant: str | None) -> None:
    from fastapi_tenancy.cli.findings import Told, show_findings

    told = (Told(f.subject.value, (f.where, _table(f)), _found(f), f.do) for f in checked.findings)
    show_findings(output, ("check", "where", "table"), told)
    prefix = f"{track.name}: " if track.name else ""
    output.say(prefix + _summary(checked, tenant))


def _summary(checked: Checked, tenant: str | None) -> str:
    from fastapi_tenancy.cli.words import in_words, tables_in_words

    count = sum(not finding.note for finding in checked.findings)
    if count:
        return in_words(count, "finding")
    if not checked.compared:
        return "not compared"
    other = "the migrations make" if tenant is None else f"tenant {tenant} has"
    told = f"the models are what {other}"
    if checked.shared_tables:
        told += f"; the rows of {tables_in_words(checked.shared_tables)} are kept apart"
    return told


def _found(finding: Finding) -> str:
    return f"note: {finding.found}" if finding.note else finding.found


def _table(finding: Finding) -> str:
    return f"{finding.schema}.{finding.table}" if finding.schema else finding.table
