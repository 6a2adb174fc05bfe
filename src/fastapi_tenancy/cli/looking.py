"""The fleet commands that only look: status and current."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Chosen, Json, Where, command
from fastapi_tenancy.cli.words import targets_in_words

if TYPE_CHECKING:
    from fastapi_tenancy.engine.status import FleetStatus
    from fastapi_tenancy.migrations.tracks.opening import Opened
    from fastapi_tenancy.model.selection import Selection
    from fastapi_tenancy.model.track import Track

_PLACES = {"versioned": "base", "unversioned": "unversioned", "missing": "missing"}
"""Where a tenant without a revision stands: below the first one, or nowhere yet."""


@command
def status(
    output: Output,
    where: Where,
    chosen: Chosen,
    check: Annotated[
        bool,
        typer.Option("--check", metavar="", help="Exit with 1 unless every tenant is at head."),
    ] = False,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Count where the tenants stand."""
    from fastapi_tenancy.cli.documents import status_document, statuses_document
    from fastapi_tenancy.cli.project import chosen_tracks

    found = [(o.track, _status(o, chosen.selection())) for o in chosen_tracks(where)]
    if output.json:
        several = found[0][0].name
        output.document(statuses_document(found) if several else status_document(found[0][1]))
    else:
        for track, one in found:
            _tell_status(output, track, one)
    behind = any(one.at_head != one.total for _, one in found)
    unreachable = any(one.unreachable for _, one in found)
    return Exit.FAILED if unreachable or (check and behind) else Exit.DONE


def _status(opened: Opened, selection: Selection) -> FleetStatus:
    from fastapi_tenancy.engine.status import summarize
    from fastapi_tenancy.model.plan import Command

    fleet, revision = opened.fleet, opened.track.asked("heads")
    options = fleet.options(Command.UPGRADE, revision)
    return summarize(fleet.history(), fleet.standings(options, selection), revision)


def _tell_status(output: Output, track: Track, found: FleetStatus) -> None:
    from fastapi_tenancy.cli.tables import table

    heads = ", ".join(found.heads) or "none"
    ends = "head" if len(found.heads) == 1 else "heads"
    wanted = f"the revision wanted: {heads}" if track.revision else f"the scripts' {ends}: {heads}"
    prefix = f"{track.name}: " if track.name else ""
    output.say(f"{prefix}{targets_in_words(found.total, track.scope)}; {wanted}")
    kinds = ("at_head", "behind", "ahead", "unversioned", "missing")
    counts = {kind: getattr(found, kind) for kind in kinds} | found.unusual
    rows = [(kind.replace("_", " "), count) for kind, count in counts.items()]
    output.out.print(table(("", f"{_who(track)}s"), rows))
    for cause, count in found.unreachable:
        output.say(f"{targets_in_words(count, track.scope)} not looked at: {cause}", style="red")
    if found.unusual:
        output.say("`tenancy current` says which, and why")
    if found.positions:
        output.say()
        output.out.print(table(("revision", f"{_who(track)}s"), found.positions))


def _who(track: Track) -> str:
    return targets_in_words(1, track.scope).removeprefix("1 ")


@command
def current(
    output: Output,
    where: Where,
    chosen: Chosen,
    json: Json = False,  # noqa: ARG001
) -> int:
    """Show the revision of each tenant."""
    from fastapi_tenancy.cli.project import chosen_tracks
    from fastapi_tenancy.cli.tables import table

    rows = [row for o in chosen_tracks(where) for row in _rows(o, chosen.selection())]
    several = any("track" in row for row in rows)
    if output.json:
        output.document({"total": len(rows), "tenants": rows})
    else:
        columns = (*(("track",) if several else ()), "tenant", "schema", "revision")
        shown = (
            (*((r["track"],) if several else ()), r["identifier"], r["target"], _where(r))
            for r in rows
            if not r.get("unreachable")
        )
        output.out.print(table(columns, shown))
        _tell_unreachable(output, rows)
    return Exit.FAILED if any(r["error"] for r in rows) else Exit.DONE


def _tell_unreachable(output: Output, rows: list[dict[str, Any]]) -> None:
    """Name those of a server that does not answer together: it is one cause."""
    from fastapi_tenancy.cli.report import tell_cause

    causes: dict[str, list[str]] = {}
    for row in rows:
        if row.get("unreachable"):
            causes.setdefault(str(row["error"]), []).append(row["identifier"])
    for cause, names in causes.items():
        tell_cause(output, "not looked at", cause, names, style="red")


def _rows(opened: Opened, selection: Selection) -> Iterator[dict[str, Any]]:
    from fastapi_tenancy.migrations.results import joined
    from fastapi_tenancy.model.plan import Command

    fleet = opened.fleet
    options = fleet.options(Command.UPGRADE, "heads")
    for standing in fleet.standings(options, selection):
        half_done = standing.position.half_done
        for tenant in standing.target.tenants:
            yield {
                **({"track": opened.track.name} if opened.track.name else {}),
                "tenant_id": tenant.id,
                "identifier": tenant.identifier,
                "target": standing.target.name,
                "revision": joined(standing.position.heads),
                "state": standing.position.state.value,
                "error": standing.refusal.error if standing.refusal else None,
                **({"half_done": half_done[0]} if half_done else {}),
                **({"unreachable": True} if standing.refusal and standing.refusal.server else {}),
            }


def _where(row: dict[str, Any]) -> str:
    if row["error"]:
        return str(row["error"])
    place = row["revision"] or _PLACES[str(row["state"])]
    if row.get("half_done"):
        place += f" (a part of {row['half_done']} is done: the run did not finish, run it again)"
    return place
