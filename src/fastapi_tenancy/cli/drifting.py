"""`tenancy drift`: which tenants differ from what the migrations make at their revision?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_tenancy.cli.arguments import x_arguments
from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Chosen, Extra, Json, Where, command

if TYPE_CHECKING:
    from fastapi_tenancy.drift.detecting import Request
    from fastapi_tenancy.drift.values import Drift


@command
def drift(
    output: Output,
    where: Where,
    chosen: Chosen,
    x: Extra = None,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Fail where tenants differ from what the migrations make at their revision."""
    from fastapi_tenancy.cli.drift_document import drift_document
    from fastapi_tenancy.cli.drift_report import tell_drift
    from fastapi_tenancy.cli.project import chosen_tracks, open_tracks
    from fastapi_tenancy.drift.detecting import Request

    every, extra, selection = open_tracks(where), x_arguments(x), chosen.selection()
    requests = [
        Request(opened=opened, every=every, selection=selection, extra=extra)
        for opened in chosen_tracks(where)
    ]
    found = [_found(output, request) for request in requests]
    if output.json:
        output.document(drift_document(found))
    else:
        for one in found:
            tell_drift(output, one)
    return Exit.DONE if all(one.clean for one in found) else Exit.FAILED


def _found(output: Output, request: Request) -> Drift:
    from fastapi_tenancy.cli.reading import reading
    from fastapi_tenancy.cli.undone import run_undone
    from fastapi_tenancy.drift.detecting import find_drift
    from fastapi_tenancy.model.event import Event, Listener

    with reading(output.err, "structures") as watcher:

        def told(listener: Listener) -> Listener:
            def both(event: Event) -> None:
                watcher(event)
                listener(event)

            return both

        return run_undone(
            lambda listener, stop: find_drift(request, listener=told(listener), stop=stop), output
        )
